// SPDX-License-Identifier: Apache-2.0
/*
 * Commands on ports as OpenFlow sees them: counters, descriptions, configuration; and what their links are made worse by.
 */
#include <string.h>

#include "base/ds.h"
#include "base/link_words.h"
#include "base/util.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"

static json_t *bridge_and_port(const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "bridge", invocation_arg(inv, 0));
	ctl_put_string(params, "port", invocation_arg(inv, 1));
	return params;
}

int cmd_dump_ports(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = bridge_and_port(inv);

	if (invocation_has(inv, "--names"))
		json_object_set_new(params, "names", json_true());
	return ctl_ask(ctl, "port/stats", params);
}

int cmd_dump_ports_desc(struct ctl *ctl, const struct invocation *inv)
{
	return ctl_ask(ctl, "port/desc", bridge_and_port(inv));
}

int cmd_mod_port(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = bridge_and_port(inv);

	ctl_put_string(params, "action", inv->args[2]);
	return ctl_ask(ctl, "port/mod", params);
}

/* ---- set-link ---- */

static bool is_link_setting(const char *word)
{
	size_t len = strcspn(word, "=");

	return word[len] && link_word_find(word, len) != LINK_N_WORDS;
}

/* "'x' is no setting; known are delay=, ..." */
static int fail_setting(struct ctl *ctl, const char *word)
{
	struct ds known = DS_INIT;
	int status;

	for (unsigned int i = 0; i < LINK_N_WORDS; i++)
		ds_printf(&known, "%s%s=", i ? ", " : "", link_word_name(i));
	status = ctl_fail(ctl, "set-link: '%.40s' is no setting; known are %s, or none", word, ds_cstr(&known));
	ds_fini(&known);
	return status;
}

/* All that was set goes, and what is given comes, in one transaction. */
int cmd_set_link(struct ctl *ctl, const struct invocation *inv)
{
	json_t *clear = json_pack("[s, s, s, s]", "remove", "interface", inv->args[0], "other_config");
	json_t *set = json_pack("[s, s, s]", "set", "interface", inv->args[0]);
	json_t *commands_list = json_pack("[o]", clear);
	bool is_none = inv->n_args == 2 && !strcmp(inv->args[1], "none");

	for (unsigned int i = 0; i < LINK_N_WORDS; i++)
		json_array_append_new(clear, json_sprintf("link-%s", link_word_name(i)));
	for (size_t i = 1; !is_none && i < inv->n_args; i++) {
		if (!is_link_setting(inv->args[i])) {
			json_decref(commands_list);
			json_decref(set);
			return fail_setting(ctl, inv->args[i]);
		}
		json_array_append_new(set, json_sprintf("other_config:link-%s", inv->args[i]));
	}
	if (!is_none)
		json_array_append(commands_list, set);
	json_decref(set);
	return ctl_ask(ctl, "db/run", json_pack("{s:o}", "commands", commands_list));
}

int cmd_get_link(struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_object();

	ctl_put_string(params, "port", invocation_arg(inv, 0));
	return ctl_ask(ctl, "link/show", params);
}
