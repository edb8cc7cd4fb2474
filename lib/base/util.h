/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What C lacks: allocation that cannot fail, container_of, bounded number parsing.
 *
 * Control-path code uses the x* allocators: when a few bytes of configuration cannot be had the process ends with a message,
 * and the supervisor restarts it on its intact database. Nothing per packet allocates.
 */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(A) (sizeof(A) / sizeof(A)[0])
#define container_of(PTR, TYPE, MEMBER) ((TYPE *)(void *)((char *)(PTR)-offsetof(TYPE, MEMBER)))
#define ROUND_UP(X, Y) (((X) + ((Y)-1)) / (Y) * (Y))
#define MIN(A, B) ((A) < (B) ? (A) : (B))
#define MAX(A, B) ((A) > (B) ? (A) : (B))
#define VSW_MUST_USE __attribute__((warn_unused_result))
#define VSW_UNUSED __attribute__((unused))
#define likely(X) __builtin_expect(!!(X), 1)
#define unlikely(X) __builtin_expect(!!(X), 0)

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xzalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/**
 * str_to_uint() - a whole string as an unsigned number
 * @s: decimal, 0x hexadecimal or 0 octal when @base is 0; no sign, no blanks, nothing behind it
 * @max: largest value accepted
 * @value: written on success only
 *
 * Return: true when @s is such a number.
 */
bool str_to_uint(const char *s, int base, uint64_t max, uint64_t *value);

/** hash_bytes() - 32-bit hash of @n bytes (not cryptographic; @basis chosen by the caller). */
uint32_t hash_bytes(const void *p, size_t n, uint32_t basis);
/** hash_words() - 32-bit hash of @n 64-bit words. */
uint32_t hash_words(const uint64_t *p, size_t n, uint32_t basis);
static inline uint32_t hash_u64(uint64_t x, uint32_t basis)
{
	x = (x ^ basis) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(x ^ (x >> 32));
}
uint32_t hash_string(const char *s, uint32_t basis);

#endif
