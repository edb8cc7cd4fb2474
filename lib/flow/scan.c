// SPDX-License-Identifier: Apache-2.0
#include "flow/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/errtext.h"

enum { SEPARATOR = 1, ENDS_KEY = 2 };

static const uint8_t classes[256] = {
	[','] = SEPARATOR | ENDS_KEY,
	[' '] = SEPARATOR | ENDS_KEY,
	['\t'] = SEPARATOR | ENDS_KEY,
	['\r'] = SEPARATOR | ENDS_KEY,
	['\n'] = SEPARATOR | ENDS_KEY,
	[':'] = ENDS_KEY,
	['='] = ENDS_KEY,
	['('] = ENDS_KEY,
};

static inline bool is_separator(char c)
{
	return classes[(uint8_t)c] & SEPARATOR;
}

static inline bool ends_key(char c)
{
	return classes[(uint8_t)c] & ENDS_KEY;
}

/* The end of a quoted string that starts at @p; @p + 1 when it is not closed. */
static const char *skip_quoted(const char *p, const char *end)
{
	const char *q = memchr(p + 1, '"', (size_t)(end - p - 1));

	return q ? q + 1 : p + 1;
}

/*
 * The end of a value: a separator outside of parentheses, or for a value in parentheses the one that closes them.
 * Return: NULL when parentheses are left open.
 */
static const char *value_end(const char *p, const char *end, bool in_parens)
{
	unsigned int depth = 0;

	while (p < end) {
		char c = *p;

		if (!depth && (in_parens ? c == ')' : is_separator(c)))
			return p;
		if (c == '"') {
			p = skip_quoted(p, end);
			continue;
		}
		if (c == '(' || c == '[')
			depth++;
		else if ((c == ')' || c == ']') && depth)
			depth--;
		p++;
	}
	return in_parens || depth ? NULL : p;
}

void scan_skip(struct scan *s)
{
	while (s->p < s->end && is_separator(*s->p))
		s->p++;
}

int scan_token(struct scan *s, struct token *t)
{
	const char *end;

	scan_skip(s);
	if (s->p == s->end)
		return 0;
	t->key = s->p;
	if (*s->p == '"')
		s->p = skip_quoted(s->p, s->end);
	while (s->p < s->end && !ends_key(*s->p))
		s->p++;
	t->key_len = (size_t)(s->p - t->key);
	t->value = s->p;
	t->value_len = 0;
	t->delim = '\0';
	if (s->p == s->end || is_separator(*s->p))
		return 1;

	t->delim = *s->p;
	t->value = ++s->p;
	end = value_end(s->p, s->end, t->delim == '(');
	if (!end)
		return scan_fail(s, t->key, "a parenthesis or bracket behind '%.*s' is never closed",
				 SHOW(t->key, t->key_len));
	t->value_len = (size_t)(end - t->value);
	s->p = end + (t->delim == '(');
	return 1;
}

int scan_fail(const struct scan *s, const char *at, const char *fmt, ...)
{
	if (s->err) {
		va_list args;

		s->err->column = (size_t)(at - s->start) + 1;
		va_start(args, fmt);
		vsnprintf(s->err->text, sizeof s->err->text, fmt, args);
		va_end(args);
	}
	return -EINVAL;
}

int scan_shift(const struct scan *s, const char *at, int rc)
{
	if (rc && s->err)
		s->err->column += (size_t)(at - s->start);
	return rc;
}

bool text_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !strncasecmp(s, word, len);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Up to 15 digits of any base fit in 64 bits, where no digit needs a check. */
static bool first_digits(const char **s, const char *end, unsigned int base, uint64_t *x)
{
	for (int n = 0; *s < end && n < 15; n++, (*s)++) {
		unsigned int d = (unsigned int)digit(**s);

		if (d >= base)
			return false;
		*x = *x * base + d;
	}
	return true;
}

bool text_to_u128(const char *s, size_t len, uint128 *value)
{
	unsigned int base = 10;
	const char *end = s + len;
	uint64_t first = 0;
	uint128 x;

	if (len > 2 && s[0] == '0' && (s[1] | 0x20) == 'x') {
		base = 16;
		s += 2;
	} else if (len > 1 && s[0] == '0') {
		base = 8;
		s++;
	}
	if (s == end || !first_digits(&s, end, base, &first))
		return false;
	for (x = first; s < end; s++) {
		unsigned int d = (unsigned int)digit(*s);

		if (d >= base || x > (~(uint128)0 - d) / base)
			return false;
		x = x * base + d;
	}
	*value = x;
	return true;
}

bool text_to_u64(const char *s, size_t len, uint64_t max, uint64_t *value)
{
	uint128 x;

	if (!text_to_u128(s, len, &x) || x > max)
		return false;
	*value = (uint64_t)x;
	return true;
}
