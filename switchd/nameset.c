// SPDX-License-Identifier: Apache-2.0
#include "switchd/nameset.h"

#include <stdlib.h>
#include <string.h>

void nameset_init(struct nameset *set)
{
	hmap_init(&set->map);
	set->first = NULL;
	set->last = &set->first;
}

void nameset_fini(struct nameset *set)
{
	struct nameset_name *n, *next;

	for (n = set->first; n; n = next) {
		next = n->next;
		hmap_remove(&set->map, &n->node);
		free(n);
	}
	hmap_fini(&set->map);
}

bool nameset_has(const struct nameset *set, const char *name)
{
	const struct nameset_name *n;

	HMAP_FOR_EACH_WITH_HASH(n, node, hash_string(name, 0), &set->map)
		if (!strcmp(n->name, name))
			return true;
	return false;
}

bool nameset_add(struct nameset *set, const char *name, int tag)
{
	size_t size = strlen(name) + 1;
	struct nameset_name *n;

	if (nameset_has(set, name))
		return false;
	n = xmalloc(sizeof *n + size);
	n->next = NULL;
	n->tag = tag;
	memcpy(n->name, name, size);
	hmap_insert(&set->map, &n->node, hash_string(name, 0));
	*set->last = n;
	set->last = &n->next;
	return true;
}
