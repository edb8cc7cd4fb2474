// SPDX-License-Identifier: Apache-2.0
/*
 * Lists of operations in the kernel's pool.
 *
 * Flows are many and their actions few: those between two hosts that differ in ports or TTL do the same, and a rule of a controller
 * has one list for all its flows. So each list is kept once, found by its content and counted; a flow that only sends to one
 * port needs none (bpf_flow.act). The memory of a flow does not depend on how much it does.
 *
 * A list's operations lie side by side. Places come in EBPF_N_LIST_CLASSES sizes, cut off the unused end of the pool, and stay what they
 * are: one that is free again waits for a list of its size, nothing is ever moved under the program's feet.
 */
#include "switchd/datapath/ebpf.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/datapath/ebpf_ops.h"

static const uint32_t sizes[EBPF_N_LIST_CLASSES] = {2, 4, 8, 16, 32, BPF_N_OPS};

static uint8_t size_class(uint32_t n)
{
	uint8_t i = 0;

	while (sizes[i] < n)
		i++;
	return i;
}

static const struct bpf_op *ops_of(const struct ebpf_dp *dp, const struct ebpf_list *list)
{
	return dp->kernel.ops + list->first;
}

static struct ebpf_list *find(struct ebpf_dp *dp, const struct ebpf_ops *ops, uint32_t hash)
{
	struct ebpf_list *list;

	HMAP_FOR_EACH_WITH_HASH(list, node, hash, &dp->lists.by_content)
		if (list->n == ops->n && !memcmp(ops_of(dp, list), ops->ops, ops->n * sizeof ops->ops[0]))
			return list;
	return NULL;
}

/* A place that has rested long enough, or else one that was never used. Return: NULL when there is neither. */
static struct ebpf_list *take_place(struct ebpf_dp *dp, uint8_t class)
{
	struct ebpf_lists *lists = &dp->lists;
	struct cds_list_head *freed = &lists->freed[class];
	struct ebpf_list *list;

	if (!cds_list_empty(freed)) {
		list = cds_list_first_entry(freed, struct ebpf_list, free_node);
		if (ebpf_monotonic_ms() - list->freed_ms >= EBPF_REST_MS) {
			cds_list_del(&list->free_node);
			return list;
		}
	}
	if (dp->kernel.n_ops - lists->n_fresh < sizes[class])
		return NULL;
	list = xzalloc(sizeof *list);
	list->size_class = class;
	list->first = lists->n_fresh;
	lists->n_fresh += sizes[class];
	return list;
}

struct ebpf_list *ebpf_list_get(struct ebpf_dp *dp, const struct ebpf_ops *ops)
{
	uint32_t hash = hash_bytes(ops->ops, ops->n * sizeof ops->ops[0], ops->n);
	struct ebpf_list *list = find(dp, ops, hash);

	if (!list) {
		list = take_place(dp, size_class(ops->n));
		if (!list)
			return NULL;
		list->n = ops->n;
		memcpy(dp->kernel.ops + list->first, ops->ops, ops->n * sizeof ops->ops[0]);
		hmap_insert(&dp->lists.by_content, &list->node, hash);
	}
	list->n_flows++;
	return list;
}

void ebpf_list_put(struct ebpf_dp *dp, struct ebpf_list *list)
{
	if (!list || --list->n_flows)
		return;
	hmap_remove(&dp->lists.by_content, &list->node);
	list->freed_ms = ebpf_monotonic_ms();
	cds_list_add_tail(&list->free_node, &dp->lists.freed[list->size_class]);
}

void ebpf_lists_init(struct ebpf_dp *dp)
{
	hmap_init(&dp->lists.by_content);
	for (size_t i = 0; i < EBPF_N_LIST_CLASSES; i++)
		CDS_INIT_LIST_HEAD(&dp->lists.freed[i]);
}

void ebpf_lists_fini(struct ebpf_dp *dp)
{
	struct ebpf_list *list, *next;

	HMAP_FOR_EACH_SAFE(list, node, &dp->lists.by_content) {
		hmap_remove(&dp->lists.by_content, &list->node);
		free(list);
	}
	hmap_fini(&dp->lists.by_content);
	for (size_t i = 0; i < EBPF_N_LIST_CLASSES; i++)
		cds_list_for_each_entry_safe(list, next, &dp->lists.freed[i], free_node)
			free(list);
}
