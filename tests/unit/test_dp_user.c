// SPDX-License-Identifier: Apache-2.0
/*
 * The user datapath over veth pairs, in network namespaces of this test's own: the switch's, and one for each of two hosts.
 * Default offloads everywhere. Needs root; skipped by name without.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <urcu.h>

#include "base/util.h"
#include "switchd/datapath/datapath.h"

enum { N_HOSTS = 2, TIMEOUT_MS = 20000 };

static int switch_ns, host_ns[N_HOSTS];
static struct datapath *dp;
static const struct datapath_ops *const ops = &datapath_user;
static uint32_t port_of[N_HOSTS + 2]; /* and the ends of the cable of tcp_in_vlan() */

/* What the hand-made translation does. */
static enum mode { MODE_L2, MODE_CONNECTION, MODE_NO_FLOW, MODE_SLOW, MODE_NOTHING } mode;
static _Atomic unsigned int n_upcalls;
static _Atomic uint64_t upcall_bytes;
static _Atomic uint64_t next_id;
static _Atomic bool hold_upcalls; /* they wait while it is set */
static bool via_cable;		  /* host 0 - port 3 = cable = port 4 - host 1, tagged on the cable */

/* ---- namespaces ---- */

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

static int new_ns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up");
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* A device sends only when the kernel's link watch has seen its carrier, which may take a second. */
static void wait_running(int ns, const char *name)
{
	struct ifreq ifr = {0};
	int fd;

	enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	enter(switch_ns);
	strcpy(ifr.ifr_name, name);
	for (int i = 0; i < TIMEOUT_MS && !(ifr.ifr_flags & IFF_RUNNING); i++) {
		assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
		usleep(1000);
	}
	close(fd);
}

static void wire_host(int i)
{
	char name[16];

	snprintf(name, sizeof name, "s%d", i);
	run("ip link add s%d type veth peer name eth0 netns /proc/%d/fd/%d", i, getpid(), host_ns[i]);
	run("ip link set s%d up", i);
	enter(host_ns[i]);
	run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 address 02:00:00:00:00:0%d; "
	    "ip addr add 10.0.0.%d/24 dev eth0; ip link set eth0 up",
	    i + 1, i + 1);
	enter(switch_ns);
	run("sysctl -qw net.ipv6.conf.s%d.disable_ipv6=1", i);
	wait_running(switch_ns, name);
	wait_running(host_ns[i], "eth0");
}

/* ---- the hand-made translation ---- */

static void put_flow(const struct pkt_key *key, const struct dp_actions *actions)
{
	struct pkt_key mask = {.in_port = UINT32_MAX, .recirc_id = UINT32_MAX, .eth_type = UINT16_MAX}, masked = {0};
	struct dp_flow_put put = {.key = &masked, .mask = &mask};

	if (mode == MODE_CONNECTION) {
		mask.nw_src = mask.nw_dst = UINT32_MAX;
		mask.nw_proto = UINT8_MAX;
		mask.tp_src = mask.tp_dst = UINT16_MAX;
	}
	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		((uint64_t *)(void *)&masked)[i] =
			((const uint64_t *)(const void *)key)[i] & ((uint64_t *)(void *)&mask)[i];
	put.id = ++next_id;
	put.actions = actions->data;
	put.actions_len = actions->len;
	ops->flow_put(dp, &put);
}

static uint32_t out_port(uint32_t in)
{
	static const int other[] = {1, 0}, over_cable[] = {2, 3, 0, 1};

	for (int i = 0; i < (via_cable ? 4 : N_HOSTS); i++)
		if (port_of[i] == in)
			return port_of[via_cable ? over_cable[i] : other[i]];
	return DP_PORT_NONE;
}

static void upcall(void *aux, const struct dp_upcall *up, struct dp_upcall_reply *reply)
{
	uint32_t out = out_port(up->key->in_port);

	(void)aux;
	n_upcalls++;
	upcall_bytes += up->packet->len;
	while (hold_upcalls)
		usleep(1000);
	if (mode == MODE_NOTHING)
		return;
	if (via_cable && up->key->vlan[0].tci) {
		dp_actions_put(&reply->actions, DP_POP_VLAN, 0);
	} else if (via_cable) {
		struct dp_push_vlan *push = dp_actions_put(&reply->actions, DP_PUSH_VLAN, sizeof *push);

		push->tag = (struct vlan_key){BE16_C(0x8100), BE16_C(FLOW_VLAN_PRESENT | 42)};
	}
	dp_actions_put_u32(&reply->actions, DP_OUTPUT, out);
	if (mode == MODE_L2 || mode == MODE_CONNECTION)
		put_flow(up->key, &reply->actions);
}

/* ---- life ---- */

static int group_setup(void **state)
{
	(void)state;
	rcu_register_thread();
	for (int i = 0; i < N_HOSTS; i++)
		host_ns[i] = new_ns();
	switch_ns = new_ns();
	return 0;
}

static void open_datapath(unsigned int queue)
{
	struct dp_config config = {.n_threads = 2, .upcall_queue = queue, .upcall = upcall};
	struct errtext err;

	assert_int_equal(ops->open(&config, &dp, &err), 0);
}

static void add_port(int i, bool is_first)
{
	char name[16];
	struct errtext err = {0};
	struct dp_port_spec spec = {.name = name, .type = "system", .requested = DP_PORT_NONE};

	snprintf(name, sizeof name, "s%d", i);
	spec.ifindex = (int)if_nametoindex(name);
	if (ops->port_add(dp, &spec, &port_of[i], &err))
		fail_msg("%s", err.text);
	if (is_first)
		assert_int_equal(port_of[i], i + 1);
}

static int setup(void **state)
{
	(void)state;
	mode = MODE_L2;
	n_upcalls = 0;
	upcall_bytes = 0;
	hold_upcalls = false;
	via_cable = false;
	for (int i = 0; i < N_HOSTS; i++)
		wire_host(i);
	open_datapath(0);
	for (int i = 0; i < N_HOSTS; i++)
		add_port(i, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hold_upcalls = false;
	if (dp)
		ops->close(dp);
	dp = NULL;
	for (int i = 0; i < N_HOSTS; i++)
		run("ip link del s%d 2>/dev/null || true", i);
	return 0;
}

/* ---- helpers ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int socket_in(int ns, int family, int type, int protocol)
{
	int fd;

	enter(ns);
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	enter(switch_ns);
	assert_true(fd >= 0);
	return fd;
}

static struct sockaddr_in address(int host, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	a.sin_addr.s_addr = htonl(0x0a000001u + (uint32_t)host);
	return a;
}

/* A packet socket on a host's device: sends and receives whole frames. */
static int raw_socket(int host)
{
	int fd = socket_in(host_ns[host], AF_PACKET, SOCK_RAW, 0), one = 1, big = 64 << 20;
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	enter(host_ns[host]);
	a.sll_ifindex = (int)if_nametoindex("eth0");
	enter(switch_ns);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) > 0;
}

/*
 * A UDP frame of host 0 without checksum, with a number in its payload. For a MAC address that nobody has, so that no kernel answers.
 */
static size_t make_udp(uint8_t *f, uint16_t src_port, uint32_t seq, size_t payload_len)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 0x99, 2,	0, 0, 0,  0, 1, 8, 0,  0x45, 0, 0,
				       0, 0, 0, 0, 0, 64,   17, 0, 0, 10, 0, 0, 1, 10, 0,    0, 2};
	size_t ip_len = 28 + payload_len;
	uint32_t sum = 0;

	memcpy(f, head, sizeof head);
	f[16] = (uint8_t)(ip_len >> 8);
	f[17] = (uint8_t)ip_len;
	for (int i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	f[34] = (uint8_t)(src_port >> 8);
	f[35] = (uint8_t)src_port;
	f[36] = 0x13;
	f[37] = 0x88;
	f[38] = (uint8_t)((8 + payload_len) >> 8);
	f[39] = (uint8_t)(8 + payload_len);
	f[40] = f[41] = 0;
	memset(f + 42, 0, payload_len);
	memcpy(f + 42, &seq, sizeof seq);
	return 14 + ip_len;
}

/* The next of these frames; the kernels' own traffic is skipped. Return: its length. */
static ssize_t receive(int fd, uint8_t *frame, size_t size)
{
	ssize_t n;

	do {
		assert_true(readable(fd, TIMEOUT_MS));
		n = recv(fd, frame, size, 0);
	} while (n > 0 && memcmp(frame, "\2\0\0\0\0\x99", 6));
	return n;
}

static struct dp_port_stats stats_of(int host)
{
	struct dp_port_stats stats;

	assert_int_equal(ops->port_stats(dp, port_of[host], &stats), 0);
	return stats;
}

static uint64_t sum_of_drops(const struct dp_port_stats *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DROP_N_REASONS; i++)
		sum += s->drops[i];
	return sum;
}

static void check_sum_rule(void)
{
	for (int i = 0; i < N_HOSTS; i++) {
		struct dp_port_stats s = stats_of(i);

		assert_int_equal(s.rx_packets + s.executed, s.forwarded + s.queued + sum_of_drops(&s));
	}
}

static void wait_until(bool (*condition)(void))
{
	int64_t end = now_ms() + TIMEOUT_MS;

	while (!condition()) {
		assert_true(now_ms() < end);
		usleep(1000);
	}
}

/* ---- tests ---- */

static void ping(void **state)
{
	(void)state;
	enter(host_ns[0]);
	run("ping -q -c 3 -i 0.05 -W 2 10.0.0.2 >/dev/null");
	enter(switch_ns);
	assert_true(n_upcalls >= 3); /* ARP and IP, both directions */
	assert_true(n_upcalls <= 8);
	check_sum_rule();
}

enum { TCP_BYTES = 64 << 20 };

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static void *tcp_server(void *aux)
{
	int fd = accept(*(int *)aux, NULL, NULL);
	size_t done = 0;
	static uint8_t buf[256 << 10];
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < n; i++, done++)
			if (buf[i] != pattern(done))
				goto out;
out:
	close(fd);
	return (void *)(uintptr_t)done;
}

static size_t tcp_transfer(int from, int to)
{
	int listener = socket_in(host_ns[to], AF_INET, SOCK_STREAM, 0),
	    fd = socket_in(host_ns[from], AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = address(to, 5001);
	uint8_t *buf = malloc(1 << 20);
	pthread_t server;
	void *n_received;

	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(listener, 1), 0);
	pthread_create(&server, NULL, tcp_server, &listener);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	for (size_t done = 0; done < TCP_BYTES; done += 1 << 20) {
		for (size_t i = 0; i < 1 << 20; i++)
			buf[i] = pattern(done + i);
		for (size_t sent = 0; sent < 1 << 20;) {
			ssize_t n = write(fd, buf + sent, (1 << 20) - sent);

			assert_true(n > 0);
			sent += (size_t)n;
		}
	}
	close(fd);
	pthread_join(server, &n_received);
	close(listener);
	free(buf);
	return (size_t)(uintptr_t)n_received;
}

/* With default offloads the frames are GSO packets with partial checksums: far fewer than 64 MiB / 1,448. */
static void tcp(void **state)
{
	struct dp_port_stats s;

	(void)state;
	assert_int_equal(tcp_transfer(0, 1), TCP_BYTES);
	s = stats_of(0);
	assert_true(s.rx_packets < TCP_BYTES / 1448);
	assert_int_equal(tcp_transfer(1, 0), TCP_BYTES);
	check_sum_rule();
	assert_int_equal(sum_of_drops(&s), 0);
}

/* Through a cable from the switch to itself, on which the GSO packets have a tag. */
static void tcp_in_vlan(void **state)
{
	struct dp_port_stats s;

	(void)state;
	via_cable = true;
	run("ip link add s2 type veth peer name s3; ip link set s2 up; ip link set s3 up");
	wait_running(switch_ns, "s2");
	wait_running(switch_ns, "s3");
	add_port(2, false);
	add_port(3, false);
	assert_int_equal(tcp_transfer(0, 1), TCP_BYTES);
	assert_int_equal(tcp_transfer(1, 0), TCP_BYTES);
	s = stats_of(2);
	assert_true(s.rx_packets && s.rx_packets < TCP_BYTES / 1448);
	assert_int_equal(sum_of_drops(&s), 0);
	check_sum_rule();
	run("ip link del s2");
}

/* Tagged frames, one of them with two tags, come out as they went in. */
static void vlan_tag_survives(void **state)
{
	int in = raw_socket(0), out = raw_socket(1);
	uint8_t sent[128], got[256];

	(void)state;
	for (int n_tags = 1; n_tags <= 2; n_tags++) {
		uint8_t frame[128];
		size_t len = make_udp(frame, 7, 0, 40);
		ssize_t n;

		memcpy(sent, frame, 12);
		for (int i = 0; i < n_tags; i++)
			memcpy(sent + 12 + 4 * i, i + 1 == n_tags ? "\x81\x00\xa0\x2a" : "\x88\xa8\x00\x07", 4);
		memcpy(sent + 12 + 4 * n_tags, frame + 12, len - 12);
		len += 4 * (size_t)n_tags;
		assert_int_equal(send(in, sent, len, 0), len);
		n = receive(out, got, sizeof got);
		/* The receiving kernel strips the outer tag for its own packet sockets. */
		assert_int_equal(n, len - 4);
		assert_memory_equal(got, sent, 12);
		assert_memory_equal(got + 12, sent + 16, len - 16);
	}
	close(in);
	close(out);
}

/* The switch's end of the pair has an address; what is forwarded must not be answered by it. */
static void host_does_not_hear(void **state)
{
	int in = raw_socket(0);
	uint8_t request[60] = {255, 255, 255, 255, 255, 255, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
			       1,   2,	 0,   0,   0,	0,   1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 77};

	(void)state;
	run("ip addr add 10.0.0.77/24 dev s0");
	mode = MODE_NOTHING;
	assert_int_equal(send(in, request, sizeof request, 0), sizeof request);
	assert_false(readable(in, 200));
	close(in);
	assert_true(stats_of(0).drops[DROP_RULE_DROP] >= 1);
}

static const unsigned int burst = 2000, n_burst_flows = 4;

static void send_bursts(int fd)
{
	uint8_t frames[32][64];
	struct iovec iov[32];
	struct mmsghdr msgs[32];
	unsigned int n = 0;

	for (uint32_t seq = 0; seq < burst; seq++)
		for (unsigned int flow = 0; flow < n_burst_flows; flow++) {
			iov[n] = (struct iovec){frames[n], make_udp(frames[n], (uint16_t)(1000 + flow), seq, 18)};
			msgs[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[n], .msg_iovlen = 1}};
			if (++n == 32) {
				assert_int_equal(sendmmsg(fd, msgs, 32, 0), 32);
				n = 0;
			}
		}
}

/* Several new flows, each a burst of 2,000 packets from the first one on: none overtakes another of its flow, none is lost. */
static void order_within_a_flow(void **state)
{
	int in = raw_socket(0), out = raw_socket(1);
	uint32_t expected[16] = {0};

	(void)state;
	ops->close(dp);
	open_datapath(16384);
	for (int i = 0; i < N_HOSTS; i++)
		add_port(i, true);
	mode = MODE_CONNECTION;
	send_bursts(in);
	for (unsigned int i = 0; i < burst * n_burst_flows; i++) {
		uint8_t got[128];
		unsigned int flow;
		uint32_t seq;

		assert_int_equal(receive(out, got, sizeof got), 60);
		flow = ((unsigned int)got[34] << 8 | got[35]) - 1000;
		assert_true(flow < n_burst_flows);
		memcpy(&seq, got + 42, sizeof seq);
		assert_int_equal(seq, expected[flow]);
		expected[flow]++;
	}
	assert_true(n_upcalls < 64);
	check_sum_rule();
	close(in);
	close(out);
}

static bool all_received(void)
{
	return stats_of(0).rx_packets >= 1000;
}

static bool nothing_waits(void)
{
	return !stats_of(0).queued && !stats_of(1).queued;
}

/* The daemon answers nothing: the queue takes what it may, the rest is dropped by name; then it answers, and all is accounted for. */
static void queue_overflow(void **state)
{
	int in = raw_socket(0), out = raw_socket(1);
	struct dp_port_stats s;
	uint8_t frame[64];

	(void)state;
	ops->close(dp);
	open_datapath(100);
	for (int i = 0; i < N_HOSTS; i++)
		add_port(i, true);
	mode = MODE_NO_FLOW;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(send(in, frame, make_udp(frame, (uint16_t)i, i, 18), 0), 60);
	wait_until(all_received);
	wait_until(nothing_waits);
	check_sum_rule();
	s = stats_of(0);
	assert_int_equal(s.forwarded + s.drops[DROP_UPCALL_QUEUE_FULL], s.rx_packets);
	assert_int_equal(s.upcalls + stats_of(1).upcalls, n_upcalls);
	close(in);
	close(out);
}

/* As above, but the upcall function stands still: exactly the limit waits. */
static bool is_full(void)
{
	struct dp_port_stats s = stats_of(0);

	return s.rx_packets >= 33;
}

static void queue_is_bounded(void **state)
{
	int in = raw_socket(0);
	struct dp_port_stats s;
	uint8_t frame[64];

	(void)state;
	ops->close(dp);
	open_datapath(4);
	for (int i = 0; i < N_HOSTS; i++)
		add_port(i, true);
	mode = MODE_NO_FLOW;
	hold_upcalls = true;
	assert_int_equal(send(in, frame, make_udp(frame, 1, 0, 18), 0), 60);
	while (!n_upcalls)
		usleep(100);
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(send(in, frame, make_udp(frame, (uint16_t)(i + 2), i, 18), 0), 60);
	hold_upcalls = false;
	wait_until(is_full);
	wait_until(nothing_waits);
	s = stats_of(0);
	/* Packets come in batches between which the queue is served, so no more than a batch's worth over the limit is lost. */
	assert_int_equal(s.forwarded + s.drops[DROP_UPCALL_QUEUE_FULL], s.rx_packets);
	assert_true(s.drops[DROP_UPCALL_QUEUE_FULL] > 0);
	check_sum_rule();
	close(in);
}

static bool has_counted_500(void)
{
	return stats_of(0).rx_packets >= 500;
}

/* A flow's counters are exact: what its port sent is what it counted, plus what went through the daemon. */
static void exact_counters(void **state)
{
	int in = raw_socket(0), out = raw_socket(1);
	struct dp_flow_stats stats, final = {0};
	uint8_t frame[64], got[128];
	uint64_t n_packets = 0, n_bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(send(in, frame, make_udp(frame, 9, i, 18), 0), 60);
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(receive(out, got, sizeof got), 60);
	}
	wait_until(nothing_waits);
	wait_until(has_counted_500); /* the last batch is sent before it is counted */
	for (uint64_t id = 1; id <= next_id; id++)
		if (!ops->flow_stats(dp, id, &stats)) {
			assert_int_equal(ops->flow_del(dp, id, &final), 0);
			n_packets += final.n_packets;
			n_bytes += final.n_bytes;
			assert_int_equal(ops->flow_del(dp, id, NULL), -ENOENT);
		}
	assert_int_equal(n_packets + n_upcalls, stats_of(0).rx_packets + stats_of(1).rx_packets);
	assert_int_equal(n_bytes + upcall_bytes, stats_of(0).rx_bytes + stats_of(1).rx_bytes);
	close(in);
	close(out);
}

static _Atomic bool stop_load;

static void *load(void *aux)
{
	uint8_t frame[64];
	uint32_t seq = 0;

	while (!stop_load) {
		seq++;
		if (send(*(int *)aux, frame, make_udp(frame, (uint16_t)(seq % 200), seq, 18), 0) < 0)
			usleep(1000);
	}
	return NULL;
}

/* Counters add up at every instant, flows come and go, and a port's device disappears and comes back under another index. */
static void device_deleted_under_load(void **state)
{
	int in = raw_socket(0);
	pthread_t sender;
	uint64_t before;

	(void)state;
	mode = MODE_CONNECTION;
	stop_load = false;
	pthread_create(&sender, NULL, load, &in);
	for (int i = 0; i < 200; i++) {
		check_sum_rule();
		ops->flow_invalidate_all(dp);
		for (uint64_t id = 1; id <= next_id; id++)
			ops->flow_del(dp, id, NULL);
		usleep(500);
	}
	run("ip link del s1");
	usleep(20000);
	check_sum_rule();
	assert_int_equal(ops->port_del(dp, port_of[1]), 0);
	assert_int_equal(ops->port_del(dp, port_of[1]), -ENOENT);
	before = stats_of(0).drops[DROP_NO_PORT];
	while (stats_of(0).drops[DROP_NO_PORT] < before + 100)
		usleep(1000);
	wire_host(1);
	add_port(1, false);
	before = stats_of(1).tx_packets;
	while (stats_of(1).tx_packets < before + 100)
		usleep(1000);
	stop_load = true;
	pthread_join(sender, NULL);
	run("ip link del s0");
	close(in);
}

static int64_t process_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* No device left: the threads sleep. */
static void vanished_device_does_not_spin(void **state)
{
	int64_t before;

	(void)state;
	run("ip link del s0; ip link set s1 down");
	usleep(20000);
	before = process_cpu_us();
	usleep(200000);
	assert_true(process_cpu_us() - before < 50000);
}

static void errors(void **state)
{
	struct dp_port_spec spec = {.name = "nosuch0", .type = "system", .ifindex = 9999, .requested = DP_PORT_NONE};
	struct errtext err = {0};
	uint32_t number;

	(void)state;
	assert_int_equal(ops->port_add(dp, &spec, &number, &err), -ENODEV);
	assert_string_equal(err.text, "nosuch0: no such network device; `ip link` lists them");
	spec.ifindex = 0;
	assert_int_equal(ops->port_add(dp, &spec, &number, &err), -ENODEV);
	assert_int_equal(ops->port_del(dp, 12345), -ENOENT);
	assert_int_equal(ops->port_del(dp, UINT32_MAX), -ENOENT);
}

/* Deleting the port removes our filter and our hook, and keeps somebody else's. */
static void device_left_as_found(void **state)
{
	(void)state;
	run("tc filter show dev s0 ingress | grep -q vsw_drop");
	assert_int_equal(ops->port_del(dp, port_of[0]), 0);
	run("! tc qdisc show dev s0 | grep -q clsact");
	run("tc qdisc add dev s0 clsact; tc filter add dev s0 ingress prio 5 protocol ip u32 match u32 0 0 classid "
	    "1:1");
	add_port(0, false);
	run("tc filter show dev s0 ingress | grep -q vsw_drop");
	assert_int_equal(ops->port_del(dp, port_of[0]), 0);
	run("tc filter show dev s0 ingress | grep -q u32; ! tc filter show dev s0 ingress | grep -q vsw_drop");
}

/* Packets of the daemon's own, and a copy for it. */
static bool executed(void)
{
	return stats_of(0).executed == 2;
}

static void execute(void **state)
{
	int out = raw_socket(1);
	uint8_t buf[PACKET_HEADROOM + 64], got[128];
	uint64_t list[8];
	struct dp_actions actions = {.data = (uint8_t *)list, .cap = sizeof list};
	struct packet p;

	(void)state;
	dp_actions_put_u32(&actions, DP_OUTPUT, port_of[1]);
	for (int i = 0; i < 2; i++) {
		packet_init(&p, buf, sizeof buf, PACKET_HEADROOM, make_udp(buf + PACKET_HEADROOM, 5, 0, 18));
		p.in_port = port_of[0];
		assert_int_equal(ops->execute(dp, &p, actions.data, i ? 0 : actions.len), 0);
	}
	assert_int_equal(receive(out, got, sizeof got), 60);
	wait_until(executed);
	assert_int_equal(stats_of(0).drops[DROP_RULE_DROP], 1);
	check_sum_rule();
	assert_int_equal(ops->execute(dp, &p, actions.data, 5), -EINVAL);
	close(out);
}

/* A frame larger than the other device's MTU. */
static bool too_big(void)
{
	return stats_of(0).drops[DROP_TOO_BIG] == 1;
}

static void mtu(void **state)
{
	int in = raw_socket(0);
	uint8_t frame[1514];

	(void)state;
	run("ip link set s1 mtu 1000");
	assert_int_equal(send(in, frame, make_udp(frame, 5, 0, 1400), 0), 1442);
	wait_until(too_big);
	assert_int_equal(stats_of(1).tx_dropped, 1);
	check_sum_rule();
	close(in);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ping),
		TEST(tcp),
		TEST(tcp_in_vlan),
		TEST(vlan_tag_survives),
		TEST(host_does_not_hear),
		TEST(order_within_a_flow),
		TEST(queue_overflow),
		TEST(queue_is_bounded),
		TEST(exact_counters),
		TEST(device_deleted_under_load),
		TEST(vanished_device_does_not_spin),
		TEST(errors),
		TEST(device_left_as_found),
		TEST(execute),
		TEST(mtu),
	};

	if (geteuid()) {
		printf("skip test_dp_user: needs root, for network namespaces\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
