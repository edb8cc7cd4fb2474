/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A switch with a database in a folder of its own and nothing but dummy ports: what config.c and the commands need, without root.
 */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H 1

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <urcu.h>

#include "base/log.h"
#include "os/loop.h"
#include "ovsdb/db.h"
#include "switchd/bridge_config.h"
#include "switchd/config.h"
#include "switchd/config_apply.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"
#include "switchd/revalidate.h"
#include "switchd/vsctl.h"

static char fixture_folder[64];
static char fixture_db[96];
static struct loop *fixture_loop;
static struct ds said;	   /* text of the last run() */
static struct errtext why; /* sentence of the last run() that failed */

static inline void fixture_open(void)
{
	struct errtext err;

	fixture_loop = loop_new();
	vswitch_init(fixture_loop, fixture_folder);
	assert_int_equal(config_open(fixture_db, &err), 0);
	assert_int_equal(iface_dev_start(fixture_loop, config_report_iface), 0);
	config_start();
}

/* As if the process had ended in order. */
static inline void fixture_close(void)
{
	iface_dev_stop();
	config_stop();
	if (vswitch.dummy_dp)
		vswitch.dummy_dp->ops->close(vswitch.dummy_dp);
	vswitch.dummy_dp = NULL;
	vswitch_fini();
	loop_free(fixture_loop);
}

static inline void fixture_restart(void)
{
	fixture_close();
	fixture_open();
}

static int fixture_setup(void **state)
{
	(void)state;
	rcu_register_thread();
	log_set_level(NULL, LOG_LEVEL_OFF);
	strcpy(fixture_folder, "/tmp/vsw-config.XXXXXX");
	assert_non_null(mkdtemp(fixture_folder));
	snprintf(fixture_db, sizeof fixture_db, "%s/conf.db", fixture_folder);
	fixture_open();
	return 0;
}

static int fixture_teardown(void **state)
{
	char command[128];

	(void)state;
	fixture_close();
	ds_fini(&said);
	snprintf(command, sizeof command, "rm -r %s", fixture_folder);
	rcu_unregister_thread();
	return system(command);
}

/* A line of commands as one transaction; words are separated by single blanks. Return: 0 or negative errno, *status: of the last command. */
static int run_status(const char *line, int *status)
{
	struct dbcmd_style style = {0};
	struct db_txn *txn = db_txn_begin(config_db());
	char *copy = strdup(line), *rest = copy;
	int error = 0;

	ds_clear(&said);
	memset(&why, 0, sizeof why);
	while (rest && !error) {
		const char *argv[32];
		struct vsctl_output out = {0};
		char *command = rest, *end = strstr(rest, " -- ");
		size_t argc = 0;

		rest = end ? end + 4 : NULL;
		if (end)
			*end = '\0';
		for (char *word = strtok(command, " "); word; word = strtok(NULL, " "))
			argv[argc++] = word;
		error = vsctl_run(txn, argc, argv, &style, &out, &why);
		ds_put(&said, ds_cstr(&out.text));
		*status = out.exit;
		vsctl_output_fini(&out);
	}
	free(copy);
	if (error) {
		db_txn_abort(txn);
		return error;
	}
	return config_commit(txn, NULL, &why);
}

static int run(const char *line)
{
	int status;

	return run_status(line, &status);
}

static void must(const char *line)
{
	if (run(line))
		fail_msg("%s: %s", line, why.text);
}

static void must_say(const char *line, const char *want)
{
	must(line);
	assert_string_equal(ds_cstr(&said), want);
}

static void must_fail(const char *line, int error, const char *sentence)
{
	assert_int_equal(run(line), error);
	assert_string_equal(why.text, sentence);
}

#endif
