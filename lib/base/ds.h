/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string that grows. `s` is always null-terminated once anything was put, NULL before.
 * Memory failure ends the program (base/util.h, xrealloc): a half-written answer helps nobody.
 */
#ifndef BASE_DS_H
#define BASE_DS_H 1

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct ds {
	char *s;
	size_t len, cap;
};

#define DS_INIT \
	{ \
		NULL, 0, 0 \
	}

void ds_init(struct ds *ds);
void ds_fini(struct ds *ds);
/** ds_clear() - make it empty, keep the memory. */
void ds_clear(struct ds *ds);
/** ds_cstr() - the text, "" when nothing was put; valid until the next change. */
const char *ds_cstr(const struct ds *ds);
/** ds_steal() - the text as a heap string that the caller frees; @ds is empty afterwards. */
char *ds_steal(struct ds *ds);
void ds_put(struct ds *ds, const char *text);
void ds_put_mem(struct ds *ds, const void *data, size_t n);
void ds_put_char(struct ds *ds, char c);
/** ds_put_u64(), ds_put_i64() - in decimal; several times as fast as ds_printf(), for texts of which there are very many. */
void ds_put_u64(struct ds *ds, uint64_t value);
void ds_put_i64(struct ds *ds, int64_t value);
void ds_printf(struct ds *ds, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ds_vprintf(struct ds *ds, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
/** ds_truncate() - shorten to @len bytes; no effect when shorter already. */
void ds_truncate(struct ds *ds, size_t len);
/** ds_chomp() - drop the last character if it is @c. Return: 1 if it was. */
int ds_chomp(struct ds *ds, char c);

#endif
