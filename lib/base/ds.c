// SPDX-License-Identifier: Apache-2.0
#include "base/ds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void ds_init(struct ds *ds)
{
	*ds = (struct ds)DS_INIT;
}

void ds_fini(struct ds *ds)
{
	free(ds->s);
	ds_init(ds);
}

void ds_clear(struct ds *ds)
{
	ds_truncate(ds, 0);
}

const char *ds_cstr(const struct ds *ds)
{
	return ds->s ? ds->s : "";
}

char *ds_steal(struct ds *ds)
{
	char *s = ds->s ? ds->s : xstrdup("");

	ds_init(ds);
	return s;
}

/* Room for @n more bytes and the terminator. */
static void ds_reserve(struct ds *ds, size_t n)
{
	size_t need = ds->len + n + 1;

	if (need > ds->cap) {
		size_t cap = ds->cap ? ds->cap : 64;

		while (cap < need)
			cap *= 2;
		ds->s = xrealloc(ds->s, cap);
		ds->cap = cap;
	}
}

void ds_put_mem(struct ds *ds, const void *data, size_t n)
{
	ds_reserve(ds, n);
	if (n)
		memcpy(ds->s + ds->len, data, n);
	ds->len += n;
	ds->s[ds->len] = '\0';
}

void ds_put(struct ds *ds, const char *text)
{
	ds_put_mem(ds, text, strlen(text));
}

void ds_put_char(struct ds *ds, char c)
{
	ds_put_mem(ds, &c, 1);
}

void ds_put_u64(struct ds *ds, uint64_t value)
{
	char digits[20];
	size_t n = sizeof digits;

	do {
		digits[--n] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	ds_put_mem(ds, digits + n, sizeof digits - n);
}

void ds_put_i64(struct ds *ds, int64_t value)
{
	if (value < 0)
		ds_put_char(ds, '-');
	ds_put_u64(ds, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void ds_vprintf(struct ds *ds, const char *fmt, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	ds_reserve(ds, 0);
	n = vsnprintf(ds->s + ds->len, ds->cap - ds->len, fmt, args);
	if (n > 0) {
		if ((size_t)n >= ds->cap - ds->len) {
			ds_reserve(ds, (size_t)n);
			vsnprintf(ds->s + ds->len, ds->cap - ds->len, fmt, again);
		}
		ds->len += (size_t)n;
	}
	va_end(again);
}

void ds_printf(struct ds *ds, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	ds_vprintf(ds, fmt, args);
	va_end(args);
}

void ds_truncate(struct ds *ds, size_t len)
{
	if (len < ds->len) {
		ds->len = len;
		ds->s[len] = '\0';
	}
}

int ds_chomp(struct ds *ds, char c)
{
	if (!ds->len || ds->s[ds->len - 1] != c)
		return 0;
	ds_truncate(ds, ds->len - 1);
	return 1;
}
