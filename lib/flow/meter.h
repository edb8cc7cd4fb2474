/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenFlow meters (OpenFlow 1.3 5.7) and the text of ovs-ofctl for them: "meter=1,kbps,burst,bands=type=drop,rate=1000,burst_size=200".
 *
 * Bands of type drop are all there is: Open vSwitch's userspace datapath refuses dscp_remark, and so do we.
 */
#ifndef FLOW_METER_H
#define FLOW_METER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct errtext;

#define METER_MAX_BANDS 8
/** Numbers go from 1 to this (OFPM13_MAX). */
#define METER_ID_MAX 0xffff0000u
/** In a request: every meter. */
#define METER_ALL 0xffffffffu

enum meter_flag {
	METER_KBPS = 1,
	METER_PKTPS = 2,
	METER_BURST = 4,
	METER_STATS = 8,
};

struct meter_band {
	uint32_t rate;	/**< kbit/s or packets/s; not 0 */
	uint32_t burst; /**< kbit or packets; 0 without METER_BURST */
};

struct meter_config {
	uint32_t id;	/**< 1 to METER_ID_MAX, or METER_ALL */
	uint16_t flags; /**< enum meter_flag */
	uint8_t n_bands;
	struct meter_band bands[METER_MAX_BANDS];
};

/** What a meter-stats line says beside the configuration. */
struct meter_counts {
	uint32_t n_flows;
	uint64_t n_packets, n_bytes; /**< that came in */
	int64_t duration_ms;
	struct {
		uint64_t n_packets, n_bytes;
	} bands[METER_MAX_BANDS];
};

/**
 * meter_parse() - a meter as add-meter and mod-meter take it
 * Return: 0 or -EINVAL with column and sentence; -EOPNOTSUPP for a kind of band or meter that is not done.
 */
int meter_parse(const char *text, size_t len, struct meter_config *meter, struct errtext *err);
/** meter_parse_id() - "meter=N", "meter=all" or "". Return: 0 or -EINVAL with @err. */
int meter_parse_id(const char *text, size_t len, uint32_t *id, struct errtext *err);

/** meter_format() - as dump-meters prints it; @one_line: as add-meter takes it. Without newline behind it. */
void meter_format(const struct meter_config *meter, bool one_line, struct ds *out);
/** meter_format_counts() - as meter-stats prints them, without newline behind. */
void meter_format_counts(const struct meter_config *meter, const struct meter_counts *counts, struct ds *out);

#endif
