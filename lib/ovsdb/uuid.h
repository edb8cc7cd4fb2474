/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs (RFC 4122): the names of rows. Kept as 16 bytes in the order in which they are printed, so that memcmp() sorts
 * them as text would.
 */
#ifndef OVSDB_UUID_H
#define OVSDB_UUID_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UUID_LEN 36 /* characters of the text form */

struct uuid {
	uint8_t b[16];
};

/** uuid_random() - a fresh version 4 UUID. */
struct uuid uuid_random(void);

/** uuid_to_text() - write 36 characters and a null into @text. Return: @text. */
char *uuid_to_text(const struct uuid *uuid, char text[UUID_LEN + 1]);

/** uuid_from_text() - @text must be a whole UUID and nothing else, either case. Return: true when it is. */
bool uuid_from_text(const char *text, struct uuid *uuid);

/** uuid_is_abbrev() - is @text a start of a UUID's text form, at least @min characters long? */
bool uuid_is_abbrev(const char *text, size_t min);

static inline int uuid_compare(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, sizeof *a);
}

static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return !memcmp(a, b, sizeof *a);
}

static inline bool uuid_is_zero(const struct uuid *a)
{
	static const struct uuid zero;

	return uuid_equal(a, &zero);
}

/* Random bits already: the first four bytes are as good a hash as any. */
static inline uint32_t uuid_hash(const struct uuid *uuid)
{
	uint32_t h;

	memcpy(&h, uuid->b, sizeof h);
	return h;
}

#endif
