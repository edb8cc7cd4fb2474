/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `ebpf` datapath, inside: a BPF program on every port forwards what it knows, the daemon the rest.
 *
 *   ebpf.c         the datapath's operations: opening, ports, flows, counters
 *   ebpf_load.c    the program and its maps, mapped into memory (struct ebpf_kernel)
 *   ebpf_ops.c     datapath actions -> what the program interprets
 *   ebpf_flows.c   which flow lies in which slot of the kernel's table
 *   ebpf_lists.c   which list of operations lies where in the kernel's pool
 *   ebpf_watch.c   packets that are captured in the kernel
 *   ebpf_last_drop.c  the last packet that a port dropped, as the program noted it
 *   ebpf_slow.c    which flows the daemon runs, and why
 *   ebpf_paths.c   whether what is put into a tunnel arrives
 *   ebpf_gate.c    when a new flow's packets may take the short way
 *   ebpf_links.c   from filters to links, in the background
 *   ebpf_promisc.c  devices that receive everything
 *   ebpf_direct.c  the direct way to a host in another network namespace
 *   ebpf_upcall.c  packets that come up: from the TAP into the engine
 *   ebpf_window.h  which of those that were announced have been read
 *   ebpf_pin.c     where maps and programs outlive the daemon
 *   ebpf_adopt.c   what a daemon makes of its predecessor's ports and flows
 *   switchd/bpf/   the program; vsw/bpf_abi.h what both sides share
 *
 * The daemon's half is the `user` datapath (user.h): the same threads, flow table, queues and outputs. Only the packets come from
 * another place: not from the ports' packet sockets but from the queues of one TAP, into which the program puts what it has no
 * flow for. So the daemon knows every flow, the kernel most of them: one that the kernel cannot hold (no slot, no mask left) or not
 * run (an action that it lacks) is the daemon's to forward, and nothing is ever refused for the kernel's sake.
 *
 * A port belongs to one queue of the TAP and so to one thread. Its packets sit in the kernel's ring until read: ports share
 * BPF_UPCALL_QUEUES rings that are read in turn, and each may have so many packets on the way and no more.
 *
 * Locks: `flows_lock` guards the flow book and is taken before the one of the `user` flow table; a gate's lock comes behind, and
 * `grace_lock` is a leaf, as is the lock of `links`.
 */
#ifndef SWITCHD_DATAPATH_EBPF_H
#define SWITCHD_DATAPATH_EBPF_H 1

#include <pthread.h>
#include <stdatomic.h>

#include "base/hmap.h"
#include "switchd/datapath/ebpf_ops.h"
#include "switchd/datapath/ebpf_pin.h"
#include "switchd/datapath/ebpf_window.h"
#include "switchd/datapath/user.h"
#include "vsw/bpf_abi.h"

#define EBPF_NO_SLOT UINT32_MAX
/** How long what the program may still look at is left as it is. */
#define EBPF_REST_MS 1000
/** Packets of a port that may be on their way to the daemon, and of all ports of a ring together. */
#define EBPF_PORT_LIMIT 4096
#define EBPF_QUEUE_LIMIT 16384
/** Packets of new flows that a port may send per second, and so many at once: less than a thread can translate. */
#define EBPF_MISS_RATE 50000
#define EBPF_MISS_BURST 16384

/**
 * Priority of the threads. A flood of new flows takes all the time of one and whatever else the machine has; the others' first packets would
 * wait for a scheduler's slice, which is a hundred times what they take. What a flood can have is bounded by EBPF_MISS_RATE.
 */
#define EBPF_NICENESS (-10)

struct ebpf_skeleton;
struct ebpf_watch;

/** The kernel's side. The maps are memory here. */
struct ebpf_kernel {
	struct ebpf_skeleton *skeleton;
	struct ebpf_pins pins;
	bool is_adopted; /**< the maps are a predecessor's */
	bool is_anew;	 /**< they were of no use, or cannot be pinned: there may be programs that use other ones */
	bool has_old_programs; /**< so are the programs, which are ours to close: those that follow, and sights_fd */
	bool can_omit_key;     /**< of a GRE tunnel; else the daemon sends what has none */
	int port_program, steer_program, tunnel_program;
	int small_fd, large_fd, scratch_fd, sights_fd;
	struct bpf_dev *devs;
	struct bpf_port *ports;
	struct bpf_traffic *traffic;
	uint32_t n_cpus;
	struct bpf_mask *masks;
	struct bpf_flow *flows;
	struct bpf_tail *tails;
	struct bpf_op *ops;
	struct dp_meter_slot *meters;
	struct dp_bond_slot *bonds;
	struct bpf_tunnel *tunnels;
	struct bpf_path *paths;
	struct bpf_book *books;
	struct bpf_filter *filters;
	struct bpf_control *control;
	uint32_t n_slots; /**< of flows and tails */
	uint32_t n_ops;
};

/**
 * ebpf_kernel_load() - the program, and maps for so many flows: those that a predecessor left, where they fit
 * @rundir: of the daemon: whose predecessor; NULL: nothing is taken over or left behind
 *
 * Return: 0, or -errno with the sentence: what the kernel refused, and why as far as it says.
 */
int ebpf_kernel_load(struct ebpf_kernel *kernel, const char *rundir, uint32_t max_flows, struct errtext *err);
void ebpf_kernel_unload(struct ebpf_kernel *kernel);
/** ebpf_kernel_scratch_size() - bytes of one CPU's scratch: struct bpf_cpu_stats, then the key parsed last, then what is the program's own. */
size_t ebpf_kernel_scratch_size(const struct ebpf_kernel *kernel);
/** ebpf_kernel_bytes() - memory of the maps, with so many flows in the two hash maps. */
uint64_t ebpf_kernel_bytes(const struct ebpf_kernel *kernel, uint64_t n_small, uint64_t n_large);
/** ebpf_kernel_stats() - the sum over the CPUs. */
void ebpf_kernel_stats(const struct ebpf_kernel *kernel, struct bpf_cpu_stats *sum);
/** ebpf_kernel_traffic() - of a port, the sum over the CPUs. */
void ebpf_kernel_traffic(const struct ebpf_kernel *kernel, uint32_t port, struct bpf_traffic *sum);
/** ebpf_kernel_clear_traffic() - before a port's number is given to another device. */
void ebpf_kernel_clear_traffic(const struct ebpf_kernel *kernel, uint32_t port);

/** What the daemon knows of a slot of the kernel's table. */
struct ebpf_slot {
	_Atomic uint64_t n_done; /**< packets counted in the gate that have been sent on */
	uint64_t
		queued_at; /**< the last of them that had to wait was then the last in its port's queue (waiting_queue.n_in) */
	struct ebpf_flow *flow; /**< NULL: none */
	uint64_t n_reported;	/**< its packets when ebpf_flows_active() was there last */
	uint32_t next;		/**< slot + 1: in the list of those given back */
	int64_t freed_ms;	/**< CLOCK_MONOTONIC */
};

struct ebpf_mask {
	unsigned int n_flows;
	int64_t freed_ms;
};

/** A list of operations in the kernel's pool; flows with equal lists share it. */
struct ebpf_list {
	struct hmap_node node;		/**< in ebpf_lists.by_content while it has flows */
	struct cds_list_head free_node; /**< in ebpf_lists.freed afterwards */
	uint32_t first, n;		/**< place in the pool */
	uint32_t n_flows;
	uint8_t size_class;
	int64_t freed_ms; /**< CLOCK_MONOTONIC */
};

enum { EBPF_N_LIST_CLASSES = 6 };

/** The pool. Places are given out in a few sizes and keep them. */
struct ebpf_lists {
	struct hmap by_content;
	struct cds_list_head freed[EBPF_N_LIST_CLASSES]; /**< by size; those freed first come first */
	uint32_t n_fresh;				 /**< operations from here on were never used */
};

/** A flow in the book. */
struct ebpf_flow {
	struct hmap_node node; /**< in ebpf_dp.by_id */
	uint64_t id;
	uint32_t slot;			/**< EBPF_NO_SLOT: the daemon alone has it */
	struct ebpf_list *list;		/**< NULL: it needs none */
	enum ebpf_why why;		/**< the daemon runs its packets; NONE: the kernel does */
	struct cds_list_head slow_node; /**< then: in ebpf_dp.slow[why].flows */
	uint64_t n_fast;		/**< and the packets that it had run when this began */
	struct dp_flow_stats before;	/**< counted in slots it had before */
	struct cache_flow *cached;	/**< the daemon's own; as long as this lives */
};

/** The flows that the daemon runs for one reason. */
struct ebpf_slow {
	struct cds_list_head flows;
	uint64_t n_flows;
	uint64_t n_packets; /**< it ran for those that are not among them any more */
};

/** A flow of a predecessor's that nobody has adopted yet. */
struct ebpf_orphan {
	uint32_t slot; /**< EBPF_NO_SLOT: it has been adopted, or is of no use */
	struct ebpf_list *list;
};

/** A flow whose gate is closed. */
struct ebpf_pending {
	struct cds_list_head node; /* in ebpf_gate.fresh or pending */
	uint64_t id;
	uint32_t slot, port;
	uint32_t n_before;    /**< packets of the port that had been announced when it became visible */
	uint64_t grace;	      /**< the grace period that has to be over; not of a fresh one */
	bool is_sampled;      /**< the next two are set */
	uint32_t n_announced; /**< packets of the port with lower numbers are to be read before */
	uint64_t n_drained;   /**< or the ring once found empty after this; not of a fresh one */
	bool is_read;	      /**< they have been, and the next is set */
	uint64_t n_queued;    /**< so many of those that waited for translation have to be gone (waiting_queue.n_out) */
	int64_t since_ms;
	int64_t drain_ms; /**< when BPF_GATE_DRAIN was set; 0: not */
};

/** The gates of one thread's ports. */
struct ebpf_gate {
	/* Even: the thread is between two rounds, and all that it has ever sent has left its CPU's backlog. */
	_Atomic uint32_t busy;
	pthread_mutex_t lock; /* guards the lists */
	struct cds_list_head fresh, pending;
	_Atomic unsigned int n_fresh, n_pending;
	int marker_fd;
	uint32_t marker;
	int64_t ran_ms;
	uint32_t n_runs;
	uint32_t stuck[BPF_N_PORTS]; /* the last run that found the port's packets not read yet */
};

/** Ports that have a filter and are to have a link. */
struct ebpf_links {
	pthread_t thread;
	bool has_thread, stop;
	bool is_useless;      /* the kernel has no such links */
	pthread_mutex_t lock; /* guards what follows, and stop */
	pthread_cond_t cond;
	bool wanted[BPF_N_PORTS];
	unsigned int n_wanted;
	uint32_t busy;	/* the port that the thread is at work on; BPF_N_PORTS: none */
	int64_t due_ms; /* not before; CLOCK_MONOTONIC */
};

struct ebpf_queue {
	struct user_source source;
	struct ebpf_dp *dp;
	unsigned int index;
	int fd;
	_Atomic uint64_t n_drained; /* how often it was found empty */
	uint8_t *buffers;	    /* of its thread */
	unsigned int *next_buffer;
};

struct ebpf_dp {
	struct user_dp user;
	struct ebpf_kernel kernel;
	struct ebpf_queue queues[BPF_UPCALL_QUEUES];
	bool has_tap;
	uint8_t *buffers[USER_MAX_THREADS];
	unsigned int next_buffer[USER_MAX_THREADS];

	pthread_mutex_t flows_lock;
	struct hmap by_id;
	struct ebpf_slot *slots; /* kernel.n_slots of them */
	struct ebpf_lists lists;
	uint32_t n_fresh;		  /* slots from here on were never used */
	uint32_t first_freed, last_freed; /* slot + 1 */
	struct ebpf_mask masks[BPF_N_MASKS];
	struct ebpf_slow slow[EBPF_N_WHYS]; /* flows that the kernel has no room for, or cannot run */

	struct ebpf_orphan *orphans; /* a predecessor's flows, those used last at the end */
	size_t n_orphans;
	bool is_leaving; /* the kernel is to go on without us */
	uint64_t later[BPF_N_PORTS /
		       64]; /* ports with an egress line: what goes there goes through the daemon; flows_lock */
	uint64_t meters_set[BPF_N_METERS / 64];	 /* by this process, and not a predecessor */
	uint64_t bonds_set[DP_MAX_BONDS / 64];	 /* likewise */
	uint64_t bonds_later[DP_MAX_BONDS / 64]; /* bonds that a port of `later` carries; flows_lock */

	int64_t paths_ms; /* when they were asked about; of the first thread */
	struct ebpf_window windows[BPF_N_PORTS];

	struct ebpf_gate gates[USER_MAX_THREADS];
	pthread_t grace_thread;
	bool has_grace_thread, grace_stop;
	pthread_mutex_t grace_lock;
	pthread_cond_t grace_cond;
	uint64_t grace_wanted, grace_begun;
	_Atomic uint64_t grace_over;

	struct ebpf_links links;

	pthread_mutex_t watch_lock; /* guards these two */
	struct ebpf_watch *watch;   /* NULL: no port is watched */
};

static inline struct ebpf_dp *ebpf_dp_of(struct datapath *dp)
{
	return (struct ebpf_dp *)(void *)dp;
}

/** ebpf_queue_of() - which ring carries a port's packets; as vsw_steer() has it. */
static inline unsigned int ebpf_queue_of(uint32_t port)
{
	return port & (BPF_UPCALL_QUEUES - 1);
}

/** ebpf_thread_of() - and which thread reads it. */
static inline struct user_thread *ebpf_thread_of(struct ebpf_dp *dp, uint32_t port)
{
	return dp->user.threads[ebpf_queue_of(port) % dp->user.n_threads];
}

/** ebpf_monotonic_ms() - real time, also when the switch's clock is stopped. */
int64_t ebpf_monotonic_ms(void);

/* ---- ebpf_ports.c; the main thread's ---- */

/* As the functions of struct datapath_ops. */
int ebpf_port_add(struct datapath *datapath, const struct dp_port_spec *spec, uint32_t *port_no, struct errtext *err);
int ebpf_port_del(struct datapath *datapath, uint32_t port_no);
int ebpf_port_set_egress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage);
int ebpf_port_set_ingress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage);
void ebpf_port_link(struct datapath *datapath, uint32_t port_no, bool is_up, uint32_t mtu);
void ebpf_port_refresh(struct datapath *datapath, uint32_t port_no, bool may_go_direct);
int ebpf_port_stats(struct datapath *datapath, uint32_t port_no, struct dp_port_stats *stats);
/** ebpf_port_leave_kernel() - the program does not know the port any more. */
void ebpf_port_leave_kernel(struct ebpf_dp *dp, uint32_t number);

/* ---- ebpf_flows.c; flows_lock is held, but by init, fini and opened ---- */

void ebpf_flows_init(struct ebpf_dp *dp);
void ebpf_flows_fini(struct ebpf_dp *dp);
/** ebpf_flows_put() - the kernel's part of datapath_ops.flow_put(); whatever it cannot have the daemon keeps. */
void ebpf_flows_put(struct ebpf_dp *dp, const struct dp_flow_put *put);
/** ebpf_flows_retry() - once in a while: flows that found no room in the kernel may find it now. In a read-side section of RCU. */
void ebpf_flows_retry(struct ebpf_dp *dp);
/** ebpf_flows_again() - put the flow once more as it is: what decides about it has changed. In a read-side section of RCU. */
void ebpf_flows_again(struct ebpf_dp *dp, uint64_t id);
/** ebpf_flows_del() - out of the kernel. @stats: what it has counted there is added. */
void ebpf_flows_del(struct ebpf_dp *dp, uint64_t id, struct dp_flow_stats *stats);
/** ebpf_flows_kernel_bytes() - memory of the maps now. */
uint64_t ebpf_flows_kernel_bytes(const struct ebpf_dp *dp);
/** ebpf_flows_find() - the flow in the book, or NULL. */
struct ebpf_flow *ebpf_flows_find(struct ebpf_dp *dp, uint64_t id);
/** ebpf_flows_stats() - @stats: what the kernel has counted is added. */
void ebpf_flows_stats(struct ebpf_dp *dp, uint64_t id, struct dp_flow_stats *stats);
/** ebpf_flows_active() - the kernel's part of datapath_ops.flow_active(). *@slot: where to go on, kernel.n_slots at the end. */
void ebpf_flows_active(struct ebpf_dp *dp, uint64_t *slot, struct dp_flow_activity *flows, size_t *n);
void ebpf_stats_add(struct dp_flow_stats *sum, const struct dp_flow_stats *stats);
/** ebpf_flows_note() - for a successor: @total has been credited to the flow's rules. */
void ebpf_flows_note(struct ebpf_dp *dp, uint64_t id, const struct dp_flow_stats *total);
/** ebpf_flows_opened() - their gates have just been opened: what the daemon has counted for them until now a successor will know. Takes flows_lock. */
void ebpf_flows_opened(struct ebpf_dp *dp, const uint32_t slots[], size_t n);
/** ebpf_flows_leave() - forget the flow, and leave it in the kernel. */
void ebpf_flows_leave(struct ebpf_dp *dp, uint64_t id);
/** ebpf_flows_resume() - the first thing after init: dp->orphans have their slots, the others are free. */
void ebpf_flows_resume(struct ebpf_dp *dp);
/** ebpf_flows_inherit() - an orphan becomes @put, of the same key and mask. Its gate is open, and stays so. */
void ebpf_flows_inherit(struct ebpf_dp *dp, struct ebpf_orphan *orphan, const struct dp_flow_put *put);
/** ebpf_flows_disown() - or nobody wants it. */
void ebpf_flows_disown(struct ebpf_dp *dp, struct ebpf_orphan *orphan);
/** ebpf_flows_slot_stats() - what a flow has counted in all its life. */
void ebpf_flows_slot_stats(const struct ebpf_dp *dp, uint32_t slot, struct dp_flow_stats *stats);

/* ---- ebpf_later.c; flows_lock is held ---- */

/** ebpf_later_has_op(), ebpf_later_has_action() - whether a list outputs to a port that sends later, or to a bond that such a port carries. */
bool ebpf_later_has_op(const struct ebpf_dp *dp, const struct ebpf_ops *ops);
bool ebpf_later_has_action(const struct ebpf_dp *dp, const void *actions, size_t len);
/** ebpf_later_set_port() - from now on (or no more) flows that output to the port are the daemon's to run. */
void ebpf_later_set_port(struct ebpf_dp *dp, uint32_t port, bool later);
/** ebpf_later_follow_bond() - the bond's table has changed. */
void ebpf_later_follow_bond(struct ebpf_dp *dp, uint32_t id);

/* ---- ebpf_slow.c; flows_lock is held, but by init ---- */

void ebpf_slow_init(struct ebpf_dp *dp);
/** ebpf_slow_set() - from now on it is run for this reason by the daemon; EBPF_WHY_NONE: by the kernel. */
void ebpf_slow_set(struct ebpf_dp *dp, struct ebpf_flow *flow, enum ebpf_why why);
/** ebpf_slow_stats() - n_daemon_flows and slow[] of @stats. */
void ebpf_slow_stats(const struct ebpf_dp *dp, struct dp_stats *stats);
/** ebpf_slow_name() - of a flow's reason, NULL when it has none. */
const char *ebpf_slow_name(struct ebpf_dp *dp, uint64_t id);

/* ---- ebpf_lists.c; flows_lock is held, but by init and fini ---- */

void ebpf_lists_init(struct ebpf_dp *dp);
void ebpf_lists_fini(struct ebpf_dp *dp);
/** ebpf_list_get() - the list, for one more flow. Return: NULL when the pool has no room for it. */
struct ebpf_list *ebpf_list_get(struct ebpf_dp *dp, const struct ebpf_ops *ops);
/** ebpf_list_put() - for one flow less; NULL: nothing. Without flows its place rests for EBPF_REST_MS. */
void ebpf_list_put(struct ebpf_dp *dp, struct ebpf_list *list);

/**
 * ebpf_lists_resume() - take the lists of dp->orphans as they lie in the pool, and what lies between them as free. An orphan whose list
 * overlaps another's loses its list; it is of no use.
 *
 * Return: how many those are.
 */
size_t ebpf_lists_resume(struct ebpf_dp *dp);
/* ---- ebpf_watch.c ---- */

void ebpf_watch_init(struct ebpf_dp *dp);
void ebpf_watch_fini(struct ebpf_dp *dp);
/* As the functions of struct datapath_ops. */
int ebpf_port_watch(struct datapath *datapath, uint32_t port_no, unsigned int what);
void ebpf_watch_poll(struct datapath *datapath, void (*fn)(void *aux, const struct sight *sight), void *aux,
		     struct watch_counts *counts);

/* ---- ebpf_last_drop.c ---- */

/** ebpf_port_last_drop() - as datapath_ops.port_last_drop(): the younger of the program's and the daemon's. */
int ebpf_port_last_drop(struct datapath *datapath, uint32_t port_no, struct dp_last_drop *drop);

/* ---- ebpf_direct.c ---- */

/** ebpf_direct_refresh() - look at the port's device and its other end anew. @is_allowed: the direct way may be taken if there is one. */
void ebpf_direct_refresh(struct ebpf_dp *dp, uint32_t port_no, bool is_allowed);

/* ---- ebpf_paths.c; flows_lock is held, but by run ---- */

struct bpf_op_addr;

/** ebpf_paths_set() - the ways that the tunnels of a list take. */
void ebpf_paths_set(struct ebpf_dp *dp, struct ebpf_ops *ops);
/** ebpf_path_of() - the way of one. Return: its place in `paths` + 1; 0: none. */
uint16_t ebpf_path_of(struct ebpf_dp *dp, const struct bpf_op *tunnel, const struct bpf_op_addr *remote,
		      const struct bpf_op_addr *local);
/** ebpf_paths_run() - at the end of a round of the first thread. Return: milliseconds until it wants to run again, or -1. */
int ebpf_paths_run(struct ebpf_dp *dp);

/* ---- ebpf_gate.c ---- */

int ebpf_gate_init(struct ebpf_dp *dp, struct errtext *err);
/** ebpf_gate_stop() - before the threads end. */
void ebpf_gate_stop(struct ebpf_dp *dp);
/** ebpf_gate_fini() - after that. */
void ebpf_gate_fini(struct ebpf_dp *dp);
/**
 * ebpf_gate_add() - a flow of @port has just become visible to the program, its gate closed
 * @is_new: there was none in its place that the program may still be looking at
 */
void ebpf_gate_add(struct ebpf_dp *dp, uint64_t id, uint32_t slot, uint32_t port, bool is_new);
/** ebpf_gate_begin() - at the beginning of a thread's round. */
void ebpf_gate_begin(struct user_thread *t);
/** ebpf_gate_run() - at the end of a thread's round. Return: milliseconds until it wants to run again, -1: when there is a packet. */
int ebpf_gate_run(struct user_thread *t);

/** ebpf_grace() - wait for a grace period of the kernel's RCU: programs that run now have ended then. */
void ebpf_grace(void);

/* ---- ebpf_links.c; the main thread's ---- */

int ebpf_links_init(struct ebpf_dp *dp, struct errtext *err);
/** ebpf_links_stop() - end the thread; ports keep what they have. */
void ebpf_links_stop(struct ebpf_dp *dp);
/** ebpf_links_attach() - the program to a new port's device: by the link that it has, or a filter. Return: 0, or -errno with the sentence. */
int ebpf_links_attach(struct ebpf_dp *dp, const struct dp_port_spec *spec, struct afpacket **socket,
		      struct errtext *err);
/** ebpf_links_want() - the port is there; it may have a link when there is time. */
void ebpf_links_want(struct ebpf_dp *dp, const struct dp_port_spec *spec, uint32_t port);
/** ebpf_links_forget() - before the port goes. */
void ebpf_links_forget(struct ebpf_dp *dp, uint32_t port);

/* ---- ebpf_promisc.c; the main thread's ---- */

/** ebpf_promisc_begin() - a new port's device, where it has an address filter: from now on it receives everything, also without us. */
void ebpf_promisc_begin(struct ebpf_dp *dp, const struct dp_port_spec *spec);
/** ebpf_promisc_end() - it is no port any more. */
void ebpf_promisc_end(struct ebpf_dp *dp, int ifindex);

/* ---- ebpf_adopt.c ---- */

/** ebpf_adopt_begin() - see what a predecessor left, and what of it is sound. Before any packet comes up. */
void ebpf_adopt_begin(struct ebpf_dp *dp);
/** ebpf_adopt_number() - the number that the device had; DP_PORT_NONE: it was no port. */
uint32_t ebpf_adopt_number(const struct ebpf_dp *dp, uint32_t ifindex);
/* The operations of datapath_ops. */
bool ebpf_adopt_orphan(struct datapath *datapath, size_t i, struct dp_orphan *orphan);
int ebpf_adopt_flow(struct datapath *datapath, size_t i, const struct dp_flow_put *flow);
/** ebpf_adopt_end() - what nobody has claimed goes. */
void ebpf_adopt_end(struct ebpf_dp *dp);
/** ebpf_adopt_fini() - frees. */
void ebpf_adopt_fini(struct ebpf_dp *dp);

/* ---- ebpf_upcall.c ---- */

int ebpf_upcall_init(struct ebpf_dp *dp, struct errtext *err);
/** ebpf_upcall_start() - read what comes up. Until then it waits in the TAP. Return: 0 or -errno. */
int ebpf_upcall_start(struct ebpf_dp *dp);
/** ebpf_upcall_drain() - after ebpf_upcall_stop(): wait until what came up is forwarded, but not for long. Main thread, outside of locks. */
void ebpf_upcall_drain(struct ebpf_dp *dp);
/** ebpf_upcall_stop() - no more packets come up; before the threads end. */
void ebpf_upcall_stop(struct ebpf_dp *dp);
/** ebpf_upcall_fini() - after that. */
void ebpf_upcall_fini(struct ebpf_dp *dp);

#endif
