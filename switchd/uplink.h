/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uplinks: a network device becomes a port of a bridge, and what the host has configured on it (addresses, routes, neighbours) moves to
 * the bridge's own device, without anybody noticing who is connected through it; and all of that back.
 *
 * The move
 * --------
 * The bridge gets the device's MAC address, so that neither the gateway nor the switch on the other side learns anything new. Then, in this
 * order: addresses and routes are put on the bridge's device beside those of the device, where they are not used yet; the device becomes
 * a port, from which moment what comes in arrives at the bridge's device; what is on the device is removed, from which moment what goes
 * out leaves by the bridge's. Either way works at any time between, and a TCP connection sees neither step. The way back is the
 * same with the roles changed. Policy rules stay as they are.
 *
 * What guards it
 * --------------
 * Who types this over SSH may cut the branch he sits on, so the daemon watches, not the command. Before the move it asks the gateways (or the host
 * that it was told to check); those that answered must answer again after it, or it is all taken back. With `confirm` it is taken back, too,
 * unless somebody says within so many seconds that he is still there.
 *
 *   ASKING  ->  MOVING  ->  UNCONFIRMED  ->  SETTLED
 *
 * Each state is in RUNDIR/uplink/BRIDGE.json before anything is done for it. A daemon that finds MOVING there, or UNCONFIRMED with its time over,
 * takes it back; SETTLED is kept for `uplink --undo`. A daemon that ends in order takes back what nobody has confirmed.
 */
#ifndef SWITCHD_UPLINK_H
#define SWITCHD_UPLINK_H 1

#include <jansson.h>
#include <urcu/list.h>

#include "base/errtext.h"
#include "base/util.h"
#include "os/loop.h"
#include "os/netconf.h"

struct control_request;
struct db_txn;
struct reach;

#define UPLINK_MAC_FMT "%02x:%02x:%02x:%02x:%02x:%02x"
#define UPLINK_MAC_ARGS(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]

enum uplink_state { UPLINK_ASKING, UPLINK_MOVING, UPLINK_UNCONFIRMED, UPLINK_SETTLED };

enum {
	/** How long a gateway may take to answer before the move, and after it. */
	UPLINK_ASK_MS = 1000,
	UPLINK_REACH_MS = 10000,
	UPLINK_MAX_CONFIRM_S = 86400,
	UPLINK_MAX_TARGETS = 8,
};

struct uplink {
	struct cds_list_head node;
	char *bridge, *device;
	enum uplink_state state;
	bool made_bridge, added_port; /**< what the way back takes away */
	char *old_hwaddr;	      /**< Bridge.other_config:hwaddr before, or NULL */
	uint8_t old_mac[6];	      /**< of the bridge's device before */
	struct netconf moved;	      /**< what the device had */
	struct netconf before;	      /**< what the bridge's device had */
	bool is_checked;	      /**< the targets were given, not found */
	bool must_confirm;
	int64_t confirm_ms;  /**< how long somebody may take */
	int64_t deadline_ms; /**< clock_now_ms(): then it is taken back */
	int64_t since_ms;    /**< the watch began */
	struct rtnl_prefix targets[UPLINK_MAX_TARGETS];
	size_t n_targets;
	struct reach *reach;
	struct loop_timer timer;
	struct control_request *request; /**< that waits for the outcome, or NULL */
	bool as_json;
};

/** uplink_start() - read what a predecessor left, and take back what it did not finish. After config_start(). */
void uplink_start(struct loop *loop);
/** uplink_stop() - take back what nobody has confirmed. Before config_stop(). */
void uplink_stop(void);

struct uplink_request {
	const char *bridge, *device;
	const char *check; /**< address to check, or NULL: the gateways */
	int64_t confirm_s; /**< 0: nobody has to confirm */
	struct control_request *request;
	bool as_json;
};

/** uplink_add() - begin. The request is deferred, and answered with the outcome. Return: 0, or negative errno with @err: nothing was done. */
VSW_MUST_USE int uplink_add(const struct uplink_request *request, struct errtext *err);

/** uplink_add_now() - the move alone, settled at once: for a caller that watches for itself. Return: 0 or negative errno with @err. */
VSW_MUST_USE int uplink_add_now(const char *bridge, const char *device, struct errtext *err);

/** uplink_find() - the one of @bridge; NULL as name: the only one there is. Return: 0, -ENOENT or -EINVAL with @err. */
VSW_MUST_USE int uplink_find(const char *bridge, struct uplink **uplink, struct errtext *err);
/** uplink_of_device() - Return: NULL when there is none. */
const struct uplink *uplink_of_device(const char *device);

/** uplink_confirm() - keep it. Return: 0 or -EINVAL with @err. */
VSW_MUST_USE int uplink_confirm(struct uplink *uplink, struct errtext *err);
/** uplink_undo() - all of it back; @uplink is gone afterwards. Return: 0 or negative errno with @err: then it is still there. */
VSW_MUST_USE int uplink_undo(struct uplink *uplink, struct errtext *err);

/** uplink_each() */
void uplink_each(void (*cb)(const struct uplink *uplink, void *aux), void *aux);
/** uplink_seconds_left() - until it is taken back unless confirmed; -1 when nobody has to. */
int64_t uplink_seconds_left(const struct uplink *uplink);

/** uplink_check_txn() - would the transaction take a bridge or port away that carries this host's addresses? Return: 0, or -EBUSY with @err. */
VSW_MUST_USE int uplink_check_txn(const struct db_txn *txn, struct errtext *err);

/* ---- uplink_move.c ---- */

/** uplink_move() - the move itself. On failure everything is as it was. Return: 0 or negative errno with @err. */
VSW_MUST_USE int uplink_move(struct uplink *uplink, struct errtext *err);
/** uplink_move_back() - @whole: also what is not on the bridge's device any more. Return: 0 or negative errno with @err. */
VSW_MUST_USE int uplink_move_back(struct uplink *uplink, bool whole, struct errtext *err);

/* ---- uplink_file.c ---- */

/** uplink_save() - into the run folder. Return: 0 or negative errno with @err. */
VSW_MUST_USE int uplink_save(const struct uplink *uplink, struct errtext *err);
/** uplink_forget() - remove the file. */
void uplink_forget(const struct uplink *uplink);
/** uplink_load_each() - one call per file that can be read; @uplink is the callee's, uplink_free() it. */
void uplink_load_each(void (*cb)(struct uplink *uplink));
/** uplink_free() - the struct alone; takes NULL. */
void uplink_free(struct uplink *uplink);
const char *uplink_state_name(enum uplink_state state);

#endif
