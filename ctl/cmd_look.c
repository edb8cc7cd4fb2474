// SPDX-License-Identifier: Apache-2.0
/*
 * Commands that look inside: the MAC table, datapath flows, the log, versions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "vsw/version.h"

/* `vlan` travels as a number. Return: CTL_OK, or CTL_FAILED after an error. */
static int put_vlan(const struct ctl *ctl, json_t *params, const char *text)
{
	uint64_t vlan;

	if (!text)
		return CTL_OK;
	if (!str_to_uint(text, 10, 4095, &vlan))
		return ctl_fail(ctl, "fdb: '%s' is not a VLAN (0 to 4095)", text);
	json_object_set_new(params, "vlan", json_integer((json_int_t)vlan));
	return CTL_OK;
}

struct fdb_verb {
	const char *name;
	unsigned int min_args, max_args;
	const char *keys[4]; /* what the arguments are, in order */
	const char *method;
	const char *usage;
};

static const struct fdb_verb fdb_verbs[] = {
	{"show", 0, 1, {"bridge"}, "fdb/show", "[BRIDGE]"},
	{"flush", 0, 2, {"bridge", "port"}, "fdb/flush", "[BRIDGE [PORT]] [--vlan=VLAN]"},
	{"add", 4, 4, {"bridge", "port", "vlan", "mac"}, "fdb/add", "BRIDGE PORT VLAN MAC"},
	{"del", 3, 3, {"bridge", "vlan", "mac"}, "fdb/del", "BRIDGE VLAN MAC"},
};

static const struct fdb_verb *find_fdb_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fdb_verbs); i++)
		if (!strcmp(fdb_verbs[i].name, name))
			return &fdb_verbs[i];
	return NULL;
}

static int ask_fdb(struct ctl *ctl, const struct fdb_verb *verb, size_t n, const char *const args[], const char *vlan)
{
	json_t *params = json_object();
	int status;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(verb->keys[i], "vlan"))
			vlan = args[i];
		else
			ctl_put_string(params, verb->keys[i], args[i]);
	}
	status = put_vlan(ctl, params, vlan);
	if (status) {
		json_decref(params);
		return status;
	}
	return ctl_ask(ctl, verb->method, params);
}

int cmd_fdb(struct ctl *ctl, const struct invocation *inv)
{
	const char *vlan = invocation_option(inv, "--vlan");
	const struct fdb_verb *verb = inv->n_args ? find_fdb_verb(inv->args[0]) : &fdb_verbs[0];
	size_t n = inv->n_args ? inv->n_args - 1 : 0;

	/* `vsw fdb br0` is `vsw fdb show br0`. */
	if (!verb && inv->n_args == 1)
		return ask_fdb(ctl, &fdb_verbs[0], 1, inv->args, NULL);
	if (!verb)
		return ctl_fail(ctl, "fdb: '%s' is none of show, flush, add, del", inv->args[0]);
	if (n < verb->min_args || n > verb->max_args)
		return ctl_fail(ctl, "fdb %s: usage: vsw fdb %s %s", verb->name, verb->name, verb->usage);
	if (vlan && strcmp(verb->name, "flush") != 0)
		return ctl_fail(ctl, "fdb %s: --vlan goes with flush", verb->name);
	return ask_fdb(ctl, verb, n, inv->args + 1, vlan);
}

int cmd_dump_dp_flows(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	if (invocation_has(inv, "--names"))
		json_object_set_new(params, "names", json_true());
	return ctl_ask(ctl, "dp/dump-flows", params);
}

int cmd_hosts(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	return ctl_ask(ctl, "hosts", params);
}

int cmd_dp_show(struct ctl *ctl, const struct invocation *inv VSW_UNUSED)
{
	return ctl_ask(ctl, "dp/show", NULL);
}

/* "MODULE:LEVEL" or "LEVEL" for all. */
static int set_level(struct ctl *ctl, const char *word)
{
	const char *colon = strchr(word, ':');
	json_t *params = json_object();

	if (colon && strncmp(word, "any:", 4) != 0)
		json_object_set_new(params, "module", json_stringn(word, (size_t)(colon - word)));
	ctl_put_string(params, "level", colon ? colon + 1 : word);
	return ctl_ask(ctl, "log/set", params);
}

int cmd_log(struct ctl *ctl, const struct invocation *inv)
{
	int status = CTL_OK;

	if (!inv->n_args || (inv->n_args == 1 && !strcmp(inv->args[0], "list")))
		return ctl_ask(ctl, "log/list", NULL);
	if (inv->n_args == 1 && !strcmp(inv->args[0], "reopen"))
		return ctl_ask(ctl, "log/reopen", NULL);
	for (size_t i = 0; i < inv->n_args && !status; i++)
		status = set_level(ctl, inv->args[i]);
	return status;
}

/* The version of this program is known without a daemon, and is said before the lack of one. */
int cmd_version(struct ctl *ctl, const struct invocation *inv VSW_UNUSED)
{
	const char *version;
	json_t *daemon;

	if (!ctl->json)
		printf("vsw %s\n", VSW_VERSION);
	daemon = ctl_call(ctl, "version", json_pack("{s:s}", "format", "json"));
	if (!daemon)
		return CTL_FAILED;
	version = json_string_value(json_object_get(daemon, "version"));
	if (ctl->json)
		printf("{\"vsw\": \"%s\", \"vsw-switchd\": \"%s\"}\n", VSW_VERSION, version ? version : "");
	else
		printf("vsw-switchd %s\n", version ? version : "of unknown version");
	json_decref(daemon);
	return CTL_OK;
}
