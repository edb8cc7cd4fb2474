// SPDX-License-Identifier: Apache-2.0
#include "base/errtext.h"

#include <stdio.h>
#include <string.h>

int errtext_set(struct errtext *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list args;

		err->column = 0;
		va_start(args, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, args);
		va_end(args);
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
}
