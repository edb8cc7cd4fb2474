// SPDX-License-Identifier: Apache-2.0
#include "base/errtext.h"

#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence that begins at @p, 0 when it is none. */
static size_t utf8_length(const unsigned char *p)
{
	size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if (p[i] >> 6 != 2)
			return 0;
	return n;
}

/*
 * Sentences quote what was typed, sent, or found in a damaged file, and may have been cut in the middle of a character. Whatever is no
 * UTF-8, would break the line, or would command a terminal becomes a question mark.
 */
static void tidy(char *text)
{
	while (*text) {
		size_t n = utf8_length((const unsigned char *)text);

		if (!n || (unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
			n = 1;
		}
		text += n;
	}
}

int errtext_set(struct errtext *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list args;

		err->column = 0;
		va_start(args, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, args);
		va_end(args);
		tidy(err->text);
	}
	return -code;
}

int errtext_at(struct errtext *err, int code, size_t column, const char *fmt, ...)
{
	if (err) {
		va_list args;

		err->column = column;
		va_start(args, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, args);
		va_end(args);
		tidy(err->text);
	}
	return -code;
}

void errtext_prefix(struct errtext *err, const char *fmt, ...)
{
	char old[sizeof err->text - 2];
	va_list args;
	int n;

	if (!err)
		return;
	memcpy(old, err->text, sizeof old);
	old[sizeof old - 1] = 0;
	va_start(args, fmt);
	n = vsnprintf(err->text, sizeof err->text, fmt, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof err->text)
		snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old);
	tidy(err->text);
}
