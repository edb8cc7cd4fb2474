// SPDX-License-Identifier: Apache-2.0
/*
 * Reads lines "KIND TEXT" from stdin and prints, for each, the canonical form of TEXT or "error: column N: ...".
 *
 * KIND is one of: match, flow (the flow of a trace), actions, add, mod, del (whole flow lines), dump (a line of dump-flows --no-stats).
 * With --fields it prints the field table instead: name, bits, 1 when maskable, format, prerequisite, 1 when writable, NXM or OXM
 * name, other names.
 *
 * The comparison with Open vSwitch (tests/conformance/flow_text_oracle) and the unit tests speak through the same
 * functions. Ports p1, p2 and p3 have the numbers 1, 2 and 3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/flow_text.h"
#include "flow/port_names.h"

static int number(const struct port_names *self VSW_UNUSED, const char *name, size_t len)
{
	return len == 2 && name[0] == 'p' && name[1] >= '1' && name[1] <= '3' ? name[1] - '0' : -1;
}

static const struct port_names names = {.number = number};

static int do_match(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	struct match m;
	int rc = match_parse(text, len, &names, &m, err);

	if (!rc)
		match_format(&m, NULL, -1, out);
	return rc;
}

static int do_flow(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	struct flow_key key;
	int rc = flow_key_parse(text, len, &names, &key, err);

	if (!rc)
		flow_key_format(&key, NULL, out);
	return rc;
}

static int do_actions(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	struct ofacts list = {NULL, 0, 0};
	int rc = ofacts_parse(text, len, &names, NULL, 255, &list, err);

	if (!rc)
		ofacts_format(list.data, list.len, NULL, out);
	ofacts_fini(&list);
	return rc;
}

static int do_line(const char *text, size_t len, enum flow_mod_command command, struct ds *out, struct errtext *err)
{
	struct flow_mod fm;
	int rc = flow_mod_parse(text, len, command, &names, &fm, err);

	if (rc)
		return rc;
	flow_mod_format(&fm, NULL, out);
	flow_mod_fini(&fm);
	return 0;
}

static int do_add(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	return do_line(text, len, FLOW_ADD, out, err);
}

static int do_mod(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	return do_line(text, len, FLOW_MODIFY, out, err);
}

static int do_del(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	return do_line(text, len, FLOW_DELETE, out, err);
}

static int do_dump(const char *text, size_t len, struct ds *out, struct errtext *err)
{
	struct flow_mod fm;
	struct flow_stats fs = {.idle_age_s = -1, .hard_age_s = -1};
	int rc = flow_mod_parse(text, len, FLOW_ADD, &names, &fm, err);

	if (rc)
		return rc;
	fs.cookie = fm.new_cookie;
	fs.table = fm.table;
	fs.priority = fm.priority;
	fs.idle_timeout_s = fm.idle_timeout_s;
	fs.hard_timeout_s = fm.hard_timeout_s;
	fs.importance = fm.importance;
	fs.flags = fm.flags;
	fs.match = &fm.match;
	fs.actions = fm.actions.data;
	fs.actions_len = fm.actions.len;
	flow_stats_format(&fs, NULL, FLOW_STATS_NO_STATS, out);
	flow_mod_fini(&fm);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const char *text, size_t len, struct ds *out, struct errtext *err);
} kinds[] = {
	{"match", do_match}, {"flow", do_flow}, {"actions", do_actions}, {"add", do_add},
	{"mod", do_mod},     {"del", do_del},	{"dump", do_dump},
};

static void run_line(char *line)
{
	size_t kind_len = strcspn(line, " \t");
	char *text = line + kind_len + (line[kind_len] != '\0');
	struct errtext err = {0};
	struct ds out = DS_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strlen(kinds[i].name) != kind_len || strncmp(kinds[i].name, line, kind_len))
			continue;
		if (kinds[i].run(text, strlen(text), &out, &err))
			printf("error: column %zu: %s\n", err.column, err.text);
		else
			printf("%s\n", ds_cstr(&out));
		ds_fini(&out);
		return;
	}
	printf("error: unknown kind of line '%.*s'\n", (int)kind_len, line);
}

static void print_fields(void)
{
	static const char *const formats[] = {"decimal", "hex",	 "eth",	      "ipv4",	  "ipv6",
					      "port",	 "frag", "tcp_flags", "ct_state", "tun_flags"};
	static const char *const prereqs[] = {"none", "vlan", "mpls", "ip_any", "ipv4", "ipv6",	      "arp",	  "tcp",
					      "udp",  "sctp", "icmp", "icmp6",	"nd",	"nd_solicit", "nd_advert"};

	for (int i = 0; i < FIELD_N_IDS; i++) {
		const struct field *f = field_by_id((enum field_id)i);
		const char *wire = f->nxm_name ? f->nxm_name : f->oxm_name;

		printf("%s %u %d %s %s %d %s %s\n", f->name, f->n_bits, f->maskable, formats[f->format],
		       prereqs[f->prereq], f->writable, wire ? wire : "-", f->aliases ? f->aliases : "-");
	}
}

int main(int argc, char *argv[])
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (argc > 1 && !strcmp(argv[1], "--fields")) {
		print_fields();
		return 0;
	}
	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		run_line(line);
		fflush(stdout);
	}
	free(line);
	return 0;
}
