// SPDX-License-Identifier: Apache-2.0
#include "base/util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>

static void *check(void *p)
{
	if (!p) {
		static const char text[] = "out of memory\n";

		fwrite(text, 1, sizeof text - 1, stderr);
		abort();
	}
	return p;
}

void *xmalloc(size_t size)
{
	return check(malloc(size ? size : 1));
}

void *xzalloc(size_t size)
{
	return xcalloc(1, size);
}

void *xcalloc(size_t n, size_t size)
{
	return check(n && size ? calloc(n, size) : calloc(1, 1));
}

void *xrealloc(void *p, size_t size)
{
	return check(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return xmemdup(s, strlen(s) + 1);
}

char *xstrndup(const char *s, size_t n)
{
	return check(strndup(s, n));
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *s;
	int n;

	va_start(args, fmt);
	n = vasprintf(&s, fmt, args);
	va_end(args);
	return check(n < 0 ? NULL : s);
}

bool str_to_uint(const char *s, int base, uint64_t max, uint64_t *value)
{
	unsigned long long x;
	char *end;

	if (!isalnum((unsigned char)*s))
		return false;
	errno = 0;
	x = strtoull(s, &end, base);
	if (errno || end == s || *end || x > max)
		return false;
	*value = x;
	return true;
}

/* Finalizer of MurmurHash3 (public domain constants). */
static inline uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	return x;
}

uint32_t hash_words(const uint64_t *p, size_t n, uint32_t basis)
{
	uint64_t h = basis ^ (n * 0x9e3779b97f4a7c15ull);

	for (size_t i = 0; i < n; i++) {
		h = (h ^ p[i]) * 0xc4ceb9fe1a85ec53ull;
		h = (h << 31) | (h >> 33);
	}
	h = mix(h);
	return (uint32_t)(h ^ (h >> 32));
}

uint32_t hash_bytes(const void *p_, size_t n, uint32_t basis)
{
	const char *p = p_;
	uint64_t h = basis ^ (n * 0x9e3779b97f4a7c15ull);

	while (n) {
		uint64_t w = 0;
		size_t k = n < 8 ? n : 8;

		memcpy(&w, p, k);
		h = (h ^ w) * 0xc4ceb9fe1a85ec53ull;
		h = (h << 31) | (h >> 33);
		p += k;
		n -= k;
	}
	h = mix(h);
	return (uint32_t)(h ^ (h >> 32));
}

uint32_t hash_string(const char *s, uint32_t basis)
{
	return hash_bytes(s, strlen(s), basis);
}
