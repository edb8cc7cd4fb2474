/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the readers of datums and commands: collect pairs in any order, then sort them into a datum; split text into
 * words.
 */
#ifndef OVSDB_VALUE_IMPL_H
#define OVSDB_VALUE_IMPL_H 1

#include "ovsdb/value.h"

struct atom_pair {
	union atom key, value;
};

/** Starts as { 0 }. Owns the pairs until finish or drop. */
struct datum_builder {
	struct atom_pair *pairs;
	size_t n, cap;
};

/** datum_builder_add() - takes over the atoms; a set's @value is ignored. */
void datum_builder_add(struct datum_builder *b, union atom key, union atom value);
void datum_builder_drop(struct datum_builder *b, const struct column_type *type);
/** datum_builder_finish() - into @datum; @b is empty afterwards. Return: 0, or -EINVAL with @err when a key is there
 * twice. */
VSW_MUST_USE int datum_builder_finish(struct datum_builder *b, const struct column_type *type, struct datum *datum,
				      struct errtext *err);

/**
 * text_take_word() - the next word of the text form, up to a separator (one of ":=, []{}!<>") outside double quotes
 * @at: moved behind the word
 * @word: a heap string, the caller's; may be empty; NULL after a failure
 *
 * Return: 0, or -EINVAL with @err when a quote is left open or a backslash stands last.
 */
VSW_MUST_USE int text_take_word(const char **at, char **word, struct errtext *err);

/** atom_accept() - what has just been read into @atom keeps the type's constraints, or is freed. Return: as base_type_check(). */
VSW_MUST_USE int atom_accept(union atom *atom, const struct base_type *base, struct errtext *err);

#endif
