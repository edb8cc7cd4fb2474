// SPDX-License-Identifier: Apache-2.0
/* Controllers, managers, fail modes, and the way back to a plain switch. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switchd/vsctl_impl.h"

int vsctl_init(struct vsctl *c, struct errtext *err)
{
	/* The database has its Open_vSwitch row since it was opened. */
	(void)c;
	(void)err;
	return 0;
}

/* ---- controllers and managers: rows with a target, referred to by a column of another row ---- */

static void say_targets(struct vsctl *c, const struct db_row *row, const char *column, const char *key)
{
	size_t n = db_get(row, c->txn, column)->n;
	json_t *targets = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct db_row *target = db_get_ref(row, c->txn, column, i);

		if (target)
			json_array_append_new(targets, json_string(db_get_string(target, c->txn, "target", "")));
	}
	vsctl_say_list(c, key, targets);
}

/* "tcp:HOST[:PORT]", "unix:PATH", ... Return: 0 or -EINVAL with @err. */
static int check_target(const char *target, struct errtext *err)
{
	static const char *const methods[] = {"tcp:", "ssl:", "unix:", "ptcp:", "pssl:", "punix:"};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strncmp(target, methods[i], strlen(methods[i])))
			return 0;
	return errtext_set(
		err, EINVAL,
		"'%.60s' is no target; expected tcp:, ssl:, unix:, ptcp:, pssl: or punix: in front of an address",
		target);
}

static int insert_targets(struct vsctl *c, struct db_row *row, const char *column, const char *table,
			  const char *const targets[], size_t n, struct errtext *err)
{
	uint64_t probe_ms = 0;

	if (c->probe && !str_to_uint(c->probe, 10, INT32_MAX, &probe_ms))
		return errtext_set(err, EINVAL, "--inactivity-probe: '%.40s' is no number of milliseconds", c->probe);
	for (size_t i = 0; i < n; i++) {
		struct db_row *target;
		int error = check_target(targets[i], err);

		if (error)
			return error;
		target = db_txn_insert(c->txn, db_table(c->db, table), NULL);
		db_set_string(c->txn, target, "target", targets[i]);
		if (c->probe)
			db_set_integer(c->txn, target, "inactivity_probe", (int64_t)probe_ms);
		db_add_ref(c->txn, row, column, target);
	}
	return 0;
}

/* A fake bridge has its parent's. */
static int need_real(const struct vsctl *c, struct vsctl_bridge *br, struct errtext *err)
{
	int error = vsctl_need_bridge(c, c->args[0], br, err);

	if (!error && br->port)
		error = errtext_set(err, EINVAL, "%s is a fake bridge", c->args[0]);
	return error;
}

int vsctl_get_controller(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = need_real(c, &br, err);

	if (!error)
		say_targets(c, br.row, "controller", "controllers");
	return error;
}

int vsctl_del_controller(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = need_real(c, &br, err);

	if (!error)
		db_set_empty(c->txn, br.row, "controller");
	return error;
}

int vsctl_set_controller(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = need_real(c, &br, err);

	if (error)
		return error;
	db_set_empty(c->txn, br.row, "controller");
	return insert_targets(c, br.row, "controller", "Controller", c->args + 1, c->n - 1, err);
}

int vsctl_get_manager(struct vsctl *c, struct errtext *err)
{
	(void)err;
	say_targets(c, vsctl_root(c), "manager_options", "managers");
	return 0;
}

int vsctl_del_manager(struct vsctl *c, struct errtext *err)
{
	(void)err;
	db_set_empty(c->txn, vsctl_root(c), "manager_options");
	return 0;
}

int vsctl_set_manager(struct vsctl *c, struct errtext *err)
{
	db_set_empty(c->txn, vsctl_root(c), "manager_options");
	return insert_targets(c, vsctl_root(c), "manager_options", "Manager", c->args, c->n, err);
}

/* ---- fail mode ---- */

int vsctl_get_fail_mode(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = need_real(c, &br, err);
	const char *mode;

	if (error)
		return error;
	mode = db_get_string(br.row, c->txn, "fail_mode", NULL);
	if (mode)
		ds_printf(&c->out->text, "%s\n", mode);
	json_object_set_new(c->out->json, "fail_mode", mode ? json_string(mode) : json_null());
	return 0;
}

int vsctl_del_fail_mode(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = need_real(c, &br, err);

	if (!error)
		db_set_empty(c->txn, br.row, "fail_mode");
	return error;
}

int vsctl_set_fail_mode(struct vsctl *c, struct errtext *err)
{
	struct vsctl_bridge br;
	int error = need_real(c, &br, err);

	if (!error && strcmp(c->args[1], "standalone") != 0 && strcmp(c->args[1], "secure") != 0)
		error = errtext_set(err, EINVAL, "fail-mode must be \"standalone\" or \"secure\"");
	if (!error)
		db_set_string(c->txn, br.row, "fail_mode", c->args[1]);
	return error;
}

/* ---- emer-reset ---- */

static void empty_columns(struct vsctl *c, struct db_row *row, const char *const columns[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		db_set_empty(c->txn, row, columns[i]);
}

/* The MAC address of the bridge stays: its addresses hang on it. */
static void reset_bridge(struct vsctl *c, struct db_row *row)
{
	static const char *const columns[] = {"controller", "fail_mode", "mirrors",    "netflow",
					      "sflow",	    "ipfix",	 "flood_vlans"};
	const char *hwaddr = db_get_key(row, c->txn, "other_config", "hwaddr", NULL);
	char *kept = hwaddr ? xstrdup(hwaddr) : NULL;

	empty_columns(c, row, columns, ARRAY_SIZE(columns));
	db_set_empty(c->txn, row, "other_config");
	if (kept)
		db_set_key(c->txn, row, "other_config", "hwaddr", kept);
	free(kept);
}

int vsctl_emer_reset(struct vsctl *c, struct errtext *err)
{
	static const char *const of_root[] = {"manager_options", "ssl"};
	struct db_row *row;

	(void)err;
	empty_columns(c, vsctl_root(c), of_root, ARRAY_SIZE(of_root));
	DB_FOR_EACH_ROW(row, db_table(c->db, "Bridge"), c->txn)
		reset_bridge(c, row);
	DB_FOR_EACH_ROW(row, db_table(c->db, "Port"), c->txn)
		db_set_empty(c->txn, row, "other_config");
	DB_FOR_EACH_ROW(row, db_table(c->db, "Interface"), c->txn) {
		db_set_integer(c->txn, row, "ingress_policing_rate", 0);
		db_set_integer(c->txn, row, "ingress_policing_burst", 0);
	}
	return 0;
}
