// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/execute.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"
#include "flow/dp_action.h"
#include "switchd/datapath/bonds.h"
#include "switchd/datapath/cache.h"
#include "switchd/datapath/meters.h"

enum {
	ARENA_SIZE = 2 << 20,
	/* Room in front of and behind a copy; as much as a received frame has. */
	COPY_SIZE_MAX = EXECUTE_RESERVE + PACKET_HEADROOM + PACKET_MAX_LEN,
};

/* Address space for the deepest list; the kernel gives memory to the pages that are used. */
struct execute_scratch {
	size_t used; /* of arena */
	_Alignas(64) uint8_t arena[ARENA_SIZE];
	uint8_t truncated[ROUND_UP(COPY_SIZE_MAX, 64)];
	uint8_t by_depth[EXECUTE_MAX_DEPTH + 1][ROUND_UP(COPY_SIZE_MAX, 64)];
};

/* One list being run: the packet, and who else needs its bytes. */
struct run {
	struct packet *p;
	bool held;	  /* the caller does */
	bool is_pending;  /* an output does, until it is flushed */
	uint32_t max_len; /* of the next output (DP_TRUNC); 0: whole */
};

void execute_init(struct execute *x, const struct execute_ops *ops)
{
	void *mem = mmap(NULL, sizeof *x->scratch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);

	if (mem == MAP_FAILED)
		abort();
	*x = (struct execute){.ops = ops, .scratch = mem, .random = 1};
}

void execute_fini(struct execute *x)
{
	munmap(x->scratch, sizeof *x->scratch);
}

void execute_flushed(struct execute *x)
{
	assert(!x->depth); /* in the middle of a list its packet may live there */
	x->scratch->used = 0;
}

bool execute_is_crowded(const struct execute *x)
{
	return x->scratch->used > ARENA_SIZE / 2;
}

/* ---- copies ---- */

/* Makes @p a packet of the same content in other memory. */
static void move_to(struct packet *p, uint8_t *mem, size_t size)
{
	uint8_t *data = mem + EXECUTE_RESERVE + PACKET_HEADROOM;

	memcpy(data, p->data, p->len);
	p->data = data;
	p->headroom = PACKET_HEADROOM;
	p->tailroom = (uint32_t)(size - EXECUTE_RESERVE - PACKET_HEADROOM) - p->len;
}

static bool move_to_arena(struct execute *x, struct packet *p)
{
	size_t size = ROUND_UP((size_t)EXECUTE_RESERVE + PACKET_HEADROOM + p->len, 64);

	if (size > sizeof x->scratch->arena - x->scratch->used)
		return false;
	move_to(p, x->scratch->arena + x->scratch->used, size);
	x->scratch->used += size;
	return true;
}

static void flush_pending(struct execute *x, struct run *run)
{
	if (x->ops->flush)
		x->ops->flush(x);
	run->is_pending = false;
}

static bool fits_a_copy(struct execute *x, const struct packet *p)
{
	if (p->len <= PACKET_MAX_LEN)
		return true;
	execute_drop(x, DROP_NO_MEMORY);
	return false;
}

/* Makes the bytes of run->p ours alone, so that they can be rewritten. Return: false when even the largest buffer is too small. */
static bool make_private(struct execute *x, struct run *run)
{
	if (!run->held && !run->is_pending)
		return true;
	if (!fits_a_copy(x, run->p))
		return false;
	if (!move_to_arena(x, run->p)) {
		flush_pending(x, run);
		if (run->held)
			move_to(run->p, x->scratch->by_depth[x->depth], COPY_SIZE_MAX);
	}
	run->held = run->is_pending = false;
	return true;
}

/* ---- the actions; each returns false when it ends the list ---- */

/* Sends the first bytes of a packet: it is not GSO any more, and has the checksum that the whole one would have had. */
static bool output_truncated(struct execute *x, struct run *run, uint32_t port_no)
{
	struct packet cut = *run->p;

	if (!fits_a_copy(x, &cut))
		return false;
	if (!move_to_arena(x, &cut)) {
		flush_pending(x, run);
		move_to(&cut, x->scratch->truncated, COPY_SIZE_MAX);
	}
	packet_complete_csum(&cut);
	cut.gso_type = PACKET_GSO_NONE;
	cut.len = run->max_len;
	x->ops->output(x, &cut, port_no);
	return true;
}

static bool output_to(struct execute *x, struct run *run, uint32_t port_no)
{
	uint32_t max_len = run->max_len;
	bool go_on = true;

	if (max_len && max_len < run->p->len) {
		go_on = output_truncated(x, run, port_no);
	} else {
		x->ops->output(x, run->p, port_no);
		run->is_pending |= x->ops->output_refers;
	}
	run->max_len = 0;
	return go_on;
}

static bool do_output(struct execute *x, struct run *run, const struct dp_action *a)
{
	return output_to(x, run, a->arg);
}

static bool do_lb_output(struct execute *x, struct run *run, const struct dp_action *a)
{
	uint32_t port_no = x->bonds ? bonds_choose(x->bonds, a->arg, x->key, run->p->len) : DP_BOND_NO_PORT;

	if (port_no != DP_BOND_NO_PORT)
		return output_to(x, run, port_no);
	run->max_len = 0;
	execute_drop(x, DROP_BOND_NO_MEMBER);
	return true;
}

static bool do_push_vlan(struct execute *x, struct run *run, const struct dp_action *a)
{
	const struct dp_push_vlan *push = (const void *)a;

	if (!make_private(x, run))
		return false;
	if (!packet_push_vlan(run->p, push->tag.tpid, push->tag.tci))
		return true;
	execute_drop(x, DROP_ACTION_LIMIT); /* more tags than the headroom takes */
	return false;
}

static bool do_pop_vlan(struct execute *x, struct run *run, const struct dp_action *a)
{
	(void)a;
	if (!make_private(x, run))
		return false;
	packet_pop_vlan(run->p); /* -ENOENT: a flow that does not fit the packet, which then stays as it is */
	return true;
}

#define DO_SET(NAME) \
	static bool do_set_##NAME(struct execute *x, struct run *run, const struct dp_action *a) \
	{ \
		if (!make_private(x, run)) \
			return false; \
		packet_set_##NAME(run->p, (const void *)a); \
		return true; \
	}

DO_SET(eth)
DO_SET(ipv4)
DO_SET(ipv6)
DO_SET(tp)
DO_SET(icmp)
DO_SET(arp)
DO_SET(nd)
DO_SET(mpls)

static bool do_set_mark(struct execute *x, struct run *run, const struct dp_action *a)
{
	(void)x;
	run->p->pkt_mark = a->arg;
	return true;
}

static bool do_set_priority(struct execute *x, struct run *run, const struct dp_action *a)
{
	(void)x;
	run->p->skb_priority = a->arg;
	return true;
}

static bool do_set_tunnel(struct execute *x, struct run *run, const struct dp_action *a)
{
	(void)x;
	memcpy(&run->p->tunnel, a + 1, sizeof run->p->tunnel);
	return true;
}

static bool do_hash(struct execute *x, struct run *run, const struct dp_action *a)
{
	struct pkt_key key;

	(void)x;
	packet_parse(run->p, &key);
	key.in_port = key.recirc_id = 0; /* one connection, one hash, wherever it comes from */
	run->p->dp_hash = hash_u64(cache_hash(&key), a->arg);
	return true;
}

static bool do_trunc(struct execute *x, struct run *run, const struct dp_action *a)
{
	(void)x;
	run->max_len = a->arg;
	return true;
}

static bool do_meter(struct execute *x, struct run *run, const struct dp_action *a)
{
	enum drop_reason reason = x->meters ? meters_charge(x->meters, a->arg, run->p) : DROP_NONE;

	if (reason)
		execute_drop(x, reason);
	return !reason;
}

/* Runs a nested list on a copy of the struct; the bytes are shared unless nothing comes behind. */
static void run_nested(struct execute *x, struct run *run, bool is_last, const void *actions, size_t len)
{
	struct packet copy = *run->p;

	execute_actions(x, &copy, !is_last || run->held || run->is_pending, actions, len);
	run->is_pending |= x->ops->output_refers;
}

static uint32_t next_random(struct execute *x)
{
	x->random ^= x->random << 13;
	x->random ^= x->random >> 17;
	x->random ^= x->random << 5;
	return x->random;
}

static bool do_recirc(struct execute *x, struct run *run, const struct dp_action *a, bool is_last)
{
	struct packet copy = *run->p;

	if (x->n_recirc >= EXECUTE_MAX_RECIRC) {
		execute_drop(x, DROP_LOOP_LIMIT);
		return false;
	}
	x->n_recirc++;
	copy.recirc_id = a->arg;
	x->ops->recirc(x, &copy, !is_last || run->held || run->is_pending);
	x->n_recirc--;
	run->is_pending |= x->ops->output_refers;
	return true;
}

/* Those whose handling needs to know whether more follows, or what their nested list is. */
static bool do_nesting(struct execute *x, struct run *run, const struct dp_action *a, bool is_last)
{
	const struct dp_sample *sample = (const void *)a;
	const struct dp_userspace *up = (const void *)a;

	switch ((enum dp_action_type)a->type) {
	case DP_CLONE:
		run_nested(x, run, is_last, a + 1, a->len - sizeof *a);
		return true;
	case DP_SAMPLE:
		if (next_random(x) <= a->arg && a->arg)
			run_nested(x, run, is_last, sample + 1, a->len - sizeof *sample);
		return true;
	case DP_RECIRC:
		return do_recirc(x, run, a, is_last);
	case DP_USERSPACE:
		x->ops->userspace(x, run->p, a->arg, up->cookie);
		return true;
	case DP_DROP:
		execute_drop(x, a->arg < DROP_N_REASONS ? a->arg : DROP_INTERNAL);
		return false;
	default:
		execute_drop(x, DROP_INTERNAL); /* execute_supports() refuses it */
		return false;
	}
}

static bool (*const do_action[DP_N_TYPES])(struct execute *, struct run *, const struct dp_action *) = {
	[DP_OUTPUT] = do_output,
	[DP_PUSH_VLAN] = do_push_vlan,
	[DP_POP_VLAN] = do_pop_vlan,
	[DP_SET_ETH] = do_set_eth,
	[DP_SET_IPV4] = do_set_ipv4,
	[DP_SET_IPV6] = do_set_ipv6,
	[DP_SET_TP] = do_set_tp,
	[DP_SET_ICMP] = do_set_icmp,
	[DP_SET_ARP] = do_set_arp,
	[DP_SET_ND] = do_set_nd,
	[DP_SET_MPLS] = do_set_mpls,
	[DP_SET_MARK] = do_set_mark,
	[DP_SET_PRIORITY] = do_set_priority,
	[DP_SET_TUNNEL] = do_set_tunnel,
	[DP_HASH] = do_hash,
	[DP_TRUNC] = do_trunc,
	[DP_METER] = do_meter,
	[DP_LB_OUTPUT] = do_lb_output,
};

void execute_actions(struct execute *x, struct packet *p, bool held, const void *actions, size_t len)
{
	struct run run = {.p = p, .held = held};
	const struct dp_action *a;
	size_t left;

	if (!len)
		execute_drop(x, DROP_RULE_DROP);
	if (x->depth >= EXECUTE_MAX_DEPTH) {
		execute_drop(x, DROP_LOOP_LIMIT);
		return;
	}
	x->depth++;
	DP_ACTION_FOR_EACH(a, left, actions, len) {
		bool go_on = a->type < DP_N_TYPES && do_action[a->type] ? do_action[a->type](x, &run, a)
									: do_nesting(x, &run, a, left == a->len);

		if (!go_on)
			break;
	}
	x->depth--;
}

/* ---- what is supported ---- */

static int supports(const void *actions, size_t len, unsigned int depth)
{
	const struct dp_action *a;
	size_t left;

	DP_ACTION_FOR_EACH(a, left, actions, len) {
		size_t header = a->type == DP_SAMPLE ? sizeof(struct dp_sample) : sizeof *a;
		int error = 0;

		if (a->type == DP_CLONE || a->type == DP_SAMPLE)
			error = depth < EXECUTE_MAX_DEPTH
					? supports((const char *)a + header, a->len - header, depth + 1)
					: -EOPNOTSUPP;
		if (error)
			return error;
	}
	return 0;
}

int execute_supports(const void *actions, size_t len)
{
	return dp_actions_valid(actions, len) ? supports(actions, len, 0) : -EINVAL;
}
