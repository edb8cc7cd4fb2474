// SPDX-License-Identifier: Apache-2.0
/* Formats of a kernel's payload, and the libraries for them. */
#include "vmm/core/unpack.h"

#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { TRAILER = 4, LEN_MAX = 1 << 30 /* what a kernel of 64 bits may take */ };

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- formats: all of @len bytes must give exactly @out_len ---- */

static int unpack_xz(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	uint64_t memory_max = UINT64_MAX;
	size_t in_at = 0, out_at = 0;
	lzma_ret status = lzma_stream_buffer_decode(&memory_max, 0, NULL, data, &in_at, len, out, &out_at, out_len);

	return status == LZMA_OK && out_at == out_len ? 0 : -EBADMSG;
}

static int unpack_gzip(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	enum { GZIP_ONLY = 16 };
	z_stream stream = {
		.next_in = (uint8_t *)(uintptr_t)data,
		.avail_in = (uInt)len,
		.next_out = out,
		.avail_out = (uInt)out_len,
	};
	int status;

	if (inflateInit2(&stream, MAX_WBITS + GZIP_ONLY) != Z_OK)
		return -EBADMSG;
	status = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return status == Z_STREAM_END && stream.total_out == out_len ? 0 : -EBADMSG;
}

static int unpack_zstd(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	return ZSTD_decompress(out, out_len, data, len) == out_len ? 0 : -EBADMSG;
}

/* Blocks, each with its length before it, unpacked 8 MiB but for the last. */
static int unpack_lz4(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	enum { BLOCK_MAX = 8 << 20 };
	size_t in_at = 4, out_at = 0;

	while (len - in_at >= 4) {
		uint32_t block = get_le32(data + in_at);
		int n;

		in_at += 4;
		if (block > len - in_at)
			return -EBADMSG;
		n = LZ4_decompress_safe((const char *)data + in_at, (char *)out + out_at, (int)block,
					(int)MIN(out_len - out_at, (size_t)BLOCK_MAX));
		if (n < 0)
			return -EBADMSG;
		in_at += block;
		out_at += (size_t)n;
	}
	return out_at == out_len ? 0 : -EBADMSG;
}

static const struct format {
	uint8_t magic[6], magic_len;
	bool has_length; /* of itself: the four bytes at the end belong to the format */
	int (*unpack)(const uint8_t *data, size_t len, uint8_t *out, size_t out_len);
} formats[] = {
	{{0xfd, '7', 'z', 'X', 'Z', 0}, 6, false, unpack_xz},
	{{0x1f, 0x8b}, 2, true, unpack_gzip},
	{{0x28, 0xb5, 0x2f, 0xfd}, 4, false, unpack_zstd},
	{{0x02, 0x21, 0x4c, 0x18}, 4, false, unpack_lz4},
};

static const struct format *format_of(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (len >= sizeof formats[i].magic + TRAILER && !memcmp(data, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

size_t unpack_length(const uint8_t *data, size_t len)
{
	uint32_t n = format_of(data, len) ? get_le32(data + len - TRAILER) : 0;

	return n > LEN_MAX ? 0 : n;
}

int unpack(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
	const struct format *format = format_of(data, len);

	if (!format)
		return -ENOTSUP;
	return format->unpack(data, format->has_length ? len : len - TRAILER, out, out_len);
}
