// SPDX-License-Identifier: Apache-2.0
/*
 * A daemon and what its predecessor left in the kernel.
 *
 * Whatever ended the predecessor, its programs go on: packets of known flows pass, the others are dropped, as nobody listens. The
 * successor loads its own program over the same maps and then
 *
 *   1. makes sure that nothing is under way: no TAP is named in `control`, and programs that saw the old one have ended. What was on
 *      its way through the old daemon died with it, so counters of that are settled and every gate may open;
 *   2. reads the flows back from the hash maps, which are what the program goes by. An entry that leads to a slot that does not
 *      match it is removed, a slot that no entry leads to is free: a predecessor may have been killed between any two of its steps;
 *   3. names a new TAP. Packets wait in it;
 *   4. gives ports of the configuration the numbers that their devices have here. The program on a device is replaced in one step;
 *   5. has the flows translated (switchd/adopt.c). Those whose answer is the same go on untouched, others are replaced, with open gates;
 *   6. lets go of what nobody has claimed, and reads the TAP.
 *
 * Nothing that is found here is trusted: indices are checked once, in is_sound_flow() and is_sound_port().
 */
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/util.h"
#include "switchd/datapath/sweep.h"

LOG_MODULE(ebpf_adopt);

enum { BATCH = 1024 }; /* hash entries read at a time */

/* ---- ports ---- */

static bool is_sound_port(const struct ebpf_dp *dp, uint32_t number)
{
	uint32_t ifindex = dp->kernel.ports[number].ifindex;

	return ifindex && ebpf_adopt_number(dp, ifindex) == number;
}

/* What went up and was not read went with the TAP, and the daemon. What was read counts as forwarded. */
static void settle_ports(struct ebpf_dp *dp)
{
	for (uint32_t i = 0; i < BPF_N_PORTS; i++) {
		struct bpf_port *port = &dp->kernel.ports[i];

		if (port->upcalls > port->upcalls_done)
			port->drops[DROP_NO_DAEMON] += port->upcalls - port->upcalls_done;
		port->upcalls = port->upcalls_done = port->withdrawn = 0;
		if (port->ifindex && !is_sound_port(dp, i))
			port->ifindex = 0;
	}
	for (uint32_t i = 0; i < BPF_N_DEVS; i++) {
		struct bpf_dev *dev = &dp->kernel.devs[i];

		if (dev->ifindex && (dev->port >= BPF_N_PORTS || dp->kernel.ports[dev->port].ifindex != dev->ifindex))
			dev->ifindex = 0;
	}
	for (unsigned int i = 0; i < BPF_UPCALL_QUEUES; i++)
		dp->kernel.control->queues[i].done = dp->kernel.control->queues[i].sent;
}

uint32_t ebpf_adopt_number(const struct ebpf_dp *dp, uint32_t ifindex)
{
	for (uint32_t i = 0; i < BPF_DEV_PROBES; i++) {
		const struct bpf_dev *dev = &dp->kernel.devs[(ifindex + i) & (BPF_N_DEVS - 1)];

		if (dev->ifindex == ifindex)
			return dev->port < BPF_N_PORTS && dp->kernel.ports[dev->port].ifindex == ifindex ? dev->port
													 : DP_PORT_NONE;
	}
	return DP_PORT_NONE;
}

/* ---- flows ---- */

static bool is_sound_mask(const struct bpf_mask *mask)
{
	const size_t n_small = PKT_KEY_COMPACT / 8;

	if (mask->n_words != n_small && mask->n_words != PKT_KEY_WORDS)
		return false;
	for (size_t i = mask->n_words; i < PKT_KEY_WORDS; i++)
		if (mask->words[i])
			return false;
	return true;
}

static bool is_sound_op(const struct bpf_op *op)
{
	return op->code <= BPF_OP_DROP && op->base <= BPF_BASE_ICMP &&
	       (op->code != BPF_OP_REWRITE || op->len == 2 || op->len == 4);
}

/* Are there operations where @act says? That lists do not overlap is ebpf_lists_resume()'s to see. */
static bool is_sound_act(const struct ebpf_dp *dp, uint64_t act)
{
	uint32_t n = BPF_ACT_N(act), first = BPF_ACT_REST(act);

	if (n == BPF_ACT_DAEMON)
		return true;
	if (!n)
		return first <= BPF_N_PORTS;
	if (n > BPF_N_OPS || first > dp->kernel.n_ops - n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!is_sound_op(&dp->kernel.ops[first + i]))
			return false;
	return true;
}

static void key_of(const struct ebpf_dp *dp, uint32_t slot, uint64_t key[PKT_KEY_WORDS])
{
	memcpy(key, dp->kernel.flows[slot].key, PKT_KEY_COMPACT);
	memcpy(key + PKT_KEY_COMPACT / 8, dp->kernel.tails[slot].key, sizeof(struct bpf_tail));
}

/* Is what lies in @slot the flow that the hash entry of @entry stands for? */
static bool is_sound_flow(const struct ebpf_dp *dp, uint32_t slot, const struct bpf_large_key *entry, size_t n_words)
{
	const struct bpf_flow *f = &dp->kernel.flows[slot];
	const struct bpf_mask *mask = &dp->kernel.masks[f->mask < BPF_N_MASKS ? f->mask : 0];
	uint64_t key[PKT_KEY_WORDS];

	if (!f->id || f->mask >= BPF_N_MASKS || f->mask != entry->mask || !is_sound_mask(mask) ||
	    mask->n_words != n_words || f->n_words != n_words || !is_sound_act(dp, f->act))
		return false;
	key_of(dp, slot, key);
	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		if (key[i] & ~mask->words[i] || key[i] != entry->words[i])
			return false;
	return true;
}

/** The way through a hash map. */
struct scan {
	struct ebpf_dp *dp;
	int fd;
	size_t key_size, n_words;
	bool *seen; /* by slot */
	size_t n_broken;
};

static void take_entry(struct scan *scan, const void *key, uint32_t slot)
{
	struct bpf_large_key whole = {0};

	memcpy(&whole, key, scan->key_size);
	if (slot < scan->dp->kernel.n_slots && !scan->seen[slot] &&
	    is_sound_flow(scan->dp, slot, &whole, scan->n_words)) {
		scan->seen[slot] = true;
		scan->dp->orphans[scan->dp->n_orphans++].slot = slot;
		return;
	}
	scan->n_broken++;
	bpf_map_delete_elem(scan->fd, key);
}

/* One by one, where the kernel has no batches: each key leads to the next. */
static size_t read_singly(struct scan *scan, uint8_t *keys, uint32_t *slots)
{
	uint8_t at[sizeof(struct bpf_large_key)];
	bool first = true;
	size_t n = 0;

	while (n < scan->dp->kernel.n_slots &&
	       !bpf_map_get_next_key(scan->fd, first ? NULL : at, keys + n * scan->key_size)) {
		memcpy(at, keys + n * scan->key_size, scan->key_size);
		first = false;
		if (!bpf_map_lookup_elem(scan->fd, at, &slots[n]))
			n++;
	}
	return n;
}

/* All entries first: deleting while walking would lose the way. */
static void scan_map(struct scan *scan)
{
	uint8_t *keys = xcalloc(scan->dp->kernel.n_slots, scan->key_size);
	uint32_t *slots = xcalloc(scan->dp->kernel.n_slots, sizeof *slots), cursor[2] = {0};
	size_t n = 0;
	int error = 0;

	while (!error && n + BATCH <= scan->dp->kernel.n_slots) {
		uint32_t count = BATCH;

		error = bpf_map_lookup_batch(scan->fd, n ? cursor : NULL, cursor, keys + n * scan->key_size, slots + n,
					     &count, NULL);
		if (!error || errno == ENOENT)
			n += count;
	}
	if (error && errno != ENOENT)
		n = read_singly(scan, keys, slots);
	for (size_t i = 0; i < n; i++)
		take_entry(scan, keys + i * scan->key_size, slots[i]);
	free(keys);
	free(slots);
}

static int by_last_use(const void *a, const void *b, void *flows_)
{
	const struct bpf_flow *flows = flows_;
	uint64_t x = flows[((const struct ebpf_orphan *)a)->slot].used_ns,
		 y = flows[((const struct ebpf_orphan *)b)->slot].used_ns;

	return x < y ? -1 : x > y;
}

/* Return: number of hash entries that led nowhere. */
static size_t find_flows(struct ebpf_dp *dp)
{
	struct scan scan = {.dp = dp, .seen = xcalloc(dp->kernel.n_slots, sizeof(bool))};

	dp->orphans = xcalloc(dp->kernel.n_slots, sizeof *dp->orphans);
	scan.fd = dp->kernel.small_fd;
	scan.key_size = sizeof(struct bpf_small_key);
	scan.n_words = PKT_KEY_COMPACT / 8;
	scan_map(&scan);
	scan.fd = dp->kernel.large_fd;
	scan.key_size = sizeof(struct bpf_large_key);
	scan.n_words = PKT_KEY_WORDS;
	scan_map(&scan);
	for (uint32_t i = 0; i < dp->kernel.n_slots; i++) {
		if (scan.seen[i])
			__atomic_fetch_or(&dp->kernel.flows[i].gate, BPF_GATE_OPEN, __ATOMIC_SEQ_CST);
		else if (dp->kernel.flows[i].id)
			dp->kernel.flows[i].id = 0;
	}
	free(scan.seen);
	qsort_r(dp->orphans, dp->n_orphans, sizeof *dp->orphans, by_last_use, dp->kernel.flows);
	return scan.n_broken;
}

/* ---- the whole ---- */

void ebpf_adopt_begin(struct ebpf_dp *dp)
{
	struct bpf_control *control = dp->kernel.control;
	size_t n_broken;

	if (!dp->kernel.is_adopted) {
		control->owner = dp->kernel.pins.owner;
		__atomic_store_n(&control->ready, VSW_BPF_ABI, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&control->upcall_ifindex, 0, __ATOMIC_SEQ_CST);
	ebpf_grace();
	settle_ports(dp);
	n_broken = find_flows(dp);
	ebpf_flows_resume(dp);
	n_broken += ebpf_lists_resume(dp);
	log_info("%zu flows were left in the kernel by a predecessor", dp->n_orphans);
	if (n_broken)
		log_warn("%zu entries of the kernel's flow table led to no sound flow and are removed", n_broken);
}

bool ebpf_adopt_orphan(struct datapath *datapath, size_t i, struct dp_orphan *orphan)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	const struct bpf_book *book;
	uint32_t slot;

	if (i >= dp->n_orphans)
		return false;
	slot = dp->orphans[i].slot;
	book = &dp->kernel.books[slot];
	key_of(dp, slot, (uint64_t *)&orphan->key);
	memcpy(&orphan->mask, dp->kernel.masks[dp->kernel.flows[slot].mask].words, sizeof orphan->mask);
	ebpf_flows_slot_stats(dp, slot, &orphan->stats);
	orphan->credited = (struct dp_flow_stats){.n_packets = MIN(book->told_packets, orphan->stats.n_packets),
						  .n_bytes = MIN(book->told_bytes, orphan->stats.n_bytes)};
	return true;
}

int ebpf_adopt_flow(struct datapath *datapath, size_t i, const struct dp_flow_put *flow)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	uint32_t n = BPF_ACT_N(dp->kernel.flows[dp->orphans[i].slot].act);
	int error;

	if (n && n != BPF_ACT_DAEMON && !dp->orphans[i].list)
		return -EINVAL;
	pthread_mutex_lock(&dp->flows_lock);
	error = forward_flow_put(datapath, flow);
	if (!error)
		ebpf_flows_inherit(dp, &dp->orphans[i], flow);
	/* To a port whose packets the daemon sends: while it was away, the kernel did. */
	if (!error && ebpf_later_has_action(dp, flow->actions, flow->actions_len))
		ebpf_flows_put(dp, flow);
	pthread_mutex_unlock(&dp->flows_lock);
	return error;
}

static size_t disown_flows(struct ebpf_dp *dp)
{
	size_t n = 0;

	pthread_mutex_lock(&dp->flows_lock);
	for (size_t i = 0; i < dp->n_orphans; i++) {
		if (dp->orphans[i].slot == EBPF_NO_SLOT)
			continue;
		ebpf_flows_disown(dp, &dp->orphans[i]);
		n++;
	}
	pthread_mutex_unlock(&dp->flows_lock);
	return n;
}

static bool is_port(void *dp_, int ifindex)
{
	struct ebpf_dp *dp = dp_;
	uint32_t number = ebpf_adopt_number(dp, (uint32_t)ifindex);

	return number != DP_PORT_NONE && dp->user.ports[number];
}

static size_t disown_ports(struct ebpf_dp *dp)
{
	size_t n = 0;

	for (uint32_t i = 0; i < BPF_N_PORTS; i++) {
		if (!dp->kernel.ports[i].ifindex || dp->user.ports[i])
			continue;
		ebpf_port_leave_kernel(dp, i);
		n++;
	}
	return n;
}

/* Also those of another ABI, of which nothing else is known. */
static void disown_device(void *dp_, int ifindex)
{
	struct ebpf_dp *dp = dp_;

	if (is_port(dp, ifindex))
		return;
	ebpf_promisc_end(dp, ifindex);
	ebpf_pins_strike(&dp->kernel.pins, EBPF_DEVICES, ifindex);
}

void ebpf_adopt_end(struct ebpf_dp *dp)
{
	size_t n = dp->n_orphans, n_flows = disown_flows(dp), n_ports = disown_ports(dp);
	size_t n_others = ebpf_pins_flush_others(&dp->kernel.pins), n_links, n_filters;

	if (dp->kernel.is_adopted)
		log_info("%zu of those flows go on", n - n_flows);
	ebpf_pins_each(&dp->kernel.pins, EBPF_DEVICES, disown_device, dp);
	ebpf_pins_sweep();
	/* Programs of before that no port of ours has replaced. */
	n_links = ebpf_pins_flush_links(&dp->kernel.pins, is_port, dp);
	n_filters = n_ports || n_others || dp->kernel.is_anew ? sweep_devices(dp->kernel.pins.owner, is_port, dp) : 0;
	if (n_others)
		log_info("what a vsw-switchd of another BPF ABI left in the kernel has been replaced; its flows are "
			 "made anew");
	if (n_links + n_filters)
		log_info("%zu devices that were ports are none any more", n_links + n_filters);
	ebpf_adopt_fini(dp);
}

void ebpf_adopt_fini(struct ebpf_dp *dp)
{
	free(dp->orphans);
	dp->orphans = NULL;
	dp->n_orphans = 0;
}
