/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole flow as one line of ovs-ofctl text: "table=1,priority=10,cookie=0x5,idle_timeout=60,ip,nw_src=... actions=...".
 */
#ifndef FLOW_FLOW_TEXT_H
#define FLOW_FLOW_TEXT_H 1

#include "flow/match.h"
#include "flow/ofact.h"

enum flow_mod_command {
	FLOW_ADD,
	FLOW_MODIFY, /**< mod-flows: loose; adds when nothing matches (OpenFlow 1.0), as ovs-ofctl */
	FLOW_MODIFY_STRICT,
	FLOW_DELETE,
	FLOW_DELETE_STRICT,
};

enum flow_mod_flag {
	FLOW_F_SEND_FLOW_REM = 1,
	FLOW_F_CHECK_OVERLAP = 2,
	FLOW_F_RESET_COUNTS = 4,
	FLOW_F_NO_PKT_COUNTS = 8,
	FLOW_F_NO_BYT_COUNTS = 16,
};

#define FLOW_TABLE_ALL 255

struct flow_mod {
	enum flow_mod_command command;
	uint8_t table;		      /**< FLOW_TABLE_ALL where none was named in a delete, modify or dump */
	uint16_t priority;	      /**< default 32768 */
	uint64_t cookie, cookie_mask; /**< mask: filter of modify, delete, dump ("cookie=V/M") */
	uint64_t new_cookie;	      /**< what add and modify store */
	bool modify_cookie;
	uint16_t idle_timeout_s, hard_timeout_s, importance;
	uint16_t flags;	   /**< enum flow_mod_flag */
	uint16_t out_port; /**< filter of delete and dump; OFPP_NONE: any */
	uint32_t meter;	   /**< filter of deletes that a meter's end brings: flows that begin with it; 0: any */
	struct match match;
	struct ofacts actions; /**< owned; flow_mod_fini() frees */
};

/**
 * flow_mod_parse() - one line
 * @command: what it is for: decides which words are allowed ("out_port" in deletes, "actions" needed in adds, ...); for
 *	FLOW_ADD a leading word "add", "delete", "delete_strict", "modify", "modify_strict" in @text overrides it (files for bundles)
 *
 * Filters of dump-flows are those of FLOW_DELETE. What dump-flows prints can be read back: duration and counters are skipped.
 *
 * Return: 0, or -EINVAL with column and sentence. @fm needs flow_mod_fini() only after success.
 */
int flow_mod_parse(const char *text, size_t len, enum flow_mod_command command, const struct port_names *names,
		   struct flow_mod *fm, struct errtext *err);
void flow_mod_fini(struct flow_mod *fm);

/** A rule as a line of dump-flows. */
struct flow_stats {
	uint64_t cookie;
	uint8_t table;
	uint16_t priority;
	uint16_t idle_timeout_s, hard_timeout_s, importance;
	uint16_t flags;	      /**< enum flow_mod_flag */
	uint64_t duration_ms; /**< since it was added */
	uint64_t n_packets, n_bytes;
	int64_t idle_age_s; /**< since the last packet; negative: not printed */
	int64_t hard_age_s; /**< since the last modification; negative, or equal to the duration: not printed */
	const struct match *match;
	const void *actions;
	size_t actions_len;
};

enum flow_stats_option {
	FLOW_STATS_NO_STATS = 1, /**< --no-stats: only what an add-flow would need */
};

/**
 * flow_stats_format() - " cookie=0x0, duration=1.5s, table=0, n_packets=0, n_bytes=0, priority=1,ip actions=drop", no newline
 * @names: port names (--names), or NULL for numbers
 * @options: enum flow_stats_option
 */
void flow_stats_format(const struct flow_stats *fs, const struct port_names *names, unsigned int options,
		       struct ds *out);

/**
 * flow_mod_format() - a flow as one line that flow_mod_parse() reads back, command word left out
 *
 * For add it is what save-like commands write: "table=1,cookie=0x5,priority=10,ip actions=drop".
 */
void flow_mod_format(const struct flow_mod *fm, const struct port_names *names, struct ds *out);

#endif
