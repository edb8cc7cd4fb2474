// SPDX-License-Identifier: Apache-2.0
/* A bzImage's payload unpacked by the host: each format, damage; segments and relocations of what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/core/unpack.h"
#include "vmm/core/vmlinux.h"

enum { LEN = 100000, ROOM = 2 * LEN };

static uint8_t plain[LEN], packed[ROOM], out[ROOM];

static void fill_plain(void)
{
	for (size_t i = 0; i < LEN; i++)
		plain[i] = (uint8_t)(i * i >> 7);
}

/* ---- formats ---- */

static size_t add_length(size_t n)
{
	const uint32_t len = LEN;

	memcpy(packed + n, &len, sizeof len);
	return n + sizeof len;
}

static size_t pack_xz(void)
{
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain, LEN, packed, &n, ROOM), LZMA_OK);
	return add_length(n);
}

static size_t pack_gzip(void)
{
	z_stream stream = {.next_in = plain, .avail_in = LEN, .next_out = packed, .avail_out = ROOM};

	assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return stream.total_out;
}

static size_t pack_zstd(void)
{
	return add_length(ZSTD_compress(packed, ROOM, plain, LEN, 1));
}

static size_t pack_lz4(void)
{
	const uint32_t magic = 0x184c2102;
	uint32_t n = (uint32_t)LZ4_compress_default((const char *)plain, (char *)packed + 8, LEN, ROOM - 8);

	memcpy(packed, &magic, sizeof magic);
	memcpy(packed + 4, &n, sizeof n);
	return add_length(n + 8);
}

static const struct {
	const char *name;
	size_t (*pack)(void);
} formats[] = {{"xz", pack_xz}, {"gzip", pack_gzip}, {"zstd", pack_zstd}, {"lz4", pack_lz4}};

static void test_formats(void **state)
{
	(void)state;
	fill_plain();
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		size_t len = formats[i].pack();

		print_message("%s: %zu bytes\n", formats[i].name, len);
		memset(out, 0, sizeof out);
		assert_int_equal(unpack_length(packed, len), LEN);
		assert_int_equal(unpack(packed, len, out, LEN), 0);
		assert_memory_equal(out, plain, LEN);
	}
}

static void test_damage(void **state)
{
	(void)state;
	fill_plain();
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		size_t len = formats[i].pack();

		assert_int_equal(unpack(packed, len - len / 3, out, LEN), -EBADMSG); /* cut off */
		assert_int_equal(unpack(packed, len, out, LEN - 1), -EBADMSG);	     /* less room than it takes */
		memset(packed + len / 2, 0xff, len / 4);
		if (unpack(packed, len, out, LEN) == 0) /* LZ4's blocks have no checksum */
			assert_memory_not_equal(out, plain, LEN);
	}
}

static void test_unknown(void **state)
{
	static const uint8_t bzip2[32] = "BZh91AY";

	(void)state;
	assert_int_equal(unpack_length(bzip2, sizeof bzip2), 0);
	assert_int_equal(unpack(bzip2, sizeof bzip2, out, LEN), -ENOTSUP);
	assert_int_equal(unpack_length(bzip2, 0), 0);
}

/* ---- segments and relocations ---- */

#define LINKED 0x1000000ull
#define VIRTUAL (0xffffffff80000000ull + LINKED)

enum {
	TEXT_AT = 0x1000, /* in the file; at 0 of memory */
	DATA_AT = 0x3000, /* at 0x1000 */
	SEGMENT = 0x800,
	FILE_END = DATA_AT + SEGMENT,
	KERNEL_ROOM = 0x200000,
};

static uint8_t *image; /* of KERNEL_ROOM */

static struct vmlinux make_kernel(const uint32_t *relocs, size_t n)
{
	Elf64_Ehdr elf = {
		.e_machine = EM_X86_64,
		.e_entry = LINKED + 0x10,
		.e_phoff = sizeof elf,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	const Elf64_Phdr segments[2] = {
		{.p_type = PT_LOAD, .p_offset = TEXT_AT, .p_paddr = LINKED, .p_filesz = SEGMENT, .p_memsz = SEGMENT},
		{.p_type = PT_LOAD,
		 .p_offset = DATA_AT,
		 .p_paddr = LINKED + 0x1000,
		 .p_filesz = SEGMENT,
		 .p_memsz = 0x10000},
	};
	const uint64_t pointer = VIRTUAL + 0x1234;
	const uint32_t low = (uint32_t)pointer, less = 0x7000;

	memset(image, 0xcc, KERNEL_ROOM);
	memcpy(elf.e_ident, ELFMAG, SELFMAG);
	elf.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(image, &elf, sizeof elf);
	memcpy(image + sizeof elf, segments, sizeof segments);
	memset(image + TEXT_AT, 0x11, SEGMENT);
	memset(image + DATA_AT, 0x22, SEGMENT);
	memcpy(image + DATA_AT + 0x10, &pointer, sizeof pointer);
	memcpy(image + DATA_AT + 0x20, &low, sizeof low);
	memcpy(image + DATA_AT + 0x30, &less, sizeof less);
	memcpy(image + FILE_END, relocs, n * sizeof *relocs);
	return (struct vmlinux){
		.data = image,
		.len = FILE_END + n * sizeof *relocs,
		.room = KERNEL_ROOM,
		.linked = LINKED,
		.align = 0x200000,
		.is_random = true,
	};
}

#define AT(offset) ((uint32_t)(VIRTUAL + 0x1000 + (offset)))

static uint64_t value_at(size_t offset, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, image + 0x1000 + offset, size);
	return value;
}

static void check_moved(bool has_less)
{
	uint64_t delta = value_at(0x10, 8) - VIRTUAL - 0x1234;

	assert_int_equal(delta % 0x200000, 0);
	assert_true(delta <= 0x40000000 - LINKED - KERNEL_ROOM);
	assert_int_equal(value_at(0x20, 4), (uint32_t)(VIRTUAL + 0x1234 + delta));
	assert_int_equal(value_at(0x30, 4), has_less ? (uint32_t)(0x7000 - delta) : 0x7000);
}

static void test_place(void **state)
{
	static const uint32_t with_less[] = {0, AT(0x10), 0, AT(0x30), 0, AT(0x20)};
	static const uint32_t without[] = {0, AT(0x10), 0, AT(0x20)};
	bool has_moved = false;

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct vmlinux k = make_kernel(with_less, ARRAY_SIZE(with_less));

		assert_int_equal(vmlinux_place(&k), 0);
		assert_int_equal(k.entry, 0x10);
		assert_int_equal(image[0], 0x11);
		assert_int_equal(image[SEGMENT - 1], 0x11);
		assert_int_equal(image[0x1000], 0x22);
		check_moved(true);
		has_moved |= value_at(0x10, 8) != VIRTUAL + 0x1234;
		k = make_kernel(without, ARRAY_SIZE(without));
		assert_int_equal(vmlinux_place(&k), 0);
		check_moved(false);
	}
	assert_true(has_moved); /* one time in 500^8 it is not */
}

static void test_stays(void **state)
{
	static const uint32_t relocs[] = {0, AT(0x10), 0, AT(0x20)};
	struct vmlinux k = make_kernel(relocs, ARRAY_SIZE(relocs));

	(void)state;
	k.is_random = false;
	assert_int_equal(vmlinux_place(&k), 0);
	assert_int_equal(value_at(0x10, 8), VIRTUAL + 0x1234);
	k = make_kernel(relocs, 0); /* built without relocations */
	assert_int_equal(vmlinux_place(&k), 0);
	assert_false(k.is_random);
	assert_int_equal(value_at(0x10, 8), VIRTUAL + 0x1234);
}

static void test_refused(void **state)
{
	static const uint32_t outside[] = {0, AT(KERNEL_ROOM), 0, AT(0x20)};
	static const uint32_t one_list[] = {0, AT(0x10)};
	static const uint32_t headless[] = {AT(0x10), 0, AT(0x20), 0};
	static const struct {
		const char *what;
		size_t at;
		uint64_t value;
		size_t size;
	} broken[] = {
		{"no ELF", 0, 0, 4},
		{"32 bits", EI_CLASS, ELFCLASS32, 1},
		{"another machine", offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2},
		{"segments past the end", offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8, 8},
		{"too many segments", offsetof(Elf64_Ehdr, e_phnum), 17, 2},
		{"sections past the end", offsetof(Elf64_Ehdr, e_shnum), 1000, 2},
		{"entry outside", offsetof(Elf64_Ehdr, e_entry), LINKED - 1, 8},
		{"contents past the end", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), UINT64_MAX, 8},
		{"more contents than memory", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz), 1, 8},
		{"memory past the room", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz), KERNEL_ROOM + 1, 8},
		{"below its address", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_paddr), LINKED - 0x1000, 8},
		{"upwards", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_paddr), LINKED + TEXT_AT + 1, 8},
	};
	struct vmlinux k;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		k = make_kernel(outside, 0);
		memcpy(image + broken[i].at, &broken[i].value, broken[i].size);
		print_message("%s\n", broken[i].what);
		assert_int_equal(vmlinux_place(&k), -ENOEXEC);
	}
	k = make_kernel(outside, ARRAY_SIZE(outside));
	assert_int_equal(vmlinux_place(&k), -ENOEXEC);
	k = make_kernel(one_list, ARRAY_SIZE(one_list));
	assert_int_equal(vmlinux_place(&k), -ENOEXEC);
	k = make_kernel(headless, ARRAY_SIZE(headless));
	assert_int_equal(vmlinux_place(&k), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats), cmocka_unit_test(test_damage), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_place),	cmocka_unit_test(test_stays),  cmocka_unit_test(test_refused),
	};

	image = malloc(KERNEL_ROOM);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(image);
	return failed;
}
