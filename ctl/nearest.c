// SPDX-License-Identifier: Apache-2.0
#include "ctl/nearest.h"

#include <string.h>

#include "base/util.h"

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	return MIN(MIN(a, b), c);
}

unsigned int nearest_distance(const char *a, const char *b)
{
	/* Three rows of the table of prefixes: two back, one back, this one. */
	unsigned int rows[3][NEAREST_MAX_LEN + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > NEAREST_MAX_LEN || m > NEAREST_MAX_LEN)
		return NEAREST_MAX_LEN;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int change = a[i - 1] == b[j - 1] ? 0 : 1;

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], before[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

unsigned int nearest_limit(size_t len)
{
	return len <= 3 ? 1 : len <= 6 ? 2 : 3;
}
