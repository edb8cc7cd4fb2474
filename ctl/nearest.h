/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far one word is from another, for "did you mean".
 */
#ifndef CTL_NEAREST_H
#define CTL_NEAREST_H 1

#include <stddef.h>

/** Words are compared up to this many characters. */
#define NEAREST_MAX_LEN 40

/**
 * nearest_distance() - edits that turn @a into @b: insert, delete, replace, swap neighbours (optimal string alignment)
 *
 * Return: the number of edits, or NEAREST_MAX_LEN when either word is longer than that.
 */
unsigned int nearest_distance(const char *a, const char *b);

/** nearest_limit() - the largest distance at which a word of @len characters still counts as a slip of the fingers. */
unsigned int nearest_limit(size_t len);

#endif
