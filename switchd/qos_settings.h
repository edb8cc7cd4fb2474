/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Port's QoS and Queue rows ask for, and what comes of it on a device.
 *
 * Numbers that are absent get the values that Open vSwitch gives them: a device without max-rate sends at the speed of its link (10 Gbit/s
 * where it has none), a queue without min-rate is sure of a frame a second, one without max-rate may have all. Limits of a queue
 * never go beyond the device's. There is always a queue 0, for packets that no action has put into another one.
 */
#ifndef SWITCHD_QOS_SETTINGS_H
#define SWITCHD_QOS_SETTINGS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_row;
struct db_txn;
struct errtext;

enum qos_type {
	QOS_NONE, /**< type "" */
	QOS_NOOP, /**< linux-noop: the device's qdisc is somebody else's business */
	QOS_HTB,  /**< linux-htb: the kernel's, or ours where the kernel has none */
	QOS_OWN,  /**< vsw-shaper: ours in any case */
};

/** A row of Queue. Rates in bit/s, bursts in bits; 0: not given. */
struct qos_queue {
	uint32_t id;
	uint64_t min_rate, max_rate, burst;
	uint32_t priority;
};

/** On the heap; the queues by id. */
struct qos_settings {
	enum qos_type type;
	uint64_t max_rate; /**< bit/s; 0: not given */
	size_t n_queues;
	struct qos_queue queues[];
};

/** qos_type_name() - as the database has it. */
const char *qos_type_name(enum qos_type type);

/**
 * qos_settings_of() - what a Port row refers to
 * @settings: heap, the caller's; NULL when the port has no QoS
 *
 * Return: 0, or -EINVAL with @err: unknown type, a queue number that is too high, a value that is no number.
 */
int qos_settings_of(const struct db_row *port, const struct db_txn *txn, struct qos_settings **settings,
		    struct errtext *err);

/** qos_resolve() - everything filled in, queue 0 included. @link_rate: bit/s of the device, 0: not known. Return: heap. */
struct qos_settings *qos_resolve(const struct qos_settings *settings, uint32_t mtu, uint64_t link_rate);

#endif
