// SPDX-License-Identifier: Apache-2.0
/* Guests' ports in the database: made, marked, removed. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/guest_impl.h"
#include "switchd/vsctl.h"

LOG_MODULE(guest_rows);

/* One command, as `vsw` takes it. */
static int run(struct db_txn *txn, const char *const argv[], size_t argc, struct errtext *err)
{
	struct dbcmd_style style = {0};
	struct vsctl_output out = {0};
	int error = vsctl_run(txn, argc, argv, &style, &out, err);

	vsctl_output_fini(&out);
	return error;
}

static int commit(struct db_txn *txn, int error, struct errtext *err)
{
	if (!error)
		return config_commit(txn, NULL, err);
	db_txn_abort(txn);
	return error;
}

static struct db_row *row_of(const struct db_txn *txn, const char *table, const char *name)
{
	return db_find_name(db_table(config_db(), table), txn, name);
}

/* @guest: NULL: nobody's any more. */
static void mark_iface(struct db_txn *txn, const char *port, const char *guest, const char *mac)
{
	struct db_row *row = row_of(txn, "Interface", port);

	if (!row)
		return;
	db_set_key(txn, row, "external_ids", "guest", guest);
	db_set_key(txn, row, "external_ids", "attached-mac", guest ? mac : NULL);
	db_set_key(txn, row, "external_ids", "iface-status", guest ? "active" : NULL);
}

void guest_remove_port(const char *port)
{
	const char *words[] = {"--if-exists", "del-port", port};
	struct db_txn *txn = db_txn_begin(config_db());
	struct errtext err = {0};

	if (commit(txn, run(txn, words, ARRAY_SIZE(words), &err), &err))
		log_warn("port %s of a guest that is gone cannot be removed: %s", port, err.text);
}

void guest_unmark_port(const char *port)
{
	struct db_txn *txn = db_txn_begin(config_db());
	struct errtext err = {0};

	mark_iface(txn, port, NULL, NULL);
	if (commit(txn, 0, &err))
		log_warn("port %s: that no guest has it any more cannot be written: %s", port, err.text);
}

/* Port and interface, marked, as one transaction. */
int guest_make_port(const struct guest_wish *w, struct errtext *err)
{
	const char *words[6 + GUEST_MAX_COLUMNS] = {"add-port", w->bridge, w->port, "type=tap"};
	struct db_txn *txn = db_txn_begin(config_db());
	struct db_row *port;
	char queues[32];
	size_t n = 4;
	int error;

	snprintf(queues, sizeof queues, "options:queues=%d", (int)w->n_queues);
	if (w->n_queues > 1)
		words[n++] = queues;
	for (size_t i = 0; i < w->n_columns; i++)
		words[n++] = w->columns[i];
	error = run(txn, words, n, err);
	port = row_of(txn, "Port", w->port);
	if (!error && (!port || !row_of(txn, "Interface", w->port)))
		error = errtext_set(err, EINVAL, "the port cannot be given another name");
	if (!error) {
		db_set_key(txn, port, "external_ids", "guest", w->guest);
		if (w->anti_spoof)
			db_set_key(txn, port, "other_config", "anti-spoof", w->mac_text);
		mark_iface(txn, w->port, w->guest, w->mac_text);
	}
	return commit(txn, error, err);
}

int guest_lend_port(const struct guest_wish *w, struct errtext *err)
{
	struct db_txn *txn;

	if (!iface_by_name(w->port))
		return errtext_set(err, ENOENT, "no port named %s; name a bridge to have one made", w->port);
	if (w->n_columns || w->anti_spoof)
		return errtext_set(err, EINVAL, "port %s is there already: its settings are set with `vsw set port`",
				   w->port);
	txn = db_txn_begin(config_db());
	mark_iface(txn, w->port, w->guest, w->mac_text);
	return commit(txn, 0, err);
}
