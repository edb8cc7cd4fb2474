/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dictionaries of the few hundred words of a language: case-insensitive lookup in constant time, and the nearest word for error
 * messages. Filled once at start, then read by any thread. Memory is static: the words are literals and are not copied.
 */
#ifndef FLOW_WORDS_H
#define FLOW_WORDS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_MAX 40	 /* letters; longer ones are nobody's typing error */
#define WORDS_SLOTS 1024 /* a power of two, at least twice the words of the largest dictionary */

struct word {
	const char *s; /**< NULL: free slot; not null-terminated */
	uint16_t len;
	uint16_t value;
};

struct words {
	size_t n;
	struct word slot[WORDS_SLOTS];
};

/** words_add() - @len bytes at @s, which must live as long as the dictionary; a word that is there already keeps its value. */
void words_add(struct words *dict, const char *s, size_t len, unsigned int value);
/** words_add_list() - each word of a comma-separated list, NULL is an empty one. */
void words_add_list(struct words *dict, const char *list, unsigned int value);
/** words_find() - Return: the value, or -1. */
int words_find(const struct words *dict, const char *s, size_t len);
/**
 * words_nearest() - the word with the fewest edits from @s
 * @word: gets it, null-terminated
 *
 * Return: false when even that one differs by more than a third of its letters.
 */
bool words_nearest(const struct words *dict, const char *s, size_t len, char word[WORD_MAX + 1]);

#endif
