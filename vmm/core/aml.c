// SPDX-License-Identifier: Apache-2.0
/* AML, byte by byte (ACPI 6.4 20.2), and resource descriptors (6.4). */
#include "vmm/core/aml.h"

#include <string.h>

#include "base/ds.h"

enum aml_op {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_MULTI_NAME = 0x2f,
	OP_EXT = 0x5b,
	OP_EXT_REGION = 0x80,
	OP_EXT_FIELD = 0x81,
	OP_EXT_DEVICE = 0x82,
	OP_LOCAL0 = 0x60,
	OP_STORE = 0x70,
	OP_AND = 0x7b,
	OP_NOTIFY = 0x86,
	OP_IF = 0xa0,
};

#define METHOD_SERIALIZED 8
#define REGION_IO 1
#define FIELD_DWORD 3 /* accesses of 32 bits */

/** Bytes of a package length as written here: always the longest form, so that it can be filled in afterwards. */
#define LENGTH_BYTES 4

static void put(struct ds *ds, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		ds_put_char(ds, (char)value);
		value >>= 8;
	}
}

static struct aml_mark begin(struct ds *aml)
{
	struct aml_mark mark = {aml->len};

	put(aml, 0, LENGTH_BYTES);
	return mark;
}

void aml_end(struct ds *aml, struct aml_mark mark)
{
	size_t len = aml->len - mark.start;
	char *at = aml->s + mark.start;

	at[0] = (char)((LENGTH_BYTES - 1) << 6 | (len & 0xf));
	at[1] = (char)(len >> 4);
	at[2] = (char)(len >> 12);
	at[3] = (char)(len >> 20);
}

struct aml_mark aml_begin_scope(struct ds *aml, const char *name)
{
	struct aml_mark mark;

	put(aml, OP_SCOPE, 1);
	mark = begin(aml);
	ds_put(aml, name);
	return mark;
}

struct aml_mark aml_begin_device(struct ds *aml, const char *name)
{
	struct aml_mark mark;

	put(aml, OP_EXT, 1);
	put(aml, OP_EXT_DEVICE, 1);
	mark = begin(aml);
	ds_put(aml, name);
	return mark;
}

struct aml_mark aml_begin_package(struct ds *aml, uint8_t n)
{
	struct aml_mark mark;

	put(aml, OP_PACKAGE, 1);
	mark = begin(aml);
	put(aml, n, 1);
	return mark;
}

struct aml_mark aml_begin_method(struct ds *aml, const char *name, unsigned int n_args)
{
	struct aml_mark mark;

	put(aml, OP_METHOD, 1);
	mark = begin(aml);
	ds_put(aml, name);
	put(aml, n_args | METHOD_SERIALIZED, 1);
	return mark;
}

void aml_load(struct ds *aml, const char *field)
{
	put(aml, OP_STORE, 1);
	ds_put(aml, field);
	put(aml, OP_LOCAL0, 1);
}

void aml_store(struct ds *aml, const char *field)
{
	put(aml, OP_STORE, 1);
	put(aml, OP_LOCAL0, 1);
	ds_put(aml, field);
}

void aml_store_integer(struct ds *aml, uint64_t value, const char *field)
{
	put(aml, OP_STORE, 1);
	aml_integer(aml, value);
	ds_put(aml, field);
}

struct aml_mark aml_begin_if(struct ds *aml, uint64_t mask)
{
	struct aml_mark mark;

	put(aml, OP_IF, 1);
	mark = begin(aml);
	put(aml, OP_AND, 1);
	put(aml, OP_LOCAL0, 1);
	aml_integer(aml, mask);
	put(aml, OP_ZERO, 1); /* the result goes nowhere else */
	return mark;
}

void aml_path(struct ds *aml, const char *path)
{
	size_t n = 1;

	for (const char *p = path; *p; p++)
		n += *p == '.';
	ds_put_char(aml, *path++);
	put(aml, OP_MULTI_NAME, 1);
	put(aml, n, 1);
	for (; *path; path += *path == '.') {
		ds_put_mem(aml, path, 4);
		path += 4;
	}
}

void aml_notify(struct ds *aml, const char *path, uint64_t value)
{
	put(aml, OP_NOTIFY, 1);
	aml_path(aml, path);
	aml_integer(aml, value);
}

void aml_io_fields(struct ds *aml, const char *region, uint16_t base, const char *const *names, unsigned int n)
{
	struct aml_mark mark;

	put(aml, OP_EXT, 1);
	put(aml, OP_EXT_REGION, 1);
	ds_put(aml, region);
	put(aml, REGION_IO, 1);
	aml_integer(aml, base);
	aml_integer(aml, 4ull * n);
	put(aml, OP_EXT, 1);
	put(aml, OP_EXT_FIELD, 1);
	mark = begin(aml);
	ds_put(aml, region);
	put(aml, FIELD_DWORD, 1);
	for (unsigned int i = 0; i < n; i++) {
		ds_put(aml, names[i]);
		put(aml, 32, 1); /* bits */
	}
	aml_end(aml, mark);
}

void aml_name(struct ds *aml, const char *name)
{
	put(aml, OP_NAME, 1);
	ds_put(aml, name);
}

void aml_integer(struct ds *aml, uint64_t value)
{
	static const struct {
		uint64_t max;
		enum aml_op op;
		unsigned int bytes;
	} forms[] = {{0xff, OP_BYTE, 1}, {0xffff, OP_WORD, 2}, {0xffffffff, OP_DWORD, 4}, {UINT64_MAX, OP_QWORD, 8}};
	size_t i = 0;

	if (value <= 1) {
		put(aml, value ? OP_ONE : OP_ZERO, 1);
		return;
	}
	while (value > forms[i].max)
		i++;
	put(aml, forms[i].op, 1);
	put(aml, value, forms[i].bytes);
}

void aml_string(struct ds *aml, const char *text)
{
	put(aml, OP_STRING, 1);
	ds_put_mem(aml, text, strlen(text) + 1);
}

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c >= 'A' ? c - 'A' + 10 : c - '0');
}

void aml_eisa_id(struct ds *aml, const char *id)
{
	uint32_t value = 0;

	for (int i = 0; i < 3; i++)
		value = value << 5 | (uint32_t)(id[i] - 0x40);
	for (int i = 3; i < 7; i++)
		value = value << 4 | hex_digit(id[i]);
	put(aml, OP_DWORD, 1);
	put(aml, __builtin_bswap32(value), 4);
}

void aml_resources(struct ds *aml, const struct ds *bytes)
{
	struct aml_mark mark;

	put(aml, OP_BUFFER, 1);
	mark = begin(aml);
	aml_integer(aml, bytes->len + 2);
	ds_put_mem(aml, bytes->s, bytes->len);
	put(aml, 0x79, 1); /* end tag, without a checksum */
	put(aml, 0, 1);
	aml_end(aml, mark);
}

/* ---- resource descriptors ---- */

enum address_space { SPACE_MEMORY, SPACE_IO, SPACE_BUS };

#define RANGE_FIXED 0x0c /* minimum and maximum are */
#define IO_ENTIRE 3
#define MEMORY_WRITABLE 1

void aml_res_io(struct ds *res, uint16_t base, uint8_t len)
{
	put(res, 0x47, 1);
	put(res, 1, 1); /* decodes 16 bits */
	put(res, base, 2);
	put(res, base, 2);
	put(res, 1, 1); /* alignment */
	put(res, len, 1);
}

void aml_res_irq(struct ds *res, unsigned int irq)
{
	put(res, 0x22, 1);
	put(res, 1u << irq, 2);
}

/* An address space descriptor with fields of @width bytes. */
static void window(struct ds *res, uint8_t tag, enum address_space space, uint8_t flags, unsigned int width,
		   uint64_t first, uint64_t last)
{
	put(res, tag, 1);
	put(res, 3 + 5 * width, 2);
	put(res, space, 1);
	put(res, RANGE_FIXED, 1);
	put(res, flags, 1);
	put(res, 0, width); /* granularity */
	put(res, first, width);
	put(res, last, width);
	put(res, 0, width); /* translation */
	put(res, last - first + 1, width);
}

void aml_res_bus(struct ds *res, uint16_t first, uint16_t last)
{
	window(res, 0x88, SPACE_BUS, 0, 2, first, last);
}

void aml_res_io_window(struct ds *res, uint16_t first, uint16_t last)
{
	window(res, 0x88, SPACE_IO, IO_ENTIRE, 2, first, last);
}

void aml_res_mem32_window(struct ds *res, uint32_t first, uint32_t last)
{
	window(res, 0x87, SPACE_MEMORY, MEMORY_WRITABLE, 4, first, last);
}

void aml_res_mem64_window(struct ds *res, uint64_t first, uint64_t last)
{
	window(res, 0x8a, SPACE_MEMORY, MEMORY_WRITABLE, 8, first, last);
}

void aml_res_mem32_fixed(struct ds *res, uint32_t base, uint32_t len)
{
	put(res, 0x86, 1);
	put(res, 9, 2);
	put(res, MEMORY_WRITABLE, 1);
	put(res, base, 4);
	put(res, len, 4);
}
