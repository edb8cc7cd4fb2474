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
	FLOW_MODIFY,        /**< mod-flows: loose; adds when nothing matches (OpenFlow 1.0), as ovs-ofctl */
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
	uint8_t table;               /**< FLOW_TABLE_ALL where none was named in a delete, modify or dump */
	uint16_t priority;           /**< default 32768 */
	uint64_t cookie, cookie_mask;/**< mask: filter of modify, delete, dump ("cookie=V/M") */
	uint64_t new_cookie;         /**< what add and modify store */
	bool modify_cookie;
	uint16_t idle_timeout_s, hard_timeout_s, importance;
	uint16_t flags;              /**< enum flow_mod_flag */
	uint16_t out_port;           /**< filter of delete and dump; OFPP_NONE: any */
	struct match match;
	struct ofacts actions;       /**< owned; flow_mod_fini() frees */
};

/**
 * flow_mod_parse() - one line
 * @command: what it is for: decides which words are allowed ("out_port" in deletes, "actions" needed in adds, ...); for
 *	FLOW_ADD a leading word "add", "delete", "delete_strict", "modify", "modify_strict" in @text overrides it (files for bundles)
 *
 * Return: 0, or -EINVAL with column and sentence. @fm needs flow_mod_fini() only after success.
 */
int flow_mod_parse(const char *text, size_t len, enum flow_mod_command command, const struct port_names *names,
		   struct flow_mod *fm, struct errtext *err);
void flow_mod_fini(struct flow_mod *fm);

#endif
