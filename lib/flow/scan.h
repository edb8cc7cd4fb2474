/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowest layer of ovs-ofctl's text: words with values, "key", "key=value", "key:value", "key(value)", separated by commas
 * and blanks. Parentheses and brackets nest inside a value. Nothing is copied: tokens point into the text, which need not be
 * null-terminated.
 */
#ifndef FLOW_SCAN_H
#define FLOW_SCAN_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct errtext;

typedef unsigned __int128 uint128;

/** Where parsing stands. Columns in errors count from `start`. */
struct scan {
	const char *start, *p, *end;
	struct errtext *err; /**< may be NULL */
};

struct token {
	const char *key, *value; /**< `value` points at the place where it would be when there is none */
	size_t key_len, value_len;
	char delim; /**< behind the key: '=', ':', '(' or 0 without a value */
};

static inline struct scan scan_init(const char *text, size_t len, struct errtext *err)
{
	return (struct scan){text, text, text + len, err};
}

/** scan_inside() - the same text and columns, narrowed to @len bytes at @p within it. */
static inline struct scan scan_inside(const struct scan *s, const char *p, size_t len)
{
	return (struct scan){s->start, p, p + len, s->err};
}

/** scan_skip() - move over separators. */
void scan_skip(struct scan *s);

/** scan_token() - the next word. Return: 1, 0 at the end, -EINVAL with @s->err set when parentheses do not match. */
int scan_token(struct scan *s, struct token *t);

/** scan_fail() - an error at @at, a place in the text. Return: -EINVAL. */
int scan_fail(const struct scan *s, const char *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** scan_shift() - move the column of an error that a parser of @at alone reported. Return: @rc. */
int scan_shift(const struct scan *s, const char *at, int rc);

/** text_is() - whether @len bytes at @s are the word @word, ignoring case. */
bool text_is(const char *s, size_t len, const char *word);
/** text_find() - the first occurrence of @what in @len bytes, or NULL. */
static inline const char *text_find(const char *s, size_t len, const char *what)
{
	return memmem(s, len, what, strlen(what));
}

/** SHOW() - arguments for "%.*s" that quote text of any length in an error message. */
#define SHOW(S, LEN) (int)((LEN) < 60 ? (LEN) : 60), (S)

/** text_to_u128() - all of @s as an unsigned number, decimal, 0x hexadecimal or 0 octal. Return: false when it is not one. */
bool text_to_u128(const char *s, size_t len, uint128 *value);
/** text_to_u64() - likewise, of at most @max. */
bool text_to_u64(const char *s, size_t len, uint64_t max, uint64_t *value);

#endif
