// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a client says: the control server with every method but those that end the daemon or turn its clock, on a switch with
 * dummy ports. What must hold:
 *  - each answer is one JSON object on one line, with either a result or an error that has a sentence and a code;
 *  - the connection ends when the client has hung up and everything was answered;
 *  - the switch has just the ports that the database has.
 *
 * What one input leaves behind the next one finds; after 200 ports everything begins anew.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "os/loop.h"
#include "os/sock.h"
#include "ovsdb/db.h"
#include "switchd/bridge_config.h"
#include "switchd/commands.h"
#include "switchd/config.h"
#include "switchd/config_apply.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/iface_dev.h"
#include "switchd/vsctl.h"

#define MUST(COND) \
	do { \
		if (!(COND)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #COND); \
			abort(); \
		} \
	} while (0)

enum { LONGEST = 60000, MAX_PORTS = 200, PATIENCE_MS = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static char folder[] = "/dev/shm/vsw-fuzz.XXXXXX", db_path[64], socket_path[64];
static struct loop_fd client_lfd;
static struct loop_timer patience;
static int client = -1;
static struct ds answers;

static void run(size_t argc, const char *const argv[])
{
	struct dbcmd_style style = {0};
	struct vsctl_output out = {0};
	struct db_txn *txn = db_txn_begin(config_db());

	MUST(!vsctl_run(txn, argc, argv, &style, &out, NULL));
	MUST(!config_commit(txn, NULL, NULL));
	vsctl_output_fini(&out);
}

static void begin(void)
{
	static const char *const bridge[] = {"add-br", "br0", "datapath_type=dummy"};
	static const char *const port[] = {"add-port", "br0", "p1", "type=dummy"};
	struct errtext err;

	vswitch_init(loop, folder);
	if (config_open(db_path, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	MUST(!iface_dev_start(loop, config_report_iface));
	config_start();
	run(ARRAY_SIZE(bridge), bridge);
	run(ARRAY_SIZE(port), port);
	MUST(!control_open(loop, socket_path, &err));
}

static void end(void)
{
	char command[96];

	db_commands_stop();
	control_close();
	iface_dev_stop();
	config_stop();
	if (vswitch.dummy_dp)
		vswitch.dummy_dp->ops->close(vswitch.dummy_dp);
	vswitch.dummy_dp = NULL;
	vswitch_fini();
	snprintf(command, sizeof command, "rm -rf %s/*", folder);
	MUST(!system(command));
}

static void at_exit(void)
{
	char command[96];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command))
		fprintf(stderr, "%s is left over\n", folder);
}

static void init(void)
{
	/* Whatever an input wants to do to devices, it does it to nobody's. */
	if (!geteuid())
		MUST(!unshare(CLONE_NEWNET));
	rcu_register_thread();
	log_set_level(NULL, LOG_LEVEL_OFF);
	MUST(mkdtemp(folder));
	atexit(at_exit);
	snprintf(db_path, sizeof db_path, "%s/conf.db", folder);
	snprintf(socket_path, sizeof socket_path, "%s/s", folder);
	loop = loop_new();
	MUST(loop);
	db_commands_register(loop);
	flow_commands_register();
	flow_dump_register();
	port_commands_register();
	fdb_commands_register();
	dp_commands_register();
	trace_commands_register();
	drop_commands_register();
	host_commands_register();
	guest_commands_register();
	why_commands_register();
	begin();
}

static void hang_up(void)
{
	loop_del_fd(loop, &client_lfd);
	loop_cancel_timer(loop, &patience);
	close(client);
	client = -1;
	loop_quit(loop);
}

static void on_answer(struct loop_fd *self, uint32_t events)
{
	static char buf[65536];
	ssize_t n = recv(client, buf, sizeof buf, MSG_DONTWAIT);

	(void)self;
	(void)events;
	if (n > 0)
		ds_put_mem(&answers, buf, (size_t)n);
	else
		hang_up();
}

/* wait-until may wait for ever. */
static void out_of_patience(struct loop_timer *self, int64_t now_ms)
{
	(void)self;
	(void)now_ms;
	hang_up();
}

static void check_answer(const char *line, size_t len)
{
	json_t *answer = json_loadb(line, len, 0, NULL), *result, *error;

	MUST(json_is_object(answer));
	result = json_object_get(answer, "result");
	error = json_object_get(answer, "error");
	MUST(json_object_get(answer, "id"));
	MUST(json_is_object(result) || json_is_object(error));
	MUST(json_is_null(result) || json_is_null(error));
	if (!json_is_null(error)) {
		const char *text = json_string_value(json_object_get(error, "text"));

		MUST(text && *text && !strchr(text, '\n'));
		MUST(json_string_value(json_object_get(error, "code")));
	}
	json_decref(answer);
}

/* Rows that a bridge has, and nothing else, are ports. */
static void check_switch(void)
{
	struct db_row *row;
	size_t n = 0;

	DB_FOR_EACH_ROW(row, db_table(config_db(), "Bridge"), NULL) {
		MUST(bridge_by_name(db_get_string(row, NULL, "name", "")));
		n += db_get(row, NULL, "ports")->n;
	}
	MUST(hmap_count(&vswitch.bridges) == db_table_count(db_table(config_db(), "Bridge"), NULL));
	MUST(hmap_count(&vswitch.ports) == n);
	MUST(hmap_count(&vswitch.ifaces) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Sockets of dummy ports would be files that nobody removes. */
	if (size > LONGEST || memmem(data, size, "unix:", 5))
		return -1;
	if (!loop)
		init();
	ds_clear(&answers);
	client = sock_connect_unix(socket_path);
	MUST(client >= 0);
	MUST(send(client, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	MUST(!shutdown(client, SHUT_WR));
	MUST(!loop_add_fd(loop, &client_lfd, client, EPOLLIN, on_answer));
	loop_set_timer(loop, &patience, clock_now_ms() + PATIENCE_MS, out_of_patience);
	MUST(!loop_run(loop));
	for (const char *p = ds_cstr(&answers), *newline; (newline = strchr(p, '\n')); p = newline + 1)
		check_answer(p, (size_t)(newline - p));
	check_switch();
	if (hmap_count(&vswitch.ports) > MAX_PORTS) {
		end();
		begin();
	}
	return 0;
}
