/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon and the BPF programs share: the layout of every map and of what travels to the daemon with a miss.
 *
 * Maps (switchd/bpf/fastpath.bpf.c)
 *   devs      ARRAY   ifindex, low 16 bits (or one of the next places) -> struct bpf_dev: which port this is
 *   ports     ARRAY   datapath port number -> struct bpf_port: device, counters, upcall credit
 *   masks     ARRAY   mask id -> struct bpf_mask
 *   small     HASH    struct bpf_small_key -> flow slot: flows that look at the first PKT_KEY_COMPACT bytes only
 *   large     HASH    struct bpf_large_key -> flow slot: the others
 *   flows     ARRAY   flow slot -> struct bpf_flow; mapped into the daemon's memory
 *   tails     ARRAY   flow slot -> struct bpf_tail: the rest of the key of flows that are in `large`
 *   ops       ARRAY   struct bpf_op: the lists that bpf_flow.act leads to; flows with equal actions share one
 *   books     ARRAY   flow slot -> struct bpf_book: what the daemon wants its successor to know
 *   cache     ARRAY   per CPU BPF_CACHE_BUCKETS of struct bpf_cache_bucket
 *   traffic   ARRAY   per CPU BPF_N_PORTS of struct bpf_traffic
 *   meters    ARRAY   meter id -> struct dp_meter_slot (vsw/dp_meter.h)
 *   bonds     ARRAY   bond id -> struct dp_bond_slot (vsw/dp_bond.h)
 *   paths     ARRAY   struct bpf_path: whether what is put into a tunnel gets to its other end
 *   tunnels   ARRAY   struct bpf_tunnel: where packets of the daemon's are to be sent
 *   control   ARRAY   one struct bpf_control
 *   scratch   PERCPU  the packet under way, and struct bpf_cpu_stats in front of it
 *
 * A flow slot is written while no hash entry leads to it and is not reused before programs that may still run on it have ended (the
 * daemon waits a second), so readers need no lock; the same goes for lists in `ops`. `gate` is the only word that both sides change.
 *
 * Memory
 *   `flows`, `tails` and `ops` are allocated when they are made, for as many flows as the daemon was told to have. A hash entry is
 *   allocated with its flow. ebpf_load.c has the figures.
 *
 * The gate
 *   Packets that came before a flow was there are on their way through the daemon; those behind them must not take the short way yet.
 *   So a new flow's gate is closed: its packets go up, too, and each adds one to `gate` before. The daemon compares that
 *   with the number it has sent on, and when both are equal sets BPF_GATE_OPEN by compare-and-exchange, which fails should one more
 *   packet have gone up meanwhile. Where more arrives than the daemon can send on this would never come: then it sets
 *   BPF_GATE_DRAIN, and packets are dropped (as most were already) until the gate is open.
 *
 * Announcements
 *   A packet that no flow covers is counted in bpf_port.upcalls, and then looked up once more; only then it goes up, with that number.
 *   The daemon makes a flow visible and then reads the counter. So who announced a packet later has found the flow at the second look,
 *   and every packet that missed it has a number that the daemon knows: when it has read them all, none is on its way.
 *
 * Raise VSW_BPF_ABI with every change here or in vsw/flow_key.h: it is part of the pin path.
 */
#ifndef VSW_BPF_ABI_H
#define VSW_BPF_ABI_H 1

#include "vsw/dp_action.h"
#include "vsw/flow_key.h"
#include "vsw/types.h"

#define VSW_BPF_ABI 23

enum bpf_limits {
	BPF_N_MASKS = 64,
	BPF_N_PORTS = 4096,
	BPF_N_METERS = 2 * BPF_N_PORTS, /* half of them police ports */
	BPF_N_DEVS = 65536,
	BPF_DEV_PROBES = 4,	  /* a device is at its ifindex modulo BPF_N_DEVS or shortly behind */
	BPF_CACHE_BUCKETS = 4096, /* per CPU */
	BPF_CACHE_WAYS = 8,	  /* entries of a bucket, a cache line: 32,768 a CPU, 256 KiB */
	BPF_N_OPS = 72,		  /* in one list: a flood to 64 ports, with some rewriting */
	BPF_UPCALL_HDR = 24,
	BPF_UPCALL_QUEUES = 16,
	BPF_LAST_BYTES = 128, /* of the last packet that a port dropped; a power of two */
	BPF_N_PATHS = 1024,
	BPF_N_TUNNELS = 4096, /* packets that all threads of the daemon may be sending */
};

struct bpf_dev {
	uint32_t ifindex; /* 0: free */
	uint32_t port;
};

/**
 * The head of the last packet that a port dropped. `seq` is odd while the program writes; a reader that sees another number afterwards
 * than before, or an odd one, has read rubbish. Of several packets dropped for one reason within a tick of the coarse clock the first is kept.
 */
struct bpf_last_drop {
	uint32_t seq;
	uint32_t reason;	       /* enum drop_reason; NONE: none yet */
	uint64_t ns;		       /* CLOCK_MONOTONIC_COARSE */
	uint32_t len;		       /* without the tag that lies in the packet's metadata */
	uint32_t flags;		       /* BPF_LAST_... */
	uint16_t vlan_proto, vlan_tci; /* that tag, host order */
	uint32_t n_bytes;
	uint8_t bytes[BPF_LAST_BYTES];
};

#define BPF_LAST_TAGGED 1
#define BPF_LAST_REWRITTEN 2 /* operations had changed it */

struct bpf_port {
	uint32_t ifindex; /* 0: no such port */
	uint32_t mtu;
	uint64_t upcalls;      /* packets announced to the daemon, see below */
	uint64_t upcalls_done; /* how many of them it has read; written by the daemon alone */
	uint64_t withdrawn;    /* announced, and not sent */
	uint64_t tx_dropped;
	uint32_t generation; /* raised when the number is given to another device */
	uint32_t is_down;    /* its device takes no packets; written by the daemon alone */
	uint32_t direct_mtu; /* of the other end, see below */
	uint32_t is_tunnel;  /* its device collects metadata */
	uint32_t watch;	  /* enum bpf_watch, BPF_WATCH_FILTER(): somebody captures here; written by the daemon alone */
	uint32_t is_late; /* all that comes in goes to the daemon, which delays it; written by the daemon alone */
	/*
	 * The device is a veth whose other end, in another network namespace, has this MAC address (six bytes as in the frame, two zeros):
	 * what goes there may be put onto it right away. 0: it may not.
	 */
	uint64_t direct_mac;
	uint64_t miss_due_ns; /* when the next miss is due, were they spread evenly; CLOCK_MONOTONIC */
	uint64_t drops[DROP_N_REASONS];
	struct bpf_last_drop last_drop;
};

/** What one CPU has seen of a port. */
struct bpf_traffic {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
	uint64_t direct_packets, direct_bytes; /* of tx: see bpf_port.direct_mac */
	uint64_t zero[2];		       /* a cache line */
};

/** Its first cache line is all that most packets need. */
struct bpf_mask {
	uint64_t words[PKT_KEY_WORDS];
	uint32_t n_words; /* PKT_KEY_COMPACT / 8 or PKT_KEY_WORDS; 0: free */
	uint32_t zero[9];
};

struct bpf_small_key {
	uint32_t mask, zero;
	uint64_t words[PKT_KEY_COMPACT / 8];
};

struct bpf_large_key {
	uint32_t mask, zero;
	uint64_t words[PKT_KEY_WORDS];
};

enum bpf_op_code {
	BPF_OP_END,
	BPF_OP_OUTPUT,	  /* value: port number */
	BPF_OP_REWRITE,	  /* 2 or 4 bytes at base + off */
	BPF_OP_PUSH_VLAN, /* value: TPID << 16 | TCI, host order, without FLOW_VLAN_PRESENT */
	BPF_OP_POP_VLAN,
	BPF_OP_MARK,	  /* value, mask */
	BPF_OP_PRIORITY,  /* value */
	BPF_OP_DROP,	  /* value: enum drop_reason */
	BPF_OP_METER,	  /* value: meter id */
	BPF_OP_LB_OUTPUT, /* value: dp_lb_output_arg() */
	BPF_OP_TUNNEL, /* of what is output next; value: tun_id, mask: see below; behind it two struct bpf_op_addr: remote and local */
};

/** mask of BPF_OP_TUNNEL: TTL in the low 8 bits, then TOS, and these. */
enum bpf_tunnel_flag {
	BPF_TUNNEL_IPV6 = 1 << 16,
	BPF_TUNNEL_CSUM = 1 << 17,
	BPF_TUNNEL_DF = 1 << 18,
	BPF_TUNNEL_NO_KEY = 1 << 19,
};

/** Where a rewrite counts from, and what the packet must have there; else nothing is rewritten. */
enum bpf_base {
	BPF_BASE_ETH,
	BPF_BASE_IPV4,
	BPF_BASE_IPV6,
	BPF_BASE_ARP,
	BPF_BASE_PORTS, /* TCP or UDP */
	BPF_BASE_ICMP,	/* ICMP in IPv4, ICMPv6 in IPv6 */
};

/** Which checksums a rewrite changes, or'ed. */
enum bpf_csum {
	BPF_CSUM_IP = 1,     /* the IPv4 header's */
	BPF_CSUM_L4 = 2,     /* that of TCP, UDP, ICMP, ICMPv6: the bytes are covered */
	BPF_CSUM_PSEUDO = 4, /* ... as part of the pseudo header */
};

struct bpf_op {
	uint8_t code;	/* enum bpf_op_code */
	uint8_t base;	/* enum bpf_base */
	uint8_t len;	/* 2 or 4 */
	uint8_t csum;	/* enum bpf_csum */
	uint16_t off;	/* tunnel: place in `paths` + 1 of the way that it takes; 0: not known */
	uint16_t room;	/* tunnel: bytes of the outer headers */
	uint32_t value; /* rewrite: the bytes as they lie in the frame */
	uint32_t mask;
};

/** What lies in `ops` behind a BPF_OP_TUNNEL: an address in wire order; IPv4 in the first 4 bytes. All zero: none. */
struct bpf_op_addr {
	uint8_t addr[16];
};

/** Between two ends of tunnels. */
struct bpf_path {
	uint8_t remote[16], local[16]; /* IPv4 mapped into IPv6 */
	uint32_t mtu;		       /* of IP packets; 0: there is no route */
	uint32_t in_use;	       /* for good */
};

/** The tunnel of a packet that the daemon sends; the number of its place in `tunnels` is the packet's mark. */
struct bpf_tunnel {
	struct bpf_op op; /* BPF_OP_TUNNEL */
	struct bpf_op_addr remote, local;
	uint32_t mark; /* the one that it is to have */
	uint32_t zero[3];
};

/** In bpf_flow.gate, see above. The low bits count the packets that went up. */
#define BPF_GATE_OPEN (1ull << 63)
#define BPF_GATE_DRAIN (1ull << 62)

/**
 * bpf_flow.act: what becomes of the packets, in one word, so that it changes in one step. The upper half says how many operations there
 * are: 0 - the lower half is the port they are sent to, + 1 (or 0: none, they are dropped); up to BPF_N_OPS - the lower half is the first
 * one's place in `ops`; BPF_ACT_DAEMON - the daemon runs the flow's actions, and the lower half is for it to know why.
 */
#define BPF_ACT(N, REST) ((uint64_t)(N) << 32 | (uint32_t)(REST))
#define BPF_ACT_N(ACT) ((uint32_t)((ACT) >> 32))
#define BPF_ACT_REST(ACT) ((uint32_t)(ACT))
#define BPF_ACT_DAEMON 0xffffffff

/** The first half is what a packet looks at, the second does not change. */
struct bpf_flow {
	uint64_t id; /* the daemon's; 0: dead */
	uint64_t gate;
	uint64_t act;
	uint32_t epoch; /* of bpf_control when it was put; an older one means: a miss */
	uint16_t mask;
	be16 tcp_flags; /* all seen */
	uint64_t n_packets, n_bytes;
	uint64_t used_ns; /* CLOCK_MONOTONIC, coarse */
	uint32_t n_words; /* of its mask */
	uint32_t zero;
	uint64_t key[PKT_KEY_COMPACT / 8];
};

struct bpf_tail {
	uint64_t key[PKT_KEY_WORDS - PKT_KEY_COMPACT / 8];
};

/** The daemon's own notes about a flow; the program does not look at them. */
struct bpf_book {
	uint64_t told_packets, told_bytes; /* given to the flow's rules so far */
	uint64_t base_packets, base_bytes; /* counted elsewhere than in this slot: by the daemon, in earlier slots */
};

struct bpf_cache_entry {
	uint32_t tag;
	uint32_t slot; /* + 1; 0: free */
};

struct bpf_cache_bucket {
	struct bpf_cache_entry entries[BPF_CACHE_WAYS];
};

/** One queue of the TAP. */
struct bpf_queue {
	uint64_t sent; /* packets put into it */
	uint64_t done; /* packets read; written by the daemon alone */
};

/** The first member stays where it is, whatever the ABI: by it a daemon knows what it left behind. */
struct bpf_control {
	uint64_t owner;	  /* whose this is: a number made of the run folder */
	uint64_t build;	  /* a hash of the programs that are pinned beside; 0: they are not, or not yet */
	uint32_t ready;	  /* VSW_BPF_ABI once a daemon has set everything up; else a successor begins anew */
	uint32_t n_masks; /* ids below this may be in use */
	uint32_t epoch;
	uint32_t
		upcall_ifindex; /* of the TAP that leads to the daemon; 0, or gone: nobody listens, misses are dropped */
	uint32_t upcall_limit;	/* packets per port on their way to the daemon */
	uint32_t queue_limit;	/* packets per queue */
	uint32_t
		magic; /* what bpf_upcall_hdr begins with: tells our packets from what the host's stack sends on the TAP */
	uint32_t miss_ns;	/* each port may have one miss per so many nanoseconds; 0: any */
	uint64_t miss_ahead_ns; /* and so far ahead of its time */
	struct bpf_queue queues[BPF_UPCALL_QUEUES];
	uint32_t watch_len;    /* bytes of a captured packet at most */
	uint32_t watch_budget; /* what each CPU may spend in BPF_WATCH_WINDOW; see BPF_WATCH_COST */
	uint64_t watch_ns;     /* and so much time */
};

/** What one CPU has counted. */
struct bpf_cpu_stats {
	uint64_t cache_hits, mask_hits, misses, lost;
	uint64_t n_unwatched; /* packets that were not captured to stay within the budget */
	uint64_t n_unmatched; /* that no filter wanted */
	uint64_t watch_ns;    /* spent on captures */
};

/** bpf_port.watch */
enum bpf_watch {
	BPF_WATCH_IN = 1,    /* what comes in and takes the short way, and what became of it */
	BPF_WATCH_OUT = 2,   /* what is sent */
	BPF_WATCH_DROPS = 4, /* what came in and was dropped */
};

/** Beside them in bpf_port.watch: of the packets only those that a filter wants. Without any of these bits: all. */
#define BPF_WATCH_FILTER(SLOT) (1u << (16 + (SLOT)))
#define BPF_N_FILTERS 16
/** Longer filters are the daemon's alone. */
#define BPF_FILTER_MAX 1024
#define BPF_FILTER_WORDS 16

/** One instruction of classic BPF. */
struct bpf_filter_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

/** The filter of a capture. */
struct bpf_filter {
	uint32_t n; /* 0: it is too long */
	uint32_t zero;
	struct bpf_filter_insn insns[BPF_FILTER_MAX];
};

/** Time by which the budget for captured packets is cut: nanoseconds >> this. */
#define BPF_WATCH_WINDOW 23
/** What a captured packet of so many bytes costs. */
#define BPF_WATCH_COST(LEN) (256 + (LEN))
/** The longest capture: a record of the ring is shorter than 64 KiB. */
#define BPF_WATCH_MAX 65280

enum bpf_sight_kind {
	BPF_SIGHT_IN,	   /* the bytes of a packet that came in; its fate follows on the same CPU */
	BPF_SIGHT_FATE,	   /* of the one before; no bytes */
	BPF_SIGHT_DROPPED, /* came in and was dropped: both in one */
	BPF_SIGHT_OUT,
};

/** In front of the bytes of a captured packet, in the ring `sights`. */
struct bpf_sight {
	uint64_t ns;	  /* CLOCK_MONOTONIC */
	uint64_t flow_id; /* 0: none */
	uint32_t port;	  /* where it was seen */
	uint32_t in_port;
	uint32_t len; /* of the packet, without the tag that lies in its metadata */
	uint32_t gso_size;
	uint16_t kind;		       /* enum bpf_sight_kind */
	uint16_t reason;	       /* enum drop_reason; 0: forwarded */
	uint16_t vlan_proto, vlan_tci; /* that tag, host order; 0: none */
};

/** bpf_upcall_hdr.flags */
#define BPF_UPCALL_TAGGED 1 /* the kernel puts the VLAN tag of the packet's metadata between the two parts */
#define BPF_UPCALL_TUNNEL 2 /* PKT_KEY_TUNNEL_LEN bytes follow: the key from tun_id on */

/**
 * In front of each packet that goes to the daemon: exactly BPF_UPCALL_HDR bytes, in two parts. A TAP's driver writes a tag that lies in
 * the packet's metadata behind the first 12 bytes: there it is expected, and put to where it belongs.
 */
struct bpf_upcall_hdr {
	uint32_t magic;
	uint32_t
		slot; /* + 1 of the flow whose gate counted it; 0: a miss, or the flow wants the daemon to run its actions */
	uint16_t port; /* where it came in */
	uint16_t flags;
	/* here: TPID and TCI */
	uint32_t seq; /* bpf_port.upcalls before it was announced, the low half */
	uint32_t mark;
	uint32_t generation; /* of the port: tells it from one that had the number before */
};

#define BPF_UPCALL_TAG_AT 12

#ifndef __BPF__
_Static_assert(sizeof(struct bpf_upcall_hdr) == BPF_UPCALL_HDR, "the prefix that is stripped");
_Static_assert(sizeof(struct bpf_op) == 16, "no holes");
_Static_assert(sizeof(struct bpf_op_addr) == sizeof(struct bpf_op), "takes the place of one");
_Static_assert(offsetof(struct bpf_upcall_hdr, seq) == BPF_UPCALL_TAG_AT, "where the driver puts a tag");
_Static_assert(sizeof(struct bpf_flow) == 128, "two cache lines");
_Static_assert(sizeof(struct bpf_mask) == 256, "four");
_Static_assert(offsetof(struct bpf_flow, key) == 64, "of which the program writes one");
#endif

#endif
