// SPDX-License-Identifier: Apache-2.0
/*
 * The BPF program beside the daemon's own code, on the same frames: lib/packet's parser must see the same key, execute.c must make the
 * same bytes of them, and of bonds the same member must be chosen. Frames: the captures of tests/conformance, these with bytes changed at random, and composed ones; the program runs
 * under BPF_PROG_TEST_RUN, whose device is the loopback.
 *
 * VLAN tags are only parsed here: those that the program pushes are not in the bytes that a test run gives back (the system tests
 * have them on real devices).
 *
 * Nor is the tunnel that a packet is to take. But a copy for a device really goes there, with its metadata; so the program is on that device,
 * too, where it reads them as those of a packet that came through a tunnel: they must be what the daemon would have sent it through.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "flow/dp_action.h"
#include "os/netdev.h"
#include "os/tc_drop.h"
#include "packet/packet.h"
#include "switchd/datapath/bonds.h"
#include "switchd/datapath/ebpf.h"
#include "switchd/datapath/ebpf_ops.h"
#include "switchd/datapath/execute.h"

enum {
	LOOPBACK = 1,
	IN = 1,
	OUT = 2,
	TUNNEL = 3,
	BOND = 3,
	MAX_FRAME = 3000,
	MUTANTS = 40,
	COMPOSED = 20000,
	ACTION_LISTS = 3
};
enum { TUNNELS = 5000 };

static struct ebpf_kernel kernel;
static size_t scratch_size;
static struct execute x;
static struct verdict verdict;
static struct bonds bonds;
static uint64_t seed = 1;
static struct {
	unsigned long frames, actions, too_deep, tunnels;
} counts;

static struct packet_tunnel tunnel; /* of the last output to TUNNEL */
static uint8_t output_bytes[MAX_FRAME];
static size_t output_len;

static uint32_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

static void fill(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)any();
}

/* ---- the daemon's side ---- */

static void output(struct execute *self, const struct packet *p, uint32_t port_no)
{
	if (port_no == TUNNEL)
		tunnel = p->tunnel;
	memcpy(output_bytes, p->data, p->len);
	output_len = p->len;
	self->verdict->forwarded = true;
}

static void unexpected(struct execute *self, struct packet *p, bool held)
{
	(void)self, (void)p, (void)held;
	fail_msg("no list here recirculates");
}

static void nor_this(struct execute *self, const struct packet *p, uint32_t reason, uint64_t cookie)
{
	(void)self, (void)p, (void)reason, (void)cookie;
	fail_msg("nor goes up");
}

static const struct execute_ops ops = {.output = output, .recirc = unexpected, .userspace = nor_this};

/* ---- the kernel's side ---- */

/* One flow that all packets of the port match. */
static void set_flow(const struct ebpf_ops *list)
{
	struct bpf_flow *f = &kernel.flows[0];

	memcpy(kernel.ops, list->ops, list->n * sizeof list->ops[0]);
	f->act = list->out ? BPF_ACT(0, list->out) : BPF_ACT(list->n, 0);
}

static void prepare_kernel(void)
{
	struct bpf_small_key key = {0};
	struct bpf_flow *f = &kernel.flows[0];
	uint32_t slot = 0;
	struct pkt_key in = {.in_port = IN}, mask = {.in_port = UINT32_MAX};

	kernel.devs[LOOPBACK] = (struct bpf_dev){.ifindex = LOOPBACK, .port = IN};
	kernel.ports[IN] = (struct bpf_port){.ifindex = LOOPBACK, .mtu = 65535};
	kernel.ports[OUT] = kernel.ports[IN];
	memcpy(kernel.masks[0].words, &mask, sizeof mask);
	kernel.masks[0].n_words = PKT_KEY_COMPACT / 8;
	kernel.control->n_masks = 1;
	*f = (struct bpf_flow){.id = 1, .gate = BPF_GATE_OPEN};
	memcpy(f->key, &in, sizeof f->key);
	memcpy(key.words, &in, sizeof key.words);
	assert_int_equal(bpf_map_update_elem(kernel.small_fd, &key, &slot, BPF_ANY), 0);
}

/* A bond whose every bucket leaves by the same port: which one a packet was in shows in what they count. */
static void make_bond(void)
{
	const struct bonds kernels = {.slots = kernel.bonds, .is_borrowed = true};
	struct dp_bond bond = {.basis = 77};

	for (int i = 0; i < DP_BOND_BUCKETS; i++)
		bond.ports[i] = OUT;
	bonds_new(&bonds);
	assert_int_equal(bonds_set(&bonds, BOND, &bond), 0);
	assert_int_equal(bonds_set(&kernels, BOND, &bond), 0);
	x.bonds = &bonds;
}

/* Return: TC_ACT_*, or negative: not run. */
static int run(const uint8_t *frame, size_t len, uint8_t *out, size_t *out_len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len, .data_out = out,
		    .data_size_out = MAX_FRAME, .repeat = 1);
	int error = bpf_prog_test_run_opts(kernel.port_program, &opts);

	*out_len = opts.data_size_out;
	return error ? -1 : (int)opts.retval;
}

/* What the program has parsed last. */
static void get_key(struct pkt_key *key)
{
	static uint8_t *values;
	uint32_t zero = 0;

	if (!values)
		values = xcalloc((size_t)libbpf_num_possible_cpus(), scratch_size);
	assert_int_equal(bpf_map_lookup_elem(kernel.scratch_fd, &zero, values), 0);
	memcpy(key, values + (size_t)sched_getcpu() * scratch_size + sizeof(struct bpf_cpu_stats), sizeof *key);
}

/* ---- judging ---- */

static void show(const uint8_t *frame, size_t len, const char *what)
{
	fprintf(stderr, "%s (seed %llu):", what, (unsigned long long)seed);
	for (size_t i = 0; i < len && i < 200; i++)
		fprintf(stderr, " %02x", frame[i]);
	fputc('\n', stderr);
}

/* Headers beyond what the program walks are the daemon's to judge; the program says so by sending the packet up. */
static bool is_for_daemon(const struct packet *p, const struct pkt_key *key)
{
	const uint8_t *ip = p->data + p->l3_ofs;

	if (key->eth_type != BE16_C(0x86dd) || p->l3_ofs == PACKET_OFS_NONE || p->len < p->l3_ofs + 40u)
		return false;
	for (int i = 0, proto = ip[6], ofs = 40; proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60;
	     i++) {
		if (proto == 43 || i == 6)
			return true;
		if (p->l3_ofs + (unsigned int)ofs + 8 > p->len)
			return false;
		proto = ip[ofs];
		ofs += ip[6] == 44 && !i ? 8 : (ip[ofs + 1] + 1) * 8;
	}
	return false;
}

static void put_random_actions(struct dp_actions *list, const struct packet *p)
{
	struct dp_set_eth *eth;
	struct dp_set_ipv4 *ipv4;
	struct dp_set_ipv6 *ipv6;
	struct dp_set_tp *tp;
	struct dp_set_icmp *icmp;
	struct dp_set_arp *arp;

	if (any() & 1) {
		eth = dp_actions_put(list, DP_SET_ETH, sizeof *eth);
		fill(eth->src, 24);
	}
	if (any() & 1) {
		ipv4 = dp_actions_put(list, DP_SET_IPV4, sizeof *ipv4);
		fill(&ipv4->src, 20);
	}
	if (any() & 1) {
		ipv6 = dp_actions_put(list, DP_SET_IPV6, sizeof *ipv6);
		fill(ipv6->src, 76);
		ipv6->label &= BE32_C(0xfffff);
		ipv6->label_mask &= BE32_C(0xfffff);
	}
	if (any() & 1) {
		tp = dp_actions_put(list, DP_SET_TP, sizeof *tp);
		tp->h.arg = p->l4_proto == 6 ? 6 : 17;
		fill(&tp->src, 8);
	}
	if (any() & 1) {
		icmp = dp_actions_put(list, DP_SET_ICMP, sizeof *icmp);
		fill(&icmp->type, 4);
	}
	if (any() & 1) {
		arp = dp_actions_put(list, DP_SET_ARP, sizeof *arp);
		fill(&arp->spa, 20);
		fill(arp->sha, 24);
	}
	if (any() & 1)
		dp_actions_put_u32(list, DP_LB_OUTPUT, dp_lb_output_arg(BOND, any() & 1 ? -1 : (int)(any() % 256)));
	else
		dp_actions_put_u32(list, DP_OUTPUT, OUT);
}

static void judge_actions(const uint8_t *frame, size_t len)
{
	static uint64_t memory[DP_ACTIONS_MAX / 8];
	static uint8_t in[EXECUTE_RESERVE + PACKET_HEADROOM + MAX_FRAME], out[MAX_FRAME];
	struct dp_actions list = {.data = (uint8_t *)memory, .cap = sizeof memory};
	struct ebpf_ops compiled;
	struct packet p;
	struct pkt_key key;
	size_t out_len;

	packet_init(&p, in, sizeof in, EXECUTE_RESERVE + PACKET_HEADROOM, len);
	memcpy(p.data, frame, len);
	packet_parse(&p, &key);
	if (p.l4_proto == 132)
		return; /* SCTP ports are the daemon's */
	put_random_actions(&list, &p);
	ebpf_ops_compile(&compiled, list.data, list.len);
	assert_int_equal(compiled.why, EBPF_WHY_NONE);
	set_flow(&compiled);
	assert_int_equal(run(frame, len, out, &out_len), TC_ACT_REDIRECT);
	verdict = (struct verdict){0};
	x.verdict = &verdict;
	x.key = &key;
	execute_actions(&x, &p, false, list.data, list.len);
	counts.actions++;
	/* Both have counted the same bytes for the same buckets. */
	assert_memory_equal(bonds.slots[BOND].bytes, kernel.bonds[BOND].bytes, sizeof kernel.bonds[BOND].bytes);
	if (out_len == output_len && !memcmp(out, output_bytes, out_len))
		return;
	show(frame, len, "frame");
	show(out, out_len, "kernel");
	show(output_bytes, output_len, "daemon");
	fail_msg("%zu and %zu bytes: outputs differ", out_len, output_len);
}

static void judge(const uint8_t *frame, size_t len)
{
	static const struct ebpf_ops to_out = {.n = 1, .out = OUT + 1, .ops = {{.code = BPF_OP_OUTPUT, .value = OUT}}};
	static uint8_t in[MAX_FRAME], out[MAX_FRAME];
	struct pkt_key kernels, ours;
	struct packet p;
	size_t out_len;
	int verdict_now;

	set_flow(&to_out);
	verdict_now = run(frame, len, out, &out_len);
	if (verdict_now < 0)
		return; /* the kernel makes no packet of so few bytes */
	packet_init(&p, in, sizeof in, 0, len);
	memcpy(in, frame, len);
	p.in_port = IN;
	packet_parse(&p, &ours);
	counts.frames++;
	if (is_for_daemon(&p, &ours)) {
		counts.too_deep++;
		return;
	}
	get_key(&kernels);
	if (memcmp(&kernels, &ours, sizeof ours)) {
		show(frame, len, "frame");
		show((uint8_t *)&kernels, sizeof kernels, "kernel");
		show((uint8_t *)&ours, sizeof ours, "daemon");
		fail_msg("keys differ");
	}
	assert_int_equal(verdict_now, TC_ACT_REDIRECT);
	for (int i = 0; i < ACTION_LISTS; i++)
		judge_actions(frame, len);
}

static void judge_mutants(const uint8_t *frame, size_t len)
{
	uint8_t mutant[MAX_FRAME];

	for (int i = 0; i < MUTANTS; i++) {
		size_t n = 1 + any() % 4, cut = any() % 4 ? len : 15 + any() % len;

		memcpy(mutant, frame, len);
		while (n--)
			mutant[any() % MIN(len, 90)] = (uint8_t)any();
		judge(mutant, MIN(cut, len));
	}
}

/* ---- the frames ---- */

/* A classic pcap file of this machine's byte order. Return: number of frames. */
static unsigned int judge_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint32_t header[6], record[4];
	static uint8_t frame[65536];
	unsigned int n = 0;

	if (!f)
		return 0;
	if (fread(header, sizeof header, 1, f) == 1 && header[0] == 0xa1b2c3d4 && header[5] == 1) {
		while (fread(record, sizeof record, 1, f) == 1 && record[2] <= sizeof frame &&
		       fread(frame, record[2], 1, f) == 1) {
			if (record[2] > 1514 || record[2] < 15)
				continue;
			judge(frame, record[2]);
			judge_mutants(frame, record[2]);
			n++;
		}
	}
	fclose(f);
	return n;
}

static void captured(void **state)
{
	DIR *dir = opendir("tests/conformance/captures");
	const struct dirent *e;
	unsigned int n = 0;

	(void)state;
	if (!dir)
		skip();
	while ((e = readdir(dir))) {
		char path[512];

		snprintf(path, sizeof path, "tests/conformance/captures/%s", e->d_name);
		n += judge_file(path);
	}
	closedir(dir);
	assert_true(n > 10);
}

static void composed(void **state)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8847, 0x1234};
	static const uint8_t protos[] = {1, 6, 6, 17, 17, 58, 132, 2, 99};
	static uint8_t buf[MAX_FRAME];

	(void)state;
	for (int i = 0; i < COMPOSED; i++) {
		struct pkt_key key;
		struct packet p;

		fill(&key, sizeof key);
		for (int k = 0; k < FLOW_MAX_VLANS; k++)
			key.vlan[k] = (struct vlan_key){0};
		if (any() % 3 == 0) {
			key.vlan[0] = (struct vlan_key){BE16_C(0x8100), cpu_to_be16(0x1000 | (any() & 0xefff))};
			if (any() & 1)
				key.vlan[1] = (struct vlan_key){BE16_C(0x8100), cpu_to_be16(0x1000 | (any() & 0xefff))};
		}
		key.eth_type = cpu_to_be16(types[any() % ARRAY_SIZE(types)]);
		key.nw_proto = protos[any() % ARRAY_SIZE(protos)];
		key.nw_frag = any() % 8 ? 0 : FLOW_NW_FRAG_ANY | (any() & FLOW_NW_FRAG_LATER);
		packet_init(&p, buf, sizeof buf, PACKET_HEADROOM, 0);
		if (!packet_compose(&p, &key, any() % 200) && p.len >= 15)
			judge(p.data, p.len);
	}
}

/* ---- tunnels ---- */

/* What the kernel's devices know no better: a key of 32 bits, with GRE perhaps none; IPv4 or IPv6. */
static void put_random_tunnel(struct dp_actions *list)
{
	struct dp_set_tunnel *set = dp_actions_put(list, DP_SET_TUNNEL, sizeof *set);
	struct packet_tunnel t = {.id = cpu_to_be64(any()), .ttl = (uint8_t)any(), .tos = (uint8_t)any()};
	bool is_udp = any() & 1;

	if (any() & 1) {
		fill(&t.src, 4);
		fill(&t.dst, 4);
		t.dst |= BE32_C(1);
	} else {
		fill(t.ipv6_src, 16);
		fill(t.ipv6_dst, 16);
	}
	t.flags = (uint8_t)((any() & 1 ? FLOW_TUN_DF : 0) | (any() & 1 ? FLOW_TUN_CSUM : 0) | FLOW_TUN_KEY);
	/* In IPv6 a UDP checksum is the rule. */
	if (is_udp && !t.dst)
		t.flags |= FLOW_TUN_CSUM;
	t.tp_dst = is_udp ? BE16_C(4789) : 0;
	memcpy(&set->id, &t, sizeof t);
}

/* Through the kernel and through the daemon: @frame into a tunnel, and then as it is to OUT. */
static void judge_tunnel(const uint8_t *frame, size_t len)
{
	static uint64_t memory[DP_ACTIONS_MAX / 8];
	static uint8_t in[EXECUTE_RESERVE + PACKET_HEADROOM + MAX_FRAME], out[MAX_FRAME];
	struct dp_actions list = {.data = (uint8_t *)memory, .cap = sizeof memory};
	struct packet_tunnel kernels;
	struct ebpf_ops compiled;
	struct pkt_key key;
	struct packet p;
	size_t out_len;

	packet_init(&p, in, sizeof in, EXECUTE_RESERVE + PACKET_HEADROOM, len);
	memcpy(p.data, frame, len);
	packet_parse(&p, &key);
	put_random_tunnel(&list);
	dp_actions_put_u32(&list, DP_OUTPUT, TUNNEL);
	dp_actions_put_u32(&list, DP_OUTPUT, OUT);
	ebpf_ops_compile(&compiled, list.data, list.len);
	assert_int_equal(compiled.why, EBPF_WHY_NONE);
	set_flow(&compiled);
	assert_int_equal(run(frame, len, out, &out_len), TC_ACT_REDIRECT);
	/* Parsed last was what came to the device. */
	get_key(&key);
	assert_int_equal(key.in_port, TUNNEL);
	memcpy(&kernels, &key.tun_id, sizeof kernels);
	verdict = (struct verdict){0};
	x.verdict = &verdict;
	execute_actions(&x, &p, false, list.data, list.len);
	tunnel.tp_src = tunnel.tp_dst = 0; /* the device's, not the packet's */
	if (memcmp(&kernels, &tunnel, sizeof tunnel)) {
		show((uint8_t *)&kernels, sizeof kernels, "kernel");
		show((uint8_t *)&tunnel, sizeof tunnel, "daemon");
		fail_msg("they go through different tunnels");
	}
	assert_int_equal(out_len, output_len);
	assert_memory_equal(out, output_bytes, out_len);
}

static void tunnels(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct tc_drop at_device;
	static uint8_t buf[MAX_FRAME];
	uint32_t ifindex;

	(void)state;
	if (netdev_add_veth("t0", "t1", mac))
		skip();
	/* Nobody but we is to send there: the program notes what it has parsed last. */
	ifindex = if_nametoindex("t0");
	assert_int_equal(netdev_set_no_ipv6((int)ifindex, "t0"), 0);
	assert_int_equal(netdev_set_no_ipv6((int)if_nametoindex("t1"), "t1"), 0);
	assert_int_equal(netdev_set_up((int)ifindex, true), 0);
	assert_int_equal(netdev_set_up((int)if_nametoindex("t1"), true), 0);
	kernel.devs[ifindex] = (struct bpf_dev){.ifindex = ifindex, .port = TUNNEL};
	kernel.ports[TUNNEL] = (struct bpf_port){.ifindex = ifindex, .mtu = 65535, .is_tunnel = 1};
	assert_int_equal(tc_drop_attach_egress(&at_device, (int)ifindex, kernel.port_program), 0);
	for (int i = 0; i < TUNNELS; i++) {
		struct pkt_key key = {.eth_type = any() & 1 ? BE16_C(0x0800) : BE16_C(0x86dd), .nw_proto = 17};
		struct packet p;

		packet_init(&p, buf, sizeof buf, PACKET_HEADROOM, 0);
		assert_int_equal(packet_compose(&p, &key, any() % 200), 0);
		judge_tunnel(p.data, p.len);
		counts.tunnels++;
	}
	tc_drop_detach(&at_device);
}

/* ---- life ---- */

static int open_kernel(void **state)
{
	struct errtext err;
	cpu_set_t one;
	int error;

	(void)state;
	if (unshare(CLONE_NEWNET)) /* with a loopback of its own */
		exit(77);
	error = ebpf_kernel_load(&kernel, NULL, 16, &err);
	if (error == -EPERM || error == -EACCES) {
		printf("skip: %s\n", err.text);
		exit(77);
	}
	if (error)
		fail_msg("%s", err.text);
	scratch_size = ebpf_kernel_scratch_size(&kernel);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	execute_init(&x, &ops);
	prepare_kernel();
	make_bond();
	return 0;
}

static int close_kernel(void **state)
{
	(void)state;
	printf("# %lu frames, %lu with actions, %lu left to the daemon, %lu into tunnels\n", counts.frames,
	       counts.actions, counts.too_deep, counts.tunnels);
	bonds_free(&bonds);
	execute_fini(&x);
	ebpf_kernel_unload(&kernel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured),
		cmocka_unit_test(composed),
		cmocka_unit_test(tunnels),
	};

	return cmocka_run_group_tests_name("ebpf_equiv", tests, open_kernel, close_kernel);
}
