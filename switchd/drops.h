/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets were dropped: per port, the bridge, table and cookie of the rule, for every drop that translation decided.
 *
 * The datapath counts every drop with its reason on the port that the packet came in on (datapath.h, "Counting"). Translation knows more: its answer
 * "drop" was given in some table of some bridge, by some rule. It leaves that as a credit with the megaflow (xlate.h, XLATE_CREDIT_DROP), and
 * whoever credits a megaflow's packets to rules credits them here. So a rule's drops stay known when the megaflow and the rule are
 * gone, and go with the port, as its counters do.
 *
 * A port is told by a serial number that is never given twice: what a megaflow of a former port still has to credit is nobody's.
 *
 * Bounded: DROPS_MAX_PLACES per port. Beyond that drops are counted for a place without a name.
 *
 * Threads: any; a lock of its own, taken last.
 */
#ifndef SWITCHD_DROPS_H
#define SWITCHD_DROPS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsw/dp_action.h"

enum { DROPS_MAX_PLACES = 1024 };

struct drop_place {
	uint16_t reason; /**< enum drop_reason */
	uint8_t table;
	bool has_rule; /**< @cookie is that of a rule; else no rule matched */
	uint64_t cookie;
	const char *bridge; /**< NULL: too many places to tell */
};

/** drops_add_port() - Return: the serial number of a port that begins with nothing dropped; never 0. */
uint32_t drops_add_port(void);
/** drops_del_port() - forget it; 0 is fine. */
void drops_del_port(uint32_t serial);

/** drops_count() - @n more packets of a port ended there; no effect when the port is gone. @place: copied. */
void drops_count(uint32_t serial, const struct drop_place *place, uint64_t n);

struct drop_count {
	struct drop_place place;
	uint64_t n_packets;
	char bridge[64]; /**< what place.bridge points to */
};

/** drops_snapshot() - what was counted for a port, by reason, then most first; the caller frees. Return: their number. */
size_t drops_snapshot(uint32_t serial, struct drop_count **counts);

#endif
