/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vsw why A B`: does A reach B, and if not, what stops it first, and which command would let it through.
 *
 * A and B are ports, MAC addresses or IP addresses that the switch knows (hosts.h, fdb.h). What they would say to each other is put together from
 * that (ARP or ND both ways, then the request and its answer) and each packet is traced (trace.h) from the port of its sender. A packet
 * that does not come out of the other's port is the end: the trace says why, and from that comes the change. Nothing is sent or changed.
 *
 *   why.c         ends, packets, the report
 *   why_cause.c   a trace -> what stopped it, and the command
 */
#ifndef SWITCHD_WHY_H
#define SWITCHD_WHY_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ds.h"
#include "base/errtext.h"

struct iface;

/** One of the two. */
struct why_end {
	const char *word; /**< as it was typed */
	struct iface *iface;
	uint16_t vlan;	/**< inside the bridge */
	bool is_tagged; /**< and on the wire */
	bool has_mac;	/**< else @mac is made up */
	uint8_t mac[6];
	bool has_ip;
	bool is_v6;
	uint8_t ip[16];
};

/** One packet of theirs. */
struct why_step {
	const char *name; /**< "ARP request" */
	const struct why_end *from, *to;
	struct ds flow; /**< as traced, without in_port */
	json_t *trace;	/**< of trace_run() */
	bool reached, flooded;
};

/** Why a packet does not arrive. */
struct why_cause {
	struct ds what;	  /**< a sentence */
	struct ds change; /**< a command; empty: there is none that would be right */
	const char *kind; /**< a drop reason's name, or "other-port", "not-sent-there", "no-such-way" */
};

/** why_find_cause() - of a step that did not reach; fills in @cause. */
void why_find_cause(const struct why_step *step, struct why_cause *cause);

/**
 * why_run() - the whole
 * @proto: "icmp", "tcp/443", "udp/53"
 * @result: new reference: {"reaches", "from", "to", "steps", "stop"?, "notes", "text"}
 *
 * Main thread. Return: 0, or negative errno with @err: nobody knows such a host.
 */
int why_run(const char *a, const char *b, const char *proto, json_t **result, struct errtext *err);

#endif
