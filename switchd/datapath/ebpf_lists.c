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

/* ---- what a predecessor left ---- */

static struct ebpf_list *list_at(uint32_t first, uint8_t class)
{
	struct ebpf_list *list = xzalloc(sizeof *list);

	list->size_class = class;
	list->first = first;
	return list;
}

/* The pool from here to @end is free. Places are of even size, so nothing is left over. */
static void free_gap(struct ebpf_dp *dp, uint32_t end)
{
	struct ebpf_lists *lists = &dp->lists;
	int64_t now_ms = ebpf_monotonic_ms();

	for (int class = EBPF_N_LIST_CLASSES - 1; class >= 0; class --) {
		while (end - lists->n_fresh >= sizes[class]) {
			struct ebpf_list *list = list_at(lists->n_fresh, (uint8_t) class);

			list->freed_ms = now_ms;
			cds_list_add_tail(&list->free_node, &lists->freed[class]);
			lists->n_fresh += sizes[class];
		}
	}
}

/* The list of @n operations at @first, which is behind all those taken so far. Return: NULL when there is no room. */
static struct ebpf_list *resume(struct ebpf_dp *dp, uint32_t first, uint32_t n)
{
	uint8_t class = size_class(n);
	struct ebpf_list *list;

	if (first < dp->lists.n_fresh || first % 2 || first > dp->kernel.n_ops - sizes[class])
		return NULL;
	free_gap(dp, first);
	list = list_at(first, class);
	list->n = n;
	dp->lists.n_fresh = first + sizes[class];
	hmap_insert(&dp->lists.by_content, &list->node, hash_bytes(ops_of(dp, list), n * sizeof(struct bpf_op), n));
	return list;
}

static uint64_t act_of(const struct ebpf_dp *dp, const struct ebpf_orphan *orphan)
{
	return dp->kernel.flows[orphan->slot].act;
}

static int by_place(const void *a, const void *b, void *dp)
{
	uint32_t x = BPF_ACT_REST(act_of(dp, *(struct ebpf_orphan *const *)a)),
		 y = BPF_ACT_REST(act_of(dp, *(struct ebpf_orphan *const *)b));

	return x < y ? -1 : x > y;
}

/* Those that have a list, by its place. */
static size_t with_lists(struct ebpf_dp *dp, struct ebpf_orphan **sorted)
{
	size_t n = 0;

	for (size_t i = 0; i < dp->n_orphans; i++) {
		uint32_t n_ops = BPF_ACT_N(act_of(dp, &dp->orphans[i]));

		if (n_ops && n_ops != BPF_ACT_DAEMON)
			sorted[n++] = &dp->orphans[i];
	}
	qsort_r(sorted, n, sizeof(struct ebpf_orphan *), by_place, dp);
	return n;
}

size_t ebpf_lists_resume(struct ebpf_dp *dp)
{
	struct ebpf_orphan **sorted = xcalloc(dp->n_orphans, sizeof(struct ebpf_orphan *));
	size_t n = with_lists(dp, sorted), n_bad = 0;
	struct ebpf_list *last = NULL;

	for (size_t i = 0; i < n; i++) {
		uint64_t act = act_of(dp, sorted[i]);
		struct ebpf_list *list = last && last->first == BPF_ACT_REST(act) && last->n == BPF_ACT_N(act)
						 ? last
						 : resume(dp, BPF_ACT_REST(act), BPF_ACT_N(act));

		sorted[i]->list = list;
		if (!list) {
			n_bad++;
			continue;
		}
		list->n_flows++;
		last = list;
	}
	free(sorted);
	return n_bad;
}

/* ---- life ---- */

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
