/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches word by word, for texts in which other words stand between them (flow_text.c).
 *
 * Prerequisites may stand before or behind what needs them; they are checked when all words are in.
 */
#ifndef FLOW_MATCH_PARSE_H
#define FLOW_MATCH_PARSE_H 1

#include "flow/match.h"
#include "flow/scan.h"

/** A field that was given, to be checked at the end. */
struct match_need {
	const char *at; /**< in the text */
	uint16_t len;
	uint8_t prereq; /**< enum field_prereq */
};

struct match_parser {
	struct match *m;
	const struct port_names *names;
	bool exact;	  /**< a flow, not a match: masks are refused */
	uint64_t seen[2]; /**< by field id */
	unsigned int n_needs;
	struct match_need needs[FIELD_N_IDS];
};

/** match_parser_init() - @m becomes a match of everything. */
void match_parser_init(struct match_parser *p, struct match *m, const struct port_names *names, bool exact);
/** match_parser_word() - one word. Return: 1 when it was taken, 0 when it is not part of a match, -EINVAL. */
int match_parser_word(struct match_parser *p, const struct scan *s, const struct token *t);
/** match_parser_finish() - after the last word. Return: 0 or -EINVAL. */
int match_parser_finish(const struct match_parser *p, const struct scan *s);
/** match_unknown_word() - the error for a word that nobody took. Return: -EINVAL. */
int match_unknown_word(const struct scan *s, const struct token *t);

#endif
