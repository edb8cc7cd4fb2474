// SPDX-License-Identifier: Apache-2.0
#include "flow/words.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

/* A slot number from the first and the last eight bytes, with case folded away. */
static size_t hash_folded(const char *s, size_t len)
{
	const uint64_t fold = 0x2020202020202020ull;
	uint64_t head = 0, tail = 0, h;

	if (len >= 8) {
		memcpy(&head, s, 8);
		memcpy(&tail, s + len - 8, 8);
	} else {
		memcpy(&head, s, len);
	}
	h = ((head | fold) ^ ((tail | fold) << 7 | (tail | fold) >> 57) ^ len) * 0x9e3779b97f4a7c15ull;
	return (size_t)(h >> 32 ^ h >> 48) & (WORDS_SLOTS - 1);
}

/* The slot of the word, or the free one where it would go. */
static size_t slot_of(const struct words *dict, const char *s, size_t len)
{
	size_t i = hash_folded(s, len);

	while (dict->slot[i].s && (dict->slot[i].len != len || strncasecmp(dict->slot[i].s, s, len) != 0))
		i = (i + 1) & (WORDS_SLOTS - 1);
	return i;
}

void words_add(struct words *dict, const char *s, size_t len, unsigned int value)
{
	struct word *w = &dict->slot[slot_of(dict, s, len)];

	if (w->s)
		return;
	assert(dict->n < WORDS_SLOTS / 2 && value <= INT16_MAX);
	*w = (struct word){s, (uint16_t)len, (uint16_t)value};
	dict->n++;
}

void words_add_list(struct words *dict, const char *list, unsigned int value)
{
	while (list && *list) {
		size_t len = strcspn(list, ",");

		words_add(dict, list, len, value);
		list += len + (list[len] == ',');
	}
}

int words_find(const struct words *dict, const char *s, size_t len)
{
	const struct word *w = &dict->slot[slot_of(dict, s, len)];

	return w->s ? w->value : -1;
}

static bool same(char a, char b)
{
	return (a | 0x20) == (b | 0x20);
}

/* Edits from @a to @b, both at most WORD_MAX long: a letter more, less, another one, or two neighbours swapped. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *upper = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = MIN(up[j - 1] + !same(a[i - 1], b[j - 1]), MIN(row[j - 1], up[j]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = MIN(row[j], upper[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

bool words_nearest(const struct words *dict, const char *s, size_t len, char word[WORD_MAX + 1])
{
	const struct word *best = NULL;
	size_t least = len / 3 + 1;

	if (!len || len > WORD_MAX)
		return false;
	for (size_t i = 0; i < WORDS_SLOTS; i++) {
		const struct word *w = &dict->slot[i];
		size_t d;

		/* Each letter more or less is an edit at least. */
		if (!w->s || w->len > WORD_MAX || w->len > len + least || len > w->len + least)
			continue;
		d = distance(s, len, w->s, w->len);
		if (d < least || (best && d == least && strncasecmp(w->s, best->s, MIN(w->len, best->len)) < 0)) {
			least = d;
			best = w;
		}
	}
	if (!best)
		return false;
	memcpy(word, best->s, best->len);
	word[best->len] = '\0';
	return true;
}
