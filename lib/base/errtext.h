/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sentence about what went wrong, for the person who typed it.
 *
 * Functions that judge input take a struct errtext beside their -errno result. The sentence says what, where, what was expected
 * and what to do; it has no full stop, and is one line of UTF-8 whatever it quotes. `column` is 1-based within the text that was parsed, 0 where that means
 * nothing. The caller owns the struct; err may be NULL everywhere.
 */
#ifndef BASE_ERRTEXT_H
#define BASE_ERRTEXT_H 1

#include <stdarg.h>
#include <stddef.h>

struct errtext {
	size_t column;
	char text[488];
};

/**
 * errtext_set() - write the sentence
 * @err: may be NULL
 * @code: positive errno
 *
 * Return: -code, so that callers can `return errtext_set(err, EINVAL, ...)`.
 */
int errtext_set(struct errtext *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** errtext_at() - as errtext_set(), with the column (1-based) where parsing stopped. */
int errtext_at(struct errtext *err, int code, size_t column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** errtext_prefix() - put "what: " before the sentence that is there. Return: nothing. */
void errtext_prefix(struct errtext *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
