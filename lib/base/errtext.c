// SPDX-License-Identifier: Apache-2.0
#include "base/errtext.h"

#include <stdio.h>
#include <string.h>

/*
 * Sentences quote what was typed. Whatever that was, the sentence stays one line that is harmless to a terminal, and one that was too long
 * ends with a whole character.
 */
static void tidy(char *text, size_t size)
{
	size_t len = strlen(text), first = len, want;
	unsigned char lead;

	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	if (len < size - 1)
		return;
	while (first && (text[first - 1] & 0xc0) == 0x80)
		first--;
	if (!first)
		return;
	lead = (unsigned char)text[--first];
	want = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (len - first < want)
		text[first] = '\0';
}

int errtext_set(struct errtext *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list args;

		err->column = 0;
		va_start(args, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, args);
		va_end(args);
		tidy(err->text, sizeof err->text);
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
		tidy(err->text, sizeof err->text);
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
	tidy(err->text, sizeof err->text);
}
