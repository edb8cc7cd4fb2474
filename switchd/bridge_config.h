/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and ending bridges; for config.c, in the main thread, outside of the switch's locks.
 *
 * A bridge leaves in two steps, so that a configuration change that fails half way can be taken back: bridge_unlink() makes it invisible,
 * bridge_free() ends it, and bridge_link() would bring it back with all its flows.
 */
#ifndef SWITCHD_BRIDGE_CONFIG_H
#define SWITCHD_BRIDGE_CONFIG_H 1

#include "switchd/bridge.h"

struct bridge_settings {
	const char *name;
	bool is_dummy;
	bool fail_secure;
	bool forward_bpdu;
	uint8_t mac[6]; /**< of the bridge */
	uint64_t datapath_id;
	uint64_t *flood_vlans; /**< bitmap, taken over; NULL: none */
	int64_t mac_ageing_ms;
	size_t mac_table_size;
	struct loop_guard_settings loop_guard;
};

/** vswitch_init() - an empty switch. */
void vswitch_init(struct loop *loop, const char *rundir);
/** vswitch_set_dp_error() - why vswitch.dp is NULL: for those who want a bridge on it. @why: copied; NULL when it is not. */
void vswitch_set_dp_error(const char *why);
/** vswitch_fini() - every bridge must be gone. */
void vswitch_fini(void);

/** bridge_new() - with its tables and MAC addresses as they were left in the run folder. Not linked yet. */
int bridge_new(const struct bridge_settings *settings, struct bridge **br, struct errtext *err);
void bridge_link(struct bridge *br);
/** bridge_unlink() - it has no ports any more. */
void bridge_unlink(struct bridge *br);
/** bridge_free() - an unlinked one. @forever: its flows and addresses are forgotten, too; else they are kept for a successor. */
void bridge_free(struct bridge *br, bool forever);

/** bridge_set() - new settings; takes settings->flood_vlans. */
void bridge_set(struct bridge *br, const struct bridge_settings *settings);

/** bridge_load_fdb() - the MAC table that a predecessor left; once the ports are there. */
void bridge_load_fdb(struct bridge *br);
/** bridge_save_fdb() - for a successor. Return: 0 or negative errno with @err. */
int bridge_save_fdb(struct bridge *br, struct errtext *err);

/** switch_changed() - ports, bridges or their settings are other ones now: cached translations are wrong. */
void switch_changed(void);
/** switch_publish() - if anything changed, make it visible to the next packet. */
void switch_publish(void);

#endif
