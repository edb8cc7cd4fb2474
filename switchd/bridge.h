/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges, ports and interfaces as the switch runs them: what config.c makes out of database rows, and what translation reads.
 *
 * The words are the database's: a Port belongs to a Bridge and has one Interface, or several when it is a bond; VLANs are the
 * port's, numbers and devices the interface's.
 *
 * Threads: the main thread alone changes these structs, under switch_wrlock(); translation reads them under switch_rdlock(),
 * from any thread. Write sections are short: devices are opened and closed outside of them. The exceptions are said at the member.
 */
#ifndef SWITCHD_BRIDGE_H
#define SWITCHD_BRIDGE_H 1

#include <urcu/list.h>

#include "base/errtext.h"
#include "base/hmap.h"
#include "flow/port_names.h"
#include "switchd/loop_guard.h"
#include "switchd/mirror.h"
#include "switchd/storm.h"
#include "switchd/tunnel_options.h"
#include "vsw/types.h"

struct bond_link;
struct bond_port;
struct datapath;
struct fdb;
struct hosts;
struct loop;
struct meter_table;
struct qos_settings;
struct source_guard;
struct pkt_key;
struct tables;

#define N_VLANS 4096

/** VLAN modes of a port, as in the database (Port.vlan_mode). */
enum vlan_mode { VLAN_TRUNK, VLAN_ACCESS, VLAN_NATIVE_TAGGED, VLAN_NATIVE_UNTAGGED, VLAN_DOT1Q_TUNNEL };
/** Port.other_config:priority-tags. */
enum vlan_priority_tags { PRIORITY_TAGS_NEVER, PRIORITY_TAGS_IF_NONZERO, PRIORITY_TAGS_ALWAYS };

/** OpenFlow 1.0 port configuration bits (mod-port). */
enum ofp_port_config {
	OFPPC_PORT_DOWN = 1 << 0,
	OFPPC_NO_STP = 1 << 1,
	OFPPC_NO_RECV = 1 << 2,
	OFPPC_NO_RECV_STP = 1 << 3,
	OFPPC_NO_FLOOD = 1 << 4,
	OFPPC_NO_FWD = 1 << 5,
	OFPPC_NO_PACKET_IN = 1 << 6,
};

enum iface_type {
	IFACE_SYSTEM,
	IFACE_INTERNAL,
	IFACE_TAP,
	IFACE_PATCH,
	IFACE_DUMMY,
	IFACE_VXLAN,
	IFACE_GENEVE,
	IFACE_GRE,
};

struct iface_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

struct iface {
	char *name;
	struct port *port;
	struct bridge *bridge;
	enum iface_type type;
	uint16_t ofp_port; /**< OFPP_LOCAL for the bridge's own */
	uint32_t
		dp_port; /**< DP_PORT_NONE while it has no device, and for patch ports; tunnel ports share one (tunnel.h) */
	uint32_t serial;  /**< of this interface with this device, never given twice; 0 while it has none (drops.h) */
	uint32_t config;  /**< enum ofp_port_config */
	uint32_t policer; /**< the datapath's meter for what comes in here, + 1; 0: none (policer.h) */
	uint32_t storm[STORM_N_CLASSES]; /**< likewise for what floods (storm.h) */
	bool is_blocked;		 /**< by the loop guard: it neither receives nor sends */
	bool link_up, admin_up;		 /**< of the device; true for patch ports with a peer, and dummies */
	uint8_t mac[6];
	uint32_t mtu;
	char *peer_name;    /**< patch: options:peer */
	struct iface *peer; /**< patch: NULL while the peer does not exist */
	struct iface_counters
		counted; /**< patch and tunnel: what went through; written by any thread with relaxed atomics */
	struct tunnel_config tunnel;  /**< kind TUNNEL_NONE: it is none */
	struct hmap_node tunnel_node; /* tunnel.c's, while it is attached */
	struct hmap_node ofp_node;    /* in bridge->ifaces, by ofp_port */
	struct hmap_node name_node;   /* in the switch, by name */
	struct hmap_node dp_node;     /* in the switch, by datapath and dp_port, while it has one */
	struct cds_list_head port_node;
	struct bond_link *bond_link; /**< NULL: its port is no bond */
	struct netdev_port *dev;     /* port.c's own: device, netlink state, statistics */
};

struct port {
	char *name;
	struct bridge *bridge;
	enum vlan_mode vlan_mode;
	int tag;	       /**< -1: none */
	uint64_t *trunks;      /**< bitmap of N_VLANS; NULL: all */
	uint64_t *cvlans;      /**< bitmap for dot1q-tunnel; NULL: all */
	uint16_t qinq_ethtype; /**< 0x88a8 or 0x8100 */
	enum vlan_priority_tags priority_tags;
	bool is_protected;
	struct qos_settings *qos;	    /**< NULL: none (qos.h); the main thread's alone */
	struct source_guard *guard;	    /**< NULL: none; locks itself */
	mirror_mask mirror_src, mirror_dst; /**< mirrors that choose what comes in here, goes out here */
	struct loop_guard_settings loop_guard;
	struct storm_settings storm; /**< of each of its interfaces */
	mirror_mask mirror_out;	     /**< mirrors whose copies go out here: nothing else does */
	struct cds_list_head ifaces;
	size_t n_ifaces;
	struct bond_port *bond;	    /**< NULL: it is none (bond.h) */
	struct hmap_node name_node; /* in the switch, by name */
	struct cds_list_head bridge_node;
};

struct bridge {
	char *name;
	struct datapath *dp;
	bool is_dummy; /**< datapath_type=dummy */
	uint64_t datapath_id;
	uint8_t mac[6];
	bool fail_secure;      /**< fail_mode=secure: no default NORMAL rule */
	bool forward_bpdu;     /**< other_config:forward-bpdu */
	uint64_t *flood_vlans; /**< bitmap; NULL: none. MACs are not learnt there */
	struct loop_guard_settings loop_guard;
	struct fdb *fdb;       /**< locks itself */
	struct hosts *hosts;   /**< likewise; NULL in tests that have none */
	struct tables *tables; /**< RCU */
	struct meter_table *meters;
	struct mirrors *mirrors; /**< NULL: none */
	struct cds_list_head ports;
	size_t n_ports;
	struct hmap ifaces; /* by ofp_port */
	struct iface *local;
	struct port_names port_names; /**< for text; container_of() */
	uint16_t next_ofp;	      /**< where the search for a free OpenFlow port number begins */
	struct hmap_node node;
};

/** The whole switch; one per process. */
struct vswitch {
	struct loop *loop;
	const char *rundir;
	struct datapath *dp;	   /**< the daemon's */
	char *no_ebpf;		   /**< why that is `user` although nobody asked for it; else NULL */
	struct datapath *dummy_dp; /**< for bridges with datapath_type=dummy; made when first needed */
	struct hmap bridges;	   /* by name */
	struct hmap ports;	   /* by name */
	struct hmap ifaces;	   /* by name */
	struct hmap dp_ports;	   /* struct iface.dp_node */
};

extern struct vswitch vswitch;

/** iface_is_tunnel() - several of them may share dp_port. */
static inline bool iface_is_tunnel(const struct iface *iface)
{
	return iface->type == IFACE_VXLAN || iface->type == IFACE_GENEVE || iface->type == IFACE_GRE;
}

/* Prefers writers, so that a flood of misses cannot hold up a configuration change. Not recursive. */
void switch_rdlock(void);
void switch_rdunlock(void);
void switch_wrlock(void);
void switch_wrunlock(void);

/* Lookups; the caller is the main thread or holds either lock. NULL when there is none. */
struct bridge *bridge_by_name(const char *name);
struct port *port_by_name(const char *name);
struct iface *iface_by_name(const char *name);
struct iface *iface_by_dp_port(const struct datapath *dp, uint32_t dp_port);
/** iface_of_key() - the interface that a packet with this key came in on: by its datapath port, and its tunnel if it came through one. */
struct iface *iface_of_key(const struct datapath *dp, const struct pkt_key *key);
/** switch_dp_port_name() - of an interface, or of the device that tunnel ports share; NULL: there is no such port. */
const char *switch_dp_port_name(const struct datapath *dp, uint32_t dp_port);
struct iface *bridge_iface_by_ofp(const struct bridge *br, uint16_t ofp_port);

/** vlan_bitmap_has() - is VLAN @vid in the set? Every one is in NULL. */
static inline bool vlan_bitmap_has(const uint64_t *bitmap, unsigned int vid)
{
	return !bitmap || (bitmap[vid / 64] >> (vid % 64) & 1);
}

#endif
