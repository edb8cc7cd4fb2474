/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of link emulation as people write them: `vsw set-link PORT delay=20ms loss=1%`, the same keys in topology files and, behind
 * "link-", in Interface.other_config. The words and units are those of tc-netem(8).
 *
 * One table for all who read them, so that a word is known everywhere or nowhere, and means the same.
 */
#ifndef BASE_LINK_WORDS_H
#define BASE_LINK_WORDS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_word {
	LINK_WORD_DELAY,  /**< nanoseconds */
	LINK_WORD_JITTER, /**< nanoseconds */
	LINK_WORD_LOSS,	  /**< this and the next three: a probability, in units of 1/2^32, at most UINT32_MAX */
	LINK_WORD_DUPLICATE,
	LINK_WORD_REORDER,
	LINK_WORD_CORRUPT,
	LINK_WORD_RATE,	     /**< bit/s */
	LINK_WORD_SEED,	     /**< 32 bits */
	LINK_WORD_DIRECTION, /**< enum link_direction */
	LINK_N_WORDS
};

/** Seen from the switch. */
enum link_direction {
	LINK_OUT = 1, /**< what the switch sends out of the port */
	LINK_IN = 2,  /**< what comes in there */
	LINK_BOTH = LINK_OUT | LINK_IN,
};

/** link_word_name() - "delay", ... */
const char *link_word_name(enum link_word word);
/** link_word_find() - @name: its first @len bytes. Return: LINK_N_WORDS when there is none. */
enum link_word link_word_find(const char *name, size_t len);
/** link_word_expected() - what its value looks like, for messages: "20ms, at most 60s". */
const char *link_word_expected(enum link_word word);
/** link_word_parse() - a value. Return: false when it is none, or too large. */
bool link_word_parse(enum link_word word, const char *text, uint64_t *value);

#endif
