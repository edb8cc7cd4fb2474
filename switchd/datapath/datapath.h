/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The datapath interface: what every forwarding engine does for the switch, and the little it knows.
 *
 * What a datapath is
 * ------------------
 * A datapath moves packets between numbered ports by looking up each packet's key (struct pkt_key) in a table of masked flows
 * (megaflows) and running the winner's actions (vsw/dp_action.h). Flows are disjoint or agree: at most one answer is right for
 * a packet, so there are no priorities down here. A packet that no flow covers is a miss: it goes, whole and with its offload
 * state, to the upcall function, which translates it, usually installs a flow by calling flow_put() of this very datapath, and hands back the
 * actions for this one packet. A datapath knows nothing of bridges, OpenFlow, VLAN modes or MAC learning.
 *
 * There is one datapath per daemon (struct datapath) of the kind that --datapath chose, plus one `dummy` for bridges that ask
 * for datapath_type=dummy. Ports of all bridges share its number space; patch ports never get here.
 *
 *   ebpf   (ebpf.c)   tc programs on every port, flows in BPF maps: packets never leave the kernel
 *   user   (user.c)   forwarding threads over AF_PACKET with virtio_net_hdr
 *   dummy  (dummy.c)  ports fed from sockets and hex, one thread: the caller's; deterministic, no root
 *
 * Ports
 * -----
 * Whoever calls port_add() has made the network device; a datapath attaches to it by ifindex and leaves it as it was when the port is
 * deleted. A frame received on a port must not reach the host's own stack as well. For `internal` ports the device given is the
 * switch's end of a veth pair whose other end carries the bridge's name; for `tap` ports it is the TAP's network device (the
 * guest holds the descriptor). All three of system, internal and tap look alike from here.
 *
 * A port of type `vxlan`, `geneve` or `gre` carries the packets of every tunnel of its kind (and UDP port); which one is in the tun_*
 * fields of the key of what it receives, and in a DP_SET_TUNNEL before the output.
 *
 * Order
 * -----
 * Packets of one flow that came in on one port leave in the order in which they came, also around a miss: while packets of a flow
 * wait for translation, later ones of the same flow wait behind them. A flow in this sense is what has the same Ethernet
 * addresses, VLANs, IP addresses, protocol and ports; TTL, TOS or TCP flags may differ.
 *
 * Upcalls
 * -------
 * Each port has a bounded queue of packets that wait for translation; one that does not fit is dropped and counted
 * (DROP_UPCALL_QUEUE_FULL). Queues are served round robin, so a port that sends only misses costs the others little. The
 * upcall function may be called from several threads at a time, each registered with liburcu, outside of read-side sections.
 *
 * Counting
 * --------
 * Each packet received on a port is in the end forwarded (also consumed by an explicit action) or dropped for exactly one reason,
 * counted on the port that it came from. So at every instant, for every port:
 *
 *   rx_packets + executed == forwarded + queued + sum of drops[]
 *
 * A packet with several outputs is forwarded when at least one of them took its copy, else dropped for the first reason met; each
 * copy that a device did not take also counts in tx_dropped of that port. Per-flow counters are exact: a packet is counted in the
 * flow that forwarded it, before its actions run; once flow_del() has returned a flow's final counters nobody adds to them.
 * A packet that is recirculated is counted in each flow that it matches, one per recirculation.
 *
 * From one process to the next
 * ----------------------------
 * The kernel's half of `ebpf` goes on without the daemon. A successor that opens it finds flows that are nobody's (orphans) and devices that
 * have a port number already. It configures its ports (a device gets the number that it had), goes through the orphans, translates
 * each and adopts those that the tables still give an answer for, and calls start(). Until then no upcall is made: packets wait.
 * A daemon that ends in order calls leave() first.
 *
 * Threads
 * -------
 * open(), close(), start(), leave() and port_*() come from the main thread, outside of read-side sections. flow_*() and execute() come from any
 * thread registered with liburcu (the main thread is one), also inside a read-side section. Errors are negative errno.
 */
#ifndef SWITCHD_DATAPATH_DATAPATH_H
#define SWITCHD_DATAPATH_DATAPATH_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "flow/dp_action.h"
#include "packet/packet.h"
#include "vsw/dp_action.h"
#include "vsw/dp_bond.h"
#include "vsw/flow_key.h"

struct datapath;
struct egress_stage;
struct loop;
struct sight;
struct watch_counts;

#define DP_PORT_NONE UINT32_MAX
/** Port numbers are below this; 0 is a valid number. */
#define DP_MAX_PORTS 65536
#define DP_DEFAULT_MAX_FLOWS 200000

struct dp_port_spec {
	const char *name;    /**< as people know it: for messages */
	const char *type;    /**< "system", "internal", "tap", "dummy", "vxlan", "geneve", "gre" */
	int ifindex;	     /**< of the device to attach to; 0 for dummy */
	const char *stream;  /**< dummy: "unix:PATH" to connect to, or NULL */
	const char *pstream; /**< dummy: "punix:PATH" to listen on, or NULL */
	uint32_t requested;  /**< number wished for, or DP_PORT_NONE */
	uint16_t dst_port;   /**< vxlan, geneve: the UDP port */
};

struct dp_port_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t executed;  /**< packets of the daemon's own run by execute() in this port's name */
	uint64_t forwarded; /**< received or executed here, and not dropped */
	uint64_t queued;    /**< waiting for translation now */
	uint64_t upcalls;   /**< packets handed to the daemon so far */
	uint64_t direct_packets,
		direct_bytes; /**< of tx: put onto the far end of a veth, so that the port's device counts none of it */
	uint64_t tx_dropped;  /**< copies for this port that its device did not take; see "Counting" */
	uint64_t rx_missed;   /**< frames that the kernel dropped because this process was slow to read them */
	uint64_t drops[DROP_N_REASONS]; /**< of packets received or executed here */
};

/** Bytes that are kept of a dropped packet: enough for every header that a flow can match. */
#define DP_LAST_DROP_BYTES 128

/** The head of the last packet that a port dropped. */
struct dp_last_drop {
	enum drop_reason reason;
	uint32_t len;	   /**< of the frame */
	uint32_t n_bytes;  /**< of @bytes */
	int64_t age_ms;	   /**< how long ago */
	bool is_rewritten; /**< the actions had changed it before it was dropped, and @bytes are what they made of it */
	uint8_t bytes[DP_LAST_DROP_BYTES];
};

struct dp_flow_stats {
	uint64_t n_packets, n_bytes;
	int64_t used_ms;    /**< clock_now_ms() of the last packet, 0: never */
	uint16_t tcp_flags; /**< all seen, host order */
};

/** A flow as the daemon puts it. */
struct dp_flow_put {
	uint64_t id;		   /**< chosen by the caller, never 0, unique in this datapath's life */
	const struct pkt_key *key; /**< already under the mask */
	const struct pkt_key *mask;
	const void *actions; /**< copied */
	size_t actions_len;
};

/** A flow as the datapath shows it; the pointers are valid inside one rcu_read_lock() section around flow_dump(). */
struct dp_flow {
	uint64_t id;
	const struct pkt_key *key, *mask;
	const void *actions;
	size_t actions_len;
	struct dp_flow_stats stats;
	const char *slow; /**< ebpf: why the daemon runs it, not the kernel; else NULL */
};

/** The most bands that a meter has. */
#define DP_MAX_BANDS 8

/** A token bucket: what goes beyond it is dropped. */
struct dp_meter_band {
	bool packets; /**< counts packets; else bits: of the frames as they are on the wire, GSO packets cut, without preamble and FCS */
	uint64_t rate;	/**< bits or packets per second; never 0 */
	uint64_t burst; /**< depth of the bucket: bits or packets */
};

/** A meter: packets take from every band's bucket. See vsw/dp_meter.h. */
struct dp_meter {
	enum drop_reason reason; /**< what it drops counts as; 0: DROP_METER */
	unsigned int n_bands;
	struct dp_meter_band bands[DP_MAX_BANDS];
};

/** Frames as on the wire. Packets that several bands would drop count for the one with the highest rate. */
struct dp_meter_stats {
	uint64_t n_packets, n_bytes; /**< that came to the meter */
	struct {
		uint64_t n_packets, n_bytes;
	} bands[DP_MAX_BANDS]; /**< of them dropped */
};

/** Where what is sent to a bond goes (vsw/dp_bond.h). */
struct dp_bond {
	uint32_t basis;			 /**< of dp_bond_hash() */
	uint32_t ports[DP_BOND_BUCKETS]; /**< DP_BOND_NO_PORT: nobody carries the bucket */
};

/** What a flow has counted so far. */
struct dp_flow_activity {
	uint64_t id;
	struct dp_flow_stats stats;
};

#define DP_MAX_SLOW 32

/** Flows that the daemon runs for one reason, and the packets that it ran them on, those of flows that went away included. */
struct dp_slow {
	const char *why;
	uint64_t n_flows, n_packets;
};

struct dp_stats {
	uint64_t n_flows, n_masks;
	uint64_t hits, misses,
		lost;	     /**< packets since the start: by a flow, to the daemon, dropped for want of queue room */
	uint64_t cache_hits; /**< of hits: found in the exact-match cache */
	uint64_t n_daemon_flows; /**< ebpf: flows that the kernel lacks room or an action for, run by the daemon */
	size_t n_slow;		 /**< for how many reasons; the first so many of: */
	struct dp_slow slow[DP_MAX_SLOW];
	uint64_t kernel_bytes; /**< ebpf: memory of the maps, those flows included that are there */
	uint64_t daemon_bytes; /**< memory of the flow table */
};

/** A miss, or a packet that a DP_USERSPACE action sent up. */
struct dp_upcall {
	struct packet *packet;	   /**< parsed; the datapath's; may be edited by nobody but its later actions */
	const struct pkt_key *key; /**< whole */
	bool is_miss;
	uint32_t reason;	/**< enum dp_userspace_reason when not a miss */
	uint64_t cookie;	/**< of the DP_USERSPACE action */
	unsigned int n_waiting; /**< packets of its port behind it */
};

/** What to do with this one packet. The memory of `actions` is the caller's scratch of at least DP_ACTIONS_MAX bytes. */
struct dp_upcall_reply {
	struct dp_actions actions;
	uint64_t flow_id; /**< the flow that was put for it and its like; 0: none */
};

/** A flow that an earlier process left in the kernel. */
struct dp_orphan {
	struct pkt_key key, mask; /**< the key is under the mask */
	struct dp_flow_stats stats;
	struct dp_flow_stats credited; /**< n_packets and n_bytes that the earlier process has credited to rules */
};

typedef void dp_upcall_fn(void *aux, const struct dp_upcall *upcall, struct dp_upcall_reply *reply);

struct dp_config {
	struct loop *loop; /**< main loop; `dummy` does all its work there */
	const char *rundir;
	unsigned int n_threads;	   /**< 0: the datapath's own choice, at most 4 */
	unsigned int upcall_queue; /**< packets per port; 0: 512 */
	unsigned int max_flows;	   /**< 0: DP_DEFAULT_MAX_FLOWS */
	dp_upcall_fn *upcall;
	void *aux;
};

/** How a datapath does tunnel ports. */
enum dp_tunnels {
	DP_TUNNELS_NONE,      /**< not at all */
	DP_TUNNELS_BY_DEVICE, /**< on a collect-metadata device of the kernel, given by ifindex */
	DP_TUNNELS_BY_ITSELF, /**< without a device */
};

struct datapath_ops {
	const char *type;
	enum dp_tunnels tunnels;

	/** Return: 0, or -errno with the reason (no permission, kernel lacks ...), when this host cannot do it. */
	int (*open)(const struct dp_config *config, struct datapath **dp, struct errtext *err);
	/** Stops every thread, detaches from every port. */
	void (*close)(struct datapath *dp);

	/** @port_no: the number given, spec->requested when that was free. */
	int (*port_add)(struct datapath *dp, const struct dp_port_spec *spec, uint32_t *port_no, struct errtext *err);
	/** Flows that output to it stay until revalidated; packets to it drop with DROP_NO_PORT. */
	int (*port_del)(struct datapath *dp, uint32_t port_no);
	/**
	 * Something may have happened to the port's device (see ebpf_direct.c); NULL when the datapath need not know. From the main thread.
	 * @may_go_direct: options:direct of the interface
	 */
	void (*port_refresh)(struct datapath *dp, uint32_t port_no, bool may_go_direct);
	int (*port_stats)(struct datapath *dp, uint32_t port_no, struct dp_port_stats *stats);

	/** Its device was set up or down, or has another MTU. NULL: this datapath finds out when it sends. */
	void (*port_link)(struct datapath *dp, uint32_t port_no, bool is_up, uint32_t mtu);
	/**
	 * The last packet that was dropped of those received or executed on this port. Of several dropped for one reason within some
	 * milliseconds it may be any. Return: 0, -ENOENT, or -ENODATA: none yet.
	 */
	int (*port_last_drop)(struct datapath *dp, uint32_t port_no, struct dp_last_drop *drop);

	/** Capture what passes a port (enum watch_what in watch.h), from now on; 0: stop. Return: 0 or -ENOENT. */
	int (*port_watch)(struct datapath *dp, uint32_t port_no, unsigned int what);
	/**
	 * Hand over what the kernel has captured, by @fn, and add what it has not to @counts. NULL: all captured packets come through
	 * watch_read(). From the thread that captures, as often as it likes. @fn NULL: nobody captures any more.
	 */
	void (*watch_poll)(struct datapath *dp, void (*fn)(void *aux, const struct sight *sight), void *aux,
			   struct watch_counts *counts);

	/**
	 * New flow, or new actions for the flow with this id (statistics stay).
	 * Errors: -EEXIST another flow has this masked key, -ENOSPC max_flows reached, -EOPNOTSUPP an action that this datapath lacks,
	 * -EINVAL the id is 0 or has another key, or the key is not under the mask, or the actions are no well-formed list.
	 */
	int (*flow_put)(struct datapath *dp, const struct dp_flow_put *flow);
	/**
	 * Whether a flow covers such packets; caller in rcu_read_lock(). NULL: flows are put for packets that came, and not for
	 * those that are to be expected.
	 */
	bool (*flow_covers)(struct datapath *dp, const struct pkt_key *key);
	/** @stats: the final counters, or NULL. Return: 0 or -ENOENT. */
	int (*flow_del)(struct datapath *dp, uint64_t id, struct dp_flow_stats *stats);
	/** Return: 0 or -ENOENT. */
	int (*flow_stats)(struct datapath *dp, uint64_t id, struct dp_flow_stats *stats);
	/**
	 * Next @n flows at most, caller in rcu_read_lock(). @cursor: 0 to begin; opaque. A flow that exists during the whole walk is
	 * shown once; one that comes or goes meanwhile may be missed.
	 * Return: number written; 0 at the end.
	 */
	size_t (*flow_dump)(struct datapath *dp, uint64_t *cursor, struct dp_flow *flows, size_t n);
	/**
	 * Flows that have counted packets since they were last reported here; caller in rcu_read_lock(), one at a time. What it costs
	 * goes by their number, not by that of all flows. @cursor: 0 to begin; opaque. *@n: room in @flows, then how many were
	 * written, possibly none.
	 * Return: whether the walk goes on.
	 */
	bool (*flow_active)(struct datapath *dp, uint64_t *cursor, struct dp_flow_activity *flows, size_t *n);
	/** From now on each present flow is a miss, but stays (and is dumped, with its counters) until deleted or put anew with its id. O(1). */
	void (*flow_invalidate_all)(struct datapath *dp);

	/**
	 * Run actions on a packet of the daemon's. @packet: parsed, with headroom of PACKET_HEADROOM; used up. When its in_port is a
	 * port's, that port counts it (executed, and forwarded or a drop). Return: 0, or -EINVAL, -EOPNOTSUPP for the actions.
	 */
	int (*execute)(struct datapath *dp, struct packet *packet, const void *actions, size_t actions_len);

	void (*stats)(struct datapath *dp, struct dp_stats *stats);

	/**
	 * Put a stage into the port's egress line (egress.h), or take it out (NULL). The datapath owns @stage, whatever is returned. From the
	 * main thread. Return: 0, -ENOENT, or -EOPNOTSUPP: not for this kind of port.
	 */
	int (*port_set_egress)(struct datapath *dp, uint32_t port_no, unsigned int slot, struct egress_stage *stage);

	/**
	 * The same for what comes in, before anything else becomes of it: a line with one slot, EGRESS_LINK. NULL: no port here can have one.
	 */
	int (*port_set_ingress)(struct datapath *dp, uint32_t port_no, unsigned int slot, struct egress_stage *stage);

	/** Meter ids are below this. */
	uint32_t max_meters;
	/**
	 * Make a meter, or change it: then it starts anew, with full buckets and counters of zero, unless nothing is different. From the
	 * main thread. Actions may name meters that do not exist: those let everything pass.
	 * Return: 0, -ENOSPC the id is too high, -EINVAL no bands or too many, or a rate of 0.
	 */
	int (*meter_set)(struct datapath *dp, uint32_t id, const struct dp_meter *meter);
	/** Return: 0 or -ENOENT. */
	int (*meter_del)(struct datapath *dp, uint32_t id);
	/** Return: 0 or -ENOENT. */
	int (*meter_stats)(struct datapath *dp, uint32_t id, struct dp_meter_stats *stats);

	/**
	 * Make a bond, or change it, at once for every flow that outputs to it. From one thread at a time, any, also outside of RCU.
	 * Return: 0, or -ENOSPC: the id is 0 or not below DP_MAX_BONDS.
	 */
	int (*bond_set)(struct datapath *dp, uint32_t id, const struct dp_bond *bond);
	/** Flows that output to it drop with DROP_BOND_NO_MEMBER. Return: 0 or -ENOENT. */
	int (*bond_del)(struct datapath *dp, uint32_t id);
	/** Bytes sent so far, by bucket. Return: 0 or -ENOENT. */
	int (*bond_stats)(struct datapath *dp, uint32_t id, uint64_t bytes[DP_BOND_BUCKETS]);

	/* What outlives the process, where something does; NULL elsewhere. See "From one process to the next". */

	/** The @i-th flow left behind, those used last at the end. Return: false when there are no more. */
	bool (*orphan)(struct datapath *dp, size_t i, struct dp_orphan *orphan);
	/** It becomes this flow, of the same key and mask, without a moment in between. Return: as flow_put(). */
	int (*orphan_adopt)(struct datapath *dp, size_t i, const struct dp_flow_put *flow);
	/** The configuration's ports are there, and all flows adopted that are to be: what is left over goes, upcalls begin. */
	void (*start)(struct datapath *dp);
	/** From now on port_del(), flow_del() and close() leave the kernel as it is: a successor will come. No more upcalls. */
	void (*leave)(struct datapath *dp);
};

/** First member of each implementation's own struct. */
struct datapath {
	const struct datapath_ops *ops;
};

extern const struct datapath_ops datapath_ebpf;
extern const struct datapath_ops datapath_user;
extern const struct datapath_ops datapath_dummy;

/** datapath_by_type() - NULL when there is none of that name. */
const struct datapath_ops *datapath_by_type(const char *type);

#endif
