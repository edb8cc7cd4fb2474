/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one translation, shared by the files that do it; nobody else includes this.
 *
 *   xlate.c    entry and end: where the packet came in, the mask's last words, what came out
 *   lookup.c   tables: resubmit, goto_table, the limits on them
 *   action.c   OpenFlow actions, one function each
 *   actset.c   the action set, and nested scopes (clone, patch port)
 *   output.c   ports: checks, floods, patch ports, the controller
 *   tunnel.c   ports that are tunnels
 *   mirror.c   copies for mirrors
 *   normal.c   NORMAL; vlan.c the port's VLAN modes for it; normal_explain.c why it does what it does
 *   source_guard.c  ports that take in what is behind them alone
 *   snoop.c    what packets tell of IP addresses
 *   storm.c    meters for what floods
 *   loop.c     what the loop guard sends, and ports that it has closed
 *   commit.c   datapath actions that make the packet what the flow says
 *
 * Three keys tell the story of the packet: `flow` is what actions have made of it, `base` what the datapath actions emitted so far have
 * made of it, and `wc` the bits of the original that any of this depended on.
 */
#ifndef SWITCHD_PIPELINE_XLATE_CTX_H
#define SWITCHD_PIPELINE_XLATE_CTX_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/field.h"
#include "switchd/mirror.h"
#include "switchd/pipeline/xlate.h"
#include "switchd/pipeline/xlate_trace.h"
#include "switchd/storm.h"

struct iface;
struct ofact;
struct ofact_stack;
struct port;
struct vlan_stack;

/** Most elements of the stack, and of the action set; more than anybody means. */
#define XLATE_MAX_STACK 4096
#define XLATE_MAX_ACTION_SET 4096
/** Queues of a port; as Open vSwitch has it for Linux devices. */
#define XLATE_MAX_QUEUES 0xf000

/** Part of an array that belongs to the current scope; what lies before belongs to outer ones. */
struct xlate_span {
	size_t start, end;
};

struct xlate_ctx {
	const struct xlate_in *in;
	struct xlate_out *out;

	struct flow_key flow;
	struct pkt_key base;
	struct flow_key wc;

	struct bridge *br;	 /* where the packet is now */
	uint64_t version;	 /* of br->tables */
	const struct rule *rule; /* whose actions run; NULL on a miss */
	uint8_t table;
	bool exit; /* `exit` ran: nothing else does */
	bool in_action_set;
	mirror_mask mirrors;	/* of the current bridge: a copy went where they send theirs */
	uint32_t snaplen;	/* of the copy that is being made for a mirror; 0: whole */
	size_t len_policed;	/* bytes of the actions that meter what comes in; more is what becomes of it */
	enum drop_reason error; /* the translation failed: drop */
	enum drop_reason hint;	/* the last reason for not sending the packet somewhere */
	unsigned int depth, n_resubmits;

	uint8_t (*stack)[16]; /* heap, made when first needed; values are right-aligned */
	size_t stack_cap;
	struct xlate_span stack_span;
	const struct ofact **set; /* likewise: the action set, in the order in which it was written */
	size_t set_cap;
	struct xlate_span set_span;
};

/* ---- reporting (xlate.c) ---- */

void xlate_report__(struct xlate_ctx *ctx, enum xlate_event_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void xlate_event(struct xlate_ctx *ctx, const struct xlate_event *event);
#define xlate_detail(CTX, ...) ((CTX)->in->trace ? xlate_report__(CTX, XLATE_EV_DETAIL, __VA_ARGS__) : (void)0)
#define xlate_warn(CTX, ...) ((CTX)->in->trace ? xlate_report__(CTX, XLATE_EV_WARN, __VA_ARGS__) : (void)0)
/** xlate_error() - something that should not have been tried; the translation goes on. */
#define xlate_error(CTX, ...) ((CTX)->in->trace ? xlate_report__(CTX, XLATE_EV_ERROR, __VA_ARGS__) : (void)0)
static inline void xlate_event_end(struct xlate_ctx *ctx)
{
	if (ctx->in->trace)
		xlate_event(ctx, &(struct xlate_event){.kind = XLATE_EV_END});
}
/** xlate_fail() - end this translation: the packet is dropped for @reason. */
void xlate_fail(struct xlate_ctx *ctx, enum drop_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** xlate_hint() - the packet was not sent somewhere; if it goes nowhere in the end, this is why. */
void xlate_hint(struct xlate_ctx *ctx, enum drop_reason reason);
/** xlate_note_rule() - a rule runs; should nothing ever be said of why the packet goes nowhere, it is this one. */
void xlate_note_rule(struct xlate_ctx *ctx);
/** xlate_add_credit() - false, and failed, when there are too many. */
bool xlate_add_credit(struct xlate_ctx *ctx, const struct xlate_credit *credit);

/* ---- lookup.c ---- */

/** xlate_table() - look up in @table as if received on @in_port, run the rule, come back. */
void xlate_table(struct xlate_ctx *ctx, uint16_t in_port, uint8_t table);
/** xlate_enter() - a packet came into the current bridge: table 0, and in the end the action set. */
void xlate_enter(struct xlate_ctx *ctx);
/** xlate_enter_peer() - likewise by a patch port, which counts as a resubmit. */
void xlate_enter_peer(struct xlate_ctx *ctx);

/* ---- action.c ---- */

/** xlate_action() - run one action. Return: false when the rest of its list must not run. */
bool xlate_action(struct xlate_ctx *ctx, const struct ofact *a);
/** xlate_actions() - run a list of OpenFlow actions. */
void xlate_actions(struct xlate_ctx *ctx, const void *ofacts, size_t len);
/** xlate_clone() - likewise, and then its action set, and afterwards nothing of that has happened to the flow. */
void xlate_clone(struct xlate_ctx *ctx, const void *ofacts, size_t len);

/* ---- actset.c ---- */

void xlate_set_clear(struct xlate_ctx *ctx);
void xlate_set_write(struct xlate_ctx *ctx, const void *ofacts, size_t len);
/** xlate_set_execute() - run the set in OpenFlow's order and empty it. */
void xlate_set_execute(struct xlate_ctx *ctx);
/** xlate_stack_push() - @value: 16 bytes, right-aligned; fails when the stack is full. */
void xlate_stack_push(struct xlate_ctx *ctx, const uint8_t value[16]);
/** xlate_stack_pop() - false when it is empty. */
bool xlate_stack_pop(struct xlate_ctx *ctx, uint8_t value[16]);

/** What a nested scope takes a copy of, and gives back. */
struct xlate_scope {
	struct xlate_span stack_span, set_span;
};
/** xlate_scope_begin() - stack and action set start as copies of the outer ones (@copy), or empty. */
void xlate_scope_begin(struct xlate_ctx *ctx, struct xlate_scope *scope, bool copy);
void xlate_scope_end(struct xlate_ctx *ctx, const struct xlate_scope *scope);

/* ---- output.c ---- */

/** xlate_output() - the output action: ordinary or reserved port. @max_len: for the controller. */
void xlate_output(struct xlate_ctx *ctx, uint32_t port, uint16_t max_len);
/** xlate_output_truncated() - to an ordinary port, LOCAL or IN_PORT, of the packet's first @max_len bytes at most. */
void xlate_output_truncated(struct xlate_ctx *ctx, uint32_t port, uint32_t max_len);
/** xlate_output_iface() - emit the packet on one port of the current bridge, if that may be; NULL: there is no such port. */
void xlate_output_iface(struct xlate_ctx *ctx, struct iface *iface);
/** xlate_output_bond() - to a bond; @vlan: of the frame inside the bridge. */
void xlate_output_bond(struct xlate_ctx *ctx, const struct port *port, uint16_t vlan);
/** xlate_may_receive() - whether @iface takes packets in; says why not. */
bool xlate_may_receive(struct xlate_ctx *ctx, const struct iface *iface);

/** xlate_controller() - send a copy, of at most @max_len bytes, to the controller. */
void xlate_controller(struct xlate_ctx *ctx, enum xlate_packet_in_reason reason, uint16_t max_len);

/* ---- tunnel.c ---- */

/** xlate_tunnel_mask() - right at the start: the packet's tunnel is looked at, and consumed. */
void xlate_tunnel_mask(struct xlate_ctx *ctx);
/** xlate_tunnel_receive() - @iface: where the packet came in. Return: false when it must be dropped. */
bool xlate_tunnel_receive(struct xlate_ctx *ctx, const struct iface *iface);
/** xlate_tunnel_output() - @max_len: bytes of the packet to send at most; 0: all. */
void xlate_tunnel_output(struct xlate_ctx *ctx, const struct iface *iface, uint32_t max_len);

/* ---- mirror.c ---- */

/** xlate_mirror_in() - the packet came in on @in: copies for those mirrors that want it. */
void xlate_mirror_in(struct xlate_ctx *ctx, const struct iface *in);
/** xlate_mirror_out() - it is about to go out of @out. */
void xlate_mirror_out(struct xlate_ctx *ctx, const struct iface *out);
/** xlate_is_mirror_port() - whether the port is for mirrors' copies alone; says so, as why the packet is dropped. */
bool xlate_is_mirror_port(struct xlate_ctx *ctx, const struct port *in);

/* ---- snoop.c ---- */

/** xlate_snoop() - have packets that tell who has an IP address come up, each new answer once. */
void xlate_snoop(struct xlate_ctx *ctx);

/* ---- source_guard.c ---- */

/** xlate_is_own_source() - whether the packet comes from what is behind the port; says so, as why it is dropped. */
bool xlate_is_own_source(struct xlate_ctx *ctx, const struct iface *in);

/* ---- storm.c ---- */

/** xlate_storm_in() - a packet came in on @in: broadcast and multicast pass a meter where the port has one. */
void xlate_storm_in(struct xlate_ctx *ctx, const struct iface *in);
/** xlate_storm_unknown() - it is about to be flooded for want of a better idea. Return: whether a meter was put in front. */
bool xlate_storm_unknown(struct xlate_ctx *ctx);

/* ---- loop.c ---- */

/** xlate_is_loop_probe() - did the bridge itself send what came in on @in? Then it ends here; says so, as why it is dropped. */
bool xlate_is_loop_probe(struct xlate_ctx *ctx, const struct iface *in);
/** xlate_is_blocked() - does the loop guard keep the port closed? Says so, too. */
bool xlate_is_blocked(struct xlate_ctx *ctx, const struct iface *iface);

/* ---- normal.c ---- */

void xlate_normal(struct xlate_ctx *ctx);
/** xlate_output_port__() - to a port, tagged as it wants it. */
void xlate_output_port__(struct xlate_ctx *ctx, struct port *out, const struct vlan_stack *inside);
/** xlate_is_reserved_mac__() - a destination that bridges keep for themselves. */
bool xlate_is_reserved_mac__(const uint8_t mac[6]);
/* For normal_explain.c. */
extern const struct port xlate_no_port__;
bool xlate_is_floodable__(const struct port *port);
bool xlate_is_flood_vlan__(const struct xlate_ctx *ctx, uint16_t vlan);

/* ---- normal_explain.c ---- */

/** xlate_explain_normal() - tell the listener what NORMAL is about to do, and why. @out: where the destination was learnt, NULL: it floods. */
void xlate_explain_normal(struct xlate_ctx *ctx, const struct port *in, const struct vlan_stack *inside,
			  const struct port *out);

/* ---- commit.c ---- */

/** xlate_commit() - datapath actions for every difference between base and flow. */
void xlate_commit(struct xlate_ctx *ctx);

/* ---- small questions ---- */

/** xlate_queue_priority() - skb_priority of a queue: class 1:(queue + 1), as Linux's HTB takes it. Return: false when it has none. */
static inline bool xlate_queue_priority(uint32_t queue, uint32_t *priority)
{
	if (queue >= XLATE_MAX_QUEUES)
		return false;
	*priority = 1u << 16 | (queue + 1);
	return true;
}

static inline bool xlate_is_ip(const struct pkt_key *key)
{
	return key->eth_type == BE16_C(0x0800) || key->eth_type == BE16_C(0x86dd);
}

static inline bool xlate_has_vlan(const struct vlan_key *tag)
{
	return tag->tci & BE16_C(FLOW_VLAN_PRESENT);
}

static inline unsigned int xlate_count_vlans(const struct pkt_key *key)
{
	unsigned int n = 0;

	while (n < FLOW_MAX_VLANS && xlate_has_vlan(&key->vlan[n]))
		n++;
	return n;
}

#define XLATE_MASK_ALL(CTX, FIELD) memset(&(CTX)->wc.p.FIELD, 0xff, sizeof(CTX)->wc.p.FIELD)

#endif
