// SPDX-License-Identifier: Apache-2.0
/*
 * Capture files: what is written is read back, all other kinds of file are read too, and no damage leads outside the buffer.
 * That other programs understand what is written is tests/conformance/parse_vs_tshark's business.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/errtext.h"
#include "base/util.h"
#include "packet/pcapng.h"

static const uint8_t frame_bytes[] = "0123456789abcde";

static size_t write_file(uint8_t *buf, size_t cap)
{
	struct pcap_frame f = {
		.data = frame_bytes,
		.ts_ns = 1700000000123456789,
		.comment = "table 3, rule 7",
		.comment_len = 15,
	};
	size_t n = pcapng_put_section(buf, cap, "vsw");

	n += pcapng_put_interface(buf + n, cap - n, "eth0", PCAP_LINK_ETHERNET, 0);
	n += pcapng_put_interface(buf + n, cap - n, "a port with a long name", PCAP_LINK_ETHERNET, 128);
	for (uint32_t len = 0; len < sizeof frame_bytes; len++) {
		f.len = len;
		f.orig_len = len + len % 3;
		f.if_id = len & 1;
		f.direction = (uint8_t)(len % 3);
		f.comment = len & 2 ? "table 3, rule 7" : NULL;
		n += pcapng_put_frame(buf + n, cap - n, &f);
		f.ts_ns += 999999999;
	}
	return n;
}

static void round_trip(void **state VSW_UNUSED)
{
	uint8_t buf[4096];
	size_t len = write_file(buf, sizeof buf);
	static struct pcap_reader r;
	struct pcap_frame f;

	assert_int_equal(pcap_reader_init(&r, buf, len, NULL), 0);
	for (uint32_t i = 0; i < sizeof frame_bytes; i++) {
		assert_int_equal(pcap_reader_next(&r, &f, NULL), 1);
		assert_int_equal(f.len, i);
		assert_memory_equal(f.data, frame_bytes, i);
		assert_int_equal(f.orig_len, i + i % 3);
		assert_int_equal(f.if_id, i & 1);
		assert_int_equal(f.direction, i % 3);
		assert_int_equal(f.link_type, PCAP_LINK_ETHERNET);
		assert_int_equal(f.ts_ns, 1700000000123456789 + i * 999999999ull);
		assert_int_equal(!f.comment, !(i & 2));
		if (f.comment) {
			assert_int_equal(f.comment_len, 15);
			assert_memory_equal(f.comment, "table 3, rule 7", 15);
		}
	}
	assert_int_equal(pcap_reader_next(&r, &f, NULL), 0);
	assert_int_equal(pcap_reader_next(&r, &f, NULL), 0);
}

/* A block that does not fit is not begun, and its length is told all the same. */
static void small_buffers(void **state VSW_UNUSED)
{
	struct pcap_frame f = {
		.data = frame_bytes, .len = 15, .orig_len = 15, .comment = "c", .comment_len = 1, .direction = 1};
	size_t need = pcapng_put_frame(NULL, 0, &f);

	for (size_t cap = 0; cap <= need; cap++) {
		uint8_t *exact = cap ? xzalloc(cap) : NULL;

		assert_int_equal(pcapng_put_frame(exact, cap, &f), need);
		assert_true(pcapng_put_section(exact, cap, "vsw") > 0);
		assert_true(pcapng_put_interface(exact, cap, "eth0", 1, 0) > 0);
		free(exact);
	}
}

/* A file as another machine might write it, in either byte order. */
struct file {
	bool swapped;
	size_t len, block;
	uint8_t bytes[65536];
};

static void put16(struct file *f, uint16_t x)
{
	x = f->swapped ? __builtin_bswap16(x) : x;
	memcpy(f->bytes + f->len, &x, sizeof x);
	f->len += sizeof x;
}

static void put32(struct file *f, uint32_t x)
{
	x = f->swapped ? __builtin_bswap32(x) : x;
	memcpy(f->bytes + f->len, &x, sizeof x);
	f->len += sizeof x;
}

static void put64(struct file *f, uint64_t x)
{
	x = f->swapped ? __builtin_bswap64(x) : x;
	memcpy(f->bytes + f->len, &x, sizeof x);
	f->len += sizeof x;
}

static void put_text(struct file *f, const char *text)
{
	memcpy(f->bytes + f->len, text, strlen(text));
	f->len += strlen(text);
}

static void begin(struct file *f, uint32_t type)
{
	f->block = f->len;
	put32(f, type);
	put32(f, 0);
}

static void end(struct file *f)
{
	size_t len = f->len + 4 - f->block;

	put32(f, (uint32_t)len);
	f->len = f->block + 4;
	put32(f, (uint32_t)len);
	f->len = f->block + len;
}

static void section(struct file *f)
{
	begin(f, 0x0a0d0d0a);
	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put64(f, UINT64_MAX);
	end(f);
}

static void interface(struct file *f, uint16_t link, uint32_t snaplen, uint8_t resolution, uint64_t offset_s)
{
	begin(f, 1);
	put16(f, link);
	put16(f, 0);
	put32(f, snaplen);
	put16(f, 14);
	put16(f, 8);
	put64(f, offset_s);
	put16(f, 9);
	put16(f, 1);
	f->bytes[f->len] = resolution;
	f->len += 4;
	end(f);
}

static void enhanced(struct file *f, uint32_t if_id, uint64_t ticks)
{
	begin(f, 6);
	put32(f, if_id);
	put32(f, (uint32_t)(ticks >> 32));
	put32(f, (uint32_t)ticks);
	put32(f, 4);
	put32(f, 5);
	put_text(f, "abcd");
	end(f);
}

static void assert_next(struct pcap_reader *r, struct pcap_frame *f, const char *data)
{
	struct errtext err = {0};

	if (pcap_reader_next(r, f, &err) != 1)
		fail_msg("no frame '%s': %s", data, err.text);
	assert_int_equal(f->len, strlen(data));
	assert_memory_equal(f->data, data, strlen(data));
}

static void classic_pcap(void **state VSW_UNUSED)
{
	for (int variant = 0; variant < 4; variant++) {
		static struct file file;
		static struct pcap_reader r;
		bool ns = variant & 1;
		struct pcap_frame f;

		memset(&file, 0, sizeof file);
		file.swapped = variant & 2;
		put32(&file, ns ? 0xa1b23c4d : 0xa1b2c3d4);
		put16(&file, 2);
		put16(&file, 4);
		put64(&file, 0);
		put32(&file, 65535);
		put32(&file, PCAP_LINK_ETHERNET);
		put32(&file, 1700000000);
		put32(&file, 500);
		put32(&file, 5);
		put32(&file, 99);
		put_text(&file, "abcde");
		assert_int_equal(pcap_reader_init(&r, file.bytes, file.len, NULL), 0);
		assert_next(&r, &f, "abcde");
		assert_int_equal(f.ts_ns, 1700000000000000000 + (ns ? 500 : 500000));
		assert_int_equal(f.orig_len, 99);
		assert_int_equal(f.link_type, PCAP_LINK_ETHERNET);
		assert_int_equal(pcap_reader_next(&r, &f, NULL), 0);
		for (size_t cut = 25; cut < file.len; cut++) {
			assert_int_equal(pcap_reader_init(&r, file.bytes, cut, NULL), 0);
			assert_int_equal(pcap_reader_next(&r, &f, NULL), -EINVAL);
		}
		for (size_t cut = 0; cut < 24; cut++)
			assert_int_equal(pcap_reader_init(&r, file.bytes, cut, NULL), -EINVAL);
	}
}

/* Blocks that we do not write, and a second section in the other byte order, whose interfaces start anew. */
static void foreign_blocks(void **state VSW_UNUSED)
{
	for (int variant = 0; variant < 2; variant++) {
		static struct file file;
		static struct pcap_reader r;
		struct pcap_frame f;

		memset(&file, 0, sizeof file);
		file.swapped = variant;
		section(&file);
		begin(&file, 0x7777);
		put32(&file, 42);
		end(&file);
		interface(&file, 113, 3, 6, 0);
		interface(&file, 1, 0, 6, 0);
		begin(&file, 3); /* simple: cut to the first interface's snapshot length */
		put32(&file, 10);
		put_text(&file, "xyz\1");
		end(&file);
		begin(&file, 2); /* old: interface, drops */
		put16(&file, 1);
		put16(&file, 5);
		put64(&file, 0);
		put32(&file, 4);
		put32(&file, 4);
		put_text(&file, "efgh");
		end(&file);
		file.swapped = !file.swapped;
		section(&file);
		interface(&file, 7, 0, 9, 0);
		enhanced(&file, 0, 77);
		assert_int_equal(pcap_reader_init(&r, file.bytes, file.len, NULL), 0);
		assert_next(&r, &f, "xyz");
		assert_int_equal(f.orig_len, 10);
		assert_int_equal(f.link_type, 113);
		assert_next(&r, &f, "efgh");
		assert_int_equal(f.if_id, 1);
		assert_int_equal(f.link_type, 1);
		assert_next(&r, &f, "abcd");
		assert_int_equal(f.ts_ns, 77);
		assert_int_equal(f.link_type, 7);
		assert_int_equal(pcap_reader_next(&r, &f, NULL), 0);
	}
}

static void time_resolutions(void **state VSW_UNUSED)
{
	static const struct {
		uint8_t resolution;
		uint64_t offset_s, ticks, ns;
	} cases[] = {
		{6, 0, 1700000000123456, 1700000000123456000},
		{9, 0, 1700000000123456789, 1700000000123456789},
		{0, 0, 3, 3000000000},
		{12, 0, 123456, 123},
		{0x80 | 10, 0, 2049, 2000976562},
		{0x80 | 32, 0, 1700000000ull << 32 | 0x80000000, 1700000000500000000},
		{3, 1700000000, 250, 1700000000250000000},
		{0xff, 0, 1, 0},
		{127, 0, 1, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct file file;
		static struct pcap_reader r;
		struct pcap_frame f;

		memset(&file, 0, sizeof file);
		section(&file);
		interface(&file, 1, 0, cases[i].resolution, cases[i].offset_s);
		enhanced(&file, 0, cases[i].ticks);
		assert_int_equal(pcap_reader_init(&r, file.bytes, file.len, NULL), 0);
		assert_next(&r, &f, "abcd");
		assert_int_equal(f.ts_ns, cases[i].ns);
	}
}

/* Block lengths are multiples of 4 and the same at both ends. */
static void block_lengths(void **state VSW_UNUSED)
{
	for (uint32_t len = 0; len < 24; len++) {
		static struct file file;
		static struct pcap_reader r;
		struct pcap_frame f;

		memset(&file, 0, sizeof file);
		section(&file);
		put32(&file, 0x7777);
		put32(&file, len);
		if (len >= 12) {
			file.len += len - 12;
			put32(&file, len);
		}
		assert_int_equal(pcap_reader_init(&r, file.bytes, file.len, NULL), 0);
		assert_int_equal(pcap_reader_next(&r, &f, NULL), len >= 12 && len % 4 == 0 ? 0 : -EINVAL);
	}
}

static void too_many_interfaces(void **state VSW_UNUSED)
{
	static struct file file;
	static struct pcap_reader r;
	struct pcap_frame f;
	struct errtext err = {0};

	section(&file);
	for (int i = 0; i < PCAP_MAX_INTERFACES; i++)
		interface(&file, 1, 0, 9, 0);
	enhanced(&file, PCAP_MAX_INTERFACES - 1, 0);
	interface(&file, 1, 0, 9, 0);
	assert_int_equal(pcap_reader_init(&r, file.bytes, file.len, NULL), 0);
	assert_next(&r, &f, "abcd");
	assert_int_equal(pcap_reader_next(&r, &f, &err), -EINVAL);
	assert_non_null(strstr(err.text, "256 interfaces"));
}

/* Read to the end or to the first complaint, and touch all that is handed out. */
static int read_all(const uint8_t *data, size_t len)
{
	static struct pcap_reader r;
	struct pcap_frame f;
	unsigned int sum = 0;
	int ret = pcap_reader_init(&r, data, len, NULL);

	while (!ret && (ret = pcap_reader_next(&r, &f, NULL)) > 0) {
		for (uint32_t i = 0; i < f.len; i++)
			sum += f.data[i];
		for (size_t i = 0; i < f.comment_len; i++)
			sum += (unsigned char)f.comment[i];
		ret = 0;
	}
	return sum == ~0u ? 1 : ret;
}

/* Every byte of a file set to several values, and the file cut everywhere; in memory of the exact size (ASan). */
static void damaged_files(void **state VSW_UNUSED)
{
	static const uint8_t values[] = {0, 1, 4, 0x7f, 0x80, 0xff};
	uint8_t buf[4096];
	size_t len = write_file(buf, sizeof buf), n_errors = 0;

	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			uint8_t *copy = xmemdup(buf, len);

			copy[i] = values[j];
			n_errors += read_all(copy, len) < 0;
			free(copy);
		}
	}
	assert_true(n_errors > len);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = cut ? xmemdup(buf, cut) : NULL;

		read_all(copy, cut);
		free(copy);
	}
	assert_int_equal(read_all(buf, len), 0);
	assert_int_equal(read_all(buf, len - 1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	       cmocka_unit_test(small_buffers),
		cmocka_unit_test(classic_pcap),	       cmocka_unit_test(foreign_blocks),
		cmocka_unit_test(time_resolutions),    cmocka_unit_test(block_lengths),
		cmocka_unit_test(too_many_interfaces), cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
