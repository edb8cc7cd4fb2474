/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read actions share (ofact_parse.c, ofact_parse_set.c); nobody else includes this. */
#ifndef FLOW_OFACT_PARSE_H
#define FLOW_OFACT_PARSE_H 1

#include "flow/ofact.h"
#include "flow/scan.h"

/** Where an action list stands; decides what may be in it. */
enum ofact_place {
	OFACT_IN_FLOW, /**< actions=... */
	OFACT_IN_CLONE,
	OFACT_IN_WRITE_ACTIONS, /**< the action set */
};

struct ofact_parser {
	struct scan s; /**< start, p, end of this list; columns count from the outermost start */
	const struct port_names *names;
	struct ofacts *list;
	struct flow_key flow; /**< what the packet is known to be here: the match, and what actions did to its tags */
	bool check_prereqs;   /**< there is a match */
	uint8_t table;
	uint8_t place;	   /**< enum ofact_place */
	uint8_t depth;	   /**< of nesting */
	uint8_t last_rank; /**< of the last instruction, for their order */
	struct token last; /**< its word */
};

struct ofact_word;

/** What reads the action that a word names; @w is its row, @t the word and its value. Return: 0 or -EINVAL. */
typedef int ofact_parse_fn(struct ofact_parser *p, const struct token *t, const struct ofact_word *w);

struct ofact_word {
	const char *names;
	ofact_parse_fn *parse;
	uint16_t arg;  /**< of @parse: a field, or an action type */
	uint8_t rank;  /**< of instructions: 1 and up in the order in which they must stand; 0: an action */
	uint8_t flags; /**< enum ofact_word_flag */
};

enum ofact_word_flag {
	OFACT_W_VALUE = 1, /**< needs a value */
	OFACT_W_NO_VALUE = 2,
	OFACT_W_NO_SET = 4, /**< may not be in an action set */
};

ofact_parse_fn ofact_parse_set_field, ofact_parse_load, ofact_parse_move, ofact_parse_stack, ofact_parse_mod,
	ofact_parse_tunnel, ofact_parse_vlan, ofact_parse_push_vlan, ofact_parse_strip_vlan;

#endif
