/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Egress QoS: what a port's QoS asks for, on the device behind each of its interfaces.
 *
 * The kernel's HTB does it (os/tc_htb.h), queues being its classes, which set_queue and enqueue choose through skb->priority. It is left in
 * place when the daemon stops, like every other device of ours, and taken over by the next one; it goes when the port's QoS or
 * the port goes. Where there is no HTB, in the kernel or for want of a device, or where QoS type=vsw-shaper asks for it, the daemon shapes
 * (datapath/shaper.h): all that goes out of the port then goes through it, on the ebpf datapath, too.
 */
#ifndef SWITCHD_QOS_H
#define SWITCHD_QOS_H 1

#include "switchd/bridge.h"
#include "switchd/qos_settings.h"

/**
 * qos_follow() - make the interface's device do what port->qos says
 *
 * No effect without a device: it is called again when that comes. Return: 0 or negative errno with a sentence.
 */
int qos_follow(struct iface *iface, struct errtext *err);
/** qos_leave() - the interface is deleted: take it off. */
void qos_leave(struct iface *iface);

/** A queue with what it has sent. */
struct qos_queue_stats {
	struct qos_queue queue; /**< resolved */
	uint64_t n_packets, n_bytes, n_dropped;
};

/**
 * qos_stats() - the queues of an interface, by number
 * @settings: resolved; heap, the caller's
 * @n: of the array that is returned
 *
 * Return: heap array, NULL when the interface has no QoS.
 */
struct qos_queue_stats *qos_stats(struct iface *iface, struct qos_settings **settings, size_t *n);

#endif
