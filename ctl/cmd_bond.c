// SPDX-License-Identifier: Apache-2.0
/* Commands on bonds and LACP. */
#include <string.h>

#include "base/util.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"

/* What each one is called with; the words behind it by the names of the method's parameters. */
static const struct bond_verb {
	const char *name;
	const char *params[3]; /* "#name": a number */
	size_t n_needed;
} verbs[] = {
	{"show", {"port"}, 0},
	{"list", {0}, 0},
	{"hash", {"mac", "#vlan", "#basis"}, 1},
	{"migrate", {"port", "#bucket", "member"}, 3},
	{"enable-member", {"port", "member"}, 2},
	{"disable-member", {"port", "member"}, 2},
	{"set-active-member", {"port", "member"}, 2},
};

static const struct bond_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* Return: false when @word is no number and should be. */
static bool put_word(json_t *params, const char *name, const char *word)
{
	uint64_t number;

	if (name[0] != '#') {
		json_object_set_new(params, name, json_string(word));
		return true;
	}
	if (!str_to_uint(word, 10, UINT32_MAX, &number))
		return false;
	json_object_set_new(params, name + 1, json_integer((json_int_t)number));
	return true;
}

int cmd_bond(struct ctl *ctl, const struct invocation *inv)
{
	const struct bond_verb *verb = find_verb(inv->args[0]);
	char method[32] = "bond/";
	json_t *params;

	if (!verb)
		return ctl_fail(ctl,
				"bond: '%s' is unknown; expected show, list, hash, migrate, enable-member, "
				"disable-member or set-active-member",
				inv->args[0]);
	if (verb->n_needed && !invocation_arg(inv, verb->n_needed))
		return ctl_fail(ctl, "bond %s needs %zu arguments: see `vsw help bond`", verb->name, verb->n_needed);
	params = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(verb->params); i++) {
		const char *word = invocation_arg(inv, i + 1);

		if (word && (!verb->params[i] || !put_word(params, verb->params[i], word))) {
			json_decref(params);
			return ctl_fail(ctl, "bond %s: '%s' %s", verb->name, word,
					verb->params[i] ? "is no number" : "is one argument too many");
		}
	}
	strcat(method, verb->name);
	return ctl_ask(ctl, method, params);
}

int cmd_lacp(struct ctl *ctl, const struct invocation *inv)
{
	const char *what = inv->args[0];
	json_t *params;

	if (strcmp(what, "show") != 0 && strcmp(what, "show-stats") != 0)
		return ctl_fail(ctl, "lacp: '%s' is unknown; expected show or show-stats", what);
	params = json_object();
	ctl_put_string(params, "port", invocation_arg(inv, 1));
	return ctl_ask(ctl, !strcmp(what, "show") ? "lacp/show" : "lacp/show-stats", params);
}
