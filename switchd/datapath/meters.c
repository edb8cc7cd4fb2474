// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/meters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/util.h"
#include "packet/packet.h"

enum {
	NS_PER_S = 1000000000,
	MULT_BITS = 40, /* times 2^23, more bytes than any GSO packet has on the wire, still fits 64 bits */
	TCP_DATA_OFS = 12,
	UDP_HDR_LEN = 8,
	PROTO_TCP = 6,
};

_Static_assert(DP_METER_BANDS == DP_MAX_BANDS, "the same in other words");

/* More than four years would wrap; more than half of that nobody means. */
#define MAX_DEPTH (1ull << 61)

uint64_t meters_monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void meters_new(struct meters *m, uint32_t n, uint64_t (*now_ns)(void))
{
	void *memory = mmap(NULL, (size_t)n * sizeof *m->slots, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	*m = (struct meters){.slots = memory, .n = n, .now_ns = now_ns};
}

void meters_free(struct meters *m)
{
	if (m->slots && !m->is_borrowed)
		munmap(m->slots, (size_t)m->n * sizeof *m->slots);
	*m = (struct meters){0};
}

/* ---- setting ---- */

static void bucket_init(struct dp_meter_bucket *b, const struct dp_meter_band *band, uint8_t index, uint64_t now)
{
	/* A byte is 8 of what the rate counts, a packet is one. */
	unsigned __int128 second = (unsigned __int128)NS_PER_S << DP_METER_UNIT_SHIFT;
	unsigned __int128 one = band->packets ? second : second * 8;
	unsigned __int128 depth = band->burst * second / band->rate;
	uint32_t shift = 0;

	while (shift < 48 && (one << (shift + 1)) / band->rate < 1ull << MULT_BITS)
		shift++;
	*b = (struct dp_meter_bucket){
		.mult = (uint64_t)((one << shift) / band->rate),
		.depth = depth < MAX_DEPTH ? (uint64_t)depth : MAX_DEPTH,
		.shift = shift,
		.packets = band->packets,
		.index = index,
	};
	b->tat = now - b->depth;
}

static int by_rate(const void *a_, const void *b_)
{
	const struct dp_meter_band *const *a = a_, *const *b = b_;

	/* Of equal rates the one that was given first counts, and so comes last. */
	if ((*a)->rate != (*b)->rate)
		return (*a)->rate < (*b)->rate ? -1 : 1;
	return *a < *b ? 1 : -1;
}

/* Does the slot run by this configuration already? */
static bool is_same(const struct dp_meter_slot *a, const struct dp_meter_slot *b)
{
	if (a->n_bands != b->n_bands || a->reason != b->reason)
		return false;
	for (uint32_t i = 0; i < a->n_bands; i++) {
		const struct dp_meter_bucket *x = &a->bands[i], *y = &b->bands[i];

		if (x->mult != y->mult || x->depth != y->depth || x->shift != y->shift || x->packets != y->packets ||
		    x->index != y->index)
			return false;
	}
	return true;
}

int meters_set(struct meters *m, uint32_t id, const struct dp_meter *meter)
{
	const struct dp_meter_band *sorted[DP_METER_BANDS];
	uint64_t now = m->now_ns() << DP_METER_UNIT_SHIFT;
	struct dp_meter_slot new = {.reason = meter->reason ? meter->reason : DROP_METER};

	if (id >= m->n)
		return -ENOSPC;
	if (!meter->n_bands || meter->n_bands > DP_METER_BANDS)
		return -EINVAL;
	for (unsigned int i = 0; i < meter->n_bands; i++) {
		if (!meter->bands[i].rate)
			return -EINVAL;
		sorted[i] = &meter->bands[i];
	}
	qsort(sorted, meter->n_bands, sizeof(struct dp_meter_band *), by_rate);
	for (unsigned int i = 0; i < meter->n_bands; i++)
		bucket_init(&new.bands[i], sorted[i], (uint8_t)(sorted[i] - meter->bands), now);
	new.n_bands = meter->n_bands;
	if (is_same(&m->slots[id], &new))
		return 0;
	__atomic_store_n(&m->slots[id].n_bands, 0, __ATOMIC_SEQ_CST);
	new.n_bands = 0;
	m->slots[id] = new;
	__atomic_store_n(&m->slots[id].n_bands, meter->n_bands, __ATOMIC_RELEASE);
	return 0;
}

int meters_del(struct meters *m, uint32_t id)
{
	if (id >= m->n || !m->slots[id].n_bands)
		return -ENOENT;
	__atomic_store_n(&m->slots[id].n_bands, 0, __ATOMIC_RELEASE);
	return 0;
}

static uint64_t relaxed(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

int meters_stats(const struct meters *m, uint32_t id, struct dp_meter_stats *stats)
{
	const struct dp_meter_slot *slot = id < m->n ? &m->slots[id] : NULL;

	*stats = (struct dp_meter_stats){0};
	if (!slot || !slot->n_bands)
		return -ENOENT;
	stats->n_packets = relaxed(&slot->n_packets);
	stats->n_bytes = relaxed(&slot->n_bytes);
	for (uint32_t i = 0; i < slot->n_bands; i++) {
		const struct dp_meter_bucket *b = &slot->bands[i];

		stats->bands[b->index % DP_METER_BANDS].n_packets = relaxed(&b->n_packets);
		stats->bands[b->index % DP_METER_BANDS].n_bytes = relaxed(&b->n_bytes);
	}
	return 0;
}

/* ---- charging ---- */

/* Bytes of headers that each segment repeats. */
static uint32_t headers_of(const struct packet *p)
{
	if (p->l4_ofs == PACKET_OFS_NONE)
		return p->hdr_len <= p->len ? p->hdr_len : 0;
	if (p->l4_proto == PROTO_TCP)
		return p->l4_ofs + (uint32_t)(p->data[p->l4_ofs + TCP_DATA_OFS] >> 4) * 4;
	return p->l4_ofs + UDP_HDR_LEN;
}

struct dp_meter_load meters_load_of(const struct packet *p)
{
	return packet_is_gso(p) ? dp_meter_wire(p->len, headers_of(p), p->gso_size) : dp_meter_wire(p->len, 0, 0);
}

enum drop_reason meters_charge(const struct meters *m, uint32_t id, const struct packet *p)
{
	struct dp_meter_load load;

	if (id >= m->n || !m->slots[id].n_bands)
		return DROP_NONE;
	load = meters_load_of(p);
	return dp_meter_charge(&m->slots[id], m->now_ns(), &load) ? m->slots[id].reason : DROP_NONE;
}
