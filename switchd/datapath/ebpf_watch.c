// SPDX-License-Identifier: Apache-2.0
/*
 * Captured packets out of the kernel: a perf ring per CPU, there while a port is watched.
 *
 * Nobody is woken for a packet; who captures comes by and reads what is there. A packet that came in waits here for its fate, which is
 * the next record but those of its own copies on the same CPU.
 */
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/util.h"
#include "os/pcap_filter.h"
#include "switchd/datapath/watch.h"

LOG_MODULE(ebpf_watch);

_Static_assert(WATCH_WINDOW_NS == 1ull << BPF_WATCH_WINDOW, "one window for all");
_Static_assert(WATCH_MAX_LEN == BPF_WATCH_MAX, "one limit for all");
_Static_assert(WATCH_IN == (int)BPF_WATCH_IN && WATCH_OUT == (int)BPF_WATCH_OUT && WATCH_DROPS == (int)BPF_WATCH_DROPS,
	       "handed through");
_Static_assert(WATCH_FILTER(0) == BPF_WATCH_FILTER(0) && WATCH_N_FILTERS == BPF_N_FILTERS, "and these");
_Static_assert(sizeof(struct pcap_filter_insn) == sizeof(struct bpf_filter_insn) &&
		       offsetof(struct pcap_filter_insn, k) == offsetof(struct bpf_filter_insn, k),
	       "libpcap's instructions are the program's");

enum {
	TAG_LEN = 4,
	ADDRESSES_LEN = 12,
	MANY_CPUS = 8,
	PAGES_FEW_CPUS = 512, /* of each CPU's ring */
	PAGES_MANY_CPUS = 64,
};

/** What one CPU's ring has brought and who reads it now. */
struct ebpf_watch {
	struct perf_buffer *rings;
	const struct datapath *dp;
	uint64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	size_t n_cpus;
	struct slot {
		bool is_held;	 /* a packet whose fate is not known yet */
		struct sight *s; /* with room for the longest */
	} * slots;		 /* by CPU; one more is for the packet at hand */
	uint64_t n_lost;
	uint64_t filters[BPF_N_FILTERS]; /* which ones the kernel has, by watch_filter()'s serial */
	void (*fn)(void *aux, const struct sight *sight);
	void *aux;
};

struct raw_sample {
	struct perf_event_header header;
	uint32_t size;
	uint8_t data[];
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id, lost;
};

/* ---- records ---- */

/* As on the wire: with the tag that the kernel keeps beside the packet. */
static void fill(const struct ebpf_watch *w, struct sight *s, const struct bpf_sight *b, const uint8_t *bytes, size_t n)
{
	const uint8_t tag[TAG_LEN] = {(uint8_t)(b->vlan_proto >> 8), (uint8_t)b->vlan_proto,
				      (uint8_t)(b->vlan_tci >> 8), (uint8_t)b->vlan_tci};
	size_t tag_len = b->vlan_proto && n >= ADDRESSES_LEN ? TAG_LEN : 0, head = tag_len ? ADDRESSES_LEN : 0;

	s->dp = w->dp;
	s->ts_ns = b->ns + w->wall_offset_ns;
	s->flow_id = b->reason == DROP_MALFORMED_ETH ? 0 : b->flow_id;
	s->port = b->port;
	s->in_port = b->in_port;
	s->len = b->len + (uint32_t)tag_len;
	s->n_bytes = (uint32_t)(n + tag_len);
	s->gso_size = b->gso_size;
	s->reason = b->reason;
	s->is_out = b->kind == BPF_SIGHT_OUT;
	memcpy(s->bytes, bytes, head);
	memcpy(s->bytes + head, tag, tag_len);
	memcpy(s->bytes + head + tag_len, bytes + head, n - head);
}

static void take_sample(struct ebpf_watch *w, size_t cpu, const struct bpf_sight *b, const uint8_t *bytes, size_t n)
{
	struct slot *slot = &w->slots[cpu];
	struct sight *s = w->slots[w->n_cpus].s;

	switch (b->kind) {
	case BPF_SIGHT_IN:
		fill(w, slot->s, b, bytes, n);
		slot->is_held = true;
		break;
	case BPF_SIGHT_FATE:
		/* Its bytes may be among the records that were lost. */
		if (slot->is_held && slot->s->port == b->port) {
			slot->s->reason = b->reason;
			w->fn(w->aux, slot->s);
		}
		slot->is_held = false;
		break;
	default:
		fill(w, s, b, bytes, n);
		w->fn(w->aux, s);
		break;
	}
}

static enum bpf_perf_event_ret take_record(void *w_, int cpu, struct perf_event_header *header)
{
	struct ebpf_watch *w = w_;
	const struct raw_sample *raw = (const void *)header;
	struct bpf_sight b;
	size_t n;

	if (header->type == PERF_RECORD_LOST)
		w->n_lost += ((const struct lost_record *)(const void *)header)->lost;
	if (header->type != PERF_RECORD_SAMPLE || cpu < 0 || (size_t)cpu >= w->n_cpus || raw->size < sizeof b)
		return LIBBPF_PERF_EVENT_CONT;
	memcpy(&b, raw->data, sizeof b);
	/* The kernel rounds up what it writes. */
	n = MIN((size_t)raw->size - sizeof b, (size_t)MIN(b.len, (uint32_t)BPF_WATCH_MAX));
	take_sample(w, (size_t)cpu, &b, raw->data + sizeof b, n);
	return LIBBPF_PERF_EVENT_CONT;
}

/* ---- opening and closing ---- */

static void watch_free(struct ebpf_watch *w)
{
	for (size_t i = 0; i <= w->n_cpus; i++)
		free(w->slots[i].s);
	free(w->slots);
	free(w);
}

static int open_rings(struct ebpf_dp *dp)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = UINT32_MAX,
	};
	int n_cpus = libbpf_num_possible_cpus();
	struct ebpf_watch *w;

	if (n_cpus <= 0)
		return -EINVAL;
	w = xzalloc(sizeof *w);
	w->n_cpus = (size_t)n_cpus;
	w->dp = &dp->user.base.dp;
	w->slots = xcalloc(w->n_cpus + 1, sizeof *w->slots);
	for (size_t i = 0; i <= w->n_cpus; i++)
		w->slots[i].s = xzalloc(sizeof(struct sight) + WATCH_MAX_LEN + TAG_LEN);
	w->rings = perf_buffer__new_raw(dp->kernel.sights_fd, n_cpus > MANY_CPUS ? PAGES_MANY_CPUS : PAGES_FEW_CPUS,
					&attr, take_record, w, NULL);
	if (!w->rings) {
		int error = -errno;

		watch_free(w);
		return error;
	}
	dp->watch = w;
	return 0;
}

static void close_rings(struct ebpf_dp *dp)
{
	struct ebpf_watch *w = dp->watch;

	if (!w)
		return;
	dp->watch = NULL;
	perf_buffer__free(w->rings);
	watch_free(w);
}

/* A predecessor that was killed while it captured left ports that are watched. */
void ebpf_watch_init(struct ebpf_dp *dp)
{
	pthread_mutex_init(&dp->watch_lock, NULL);
	for (uint32_t i = 0; i < BPF_N_PORTS; i++)
		if (dp->kernel.ports[i].watch)
			dp->kernel.ports[i].watch = 0;
}

void ebpf_watch_fini(struct ebpf_dp *dp)
{
	close_rings(dp);
	pthread_mutex_destroy(&dp->watch_lock);
}

/* Those of a port that is to be watched, where they are not there yet. No port of the kernel's has the bit of a slot that changes. */
static void put_filters(struct ebpf_dp *dp, unsigned int what)
{
	for (unsigned int slot = 0; slot < BPF_N_FILTERS; slot++) {
		struct bpf_filter *f = &dp->kernel.filters[slot];
		const struct pcap_filter *filter;
		uint64_t serial;

		filter = what & WATCH_FILTER(slot) ? watch_filter(slot, &serial) : NULL;
		if (!filter || dp->watch->filters[slot] == serial)
			continue;
		dp->watch->filters[slot] = serial;
		f->n = filter->n <= BPF_FILTER_MAX ? (uint32_t)filter->n : 0;
		memcpy(f->insns, filter->insns, f->n * sizeof f->insns[0]);
	}
}

int ebpf_port_watch(struct datapath *datapath, uint32_t port_no, unsigned int what)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	int error = user_port_watch(datapath, port_no, what);

	if (error || port_no >= BPF_N_PORTS)
		return error;
	pthread_mutex_lock(&dp->watch_lock);
	if (what && !dp->watch) {
		error = open_rings(dp);
		if (error)
			log_warn("packets that the kernel forwards cannot be captured: %s", strerror(-error));
	}
	if (dp->watch)
		put_filters(dp, what);
	__atomic_store_n(&dp->kernel.ports[port_no].watch, dp->watch ? what : 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&dp->watch_lock);
	return 0;
}

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void ebpf_watch_poll(struct datapath *datapath, void (*fn)(void *aux, const struct sight *sight), void *aux,
		     struct watch_counts *counts)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct bpf_control *control = dp->kernel.control;
	struct bpf_cpu_stats stats;

	if (!fn) {
		pthread_mutex_lock(&dp->watch_lock);
		close_rings(dp);
		pthread_mutex_unlock(&dp->watch_lock);
		return;
	}
	control->watch_len = watch_len();
	control->watch_budget = watch_budget();
	control->watch_ns = watch_ns();
	pthread_mutex_lock(&dp->watch_lock);
	if (dp->watch) {
		dp->watch->fn = fn;
		dp->watch->aux = aux;
		dp->watch->wall_offset_ns = ns_of(CLOCK_REALTIME) - ns_of(CLOCK_MONOTONIC);
		perf_buffer__consume(dp->watch->rings);
		counts->n_lost += dp->watch->n_lost;
	}
	pthread_mutex_unlock(&dp->watch_lock);
	ebpf_kernel_stats(&dp->kernel, &stats);
	counts->n_unwatched += stats.n_unwatched;
	counts->n_unmatched += stats.n_unmatched;
	counts->ns += stats.watch_ns;
}
