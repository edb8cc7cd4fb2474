// SPDX-License-Identifier: Apache-2.0
/*
 * What the BPF program costs, without devices around it: ns per packet under BPF_PROG_TEST_RUN, the same packet over and over, best of
 * N_ROUNDS. The kernel's own share of a round, some 30 ns, is in each line.
 *
 * usage: bench_bpf     (needs CAP_BPF)
 *
 * "without the cache" is what a packet pays that is not among the last: the program is loaded with a cache of one bucket, so that nearly
 * every packet asks the masks one after the other, and the flow is the last one's.
 */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "packet/packet.h"
#include "switchd/datapath/ebpf.h"

#include "bpf/fastpath.skel.h"

enum { LOOPBACK = 1, IN = 1, OUT = 2, N_ROUNDS = 7, REPEAT = 200000 };

struct maps {
	struct fastpath *object;
	struct bpf_dev *devs;
	struct bpf_port *ports;
	struct bpf_mask *masks;
	struct bpf_flow *flows;
	struct bpf_tail *tails;
	struct bpf_op *ops;
	struct bpf_control *control;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_bpf: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *map_memory(struct bpf_map *map)
{
	size_t size = (size_t)ROUND_UP(bpf_map__value_size(map), 8) * bpf_map__max_entries(map);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static void set_sizes(const struct fastpath *f, bool has_cache)
{
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus();

	bpf_map__set_max_entries(f->maps.cache, has_cache ? BPF_CACHE_BUCKETS * n_cpus : 1);
	bpf_map__set_max_entries(f->maps.traffic, BPF_N_PORTS * n_cpus);
	bpf_map__set_max_entries(f->maps.small, 64);
	bpf_map__set_max_entries(f->maps.large, 64);
	bpf_map__set_max_entries(f->maps.flows, 64);
	bpf_map__set_max_entries(f->maps.tails, 64);
	bpf_map__set_max_entries(f->maps.ops, BPF_N_OPS);
}

static void load(struct maps *m, bool has_cache)
{
	struct fastpath *f = fastpath__open();

	if (!f)
		die("open");
	set_sizes(f, has_cache);
	if (fastpath__load(f))
		die("load");
	*m = (struct maps){
		.object = f,
		.devs = map_memory(f->maps.devs),
		.ports = map_memory(f->maps.ports),
		.masks = map_memory(f->maps.masks),
		.flows = map_memory(f->maps.flows),
		.tails = map_memory(f->maps.tails),
		.ops = map_memory(f->maps.ops),
		.control = map_memory(f->maps.control),
	};
	m->devs[LOOPBACK] = (struct bpf_dev){.ifindex = LOOPBACK, .port = IN};
	m->ports[IN] = (struct bpf_port){.ifindex = LOOPBACK, .mtu = 65535};
	m->ports[OUT] = m->ports[IN];
}

/* ---- flows ---- */

/* Mask @i is one of its own: it looks at the port, and at bits of the TTL and TOS that say @i. */
static void fill_mask(struct bpf_mask *m, uint32_t i, bool is_large)
{
	struct pkt_key mask = {.in_port = UINT32_MAX, .nw_ttl = (uint8_t)i, .tp_dst = BE16_C(0xffff)};

	memset(mask.eth_dst, 0xff, 6);
	if (is_large)
		memset(mask.ipv6_dst, 0xff, 16);
	memcpy(m->words, &mask, sizeof mask);
	m->n_words = is_large ? PKT_KEY_WORDS : PKT_KEY_COMPACT / 8;
}

static struct pkt_key masked_key(const struct maps *m, uint32_t mask, const uint8_t *frame, size_t len)
{
	static uint8_t buffer[2048];
	struct packet p;
	union {
		struct pkt_key key;
		uint64_t words[PKT_KEY_WORDS];
	} u;

	packet_init(&p, buffer, sizeof buffer, PACKET_HEADROOM, len);
	memcpy(p.data, frame, len);
	p.in_port = IN;
	packet_parse(&p, &u.key);
	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		u.words[i] &= m->masks[mask].words[i];
	return u.key;
}

/* @n_masks masks; the packet's flow is under the last of them. Return: its entry in the map @fd. */
static struct bpf_large_key prepare(struct maps *m, uint32_t n_masks, const uint8_t *frame, size_t len,
				    const struct bpf_op *ops, uint32_t n_ops, int *fd)
{
	bool is_large = frame[12] == 0x86;
	struct bpf_flow *f = &m->flows[0];
	struct bpf_large_key key = {.mask = n_masks - 1};
	struct pkt_key words;
	uint32_t slot = 0;

	for (uint32_t i = 0; i < n_masks; i++)
		fill_mask(&m->masks[i], i, is_large);
	m->control->n_masks = n_masks;
	words = masked_key(m, n_masks - 1, frame, len);
	*f = (struct bpf_flow){
		.id = 1,
		.gate = BPF_GATE_OPEN,
		.mask = (uint16_t)(n_masks - 1),
		.n_words = m->masks[0].n_words,
		.act = n_ops == 1 && ops->code == BPF_OP_OUTPUT ? BPF_ACT(0, ops->value + 1) : BPF_ACT(n_ops, 0),
	};
	memcpy(f->key, &words, sizeof f->key);
	memcpy(m->tails[0].key, (const uint8_t *)&words + sizeof f->key, sizeof m->tails[0].key);
	memcpy(m->ops, ops, n_ops * sizeof *ops);
	memcpy(key.words, &words, sizeof key.words);
	*fd = bpf_map__fd(is_large ? m->object->maps.large : m->object->maps.small);
	if (bpf_map_update_elem(*fd, &key, &slot, BPF_ANY))
		die("bpf_map_update_elem");
	return key;
}

/* ---- measuring ---- */

static uint32_t measure(int program, const uint8_t *frame, size_t len, int expected)
{
	uint32_t best = UINT32_MAX;

	for (int i = 0; i < N_ROUNDS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len, .repeat = REPEAT);

		if (bpf_prog_test_run_opts(program, &opts))
			die("bpf_prog_test_run_opts");
		if ((int)opts.retval != expected) {
			fprintf(stderr, "bench_bpf: the program says %u, not %d\n", opts.retval, expected);
			exit(1);
		}
		best = MIN(best, opts.duration);
	}
	return best;
}

static void put16(uint8_t *p, unsigned int x)
{
	p[0] = (uint8_t)(x >> 8);
	p[1] = (uint8_t)x;
}

/* UDP over IPv4 or IPv6 in 64 bytes, behind @n_tags VLAN tags. Return: length. */
static size_t build(uint8_t *f, bool v6, unsigned int n_tags)
{
	uint8_t *p = f + 12;

	memset(f, 0, 128);
	memcpy(f, "\x02\0\0\0\xbb\x02\x02\0\0\0\xbb\x01", 12);
	for (; n_tags; n_tags--, p += 4)
		memcpy(p, "\x81\0\0\x07", 4);
	put16(p, v6 ? 0x86dd : 0x0800);
	p += 2;
	p[0] = v6 ? 0x60 : 0x45;
	put16(p + (v6 ? 4 : 2), v6 ? 26 : 46);
	p[v6 ? 7 : 8] = 63;
	p[v6 ? 6 : 9] = 17;
	memcpy(p + 12, "\x0a\xfd\0\x01\x0a\xfe\0\x02", 8);
	p += v6 ? 40 : 20;
	put16(p, 1024);
	put16(p + 2, 9);
	put16(p + 4, 26);
	return (size_t)(p - f) + 26;
}

static const struct bpf_op output = {.code = BPF_OP_OUTPUT, .value = OUT, .mask = UINT32_MAX};

static void line(struct maps *m, const char *what, uint32_t n_masks, bool v6, unsigned int n_tags,
		 const struct bpf_op *ops, uint32_t n_ops)
{
	uint8_t frame[128];
	size_t len = build(frame, v6, n_tags);

	int fd;
	struct bpf_large_key key = prepare(m, n_masks, frame, len, ops, n_ops, &fd);

	printf("%s: %u ns\n", what, measure(bpf_program__fd(m->object->progs.vsw_port), frame, len, TC_ACT_REDIRECT));
	bpf_map_delete_elem(fd, &key);
}

static void with_cache(void)
{
	/* Nothing that is matched may change: the next round gets this round's packet. */
	static const struct bpf_op mark[] = {
		{.code = BPF_OP_MARK, .value = 7, .mask = 0xff},
		{.code = BPF_OP_PRIORITY, .value = 3},
		output,
	};
	struct maps m;

	load(&m, true);
	line(&m, "program: IPv4 UDP, output", 1, false, 0, &output, 1);
	line(&m, "program: IPv4 UDP, output, 50 masks", 50, false, 0, &output, 1);
	line(&m, "program: IPv6 UDP, output", 1, true, 0, &output, 1);
	line(&m, "program: IPv4 UDP behind a VLAN tag, output", 1, false, 1, &output, 1);
	line(&m, "program: IPv4 UDP, mark, priority, output", 1, false, 0, mark, ARRAY_SIZE(mark));
	fastpath__destroy(m.object);
}

static void without_cache(void)
{
	static const uint32_t n[] = {1, 10, 50};
	struct maps m;
	char what[80];

	load(&m, false);
	for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
		snprintf(what, sizeof what, "program without the cache: IPv4 UDP, mask %u", n[i]);
		line(&m, what, n[i], false, 0, &output, 1);
	}
	fastpath__destroy(m.object);
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

int main(void)
{
	libbpf_set_print(silent);
	with_cache();
	without_cache();
	return 0;
}
