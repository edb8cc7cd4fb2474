// SPDX-License-Identifier: Apache-2.0
#include "base/link_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct unit {
	const char *name;
	double factor;
};

static const struct unit times[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rates[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit shares[] = {{"%", 42949672.96}, {NULL, 0}};
static const struct unit numbers[] = {{"", 1}, {NULL, 0}};

static const struct {
	const char *name, *expected;
	const struct unit *units; /* NULL: words */
	double max;
} words[LINK_N_WORDS] = {
	[LINK_WORD_DELAY] = {"delay", "20ms, at most 60s", times, 60e9},
	[LINK_WORD_JITTER] = {"jitter", "2ms, at most 60s", times, 60e9},
	[LINK_WORD_LOSS] = {"loss", "1%", shares, 4294967296.0},
	[LINK_WORD_DUPLICATE] = {"duplicate", "1%", shares, 4294967296.0},
	[LINK_WORD_REORDER] = {"reorder", "1%", shares, 4294967296.0},
	[LINK_WORD_CORRUPT] = {"corrupt", "1%", shares, 4294967296.0},
	[LINK_WORD_RATE] = {"rate", "50mbit, at most 1000gbit", rates, 1e12},
	[LINK_WORD_SEED] = {"seed", "a number up to 4294967295", numbers, UINT32_MAX},
	[LINK_WORD_DIRECTION] = {"direction", "in, out or both", NULL, 0},
};

static const char *const directions[] = {[LINK_OUT] = "out", [LINK_IN] = "in", [LINK_BOTH] = "both"};

const char *link_word_name(enum link_word word)
{
	return words[word].name;
}

const char *link_word_expected(enum link_word word)
{
	return words[word].expected;
}

enum link_word link_word_find(const char *name, size_t len)
{
	size_t i = 0;

	while (i < LINK_N_WORDS && (strlen(words[i].name) != len || strncmp(words[i].name, name, len) != 0))
		i++;
	return (enum link_word)i;
}

/* A number with its unit, no sign. */
static bool parse_quantity(const char *text, const struct unit *unit, double max, uint64_t *value)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || strspn(text, "0123456789.") != (size_t)(end - text))
		return false;
	while (unit->name && strcmp(unit->name, end) != 0)
		unit++;
	if (!unit->name || !(number * unit->factor <= max))
		return false;
	*value = (uint64_t)(number * unit->factor + 0.5);
	return true;
}

static bool parse_direction(const char *text, uint64_t *value)
{
	for (size_t i = LINK_OUT; i < ARRAY_SIZE(directions); i++) {
		if (!strcmp(directions[i], text)) {
			*value = i;
			return true;
		}
	}
	return false;
}

bool link_word_parse(enum link_word word, const char *text, uint64_t *value)
{
	if (!words[word].units)
		return parse_direction(text, value);
	if (!parse_quantity(text, words[word].units, words[word].max, value))
		return false;
	/* Certainty is no number of 32 bits; the next best has to do. */
	if (words[word].units == shares)
		*value = MIN(*value, (uint64_t)UINT32_MAX);
	return true;
}
