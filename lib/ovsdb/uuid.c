// SPDX-License-Identifier: Apache-2.0
/*
 * UUID text and random UUIDs.
 */
#include "ovsdb/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

struct uuid uuid_random(void)
{
	struct uuid u;
	size_t done = 0;

	while (done < sizeof u.b) {
		ssize_t n = getrandom(u.b + done, sizeof u.b - done, 0);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			abort();
	}
	u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
	u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
	return u;
}

static bool is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

char *uuid_to_text(const struct uuid *uuid, char text[UUID_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < sizeof uuid->b; i++) {
		if (is_dash_place(at))
			text[at++] = '-';
		text[at++] = hex[uuid->b[i] >> 4];
		text[at++] = hex[uuid->b[i] & 15];
	}
	text[at] = '\0';
	return text;
}

bool uuid_is_abbrev(const char *text, size_t min)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (i >= UUID_LEN)
			return false;
		if (is_dash_place(i) ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return i >= min;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

bool uuid_from_text(const char *text, struct uuid *uuid)
{
	size_t at = 0;

	if (!uuid_is_abbrev(text, UUID_LEN))
		return false;
	for (size_t i = 0; i < sizeof uuid->b; i++) {
		if (is_dash_place(at))
			at++;
		uuid->b[i] = (uint8_t)(nibble(text[at]) << 4 | nibble(text[at + 1]));
		at += 2;
	}
	return true;
}
