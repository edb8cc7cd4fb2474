/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress policing: Interface.ingress_policing_rate and its kin, as a meter of the datapath that translation puts in front of everything
 * that the port's packets go through. What it drops counts as "policer" on that port.
 *
 * Bursts that are not given. Open vSwitch takes 8000 kbit, or 16,000 packets. TCP needs more at high rates: it gives way when packets are
 * lost, and what it does not send while it waits (200 ms and more) must still be in the bucket when it goes on. So a bucket has what
 * flows in half a second, and no less than Open vSwitch's. A burst that is given is taken as it is.
 */
#ifndef SWITCHD_POLICER_H
#define SWITCHD_POLICER_H 1

#include <stdint.h>

struct datapath;
struct iface;

/** struct policer_settings - the columns' values; a rate of 0 is none, a burst of 0 the default. */
struct policer_settings {
	uint32_t kbps, burst_kbit;
	uint32_t kpkts, burst_kpkts;
};

/** policer_follow() - make the datapath's meter what the settings of the interface say, and translation use it or not. The interface is attached. */
void policer_follow(struct iface *iface);
/** policer_leave() - its datapath port @dp_port is going away. */
void policer_leave(struct iface *iface, struct datapath *dp, uint32_t dp_port);

#endif
