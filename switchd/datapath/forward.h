/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding engine that `user` and `dummy` share: what one thread does with packets, whatever its ports are made of.
 *
 * A batch of packets from one port goes through in two passes. First each is parsed and looked up, and the flows are credited, one
 * credit for each run of packets of the same flow; packets without a flow, and those whose flow has packets waiting, are put
 * into the port's queue. Then the actions run, outputs collect, and one flush sends them. All of this is one RCU read-side section.
 * At the end the port's counters get the whole batch at once, under their lock, so that they add up for whoever reads them.
 *
 * The queues are served in between by the same thread, one packet per port in turn, a bounded number per call. A packet is looked up
 * again first: the flow that its predecessor brought may be there. Otherwise the upcall function translates it, outside of the
 * read-side section. If its actions make it wait again (a recirculation without a flow) it goes to the front of the
 * queue: its flow's later packets are behind it.
 */
#ifndef SWITCHD_DATAPATH_FORWARD_H
#define SWITCHD_DATAPATH_FORWARD_H 1

#include <pthread.h>
#include <urcu/list.h>

#include "switchd/datapath/bonds.h"
#include "switchd/datapath/cache.h"
#include "switchd/datapath/datapath.h"
#include "switchd/datapath/execute.h"
#include "switchd/datapath/meters.h"
#include "switchd/datapath/waiting.h"

#define FORWARD_BATCH 32
/** Waiting packets that one call of forward_waiting() serves. */
#define FORWARD_MAX_SERVED 4096
/** Packets of the daemon's own that may wait for a thread. */
#define FORWARD_MAX_POSTED 4096
/** Meters, where the datapath brings no memory of its own for them. */
#define FORWARD_MAX_METERS 262144

struct egress;
struct forwarder;
struct sight;

/** What all threads of a datapath share. */
struct forward_shared {
	/** The port of this number if the thread of @f serves it, else NULL; in a read-side section. */
	struct forward_port *(*find_port)(struct forwarder *f, uint32_t port_no);
	struct cache *cache;
	struct meters meters;
	struct bonds bonds;
	dp_upcall_fn *upcall;
	void *aux;
	unsigned int queue_limit; /**< packets per port that may wait */
};

/** First member of each datapath's own struct that forwards by this engine. */
struct forward_dp {
	struct datapath dp;
	struct forward_shared shared;
};

/** The part of a port that forwarding knows; embedded in the datapath's own struct. */
struct forward_port {
	uint32_t port_no;
	pthread_mutex_t lock; /**< guards stats and last_drop; taken once per batch */
	struct dp_port_stats stats;
	struct dp_last_drop last_drop; /**< age_ms: when it was, clock_now_ms(); reason DROP_NONE: none yet */
	/* Of the thread that serves the port alone: */
	struct waiting_queue queue;
	struct cds_list_head node; /**< in forwarder.waiting_ports while the queue is not empty */
	bool is_listed;
	unsigned int watch; /**< enum watch_what (watch.h); written by the main thread, read relaxed */
};

/** Where a packet was when it came in: actions move what they use up. */
struct forward_frame {
	const uint8_t *data;
	uint32_t len;
};

/** One thread's engine. */
struct forwarder {
	const struct forward_shared *shared;
	struct execute x;
	struct waiting_pool pool;
	struct cds_list_head waiting_ports;
	int64_t now_ms;		   /**< read once per batch or upcall */
	uint64_t n_misses, n_lost; /**< read by others, relaxed */

	/* The packet at hand. */
	struct forward_port *port; /**< it came from */
	uint32_t hash;		   /**< of its flow */
	struct waiting **again;	   /**< while a queue is served: end of the list of what must wait again */
	uint64_t served_id;	   /**< the flow of a packet that had waited, 0: none; for watching */

	/* The batch at hand. */
	struct packet packets[FORWARD_BATCH];
	struct forward_frame frames[FORWARD_BATCH];
	struct verdict verdicts[FORWARD_BATCH];
	struct cache_flow *flows[FORWARD_BATCH];
	uint32_t hashes[FORWARD_BATCH];
	struct pkt_key keys[FORWARD_BATCH];
	struct sight *sights[FORWARD_BATCH]; /**< while the port is watched */

	pthread_mutex_t posted_lock;
	struct forward_job *posted, **posted_tail; /**< guarded by posted_lock, as is: */
	unsigned int n_posted;
	struct forward_port own_port; /**< stands for packets of the daemon's that come from no port */

	uint64_t reply[DP_ACTIONS_MAX / 8];
	struct cache_exact exact;
};

/** forward_recirc() and forward_userspace() - the callbacks that a datapath's struct execute_ops takes from here. */
void forward_recirc(struct execute *x, struct packet *p, bool held);
void forward_userspace(struct execute *x, const struct packet *p, uint32_t reason, uint64_t cookie);

/**
 * forwarder_new() - one thread's engine
 * @ops: with output() and flush() of the datapath, and the two above
 * @size: of the datapath's own struct, whose first member it is
 */
struct forwarder *forwarder_new(const struct forward_shared *shared, const struct execute_ops *ops, size_t size);
void forwarder_free(struct forwarder *f);

/** forward_port_init() - zero counters, empty queue. */
void forward_port_init(struct forward_port *port, uint32_t port_no);
void forward_port_fini(struct forward_port *port);
void forward_port_stats(struct forward_port *port, struct dp_port_stats *stats);
/** forward_port_last_drop() - as datapath_ops.port_last_drop(). Return: 0 or -ENODATA. */
int forward_port_last_drop(struct forward_port *port, struct dp_last_drop *drop);
/** forward_port_lost() - count a frame that was received, and dropped before it could become a packet. @frame: its head; NULL: unknown. */
void forward_port_lost(struct forward_port *port, enum drop_reason reason, const struct forward_frame *frame);
/**
 * forward_port_keep() - a packet received on it enters the port's ingress line: it is queued until forward_kept(), or it is lost
 * @p: copied
 */
void forward_port_keep(struct forward_port *port, struct egress *line, struct packet *p, uint64_t now_ns);
/** forward_port_watch() - as datapath_ops.port_watch(). */
void forward_port_watch(struct forward_port *port, unsigned int what);
/** forward_port_sent() - count copies that left through the port, and those that its device did not take. */
void forward_port_sent(struct forward_port *port, uint64_t n_packets, uint64_t n_bytes, uint64_t n_dropped);

/**
 * forward_batch() - forward the first @n of f->packets, received on @port
 *
 * They have bytes, headroom and offload state; the rest is set here.
 */
void forward_batch(struct forwarder *f, struct forward_port *port, size_t n);

/**
 * forward_kept() - forward the first @n of f->packets, which were kept (forward_port_keep())
 * @n_new: of them were not received but made of others meanwhile, and count as executed
 */
void forward_kept(struct forwarder *f, struct forward_port *port, size_t n, size_t n_new);

/**
 * forward_waiting() - serve the queues of this thread's ports
 * @n_upcalls: how often the daemon may be asked
 *
 * Packets that have a flow by now are cheap and not bounded by it (but by FORWARD_MAX_SERVED): were they, a flow that arrives faster
 * than its queue is served would never get back to the fast path.
 *
 * Return: whether packets still wait.
 */
bool forward_waiting(struct forwarder *f, unsigned int n_upcalls);

/**
 * forward_post() - have the thread of @f run actions on a packet of the daemon's
 * @p: copied, as are the actions
 *
 * From any thread. Return: 0 (wake the thread then), or -ENOBUFS: it has FORWARD_MAX_POSTED of them to do already.
 */
int forward_post(struct forwarder *f, const struct packet *p, const void *actions, size_t len);
/** forward_posted() - run what was posted, in the thread of @f. */
void forward_posted(struct forwarder *f);
bool forward_has_posted(struct forwarder *f);

/**
 * forward_dp_init() - what the threads share, with an empty flow table
 * @dp: zeroed, but for shared.meters and shared.bonds where the datapath has memory of its own for them
 * @find_port: see struct forward_shared
 */
void forward_dp_init(struct forward_dp *dp, const struct datapath_ops *ops, const struct dp_config *config,
		     struct forward_port *(*find_port)(struct forwarder *f, uint32_t port_no));

/** forward_dp_fini() - the threads have ended. */
void forward_dp_fini(struct forward_dp *dp);

/* Operations (datapath.h) of every datapath here. */
int forward_meter_set(struct datapath *datapath, uint32_t id, const struct dp_meter *meter);
int forward_meter_del(struct datapath *datapath, uint32_t id);
int forward_meter_stats(struct datapath *datapath, uint32_t id, struct dp_meter_stats *stats);
int forward_bond_set(struct datapath *datapath, uint32_t id, const struct dp_bond *bond);
int forward_bond_del(struct datapath *datapath, uint32_t id);
int forward_bond_stats(struct datapath *datapath, uint32_t id, uint64_t bytes[DP_BOND_BUCKETS]);

/* Operations (datapath.h) of a datapath that has all of its flows in the shared table. */
int forward_flow_put(struct datapath *datapath, const struct dp_flow_put *flow);
bool forward_flow_covers(struct datapath *datapath, const struct pkt_key *key);
int forward_flow_del(struct datapath *datapath, uint64_t id, struct dp_flow_stats *stats);
int forward_flow_stats(struct datapath *datapath, uint64_t id, struct dp_flow_stats *stats);
size_t forward_flow_dump(struct datapath *datapath, uint64_t *cursor, struct dp_flow *flows, size_t n);
bool forward_flow_active(struct datapath *datapath, uint64_t *cursor, struct dp_flow_activity *flows, size_t *n);
void forward_flow_invalidate_all(struct datapath *datapath);

/** The rows of a table of operations (struct datapath_ops) that are the engine's. */
#define FORWARD_FLOW_OPS \
	.flow_put = forward_flow_put, .flow_del = forward_flow_del, .flow_stats = forward_flow_stats, \
	.flow_dump = forward_flow_dump, .flow_active = forward_flow_active, \
	.flow_invalidate_all = forward_flow_invalidate_all, .max_meters = FORWARD_MAX_METERS, \
	.meter_set = forward_meter_set, .meter_del = forward_meter_del, .meter_stats = forward_meter_stats, \
	.bond_set = forward_bond_set, .bond_del = forward_bond_del, .bond_stats = forward_bond_stats

/** forward_stats() - of the table and of the threads' engines. */
void forward_stats(const struct forward_dp *dp, const struct forwarder *const forwarders[], size_t n,
		   struct dp_stats *stats);

/**
 * forward_watch_output() - a packet was sent through a port that is watched (WATCH_OUT)
 * @v: the verdict that it belongs to
 * @bytes: @len of them, as they were sent
 */
void forward_watch_output(const struct forwarder *f, const struct forward_port *out, const struct verdict *v,
			  const void *bytes, uint32_t len, uint32_t gso_size);
/** forward_is_watched() - for @what (enum watch_what)? */
static inline bool forward_is_watched(const struct forward_port *port, unsigned int what)
{
	return unlikely(__atomic_load_n(&port->watch, __ATOMIC_RELAXED) & what);
}

/* Of forward.c to forward_watch.c: before a batch's actions run, and behind them; the same for one packet that waited. */
void forward_watch_begin(struct forwarder *f, const struct forward_port *port, size_t n);
void forward_watch_end(struct forwarder *f, const struct forward_port *port, size_t n);
struct sight *forward_watch_waiting(const struct forwarder *f, const struct forward_port *port,
				    const struct waiting *w);
void forward_watch_served(const struct forwarder *f, const struct forward_port *port, struct sight *s,
			  const struct verdict *v);

/** forward_port_purge() - forget what waits; the port is going away. */
void forward_port_purge(struct forwarder *f, struct forward_port *port);

#endif
