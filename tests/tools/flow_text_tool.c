// SPDX-License-Identifier: Apache-2.0
/*
 * Reads lines "KIND TEXT" from stdin and prints, for each, the canonical form of TEXT or "error: column N: ...".
 *
 * KIND is one of: match, flow (the flow of a trace), actions, add, mod, del (whole flow lines).
 * The comparison with Open vSwitch (tests/conformance/flow_text_oracle) and the unit tests speak through the same
 * functions. Ports p1, p2 and p3 have the numbers 1, 2 and 3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/match.h"
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

static const struct {
	const char *name;
	int (*run)(const char *text, size_t len, struct ds *out, struct errtext *err);
} kinds[] = {
	{"match", do_match},
	{"flow", do_flow},
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

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		run_line(line);
		fflush(stdout);
	}
	free(line);
	return 0;
}
