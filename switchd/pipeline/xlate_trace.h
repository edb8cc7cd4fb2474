/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What translation tells a listener while it runs: a tree of events in the order in which they happen. A bridge holds tables, a table
 * holds the actions of the rule that matched there and remarks on them, and among those the tables and bridges that the actions lead to.
 */
#ifndef SWITCHD_PIPELINE_XLATE_TRACE_H
#define SWITCHD_PIPELINE_XLATE_TRACE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsw/flow_key.h"

struct bridge;
struct fdb_entry;
struct ofact;
struct port;
struct rule;

enum xlate_event_kind {
	/* These open a level, which XLATE_EV_END closes. */
	XLATE_EV_BRIDGE, /**< @bridge */
	XLATE_EV_TABLE, /**< @bridge, @table, @rule (NULL: no match), @key that was looked up, @version of the tables; before the rule runs */
	XLATE_EV_ACTION_SET, /**< the action set is executed */
	XLATE_EV_END,

	XLATE_EV_NORMAL, /**< @normal: what it is about to do; its words stand in front of what it then does */
	XLATE_EV_ACTION, /**< @ofact; NULL: there are none, "drop" */
	XLATE_EV_DETAIL, /**< @text: what was found out */
	XLATE_EV_WARN,	 /**< @text: why something was not done */
	XLATE_EV_ERROR,	 /**< @text: a mistake in the rules or the configuration, or why the whole translation failed */
};

/** Why NORMAL leaves a port out of a flood. */
enum xlate_left_out {
	XLATE_TAKEN,	    /**< it does not */
	XLATE_INGRESS,	    /**< the packet came from there */
	XLATE_OTHER_VLAN,   /**< it does not carry the packet's VLAN */
	XLATE_NO_FLOOD,	    /**< mod-port no-flood */
	XLATE_NO_INTERFACE, /**< a port without any */
	XLATE_NO_FORWARD,   /**< mod-port no-forward */
	XLATE_PROTECTED,    /**< both ports are protected */
	XLATE_NO_DEVICE,    /**< its device, or a patch port's peer, is missing */
};

/** What NORMAL does with a packet. */
struct xlate_normal {
	const struct port *in;	/**< NULL: from the controller */
	const struct port *out; /**< where the destination was learnt; NULL: it floods */
	uint16_t vlan;
	const uint8_t *src, *dst;	   /**< 6 bytes each */
	const struct fdb_entry *src_entry; /**< what the FDB has for them; NULL: nothing */
	const struct fdb_entry *dst_entry;
	bool learns; /**< a real packet would teach its source address */
	/** flooding: every port of the bridge and what becomes of it */
	struct xlate_flood_port {
		const struct port *port;
		enum xlate_left_out left_out;
	} * ports;
	size_t n_ports;
};

struct xlate_event {
	enum xlate_event_kind kind;
	const struct bridge *bridge;
	uint8_t table;
	const struct rule *rule;
	const struct flow_key *key;
	uint64_t version;
	const struct ofact *ofact;
	const char *text;
	const struct xlate_normal *normal;
};

/** Embedded by the listener (switchd/trace.c). What an event points to is valid during the call only. */
struct xlate_trace {
	void (*event)(struct xlate_trace *self, const struct xlate_event *event);
	bool use_names; /**< texts have port names instead of numbers */
};

#endif
