// SPDX-License-Identifier: Apache-2.0
/*
 * Slots of the kernel's flow table.
 *
 * A slot is filled while nothing leads to it, then the hash entry of its masked key is pointed there, in one step for the program. A
 * slot that was let go is marked dead (id 0) for programs that still find it in their exact cache, and rests for a second before it is
 * used again; so do mask numbers.
 *
 * New actions for a flow whose packets all pass in the kernel take the place of the old ones in one word. If some of its packets are
 * with the daemon they need a new slot, whose gate is closed.
 *
 * A flow that finds no slot or no mask number, because too many rest, is the daemon's to run until ebpf_flows_retry() finds one for it.
 */
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "base/util.h"
#include "switchd/datapath/ebpf_ops.h"

enum {
	NO_MASK = -1,
	SLOTS_AT_ONCE = 4096,	/* that are looked through without letting go of the lock */
	RETRIES_AT_ONCE = 1024, /* flows that are offered the kernel again, likewise */
};

int64_t ebpf_monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- masks ---- */

static uint32_t n_words_of(const struct pkt_key *mask)
{
	const uint64_t *words = (const uint64_t *)(const void *)mask;

	for (size_t i = PKT_KEY_COMPACT / 8; i < PKT_KEY_WORDS; i++)
		if (words[i])
			return PKT_KEY_WORDS;
	return PKT_KEY_COMPACT / 8;
}

static void mask_fill(struct ebpf_dp *dp, uint32_t i, const struct pkt_key *mask)
{
	struct bpf_mask *m = &dp->kernel.masks[i];
	struct bpf_control *control = dp->kernel.control;

	memcpy(m->words, mask, sizeof m->words);
	__atomic_store_n(&m->n_words, n_words_of(mask), __ATOMIC_RELEASE);
	if (i >= control->n_masks)
		__atomic_store_n(&control->n_masks, i + 1, __ATOMIC_RELEASE);
}

/* Return: the number of the mask, with one more flow, or NO_MASK. */
static int mask_get(struct ebpf_dp *dp, const struct pkt_key *mask, int64_t now_ms)
{
	int found = NO_MASK;

	for (uint32_t i = 0; i < BPF_N_MASKS; i++) {
		const struct ebpf_mask *m = &dp->masks[i];

		if (m->n_flows && !memcmp(dp->kernel.masks[i].words, mask, sizeof *mask)) {
			dp->masks[i].n_flows++;
			return (int)i;
		}
		if (found == NO_MASK && !m->n_flows && (!m->freed_ms || now_ms - m->freed_ms >= EBPF_REST_MS))
			found = (int)i;
	}
	if (found != NO_MASK) {
		mask_fill(dp, (uint32_t)found, mask);
		dp->masks[found].n_flows = 1;
	}
	return found;
}

static void mask_put(struct ebpf_dp *dp, uint32_t i)
{
	struct bpf_control *control = dp->kernel.control;
	uint32_t n = control->n_masks;

	if (--dp->masks[i].n_flows)
		return;
	dp->masks[i].freed_ms = ebpf_monotonic_ms();
	__atomic_store_n(&dp->kernel.masks[i].n_words, 0, __ATOMIC_RELAXED);
	while (n && !dp->masks[n - 1].n_flows)
		n--;
	__atomic_store_n(&control->n_masks, n, __ATOMIC_RELEASE);
}

/* ---- slots ---- */

static uint32_t slot_get(struct ebpf_dp *dp, int64_t now_ms)
{
	uint32_t first = dp->first_freed;

	if (first && now_ms - dp->slots[first - 1].freed_ms >= EBPF_REST_MS) {
		dp->first_freed = dp->slots[first - 1].next;
		if (!dp->first_freed)
			dp->last_freed = 0;
		return first - 1;
	}
	return dp->n_fresh < dp->kernel.n_slots ? dp->n_fresh++ : EBPF_NO_SLOT;
}

static void slot_put(struct ebpf_dp *dp, uint32_t slot)
{
	dp->slots[slot].flow = NULL;
	dp->slots[slot].freed_ms = ebpf_monotonic_ms();
	dp->slots[slot].next = 0;
	if (dp->last_freed)
		dp->slots[dp->last_freed - 1].next = slot + 1;
	else
		dp->first_freed = slot + 1;
	dp->last_freed = slot + 1;
}

static void slot_fill(struct ebpf_dp *dp, uint32_t slot, const struct dp_flow_put *put, uint64_t act, uint32_t mask)
{
	struct bpf_flow *f = &dp->kernel.flows[slot];

	f->n_packets = f->n_bytes = f->used_ns = 0;
	f->tcp_flags = 0;
	f->gate = 0;
	f->act = act;
	dp->kernel.books[slot] = (struct bpf_book){0};
	f->mask = (uint16_t)mask;
	f->n_words = dp->kernel.masks[mask].n_words;
	f->epoch = dp->kernel.control->epoch;
	memcpy(f->key, put->key, sizeof f->key);
	memcpy(dp->kernel.tails[slot].key, (const uint8_t *)put->key + sizeof f->key,
	       sizeof dp->kernel.tails[slot].key);
	atomic_store(&dp->slots[slot].n_done, 0);
	dp->slots[slot].n_reported = dp->slots[slot].queued_at = 0;
	__atomic_store_n(&f->id, put->id, __ATOMIC_RELEASE);
}

/* ---- the hash entries ---- */

_Static_assert(sizeof((struct bpf_flow *)NULL)->key + sizeof(struct bpf_tail) == sizeof(struct pkt_key), "both parts");

/* Of the map that has flows of this slot's mask; @key is filled. */
static int key_of_slot(const struct ebpf_dp *dp, uint32_t slot, struct bpf_large_key *key)
{
	const struct bpf_flow *f = &dp->kernel.flows[slot];

	*key = (struct bpf_large_key){.mask = f->mask};
	memcpy(key->words, f->key, sizeof f->key);
	memcpy(key->words + PKT_KEY_COMPACT / 8, dp->kernel.tails[slot].key, sizeof(struct bpf_tail));
	/* A small key is the head of a large one. */
	return n_words_of((const void *)dp->kernel.masks[f->mask].words) == PKT_KEY_WORDS ? dp->kernel.large_fd
											  : dp->kernel.small_fd;
}

static int point_to(const struct ebpf_dp *dp, uint32_t slot)
{
	struct bpf_large_key key;
	int fd = key_of_slot(dp, slot, &key);

	return bpf_map_update_elem(fd, &key, &slot, BPF_ANY) ? -errno : 0;
}

static void point_nowhere(const struct ebpf_dp *dp, uint32_t slot)
{
	struct bpf_large_key key;
	int fd = key_of_slot(dp, slot, &key);

	bpf_map_delete_elem(fd, &key);
}

/* ---- counters ---- */

/* What CLOCK_MONOTONIC shows now, on the scale of clock_now_ms(); they differ where the switch's clock is stopped. */
struct both_clocks {
	int64_t monotonic_ms, now_ms;
};

static struct both_clocks read_clocks(void)
{
	return (struct both_clocks){ebpf_monotonic_ms(), clock_now_ms()};
}

static int64_t used_ms_of(const struct bpf_flow *f, struct both_clocks clocks)
{
	uint64_t used_ns = __atomic_load_n(&f->used_ns, __ATOMIC_RELAXED);
	int64_t age_ms = clocks.monotonic_ms - (int64_t)(used_ns / 1000000);

	return used_ns ? MAX(clocks.now_ms - MAX(age_ms, 0), 1) : 0;
}

void ebpf_stats_add(struct dp_flow_stats *sum, const struct dp_flow_stats *stats)
{
	sum->n_packets += stats->n_packets;
	sum->n_bytes += stats->n_bytes;
	sum->used_ms = MAX(sum->used_ms, stats->used_ms);
	sum->tcp_flags |= stats->tcp_flags;
}

static void add_slot(const struct ebpf_dp *dp, uint32_t slot, struct both_clocks clocks, struct dp_flow_stats *sum)
{
	const struct bpf_flow *f = &dp->kernel.flows[slot];
	struct dp_flow_stats stats = {
		.n_packets = __atomic_load_n(&f->n_packets, __ATOMIC_RELAXED),
		.n_bytes = __atomic_load_n(&f->n_bytes, __ATOMIC_RELAXED),
		.used_ms = used_ms_of(f, clocks),
		.tcp_flags = be16_to_cpu(f->tcp_flags),
	};

	ebpf_stats_add(sum, &stats);
}

/* ---- flows ---- */

struct ebpf_flow *ebpf_flows_find(struct ebpf_dp *dp, uint64_t id)
{
	struct ebpf_flow *flow;

	HMAP_FOR_EACH_WITH_HASH(flow, node, hash_u64(id, 0), &dp->by_id)
		if (flow->id == id)
			return flow;
	return NULL;
}

void ebpf_flows_stats(struct ebpf_dp *dp, uint64_t id, struct dp_flow_stats *stats)
{
	const struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	if (!flow)
		return;
	ebpf_stats_add(stats, &flow->before);
	if (flow->slot != EBPF_NO_SLOT)
		add_slot(dp, flow->slot, read_clocks(), stats);
}

/* All that the flow has counted, here and in the daemon. */
static void stats_of(const struct ebpf_dp *dp, const struct ebpf_flow *flow, struct both_clocks clocks,
		     struct dp_flow_stats *stats)
{
	cache_flow_stats(flow->cached, stats);
	ebpf_stats_add(stats, &flow->before);
	add_slot(dp, flow->slot, clocks, stats);
}

/* For a successor: that much has been told. */
static void note(struct ebpf_dp *dp, uint32_t slot, const struct dp_flow_stats *total)
{
	const struct bpf_flow *f = &dp->kernel.flows[slot];
	uint64_t n_packets = __atomic_load_n(&f->n_packets, __ATOMIC_RELAXED);
	uint64_t n_bytes = __atomic_load_n(&f->n_bytes, __ATOMIC_RELAXED);

	/* The slot may have counted more since the total was made. */
	dp->kernel.books[slot] = (struct bpf_book){
		.told_packets = total->n_packets,
		.told_bytes = total->n_bytes,
		.base_packets = total->n_packets - MIN(total->n_packets, n_packets),
		.base_bytes = total->n_bytes - MIN(total->n_bytes, n_bytes),
	};
}

void ebpf_flows_active(struct ebpf_dp *dp, uint64_t *slot, struct dp_flow_activity *flows, size_t *n)
{
	const struct both_clocks clocks = read_clocks();
	const uint64_t pause = *slot + SLOTS_AT_ONCE;
	const size_t room = *n;

	for (*n = 0; *slot < dp->n_fresh && *slot < pause && *n < room; ++*slot) {
		struct ebpf_slot *s = &dp->slots[*slot];
		uint64_t n_packets = __atomic_load_n(&dp->kernel.flows[*slot].n_packets, __ATOMIC_RELAXED);

		if (!s->flow || n_packets == s->n_reported)
			continue;
		s->n_reported = n_packets;
		flows[*n].id = s->flow->id;
		stats_of(dp, s->flow, clocks, &flows[*n].stats);
		note(dp, (uint32_t)*slot, &flows[*n].stats);
		++*n;
	}
	if (*slot >= dp->n_fresh)
		*slot = dp->kernel.n_slots;
}

uint64_t ebpf_flows_kernel_bytes(const struct ebpf_dp *dp)
{
	uint64_t n_small = 0, n_large = 0;

	for (uint32_t i = 0; i < BPF_N_MASKS; i++)
		if (dp->kernel.masks[i].n_words == PKT_KEY_WORDS)
			n_large += dp->masks[i].n_flows;
		else
			n_small += dp->masks[i].n_flows;
	return ebpf_kernel_bytes(&dp->kernel, n_small, n_large);
}

/* Takes what the slot has counted, and lets it go. @is_replaced: the hash entry leads elsewhere already. */
static void leave_slot(struct ebpf_dp *dp, struct ebpf_flow *flow, uint32_t slot, bool is_replaced)
{
	struct bpf_flow *f = &dp->kernel.flows[slot];

	if (!is_replaced)
		point_nowhere(dp, slot);
	__atomic_store_n(&f->id, 0, __ATOMIC_SEQ_CST);
	add_slot(dp, slot, read_clocks(), &flow->before);
	/* Nobody finds there any more what was not reported yet. */
	if (flow->cached)
		cache_flow_touch(flow->cached);
	mask_put(dp, f->mask);
	slot_put(dp, slot);
}

/* Return: EBPF_WHY_NONE, then *@slot now leads the flow's packets; or why not. */
static enum ebpf_why take_slot(struct ebpf_dp *dp, const struct dp_flow_put *put, uint64_t act, uint32_t *slot)
{
	int64_t now_ms = ebpf_monotonic_ms();
	int mask = mask_get(dp, put->mask, now_ms);

	*slot = mask == NO_MASK ? EBPF_NO_SLOT : slot_get(dp, now_ms);
	if (*slot == EBPF_NO_SLOT) {
		if (mask == NO_MASK)
			return EBPF_WHY_NO_MASK;
		mask_put(dp, (uint32_t)mask);
		return EBPF_WHY_NO_SLOT;
	}
	slot_fill(dp, *slot, put, act, (uint32_t)mask);
	if (!point_to(dp, *slot))
		return EBPF_WHY_NONE;
	dp->kernel.flows[*slot].id = 0;
	mask_put(dp, (uint32_t)mask);
	slot_put(dp, *slot);
	*slot = EBPF_NO_SLOT;
	return EBPF_WHY_NO_SLOT;
}

/* A flow of any port cannot be kept in order by its port's queue; what is recirculated never comes from a port. */
static enum ebpf_why why_not_kernel(const struct dp_flow_put *put)
{
	if (put->mask->recirc_id != UINT32_MAX || put->key->recirc_id)
		return EBPF_WHY_RECIRCULATED;
	return put->mask->in_port == UINT32_MAX && put->key->in_port < BPF_N_PORTS ? EBPF_WHY_NONE : EBPF_WHY_ANY_PORT;
}

static struct ebpf_flow *find_or_make(struct ebpf_dp *dp, uint64_t id)
{
	struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	if (flow)
		return flow;
	flow = xzalloc(sizeof *flow);
	flow->id = id;
	flow->slot = EBPF_NO_SLOT;
	flow->cached = cache_find(dp->user.base.shared.cache, id);
	hmap_insert(&dp->by_id, &flow->node, hash_u64(id, 0));
	return flow;
}

/* What the program is to do. *@list: the list that it needs for this, or NULL. */
static uint64_t act_for(struct ebpf_dp *dp, const struct ebpf_ops *ops, struct ebpf_list **list)
{
	*list = NULL;
	if (ops->why)
		return BPF_ACT(BPF_ACT_DAEMON, ops->why);
	if (!ops->n || ops->out)
		return BPF_ACT(0, ops->out);
	*list = ebpf_list_get(dp, ops);
	return *list ? BPF_ACT(ops->n, (*list)->first) : BPF_ACT(BPF_ACT_DAEMON, EBPF_WHY_NO_LIST);
}

static enum ebpf_why why_of(uint64_t act)
{
	return BPF_ACT_N(act) == BPF_ACT_DAEMON ? (enum ebpf_why)BPF_ACT_REST(act) : EBPF_WHY_NONE;
}

/*
 * None of the flow's packets is on its way through the daemon, or can come to be, if @act takes its actions' place; or else all are, before
 * and afterwards.
 */
static bool may_stay(const struct ebpf_dp *dp, const struct ebpf_flow *flow, uint64_t act)
{
	const struct bpf_flow *f = &dp->kernel.flows[flow->slot != EBPF_NO_SLOT ? flow->slot : 0];

	if (flow->slot == EBPF_NO_SLOT || f->epoch != dp->kernel.control->epoch)
		return false;
	return flow->why ? why_of(act) : __atomic_load_n(&f->gate, __ATOMIC_SEQ_CST) & BPF_GATE_OPEN;
}

/* What the book says of a slot, with what the slot has counted as counted before. */
static struct bpf_book carry_over(const struct ebpf_dp *dp, uint32_t slot)
{
	struct dp_flow_stats counted = {0};
	struct bpf_book book = {0};

	if (slot != EBPF_NO_SLOT) {
		book = dp->kernel.books[slot];
		add_slot(dp, slot, read_clocks(), &counted);
	}
	book.base_packets += counted.n_packets;
	book.base_bytes += counted.n_bytes;
	return book;
}

static void put_in_new_slot(struct ebpf_dp *dp, struct ebpf_flow *flow, const struct dp_flow_put *put, uint64_t act)
{
	enum ebpf_why why = why_not_kernel(put);
	uint32_t old = flow->slot;
	struct bpf_book book = carry_over(dp, old);

	flow->slot = EBPF_NO_SLOT;
	if (!why)
		why = take_slot(dp, put, act, &flow->slot);
	if (old != EBPF_NO_SLOT)
		leave_slot(dp, flow, old, flow->slot != EBPF_NO_SLOT);
	if (flow->slot != EBPF_NO_SLOT) {
		dp->slots[flow->slot].flow = flow;
		dp->kernel.books[flow->slot] = book;
	}
	ebpf_slow_set(dp, flow, why ? why : why_of(act));
	if (!flow->why)
		ebpf_gate_add(dp, flow->id, flow->slot, put->key->in_port, old == EBPF_NO_SLOT);
}

static bool omits_tunnel_key(const struct ebpf_ops *ops)
{
	for (uint32_t i = 0; i < ops->n; i += ops->ops[i].code == BPF_OP_TUNNEL ? 3 : 1)
		if (ops->ops[i].code == BPF_OP_TUNNEL && ops->ops[i].mask & BPF_TUNNEL_NO_KEY)
			return true;
	return false;
}

/* What this kernel can do with the actions. */
static void compile_for_kernel(struct ebpf_dp *dp, const struct dp_flow_put *put, struct ebpf_ops *ops)
{
	ebpf_ops_compile(ops, put->actions, put->actions_len);
	ebpf_paths_set(dp, ops);
	if (dp->kernel.can_omit_key || !omits_tunnel_key(ops))
		return;
	ops->n = ops->out = 0;
	ops->why = EBPF_WHY_TUNNEL;
}

/* A flow with a copy for a port that sends later runs in the daemon altogether: its other outputs keep their order, too. */
static void compile(struct ebpf_dp *dp, const struct dp_flow_put *put, struct ebpf_ops *ops)
{
	compile_for_kernel(dp, put, ops);
	if (!ebpf_later_has_op(dp, ops))
		return;
	ops->n = ops->out = 0;
	ops->why = EBPF_WHY_EGRESS;
}

void ebpf_flows_put(struct ebpf_dp *dp, const struct dp_flow_put *put)
{
	struct ebpf_flow *flow = find_or_make(dp, put->id);
	struct ebpf_list *old_list = flow->list;
	struct ebpf_ops ops;
	uint64_t act;

	compile(dp, put, &ops);
	act = act_for(dp, &ops, &flow->list);
	if (may_stay(dp, flow, act)) {
		__atomic_store_n(&dp->kernel.flows[flow->slot].act, act, __ATOMIC_RELEASE);
		ebpf_slow_set(dp, flow, why_of(act));
	} else {
		put_in_new_slot(dp, flow, put, act);
	}
	ebpf_list_put(dp, old_list);
}

static void put_again(struct ebpf_dp *dp, const struct ebpf_flow *flow)
{
	struct dp_flow old;
	struct dp_flow_put put;

	cache_flow_get(flow->cached, &old);
	put = (struct dp_flow_put){
		.id = old.id, .key = old.key, .mask = old.mask, .actions = old.actions, .actions_len = old.actions_len};
	ebpf_flows_put(dp, &put);
}

/* Those that the daemon runs for this reason, from the oldest on. */
static void retry(struct ebpf_dp *dp, enum ebpf_why why)
{
	struct ebpf_flow *flow, *next;
	unsigned int n = RETRIES_AT_ONCE;

	cds_list_for_each_entry_safe(flow, next, &dp->slow[why].flows, slow_node) {
		if (!n--)
			return;
		if (!cache_flow_is_current(dp->user.base.shared.cache, flow->cached))
			continue; /* it is about to be translated anew */
		put_again(dp, flow);
		if (flow->why == EBPF_WHY_NO_SLOT)
			return; /* nor would the others find one */
	}
}

void ebpf_flows_retry(struct ebpf_dp *dp)
{
	retry(dp, EBPF_WHY_NO_SLOT);
	retry(dp, EBPF_WHY_NO_MASK);
	retry(dp, EBPF_WHY_NO_LIST);
}

static void flow_free(struct ebpf_dp *dp, struct ebpf_flow *flow)
{
	ebpf_slow_set(dp, flow, EBPF_WHY_NONE);
	hmap_remove(&dp->by_id, &flow->node);
	free(flow);
}

void ebpf_flows_again(struct ebpf_dp *dp, uint64_t id)
{
	const struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	if (flow && cache_flow_is_current(dp->user.base.shared.cache, flow->cached))
		put_again(dp, flow);
}

void ebpf_flows_del(struct ebpf_dp *dp, uint64_t id, struct dp_flow_stats *stats)
{
	struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	if (!flow)
		return;
	if (flow->slot != EBPF_NO_SLOT)
		leave_slot(dp, flow, flow->slot, false);
	ebpf_list_put(dp, flow->list);
	ebpf_stats_add(stats, &flow->before);
	flow_free(dp, flow);
}

/* ---- from one daemon to the next ---- */

void ebpf_flows_note(struct ebpf_dp *dp, uint64_t id, const struct dp_flow_stats *total)
{
	const struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	if (flow && flow->slot != EBPF_NO_SLOT)
		note(dp, flow->slot, total);
}

void ebpf_flows_opened(struct ebpf_dp *dp, const uint32_t slots[], size_t n)
{
	pthread_mutex_lock(&dp->flows_lock);
	for (size_t i = 0; i < n && !dp->is_leaving; i++) {
		const struct ebpf_flow *flow = dp->slots[slots[i]].flow;
		struct bpf_book *book = &dp->kernel.books[slots[i]];
		struct dp_flow_stats stats;

		if (!flow)
			continue;
		cache_flow_stats(flow->cached, &stats);
		book->base_packets = stats.n_packets + flow->before.n_packets;
		book->base_bytes = stats.n_bytes + flow->before.n_bytes;
	}
	pthread_mutex_unlock(&dp->flows_lock);
}

void ebpf_flows_leave(struct ebpf_dp *dp, uint64_t id)
{
	struct ebpf_flow *flow = ebpf_flows_find(dp, id);

	if (!flow)
		return;
	if (flow->slot != EBPF_NO_SLOT)
		dp->slots[flow->slot].flow = NULL;
	ebpf_list_put(dp, flow->list);
	flow_free(dp, flow);
}

void ebpf_flows_slot_stats(const struct ebpf_dp *dp, uint32_t slot, struct dp_flow_stats *stats)
{
	const struct bpf_book *book = &dp->kernel.books[slot];

	*stats = (struct dp_flow_stats){.n_packets = book->base_packets, .n_bytes = book->base_bytes};
	add_slot(dp, slot, read_clocks(), stats);
}

void ebpf_flows_resume(struct ebpf_dp *dp)
{
	int64_t now_ms = ebpf_monotonic_ms();

	for (size_t i = 0; i < dp->n_orphans; i++) {
		uint32_t slot = dp->orphans[i].slot;

		dp->slots[slot].freed_ms = now_ms;
		dp->masks[dp->kernel.flows[slot].mask].n_flows++;
		dp->n_fresh = MAX(dp->n_fresh, slot + 1);
	}
	/* Those between: programs may still run on one that was let go a moment ago. */
	for (uint32_t i = 0; i < dp->n_fresh; i++)
		if (!dp->slots[i].freed_ms)
			slot_put(dp, i);
	for (uint32_t i = 0; i < BPF_N_MASKS; i++) {
		if (dp->masks[i].n_flows || !dp->kernel.masks[i].n_words)
			continue;
		dp->masks[i].freed_ms = now_ms;
		dp->kernel.masks[i].n_words = 0;
	}
	dp->kernel.control->n_masks = BPF_N_MASKS;
}

void ebpf_flows_inherit(struct ebpf_dp *dp, struct ebpf_orphan *orphan, const struct dp_flow_put *put)
{
	struct ebpf_flow *flow = find_or_make(dp, put->id);
	struct bpf_flow *f = &dp->kernel.flows[orphan->slot];
	const struct bpf_book *book = &dp->kernel.books[orphan->slot];
	struct ebpf_ops ops;
	uint64_t act;

	compile_for_kernel(dp, put, &ops);
	act = act_for(dp, &ops, &flow->list);
	flow->slot = orphan->slot;
	dp->slots[flow->slot].flow = flow;
	flow->before.n_packets = book->base_packets;
	flow->before.n_bytes = book->base_bytes;
	ebpf_slow_set(dp, flow, why_of(act));
	__atomic_store_n(&f->id, put->id, __ATOMIC_RELAXED);
	__atomic_store_n(&f->act, act, __ATOMIC_RELEASE);
	f->epoch = dp->kernel.control->epoch;
	ebpf_list_put(dp, orphan->list);
	*orphan = (struct ebpf_orphan){.slot = EBPF_NO_SLOT};
}

void ebpf_flows_disown(struct ebpf_dp *dp, struct ebpf_orphan *orphan)
{
	struct ebpf_flow nobody = {0};

	leave_slot(dp, &nobody, orphan->slot, false);
	ebpf_list_put(dp, orphan->list);
	*orphan = (struct ebpf_orphan){.slot = EBPF_NO_SLOT};
}

/* ---- life ---- */

void ebpf_flows_init(struct ebpf_dp *dp)
{
	pthread_mutex_init(&dp->flows_lock, NULL);
	hmap_init(&dp->by_id);
	dp->slots = xcalloc(dp->kernel.n_slots, sizeof *dp->slots);
	ebpf_lists_init(dp);
	ebpf_slow_init(dp);
}

void ebpf_flows_fini(struct ebpf_dp *dp)
{
	struct ebpf_flow *flow;

	HMAP_FOR_EACH_SAFE(flow, node, &dp->by_id) {
		hmap_remove(&dp->by_id, &flow->node);
		free(flow);
	}
	hmap_fini(&dp->by_id);
	ebpf_lists_fini(dp);
	free(dp->slots);
	pthread_mutex_destroy(&dp->flows_lock);
}
