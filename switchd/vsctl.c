// SPDX-License-Identifier: Apache-2.0
/* The table of commands, and what the commands share: finding bridges and ports in the rows. */
#include "switchd/vsctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switchd/tunnel_options.h"
#include "switchd/vsctl_impl.h"

static const struct command {
	const char *name;
	size_t min_args, max_args;
	unsigned int options;
	vsctl_fn *run;
} commands[] = {
	{"init", 0, 0, 0, vsctl_init},
	{"show", 0, 0, 0, vsctl_show},
	{"emer-reset", 0, 0, 0, vsctl_emer_reset},
	{"add-br", 1, SIZE_MAX, VSCTL_MAY_EXIST, vsctl_add_br},
	{"del-br", 1, 1, VSCTL_IF_EXISTS, vsctl_del_br},
	{"list-br", 0, 0, VSCTL_REAL | VSCTL_FAKE, vsctl_list_br},
	{"br-exists", 1, 1, 0, vsctl_br_exists},
	{"br-to-vlan", 1, 1, 0, vsctl_br_to_vlan},
	{"br-to-parent", 1, 1, 0, vsctl_br_to_parent},
	{"br-set-external-id", 2, 3, 0, vsctl_br_set_external_id},
	{"br-get-external-id", 1, 2, 0, vsctl_br_get_external_id},
	{"add-port", 2, SIZE_MAX, VSCTL_MAY_EXIST, vsctl_add_port},
	{"add-bond", 4, SIZE_MAX, VSCTL_MAY_EXIST | VSCTL_FAKE_IFACE, vsctl_add_bond},
	{"add-bond-iface", 2, 2, VSCTL_MAY_EXIST, vsctl_add_bond_iface},
	{"del-bond-iface", 1, 2, VSCTL_IF_EXISTS, vsctl_del_bond_iface},
	{"del-port", 1, 2, VSCTL_IF_EXISTS | VSCTL_WITH_IFACE, vsctl_del_port},
	{"list-ports", 1, 1, 0, vsctl_list_ports},
	{"list-ifaces", 1, 1, 0, vsctl_list_ifaces},
	{"port-to-br", 1, 1, 0, vsctl_port_to_br},
	{"iface-to-br", 1, 1, 0, vsctl_iface_to_br},
	{"get-controller", 1, 1, 0, vsctl_get_controller},
	{"del-controller", 1, 1, 0, vsctl_del_controller},
	{"set-controller", 1, SIZE_MAX, 0, vsctl_set_controller},
	{"get-manager", 0, 0, 0, vsctl_get_manager},
	{"del-manager", 0, 0, 0, vsctl_del_manager},
	{"set-manager", 1, SIZE_MAX, 0, vsctl_set_manager},
	{"get-fail-mode", 1, 1, 0, vsctl_get_fail_mode},
	{"del-fail-mode", 1, 1, 0, vsctl_del_fail_mode},
	{"set-fail-mode", 2, 2, 0, vsctl_set_fail_mode},
};

static const struct {
	const char *word;
	enum vsctl_option bit;
} options[] = {
	{"--may-exist", VSCTL_MAY_EXIST}, {"--if-exists", VSCTL_IF_EXISTS},   {"--real", VSCTL_REAL},
	{"--fake", VSCTL_FAKE},		  {"--with-iface", VSCTL_WITH_IFACE}, {"--fake-iface", VSCTL_FAKE_IFACE},
};

void vsctl_output_fini(struct vsctl_output *out)
{
	ds_fini(&out->text);
	json_decref(out->json);
}

const char *vsctl_name_of(size_t argc, const char *const argv[])
{
	for (size_t i = 0; i < argc; i++)
		if (strncmp(argv[i], "--", 2) != 0)
			return argv[i];
	return NULL;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int read_option(struct vsctl *c, const struct command *command, const char *word, struct errtext *err)
{
	static const char probe[] = "--inactivity-probe=";

	if (!strncmp(word, probe, strlen(probe)) && strncmp(command->name, "set-", 4) == 0) {
		c->probe = word + strlen(probe);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(word, options[i].word) && (command->options & options[i].bit)) {
			c->options |= options[i].bit;
			return 0;
		}
	return errtext_set(err, EINVAL, "'%s' command has no '%.40s' option", command->name, word);
}

/* A command of ours: options, number of arguments, run. */
static int run_ours(struct vsctl *c, const struct command *command, size_t argc, const char *const argv[],
		    struct errtext *err)
{
	const char **args = xcalloc(argc, sizeof *args);
	bool behind_name = false;
	int error = 0;

	for (size_t i = 0; i < argc && !error; i++) {
		if (!strncmp(argv[i], "--", 2) && (!behind_name || argv[i][2]))
			error = read_option(c, command, argv[i], err);
		else if (behind_name)
			args[c->n++] = argv[i];
		else
			behind_name = true;
	}
	c->args = args;
	if (!error && c->n < command->min_args)
		error = errtext_set(err, EINVAL, "'%s' command requires at least %zu argument%s", command->name,
				    command->min_args, command->min_args == 1 ? "" : "s");
	if (!error && c->n > command->max_args)
		error = errtext_set(err, EINVAL, "'%s' command takes at most %zu argument%s", command->name,
				    command->max_args, command->max_args == 1 ? "" : "s");
	if (!error)
		error = command->run(c, err);
	free(args);
	return error;
}

static int run_generic(struct db_txn *txn, size_t argc, const char *const argv[], const struct dbcmd_style *style,
		       struct vsctl_output *out, struct errtext *err)
{
	struct dbcmd_output said = DBCMD_OUTPUT_INIT;
	int error = dbcmd_run(txn, argc, argv, &said, err);

	if (!error) {
		dbcmd_output_print(&said, style, &out->text);
		json_decref(out->json);
		out->json = dbcmd_output_json(&said);
	}
	dbcmd_output_fini(&said);
	return error;
}

int vsctl_run(struct db_txn *txn, size_t argc, const char *const argv[], const struct dbcmd_style *style,
	      struct vsctl_output *out, struct errtext *err)
{
	const char *name = vsctl_name_of(argc, argv);
	const struct command *command = name ? find_command(name) : NULL;
	struct vsctl c = {.db = db_txn_db(txn), .txn = txn, .out = out};

	out->json = json_object();
	if (!name)
		return errtext_set(err, EINVAL, "missing command name");
	if (command)
		return run_ours(&c, command, argc, argv, err);
	if (dbcmd_exists(name))
		return run_generic(txn, argc, argv, style, out, err);
	return errtext_set(err, ENOSYS, "unknown command '%.40s'", name);
}

/* ---- finding ---- */

struct db_row *vsctl_root(const struct vsctl *c)
{
	return db_row_first(db_table(c->db, "Open_vSwitch"), c->txn);
}

const char *vsctl_row_name(const struct vsctl *c, const struct db_row *row)
{
	return db_get_string(row, c->txn, "name", "");
}

bool vsctl_is_fake(const struct vsctl *c, const struct db_row *port)
{
	return db_get_boolean(port, c->txn, "fake_bridge", false) && vsctl_port_vlan(c, port);
}

int vsctl_port_vlan(const struct vsctl *c, const struct db_row *port)
{
	int64_t tag = db_get_integer(port, c->txn, "tag", 0);

	return tag > 0 && tag < 4095 ? (int)tag : 0;
}

static struct db_row *bridge_of_port(const struct vsctl *c, const struct db_row *port)
{
	return db_row_referrer(port, c->txn, db_table(c->db, "Bridge"));
}

bool vsctl_find_bridge(const struct vsctl *c, const char *name, struct vsctl_bridge *br)
{
	struct db_row *port;

	*br = (struct vsctl_bridge){.row = db_find_name(db_table(c->db, "Bridge"), c->txn, name)};
	if (br->row)
		return true;
	port = db_find_name(db_table(c->db, "Port"), c->txn, name);
	if (!port || !vsctl_is_fake(c, port))
		return false;
	br->port = port;
	br->vlan = vsctl_port_vlan(c, port);
	br->row = bridge_of_port(c, port);
	return br->row;
}

int vsctl_need_bridge(const struct vsctl *c, const char *name, struct vsctl_bridge *br, struct errtext *err)
{
	return vsctl_find_bridge(c, name, br) ? 0 : errtext_set(err, ENOENT, "no bridge named %s", name);
}

const char *vsctl_bridge_name(const struct vsctl *c, const struct vsctl_bridge *br)
{
	return vsctl_row_name(c, br->port ? br->port : br->row);
}

void vsctl_narrow_to_fake(const struct vsctl *c, struct vsctl_bridge *br, int vlan)
{
	size_t n = vlan ? db_get(br->row, c->txn, "ports")->n : 0;

	for (size_t i = 0; i < n; i++) {
		struct db_row *port = db_get_ref(br->row, c->txn, "ports", i);

		if (port && vsctl_is_fake(c, port) && vsctl_port_vlan(c, port) == vlan) {
			br->port = port;
			br->vlan = vlan;
			return;
		}
	}
}

struct db_row *vsctl_find_port(const struct vsctl *c, const char *name, struct vsctl_bridge *br)
{
	struct db_row *port = db_find_name(db_table(c->db, "Port"), c->txn, name);

	*br = (struct vsctl_bridge){.row = port ? bridge_of_port(c, port) : NULL};
	if (!br->row || vsctl_is_fake(c, port) || !strcmp(name, vsctl_row_name(c, br->row)))
		return NULL;
	vsctl_narrow_to_fake(c, br, vsctl_port_vlan(c, port));
	return port;
}

int vsctl_check_free(const struct vsctl *c, const char *what, const char *name, struct errtext *err)
{
	struct vsctl_bridge br;
	struct db_row *iface;

	if (vsctl_find_bridge(c, name, &br))
		return errtext_set(err, EEXIST, "cannot create a %s named %s because a bridge named %s already exists",
				   what, name, name);
	if (vsctl_find_port(c, name, &br))
		return errtext_set(err, EEXIST,
				   "cannot create a %s named %s because a port named %s already exists on bridge %s",
				   what, name, name, vsctl_bridge_name(c, &br));
	iface = db_find_name(db_table(c->db, "Interface"), c->txn, name);
	if (iface && db_row_referrer(iface, c->txn, db_table(c->db, "Port")))
		return errtext_set(err, EEXIST,
				   "cannot create a %s named %s because an interface named %s already exists", what,
				   name, name);
	return 0;
}

/* ---- changing ---- */

struct db_row *vsctl_insert_port(struct vsctl *c, struct db_row *bridge, const char *name, const char *type, int vlan)
{
	struct db_row *iface = db_txn_insert(c->txn, db_table(c->db, "Interface"), NULL);
	struct db_row *port = db_txn_insert(c->txn, db_table(c->db, "Port"), NULL);

	db_set_string(c->txn, iface, "name", name);
	if (type)
		db_set_string(c->txn, iface, "type", type);
	db_set_string(c->txn, port, "name", name);
	if (vlan)
		db_set_integer(c->txn, port, "tag", vlan);
	db_add_ref(c->txn, port, "interfaces", iface);
	db_add_ref(c->txn, bridge, "ports", port);
	return port;
}

void vsctl_delete_port(struct vsctl *c, struct db_row *bridge, struct db_row *port)
{
	size_t n = db_get(port, c->txn, "interfaces")->n;

	for (size_t i = 0; i < n; i++) {
		struct db_row *iface = db_get_ref(port, c->txn, "interfaces", i);

		if (iface)
			db_txn_delete(c->txn, iface);
	}
	db_remove_ref(c->txn, bridge, "ports", port);
	db_txn_delete(c->txn, port);
}

/* Which table does COLUMN[:KEY]=VALUE speak of? An exact name counts more than an abbreviation. NULL: none of them. */
static const char *table_of_word(struct vsctl *c, const char *const tables[], size_t n_tables, const char *word)
{
	char *column = xstrndup(word, strcspn(word, ":="));
	const char *found = NULL;

	for (char *p = column; *p; p++)
		if (*p == '-')
			*p = '_';
	for (size_t i = 0; i < n_tables && !found; i++)
		if (schema_column(schema_table(db_schema(c->db), tables[i]), column))
			found = tables[i];
	for (size_t i = 0; i < n_tables && !found; i++) {
		const struct column_schema *match;

		if (!schema_match_column(schema_table(db_schema(c->db), tables[i]), column, &match, NULL))
			found = tables[i];
	}
	free(column);
	return found;
}

static int no_such_column(const char *const tables[], size_t n_tables, const char *word, struct errtext *err)
{
	int len = (int)MIN(strcspn(word, ":="), 60);

	if (n_tables == 1)
		return errtext_set(err, ENOENT, "table %s has no column '%.*s'", tables[0], len, word);
	return errtext_set(err, ENOENT, "neither table %s nor table %s has a column '%.*s'", tables[0], tables[1], len,
			   word);
}

/* "remote_ip=10.0.0.2" is short for "options:remote_ip=10.0.0.2". Return: the long form, to be freed, or NULL. */
static char *as_option(const char *word)
{
	size_t len = strcspn(word, "=:");
	char *name = xasprintf("%.*s", (int)len, word);
	bool is_option = word[len] == '=' && (tunnel_options_is_known(name) || !strcmp(name, "peer"));

	free(name);
	return is_option ? xasprintf("options:%s", word) : NULL;
}

int vsctl_set_columns(struct vsctl *c, const char *const tables[], size_t n_tables, const char *name,
		      const char *const words[], size_t n, struct errtext *err)
{
	for (size_t i = 0; i < n; i++) {
		char *option = n_tables > 1 ? as_option(words[i]) : NULL; /* an interface's */
		const char *word = option ? option : words[i];
		const char *argv[] = {"set", table_of_word(c, tables, n_tables, word), name, word};
		struct dbcmd_output said = DBCMD_OUTPUT_INIT;
		int error = argv[1] ? dbcmd_run(c->txn, ARRAY_SIZE(argv), argv, &said, err)
				    : no_such_column(tables, n_tables, words[i], err);

		dbcmd_output_fini(&said);
		free(option);
		if (error)
			return error;
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

void vsctl_say_list(struct vsctl *c, const char *key, json_t *names)
{
	size_t n = json_array_size(names);
	json_t **sorted = xcalloc(n + 1, sizeof *sorted), *result = json_array();

	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(names, i);
	qsort(sorted, n, sizeof *sorted, by_text);
	for (size_t i = 0; i < n; i++) {
		ds_printf(&c->out->text, "%s\n", json_string_value(sorted[i]));
		json_array_append(result, sorted[i]);
	}
	json_object_set_new(c->out->json, key, result);
	json_decref(names);
	free(sorted);
}
