// SPDX-License-Identifier: Apache-2.0
/*
 * What forwarding costs without devices: nanoseconds per packet through the engine that `user` and `dummy` share, on 1, 1,000 and
 * 100,000 flows under 1, 8 and 64 masks, for packets that come in random order; and the parts of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <urcu.h>

#include "base/util.h"
#include "switchd/datapath/forward.h"

enum { N_PACKETS = 1 << 16, FRAME_LEN = 60, REPEATS = 5 };

static struct forward_shared shared;
static struct forward_port port;
static struct forwarder *f;
static uint8_t (*frames)[EXECUTE_RESERVE + PACKET_HEADROOM + FRAME_LEN + 4];
static uint64_t n_sent, n_upcalls;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void output(struct execute *x, const struct packet *p, uint32_t port_no)
{
	(void)p;
	(void)port_no;
	n_sent++;
	x->verdict->forwarded = true;
}

static const struct execute_ops ops = {false, output, NULL, forward_recirc, forward_userspace};

static void upcall(void *aux, const struct dp_upcall *up, struct dp_upcall_reply *reply)
{
	(void)aux;
	(void)up;
	(void)reply;
	n_upcalls++;
}

/* Packet of flow @n: UDP from 10.x.x.x; which mask covers it depends on its port's number, here on its EtherType's neighbour, nw_tos. */
static struct pkt_key key_of(uint32_t n, unsigned int n_masks)
{
	struct pkt_key key = {
		.in_port = 1,
		.eth_dst = {2, 0, 0, 0, 0, 2},
		.eth_src = {2, 0, 0, 0, 0, 1},
		.eth_type = BE16_C(0x0800),
		.nw_dst = BE32_C(0x0b000001),
		.nw_proto = 17,
		.nw_ttl = 64,
		.tp_src = BE16_C(1000),
		.tp_dst = BE16_C(2000),
	};

	key.nw_tos = (uint8_t)(n % n_masks << 2);
	key.nw_src = cpu_to_be32(0x0a000000 + n);
	return key;
}

static struct pkt_key mask_of(uint32_t n, unsigned int n_masks)
{
	struct pkt_key mask = {.in_port = UINT32_MAX, .recirc_id = UINT32_MAX, .eth_type = UINT16_MAX};
	unsigned int m = n % n_masks;

	memset(mask.eth_dst, 0xff, 12);
	mask.nw_src = UINT32_MAX;
	mask.nw_tos = 0xfc;
	/* So that the masks differ: bits of fields that all packets have alike. */
	mask.nw_dst = cpu_to_be32(m & 7);
	mask.tp_dst = cpu_to_be16((uint16_t)(m >> 3));
	return mask;
}

static void put_flows(uint32_t n_flows, unsigned int n_masks)
{
	struct dp_action action = {DP_OUTPUT, sizeof action, 2};

	for (uint32_t i = 0; i < n_flows; i++) {
		struct pkt_key key = key_of(i, n_masks), mask = mask_of(i, n_masks);
		struct dp_flow_put put = {i + 1, &key, &mask, &action, sizeof action};

		for (size_t w = 0; w < PKT_KEY_WORDS; w++)
			((uint64_t *)(void *)&key)[w] &= ((uint64_t *)(void *)&mask)[w];
		if (cache_put(shared.cache, &put))
			abort();
	}
}

static void make_frames(uint32_t n_flows, unsigned int n_masks)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < N_PACKETS; i++) {
		struct packet p;
		struct pkt_key key;

		seed = seed * 1664525 + 1013904223;
		key = key_of((seed >> 4) % n_flows, n_masks);
		packet_init(&p, frames[i] + EXECUTE_RESERVE, sizeof frames[i] - EXECUTE_RESERVE, PACKET_HEADROOM, 0);
		if (packet_compose(&p, &key, FRAME_LEN - 42))
			abort();
	}
}

static void forward_all(void)
{
	for (size_t i = 0; i < N_PACKETS; i += FORWARD_BATCH) {
		for (size_t j = 0; j < FORWARD_BATCH; j++)
			packet_init(&f->packets[j], frames[i + j] + EXECUTE_RESERVE, sizeof frames[0] - EXECUTE_RESERVE,
				    PACKET_HEADROOM, FRAME_LEN);
		forward_batch(f, &port, FORWARD_BATCH);
	}
}

static void parse_all(void)
{
	for (size_t i = 0; i < N_PACKETS; i++) {
		struct packet p;

		packet_init(&p, frames[i] + EXECUTE_RESERVE, sizeof frames[0] - EXECUTE_RESERVE, PACKET_HEADROOM,
			    FRAME_LEN);
		packet_parse(&p, &f->keys[i % FORWARD_BATCH]);
	}
}

static uint32_t n_found;

static void look_up(struct cache_exact *exact)
{
	struct pkt_key keys[FORWARD_BATCH];

	memcpy(keys, f->keys, sizeof keys);
	for (size_t i = 0; i < FORWARD_BATCH; i++)
		keys[i].in_port = 1;
	rcu_read_lock();
	for (size_t i = 0; i < N_PACKETS; i++) {
		const struct pkt_key *key = &keys[i % FORWARD_BATCH];

		n_found += cache_lookup(shared.cache, exact, key, cache_hash(key)) != NULL;
	}
	rcu_read_unlock();
}

static void look_up_exact(void)
{
	look_up(&f->exact);
}

static void look_up_masks(void)
{
	look_up(NULL);
}

static void report(const char *what, void (*run)(void))
{
	double best = 1e18;

	run();
	for (int i = 0; i < REPEATS; i++) {
		double start = now_ns(), took;

		run();
		took = (now_ns() - start) / N_PACKETS;
		best = MIN(best, took);
	}
	printf("%s: %.1f ns\n", what, best);
}

static void measure(uint32_t n_flows, unsigned int n_masks)
{
	char what[80];

	shared = (struct forward_shared){.cache = cache_new(200000), .upcall = upcall, .queue_limit = 512};
	f = forwarder_new(&shared, &ops, sizeof *f);
	forward_port_init(&port, 1);
	put_flows(n_flows, n_masks);
	make_frames(n_flows, n_masks);
	snprintf(what, sizeof what, "packet, %u flows, %u masks", n_flows, n_masks);
	report(what, forward_all);
	if (n_flows == 1) {
		report("of which parsing", parse_all);
		report("of which hash and exact lookup", look_up_exact);
	}
	if (n_masks > 1) {
		parse_all();
		snprintf(what, sizeof what, "lookup without the exact cache, %u masks", n_masks);
		report(what, look_up_masks);
	}
	if (n_upcalls)
		printf("unexpected: %lu upcalls\n", (unsigned long)n_upcalls);
	if (n_flows >= 1000 && n_masks == 1)
		printf("flow table, %u flows: %.0f bytes per flow\n", n_flows,
		       (double)cache_bytes(shared.cache) / n_flows);
	forward_port_fini(&port);
	forwarder_free(f);
	cache_free(shared.cache);
}

int main(void)
{
	rcu_register_thread();
	frames = xcalloc(N_PACKETS, sizeof *frames);
	measure(1, 1);
	measure(1000, 1);
	measure(100000, 1);
	measure(1000, 8);
	measure(100000, 8);
	measure(1000, 64);
	rcu_unregister_thread();
	free(frames);
	return 0;
}
