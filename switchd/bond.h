/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bonds as the switch runs them: lib/proto/bond.h and lib/proto/lacp.h with links, sockets, a clock and a datapath.
 *
 * A struct bond_port is a port with several interfaces (or with LACP); a struct bond_link is one of these. They are made and changed by the main
 * thread as the database says, and live by the thread of bond_thread.c: it alone hears of carrier and LACPDUs, watches the clock, and
 * says LACPDUs. Nothing that the main thread, the revalidator or forwarding threads do can hold it up, but for bonds_lock(), which
 * is held for microseconds. When it decides anew it writes the bond's table in the datapath (vsw/dp_bond.h): that is the whole of a
 * failover, for flows name the bond and not the member.
 *
 * Who may have what is sent and received
 *   Translation outputs to the bond (bond_output_arg()), and asks bond_link_admit() about what came in; the answers of the latter
 *   are cached in flows, which are re-translated in the background when they change.
 *
 * Locks: bonds_lock() guards all but `xlate`, `ports` and `admit`. It is taken before the switch's lock, never inside of it. `xlate`
 * is written under switch_wrlock().
 */
#ifndef SWITCHD_BOND_H
#define SWITCHD_BOND_H 1

#include <stdatomic.h>

#include "switchd/bond_settings.h"
#include "switchd/bridge.h"

struct loop;
struct pkt_key;

struct bond_link {
	struct bond_member bond;
	struct lacp_member lacp; /**< in use while the bond has LACP */
	struct bond_link_settings settings;
	struct bond_port *owner;
	struct iface *iface; /**< the main thread's */
	char name[BOND_NAME_LEN];
	uint64_t serial; /**< by which the thread knows it; never given twice */
	int ifindex;	 /**< 0: it has no device, or the datapath is dummy */
	uint32_t dp_port;
	uint8_t mac[6];
	bool has_carrier;
	int fd; /**< slowsock.h; -1: none */
	bool fd_receives;
	bool in_lacp;	      /**< it is a member of bond_port.lacp */
	bool dp_port_changed; /**< the datapath's table is out of date */
	bool was_enabled;     /**< as was told last; so is: */
	enum lacp_rx was_rx;
	bool was_churned;
	unsigned int n_read; /**< frames since the last tick: see bond_thread.c */
	bool is_muted;	     /**< it had too many */
	uint64_t n_carrier_changes, n_expired, n_defaulted;
	_Atomic uint8_t admit[2]; /**< enum bond_verdict of unicast and multicast frames */
};

struct bond_port {
	struct cds_list_head node; /* in all bonds */
	char name[BOND_NAME_LEN], bridge_name[BOND_NAME_LEN];
	struct bridge *bridge;
	struct port *port;
	uint32_t id; /**< in the datapath */
	struct bond bond;
	struct lacp lacp;
	struct bond_link *key_link; /**< whose port id is the aggregation key: the first one, as long as it stays */
	struct bond_settings settings;
	uint64_t told_bytes[BOND_N_BUCKETS]; /**< what the datapath had counted when it was asked last */
	int64_t wake_ms, poll_ms;
	bool is_dirty; /**< its status columns are out of date */
	struct {
		enum bond_mode mode;
		uint32_t basis;
		bool has_lacp;
	} xlate; /**< for translation */
	_Atomic uint32_t ports
		[BOND_N_BUCKETS]; /**< what the datapath was told last; written by whoever decides, read by traces */
};

void bonds_lock(void);
void bonds_unlock(void);
/** bonds_list() - of struct bond_port.node; under bonds_lock(). */
struct cds_list_head *bonds_list(void);
/** bond_by_name() - NULL when there is none; under bonds_lock(). */
struct bond_port *bond_by_name(const char *name);

/* ---- the main thread ---- */

/** bonds_start() - the thread. @loop: the main one, where the status columns are written. Return: 0 or negative errno. */
int bonds_start(struct loop *loop);
/** bonds_stop() - the thread ends; bonds stay as they are. */
void bonds_stop(void);
/** bonds_clock_warped() - as loop_clock_warped(). */
void bonds_clock_warped(void);

/**
 * bond_follow() - make the port's bond what the settings say, or end it where it is none any more
 * @links: settings of each of its interfaces, in order
 *
 * When it returns the datapath sends by the members that can. Return: 0, or -ENOSPC with @err: there are too many bonds.
 */
int bond_follow(struct port *port, const struct bond_settings *settings, const struct bond_link_settings *links,
		struct errtext *err);
/** bond_end() - the port is none any more, or leaves. */
void bond_end(struct port *port);
/** bond_link_leave() - the interface goes away. */
void bond_link_leave(struct iface *iface);
/** bond_device_changed() - the interface has got, lost or changed its device. */
void bond_device_changed(struct iface *iface);

/* ---- translation: under switch_rdlock() ---- */

/** bond_output_arg() - of DP_LB_OUTPUT for a frame. @uses_source: set when @key's source address and @vlan chose the bucket. */
uint32_t bond_output_arg(const struct bond_port *bond, const struct pkt_key *key, uint16_t vlan, bool *uses_source);
/** bond_link_admit() - whether a frame that came in is to be taken. */
static inline enum bond_verdict bond_link_admit(const struct bond_link *link, bool is_multicast)
{
	return (enum bond_verdict)atomic_load_explicit(&((struct bond_link *)link)->admit[is_multicast],
						       memory_order_relaxed);
}

/** bridge_has_slb() - is there a bond of balance-slb among its ports? */
bool bridge_has_slb(const struct bridge *br);
/** bond_by_id() - the bond that DP_LB_OUTPUT names with @arg; NULL when there is none. */
struct bond_port *bond_by_id(uint32_t arg);
/** bond_output_bucket() - the bucket of a packet with @key that DP_LB_OUTPUT with @arg sends. */
unsigned int bond_output_bucket(const struct bond_port *bond, uint32_t arg, const struct pkt_key *key);
/** bond_member_of_bucket() - the name of the member that carries it now; NULL when nobody does. */
const char *bond_member_of_bucket(const struct bond_port *bond, unsigned int bucket);

/* ---- between bond*.c; under bonds_lock() ---- */

/** bond_source_bucket() - of balance-slb. */
unsigned int bond_source_bucket(const uint8_t mac[6], uint16_t vlan, uint32_t basis);
/** bond_run_port() - let it decide, tell the datapath, send what LACP has to say. Sets bond->wake_ms. */
void bond_run_port(struct bond_port *bond, int64_t now_ms);
/** bond_run_lacp() - let LACP do what it can, send what it has to say. Return: when to call again at the latest. */
int64_t bond_run_lacp(struct bond_port *bond, int64_t now_ms);
/** bond_follow_lacp() - LACP may have come or gone with new settings, or its ids may be others. */
void bond_follow_lacp(struct bond_port *bond, struct bond_link *link);
/** bond_tell() - @changes (enum bond_change) of a person's making: to the datapath and everybody. */
void bond_tell(struct bond_port *bond, unsigned int changes);
/** bond_pull_loads() - what the datapath has counted. */
void bond_pull_loads(struct bond_port *bond);
/** bond_send_learning() - the switches at the other end hear where the addresses behind us are now. */
void bond_send_learning(struct bond_port *bond);
/** bond_first_link(), bond_next_link() - walk in the order of names. NULL at the end. */
struct bond_link *bond_first_link(const struct bond_port *bond);
struct bond_link *bond_next_link(const struct bond_port *bond, const struct bond_link *link);

/* bond_thread.c */
void bonds_wake(void);
void bond_thread_watch(struct bond_link *link);
void bond_thread_unwatch(struct bond_link *link);
/** bonds_report_soon() - the status columns of dirty bonds are written in the main loop. */
void bonds_report_soon(void);

#endif
