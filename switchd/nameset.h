/* SPDX-License-Identifier: Apache-2.0 */
/* A set of names that remembers in which order they came. */
#ifndef SWITCHD_NAMESET_H
#define SWITCHD_NAMESET_H 1

#include <stdbool.h>

#include "base/hmap.h"

struct nameset_name {
	struct hmap_node node;
	struct nameset_name *next; /* in order of arrival */
	int tag;		   /**< the caller's: what the name stands for */
	char name[];
};

struct nameset {
	struct hmap map;
	struct nameset_name *first, **last;
};

void nameset_init(struct nameset *set);
void nameset_fini(struct nameset *set);
/** nameset_add() - no effect when it is there (the first tag stays). Return: true when it was new. */
bool nameset_add(struct nameset *set, const char *name, int tag);
bool nameset_has(const struct nameset *set, const char *name);

#define NAMESET_FOR_EACH(NAME, SET) for ((NAME) = (SET)->first; (NAME); (NAME) = (NAME)->next)

#endif
