// SPDX-License-Identifier: Apache-2.0
#include "flow/ofact.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void ofacts_fini(struct ofacts *list)
{
	free(list->data);
	*list = (struct ofacts){NULL, 0, 0};
}

void ofacts_clone(struct ofacts *list, const void *ofacts, size_t len)
{
	list->data = len ? xmemdup(ofacts, len) : NULL;
	list->len = list->cap = len;
}

void *ofacts_put(struct ofacts *list, enum ofact_type type, size_t size)
{
	size_t padded = ROUND_UP(size, 8);
	struct ofact *a;

	if (list->cap - list->len < padded) {
		list->cap = MAX(list->cap * 2, ROUND_UP(list->len + padded, 128));
		list->data = xrealloc(list->data, list->cap);
	}
	a = (struct ofact *)((char *)list->data + list->len);
	memset(a, 0, padded);
	a->type = (uint16_t)type;
	a->len = (uint16_t)padded;
	list->len += padded;
	return a;
}

bool ofacts_output_to(const void *ofacts, size_t len, uint16_t port)
{
	const struct ofact *a;
	size_t left;

	OFACT_FOR_EACH(a, left, ofacts, len) {
		if (a->type == OFACT_OUTPUT && ((const struct ofact_output *)a)->port == port)
			return true;
		if (a->type == OFACT_ENQUEUE && ((const struct ofact_enqueue *)a)->port == port)
			return true;
		if ((a->type == OFACT_CLONE || a->type == OFACT_WRITE_ACTIONS) &&
		    ofacts_output_to(((const struct ofact_nest *)a)->actions, a->len - sizeof *a, port))
			return true;
	}
	return false;
}

uint32_t ofacts_meter(const void *ofacts, size_t len)
{
	const struct ofact_u32 *first = ofacts;

	return len && first->h.type == OFACT_METER ? first->value : 0;
}
