// SPDX-License-Identifier: Apache-2.0
/* The dummy datapath, and through it the engine that `user` shares: misses, order, counters, recirculation, streams and their peers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <urcu.h>

#include "base/clock.h"
#include "base/util.h"
#include "os/loop.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/dummy.h"

static struct datapath *dp;
static const struct datapath_ops *const ops = &datapath_dummy;
static struct loop *loop;
static char rundir[64];
static uint32_t ports[3];

/* What the hand-made translation answers, and what it was asked. */
static void (*translate)(const struct dp_upcall *up, struct dp_actions *actions);
static unsigned int n_upcalls;
static uint64_t next_id;

static void upcall(void *aux, const struct dp_upcall *up, struct dp_upcall_reply *reply)
{
	(void)aux;
	n_upcalls++;
	translate(up, &reply->actions);
}

static void put(const struct pkt_key *key, const struct pkt_key *mask, const struct dp_actions *actions)
{
	struct pkt_key masked;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		((uint64_t *)(void *)&masked)[i] =
			((const uint64_t *)(const void *)key)[i] & ((const uint64_t *)(const void *)mask)[i];
	assert_int_equal(
		ops->flow_put(dp, &(struct dp_flow_put){++next_id, &masked, mask, actions->data, actions->len}), 0);
}

static const struct pkt_key port_mask = {.in_port = UINT32_MAX, .recirc_id = UINT32_MAX, .eth_type = UINT16_MAX};

/* 1 to 2 and 2 to 1, and a flow for it. */
static void forward(const struct dp_upcall *up, struct dp_actions *actions)
{
	dp_actions_put_u32(actions, DP_OUTPUT, up->key->in_port == ports[0] ? ports[1] : ports[0]);
	put(up->key, &port_mask, actions);
}

static void add_port(int i, const char *stream, const char *pstream)
{
	struct dp_port_spec spec = {"d", "dummy", 0, stream, pstream, DP_PORT_NONE, 0};
	struct errtext err = {0};

	if (ops->port_add(dp, &spec, &ports[i], &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct dp_config config = {.upcall = upcall, .rundir = rundir};
	struct errtext err;

	(void)state;
	n_upcalls = 0;
	next_id = 0;
	translate = forward;
	config.loop = loop = loop_new();
	if (ops->open(&config, &dp, &err))
		return -1;
	dummy_capture(dp, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ops->close(dp);
	loop_free(loop);
	return 0;
}

/* ---- frames ---- */

static uint8_t frame_memory[PACKET_HEADROOM + PACKET_MAX_LEN];

/* A UDP frame with the source port @n. */
static struct packet udp(uint16_t n, size_t payload)
{
	struct pkt_key key = {
		.eth_dst = {2, 0, 0, 0, 0, 2},
		.eth_src = {2, 0, 0, 0, 0, 1},
		.eth_type = BE16_C(0x0800),
		.nw_src = BE32_C(0x0a000001),
		.nw_dst = BE32_C(0x0a000002),
		.nw_proto = 17,
		.nw_ttl = 64,
		.tp_dst = BE16_C(5000),
	};
	struct packet p;

	key.tp_src = cpu_to_be16(n);
	packet_init(&p, frame_memory, sizeof frame_memory, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&p, &key, payload), 0);
	return p;
}

static void receive(int port, const struct packet *p)
{
	assert_int_equal(dummy_receive(dp, ports[port], p), 0);
}

static size_t take(int port, uint8_t *buf, size_t size)
{
	return dummy_take_tx(dp, ports[port], buf, size);
}

static struct dp_port_stats stats_of(int port)
{
	struct dp_port_stats s;
	uint64_t drops = 0;

	assert_int_equal(ops->port_stats(dp, ports[port], &s), 0);
	for (size_t i = 0; i < DROP_N_REASONS; i++)
		drops += s.drops[i];
	assert_int_equal(s.rx_packets + s.executed, s.forwarded + s.queued + drops);
	return s;
}

/* ---- the engine ---- */

static void miss_then_hits(void **state)
{
	struct dp_flow_stats stats;
	struct dp_stats all;
	uint8_t buf[2000];
	struct packet p;

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	for (uint16_t i = 0; i < 10; i++) {
		p = udp(i, 100);
		receive(0, &p);
		assert_int_equal(take(1, buf, sizeof buf), p.len);
		assert_memory_equal(buf, p.data, p.len);
	}
	assert_int_equal(take(1, buf, sizeof buf), 0);
	assert_int_equal(n_upcalls, 1);
	assert_int_equal(ops->flow_stats(dp, 1, &stats), 0);
	assert_int_equal(stats.n_packets, 9);
	assert_int_equal(stats.n_bytes, 9 * p.len);
	ops->stats(dp, &all);
	assert_int_equal(all.hits, 9);
	assert_int_equal(all.misses, 1);
	assert_int_equal(all.n_flows, 1);
	assert_int_equal(all.n_masks, 1);
	assert_int_equal(stats_of(0).forwarded, 10);
	assert_int_equal(stats_of(0).upcalls, 1);
	assert_int_equal(stats_of(1).tx_packets, 10);
	assert_int_equal(stats_of(1).tx_bytes, 10 * p.len);

	/* A change: the next packet is a miss, and putting the flow anew makes it current again. */
	ops->flow_invalidate_all(dp);
	translate = NULL;
	assert_int_equal(ops->flow_del(dp, 1, &stats), 0);
	assert_int_equal(stats.n_packets, 9);
	translate = forward;
	receive(0, &p);
	assert_int_equal(n_upcalls, 2);
	assert_int_equal(take(1, buf, sizeof buf), p.len);
}

static void drop_nothing(const struct dp_upcall *up, struct dp_actions *actions)
{
	(void)up;
	(void)actions;
}

static void drop_for_vlan(const struct dp_upcall *up, struct dp_actions *actions)
{
	(void)up;
	dp_actions_put_u32(actions, DP_DROP, DROP_VLAN_NOT_ALLOWED);
}

static void output_nowhere(const struct dp_upcall *up, struct dp_actions *actions)
{
	(void)up;
	dp_actions_put_u32(actions, DP_OUTPUT, 999);
}

static void output_half(const struct dp_upcall *up, struct dp_actions *actions)
{
	output_nowhere(up, actions);
	dp_actions_put_u32(actions, DP_OUTPUT, ports[1]);
	dp_actions_put_u32(actions, DP_DROP, DROP_METER);
}

static void overflow(const struct dp_upcall *up, struct dp_actions *actions)
{
	(void)up;
	while (!actions->overflow)
		dp_actions_put_u32(actions, DP_OUTPUT, ports[1]);
}

static void drops_have_one_reason(void **state)
{
	static const struct {
		void (*translate)(const struct dp_upcall *up, struct dp_actions *actions);
		enum drop_reason reason; /* NONE: forwarded */
	} cases[] = {
		{drop_nothing, DROP_RULE_DROP}, {drop_for_vlan, DROP_VLAN_NOT_ALLOWED}, {output_nowhere, DROP_NO_PORT},
		{output_half, DROP_NONE},	{overflow, DROP_ACTION_LIMIT},
	};
	uint64_t n_forwarded = 0;

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet p = udp(1, 10);
		struct dp_port_stats before = stats_of(0), after;

		translate = cases[i].translate;
		receive(0, &p);
		after = stats_of(0);
		if (cases[i].reason)
			assert_int_equal(after.drops[cases[i].reason], before.drops[cases[i].reason] + 1);
		else
			n_forwarded++;
		assert_int_equal(after.forwarded, n_forwarded);
	}
}

static void malformed_frames(void **state)
{
	uint8_t bytes[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	struct packet p;

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	for (size_t len = 0; len < sizeof bytes; len++) {
		packet_init(&p, bytes, sizeof bytes, 0, len);
		receive(0, &p);
	}
	assert_int_equal(stats_of(0).drops[DROP_MALFORMED_ETH], sizeof bytes);
	assert_int_equal(n_upcalls, 0);
	packet_init(&p, bytes, sizeof bytes, 0, sizeof bytes); /* a frame, if an empty one: forwarded */
	receive(0, &p);
	assert_int_equal(stats_of(0).forwarded, 1);
	p.len = PACKET_MAX_LEN + 1;
	assert_int_equal(dummy_receive(dp, ports[0], &p), -EMSGSIZE);
	assert_int_equal(dummy_receive(dp, 77, &p), -ENODEV);
}

/* First pass: recirculate; second: output. Both get flows. */
static void recirculate(const struct dp_upcall *up, struct dp_actions *actions)
{
	if (up->key->recirc_id < 3) {
		dp_actions_put_u32(actions, DP_RECIRC, up->key->recirc_id + 1);
	} else {
		struct dp_push_vlan *push = dp_actions_put(actions, DP_PUSH_VLAN, sizeof *push);

		push->tag = (struct vlan_key){BE16_C(0x8100), BE16_C(FLOW_VLAN_PRESENT | 7)};
		dp_actions_put_u32(actions, DP_OUTPUT, ports[1]);
	}
	put(up->key, &port_mask, actions);
}

static void recirculate_forever(const struct dp_upcall *up, struct dp_actions *actions)
{
	dp_actions_put_u32(actions, DP_RECIRC, up->key->recirc_id + 1);
}

static void recirculation(void **state)
{
	uint8_t buf[200];

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	translate = recirculate;
	for (int i = 0; i < 3; i++) {
		struct packet p = udp(1, 10);

		receive(0, &p);
		assert_int_equal(take(1, buf, sizeof buf), p.len + 4);
		assert_memory_equal(buf + 12, "\x81\x00\x00\x07", 4);
	}
	assert_int_equal(n_upcalls, 4);
	assert_int_equal(stats_of(0).forwarded, 3);
	for (uint64_t id = 1; id <= 4; id++) {
		struct dp_flow_stats s;

		assert_int_equal(ops->flow_stats(dp, id, &s), 0);
		assert_int_equal(s.n_packets, 2);
		assert_int_equal(ops->flow_del(dp, id, NULL), 0);
	}
	translate = recirculate_forever;
	struct packet p = udp(1, 10);

	receive(0, &p);
	assert_int_equal(stats_of(0).drops[DROP_LOOP_LIMIT], 1);
}

/* A copy to the daemon beside an output; and the slow path, whose answer is the packet's fate. */
static unsigned int n_copies;

static void copy_and_output(const struct dp_upcall *up, struct dp_actions *actions)
{
	if (up->is_miss) {
		struct dp_userspace *user = dp_actions_put(actions, DP_USERSPACE, sizeof *user);

		user->h.arg = DP_TO_CONTROLLER;
		user->cookie = 0x1234567890;
		if (up->key->in_port == ports[0])
			dp_actions_put_u32(actions, DP_OUTPUT, ports[1]);
		put(up->key, &port_mask, actions);
		return;
	}
	assert_int_equal(up->reason, DP_TO_CONTROLLER);
	assert_true(up->cookie == 0x1234567890);
	n_copies++;
}

static void slow_path(const struct dp_upcall *up, struct dp_actions *actions)
{
	if (up->is_miss) {
		struct dp_userspace *user = dp_actions_put(actions, DP_USERSPACE, sizeof *user);

		user->h.arg = DP_TO_SLOW_PATH;
		put(up->key, &port_mask, actions);
		return;
	}
	if (be16_to_cpu(up->key->tp_src) % 2)
		dp_actions_put_u32(actions, DP_OUTPUT, ports[1]);
	else
		dp_actions_put_u32(actions, DP_DROP, DROP_RESERVED_MAC);
}

static void userspace(void **state)
{
	uint8_t buf[200];

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	add_port(2, NULL, NULL);
	translate = copy_and_output;
	n_copies = 0;
	for (int i = 0; i < 3; i++) {
		struct packet p = udp(1, 10);

		receive(0, &p);
		receive(1, &p);
		assert_int_equal(take(1, buf, sizeof buf), p.len);
	}
	assert_int_equal(n_copies, 6);
	assert_int_equal(stats_of(0).forwarded, 3);
	assert_int_equal(stats_of(1).forwarded, 3); /* consumed by the daemon */

	translate = slow_path;
	for (uint16_t i = 0; i < 10; i++) {
		struct packet p = udp(i, 10);

		receive(2, &p);
		assert_int_equal(take(1, buf, sizeof buf), i % 2 ? p.len : 0);
	}
	assert_int_equal(stats_of(2).forwarded, 5);
	assert_int_equal(stats_of(2).drops[DROP_RESERVED_MAC], 5);
	assert_int_equal(stats_of(2).upcalls, 11);
}

/* The upcall function itself has packets executed, as a protocol's answer would be. */
static void answer(const struct dp_upcall *up, struct dp_actions *actions)
{
	struct packet copy = *up->packet;

	dp_actions_put_u32(actions, DP_OUTPUT, ports[0]);
	assert_int_equal(ops->execute(dp, &copy, actions->data, actions->len), 0);
	actions->len = 0;
	dp_actions_put_u32(actions, DP_OUTPUT, ports[1]);
}

static void *execute_from_afar(void *aux)
{
	uint64_t list[2] = {0};
	struct dp_actions actions = {(uint8_t *)list, 0, sizeof list, false};

	rcu_register_thread();
	dp_actions_put_u32(&actions, DP_OUTPUT, ports[1]);
	assert_int_equal(ops->execute(dp, aux, actions.data, actions.len), 0);
	rcu_unregister_thread();
	return NULL;
}

static void quit(void *aux)
{
	(void)aux;
	loop_quit(loop);
}

static void execute(void **state)
{
	struct packet p = udp(1, 10);
	pthread_t thread;
	uint8_t buf[200];

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	translate = answer;
	receive(0, &p);
	assert_int_equal(take(0, buf, sizeof buf), p.len);
	assert_int_equal(take(1, buf, sizeof buf), p.len);
	assert_int_equal(stats_of(0).executed, 1);
	assert_int_equal(stats_of(0).forwarded, 2);

	p.in_port = DP_PORT_NONE;
	pthread_create(&thread, NULL, execute_from_afar, &p);
	pthread_join(thread, NULL);
	assert_int_equal(take(1, buf, sizeof buf), 0);
	loop_post(loop, quit, NULL);
	loop_run(loop);
	assert_int_equal(take(1, buf, sizeof buf), p.len);
	assert_int_equal(stats_of(0).executed, 1);
}

/* A GSO packet with a partial checksum leaves as whole frames. */
static void offloads_are_done(void **state)
{
	struct pkt_key key = {
		.eth_dst = {2, 0, 0, 0, 0, 2},
		.eth_src = {2, 0, 0, 0, 0, 1},
		.eth_type = BE16_C(0x0800),
		.nw_src = BE32_C(0x0a000001),
		.nw_dst = BE32_C(0x0a000002),
		.nw_proto = 6,
		.nw_ttl = 64,
		.tp_src = BE16_C(1),
		.tp_dst = BE16_C(2),
		.tcp_flags = BE16_C(0x18),
	};
	uint8_t buf[2000];
	struct packet p;

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, NULL);
	packet_init(&p, frame_memory, sizeof frame_memory, PACKET_HEADROOM, 0);
	assert_int_equal(packet_compose(&p, &key, 2500), 0);
	p.gso_type = PACKET_GSO_TCPV4;
	p.gso_size = 1000;
	p.hdr_len = 54;
	p.flags = PACKET_F_CSUM_PARTIAL;
	p.csum_start = 34;
	p.csum_offset = 16;
	receive(0, &p);
	assert_int_equal(take(1, buf, sizeof buf), 1054);
	assert_int_equal(take(1, buf, sizeof buf), 1054);
	assert_int_equal(take(1, buf, sizeof buf), 554);
	assert_int_equal(take(1, buf, sizeof buf), 0);
	assert_int_equal(stats_of(0).forwarded, 1);
	assert_int_equal(stats_of(1).tx_packets, 3);
}

static void dump(void **state)
{
	struct dp_flow flows[7];
	uint64_t cursor = 0, seen = 0;
	uint64_t list[2] = {0};
	struct dp_actions actions = {(uint8_t *)list, 0, sizeof list, false};
	struct pkt_key key = {0};
	size_t n;

	(void)state;
	dp_actions_put_u32(&actions, DP_OUTPUT, 1);
	for (uint32_t i = 1; i <= 20; i++) {
		key.in_port = i;
		put(&key, &port_mask, &actions);
	}
	rcu_read_lock();
	while ((n = ops->flow_dump(dp, &cursor, flows, ARRAY_SIZE(flows))))
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(flows[i].key->in_port, flows[i].id);
			assert_memory_equal(flows[i].mask, &port_mask, sizeof port_mask);
			assert_int_equal(flows[i].actions_len, 8);
			assert_false(seen >> flows[i].id & 1);
			seen |= 1ull << flows[i].id;
		}
	rcu_read_unlock();
	assert_int_equal(seen, 0x1ffffe);
}

/* ---- streams ---- */

static int connect_to(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", rundir, name);
	return connect(fd, (struct sockaddr *)&a, sizeof a) ? (close(fd), -1) : fd;
}

/* Runs the loop until nothing is left to do. */
static void quit_idle(struct loop_timer *t, int64_t now)
{
	(void)t;
	(void)now;
	loop_quit(loop);
}

static void settle(void)
{
	struct loop_timer t = {0};

	loop_set_timer(loop, &t, clock_now_ms() + 20, quit_idle);
	loop_run(loop);
}

static void send_all(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static size_t framed(uint8_t *out, const struct packet *p)
{
	out[0] = (uint8_t)(p->len >> 8);
	out[1] = (uint8_t)p->len;
	memcpy(out + 2, p->data, p->len);
	return p->len + 2;
}

static void stream_in_pieces(void **state)
{
	uint8_t bytes[300], buf[300];
	struct packet p = udp(1, 20);
	size_t len = framed(bytes, &p);
	int a, b;

	(void)state;
	add_port(0, NULL, "punix:in");
	add_port(1, NULL, "punix:out");
	a = connect_to("in");
	b = connect_to("out");
	assert_true(a >= 0 && b >= 0);
	settle();
	for (size_t i = 0; i < len; i++) {
		send_all(a, bytes + i, 1);
		if (i % 8 == 0)
			settle();
	}
	settle();
	assert_int_equal(recv(b, buf, sizeof buf, MSG_DONTWAIT), len);
	assert_memory_equal(buf, bytes, len);
	/* Two frames and an empty one in one piece, then half a frame and a hang-up. */
	memcpy(buf, bytes, len);
	memset(buf + len, 0, 2);
	memcpy(buf + len + 2, bytes, len);
	send_all(a, buf, 2 * len + 2);
	send_all(a, bytes, len / 2);
	close(a);
	settle();
	assert_int_equal(recv(b, buf, sizeof buf, MSG_DONTWAIT), 2 * len);
	assert_int_equal(stats_of(0).rx_packets, 4);
	assert_int_equal(stats_of(0).drops[DROP_MALFORMED_ETH], 1);
	close(b);
	settle();
}

static void longest_frame(void **state)
{
	static uint8_t bytes[2 + 65535], got[2 + 65535];
	size_t n = 0;
	int a, b;

	(void)state;
	add_port(0, NULL, "punix:in");
	add_port(1, NULL, "punix:out");
	a = connect_to("in");
	b = connect_to("out");
	memset(bytes, 0x5a, sizeof bytes);
	bytes[0] = bytes[1] = 0xff;
	for (size_t sent = 0; sent < sizeof bytes;) {
		ssize_t k = send(a, bytes + sent, sizeof bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += k > 0 ? (size_t)k : 0;
		settle();
	}
	for (ssize_t k; n < sizeof got && (k = recv(b, got + n, sizeof got - n, MSG_DONTWAIT)) > 0; n += (size_t)k)
		settle();
	assert_int_equal(n, sizeof got);
	assert_memory_equal(got, bytes, sizeof bytes);
	close(a);
	close(b);
}

/* A peer that never reads: a bounded amount is queued, the rest drops; when it reads it sees whole frames. */
static void slow_reader(void **state)
{
	static uint8_t got[8 << 20];
	struct packet p = udp(1, 1400);
	struct dp_port_stats s;
	size_t n = 0, n_frames = 0;
	int b;

	(void)state;
	add_port(0, NULL, NULL);
	add_port(1, NULL, "punix:out");
	b = connect_to("out");
	settle();
	for (int i = 0; i < 3000; i++)
		receive(0, &p);
	s = stats_of(0);
	assert_true(s.drops[DROP_TX_QUEUE_FULL] > 1000);
	assert_int_equal(stats_of(1).tx_dropped, s.drops[DROP_TX_QUEUE_FULL]);
	for (ssize_t k; (k = recv(b, got + n, sizeof got - n, MSG_DONTWAIT)) > 0; n += (size_t)k)
		settle();
	for (size_t at = 0; at < n; at += 2 + p.len, n_frames++)
		assert_int_equal((size_t)got[at] << 8 | got[at + 1], p.len);
	assert_int_equal(n % (2 + p.len), 0);
	assert_int_equal(n_frames, s.forwarded);
	close(b);
}

/* Two ports of two kinds, joined; the listening one comes later, goes, and comes back. */
static void warp_and_settle(void)
{
	clock_warp(1000);
	loop_clock_warped(loop);
	settle();
}

static void over_cable(const struct dp_upcall *up, struct dp_actions *actions)
{
	dp_actions_put_u32(actions, DP_OUTPUT, up->key->in_port == ports[1] ? ports[0] : ports[1]);
}

static void connects_again(void **state)
{
	struct packet p = udp(1, 10);
	uint8_t buf[200];

	(void)state;
	translate = over_cable;
	add_port(0, "unix:cable", NULL);
	add_port(1, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		warp_and_settle();
		add_port(2, NULL, "punix:cable");
		warp_and_settle();
		receive(1, &p); /* to port 0, over the cable to port 2, back to port 1 */
		assert_int_equal(take(0, buf, sizeof buf), p.len);
		settle();
		assert_int_equal(stats_of(2).rx_packets, 1);
		assert_int_equal(take(1, buf, sizeof buf), p.len);
		assert_int_equal(ops->port_del(dp, ports[2]), 0);
	}
}

static void stream_errors(void **state)
{
	static const struct {
		const char *stream, *pstream, *text;
	} cases[] = {
		{"unix:a", "punix:b", "d: a port has options:stream or options:pstream, not both"},
		{"punix:a", NULL, "d: 'punix:a': expected options:stream=unix:PATH"},
		{NULL, "unix:a", "d: 'unix:a': expected options:pstream=punix:PATH"},
		{"tcp:1", NULL, "d: 'tcp:1': expected options:stream=unix:PATH"},
		{"unix:", NULL, "d: 'unix:': expected unix:PATH"},
		{NULL, "punix:/nonexistent/x",
		 "d: punix:/nonexistent/x: cannot listen there: No such file or directory"},
	};
	char path[200], target[210];
	struct errtext err;
	uint32_t n;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dp_port_spec spec = {"d", "dummy", 0, cases[i].stream, cases[i].pstream, DP_PORT_NONE, 0};

		assert_true(ops->port_add(dp, &spec, &n, &err) < 0);
		assert_string_equal(err.text, cases[i].text);
	}
	memset(path, 'x', 120);
	path[120] = '\0';
	snprintf(target, sizeof target, "punix:%s", path);
	assert_int_equal(
		ops->port_add(dp, &(struct dp_port_spec){"d", "dummy", 0, NULL, target, DP_PORT_NONE, 0}, &n, &err),
		-ENAMETOOLONG);

	/* A path in use is left alone; one that a dead process left behind is taken over. */
	add_port(0, NULL, "punix:used");
	assert_int_equal(ops->port_add(dp, &(struct dp_port_spec){"d", "dummy", 0, NULL, "punix:used", 5, 0}, &n, &err),
			 -EADDRINUSE);
	fd = connect_to("used");
	assert_true(fd >= 0);
	close(fd);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof a.sun_path, "%s/stale", rundir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	close(fd);
	add_port(1, NULL, "punix:stale");
	assert_int_equal(ops->port_del(dp, ports[1]), 0);
	assert_int_equal(access(a.sun_path, F_OK), -1);
}

static int group_setup(void **state)
{
	(void)state;
	rcu_register_thread();
	strcpy(rundir, "/tmp/vsw-test-XXXXXX");
	return mkdtemp(rundir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	return rmdir(rundir); /* and so nothing was left in it */
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(miss_then_hits),	 TEST(drops_have_one_reason),
		TEST(malformed_frames),	 TEST(recirculation),
		TEST(userspace),	 TEST(execute),
		TEST(offloads_are_done), TEST(dump),
		TEST(stream_in_pieces),	 TEST(longest_frame),
		TEST(slow_reader),	 TEST(connects_again),
		TEST(stream_errors),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
