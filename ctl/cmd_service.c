// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw service`: the daemon of a run folder. Where systemd runs and has the unit, and the run folder is the default one, systemd is
 * asked; everywhere else (containers, other run folders, --db, --datapath) the daemon is started here, detached.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"

#define UNIT "vsw-switchd.service"

/* Starting reads the database and the journals of all bridges: that may take longer than a command. */
#define START_TIMEOUT_MS 60000

static const char *const unit_paths[] = {
	"/etc/systemd/system/" UNIT, "/run/systemd/system/" UNIT,	    "/usr/lib/systemd/system/" UNIT,
	"/lib/systemd/system/" UNIT, "/usr/local/lib/systemd/system/" UNIT,
};

static bool unit_installed(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(unit_paths); i++)
		if (!access(unit_paths[i], R_OK))
			return true;
	return false;
}

static bool use_systemd(const struct ctl *ctl, const struct invocation *inv)
{
	return !inv->n_options && !strcmp(ctl->rundir, "/run/vsw") && !access("/run/systemd/system", F_OK) &&
	       unit_installed();
}

static int systemctl(const struct ctl *ctl, const char *verb)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return ctl_fail(ctl, "cannot start systemctl: %s", strerror(errno));
	if (!pid) {
		execlp("systemctl", "systemctl", verb, UNIT, (char *)NULL);
		perror("vsw: systemctl");
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return ctl_fail(ctl, "systemctl %s " UNIT " failed; journalctl -u " UNIT " says why", verb);
	return CTL_OK;
}

/* Return: whether a daemon answers there. */
static bool is_running(const struct ctl *ctl)
{
	struct rpc *rpc;
	int error = rpc_open(&rpc, ctl->rundir, ctl->timeout_ms, NULL);

	rpc_close(rpc);
	return !error;
}

static int start(struct ctl *ctl, const struct invocation *inv)
{
	struct daemon_options options = {
		.rundir = ctl->rundir,
		.db = invocation_option(inv, "--db"),
		.datapath = invocation_option(inv, "--datapath"),
		.netns = -1,
	};
	struct daemon_start starting;
	struct errtext err;
	int error;

	if (is_running(ctl))
		return CTL_OK;
	if (use_systemd(ctl, inv))
		return systemctl(ctl, "start");
	error = daemon_spawn(&starting, &options, &err);
	if (!error)
		error = daemon_await(&starting, ctl->rundir, MAX(ctl->timeout_ms, START_TIMEOUT_MS), &err);
	return error ? ctl_error(ctl, error, &err) : CTL_OK;
}

static int stop(struct ctl *ctl, const struct invocation *inv)
{
	struct errtext err;
	int error;

	if (use_systemd(ctl, inv))
		return systemctl(ctl, "stop");
	error = daemon_stop(ctl->rundir, invocation_has(inv, "--purge"), MAX(ctl->timeout_ms, START_TIMEOUT_MS), &err);
	return error ? ctl_error(ctl, error, &err) : CTL_OK;
}

/* The database and datapath of a running daemon, so that `restart` starts the same one again. */
static json_t *ask_status(const struct ctl *ctl)
{
	struct rpc *rpc;
	json_t *status = NULL;

	if (rpc_open(&rpc, ctl->rundir, ctl->timeout_ms, NULL))
		return NULL;
	if (rpc_call(rpc, "status", json_pack("{s:s}", "format", "json"), &status, NULL))
		status = NULL;
	rpc_close(rpc);
	return status;
}

static int restart(struct ctl *ctl, const struct invocation *inv)
{
	static const char *const names[] = {"--db", "--datapath"}, *const keys[] = {"db", "datapath_asked"};
	json_t *status = use_systemd(ctl, inv) ? NULL : ask_status(ctl);
	struct command_option kept[ARRAY_SIZE(names)] = {0};
	struct invocation_option options[ARRAY_SIZE(names)];
	struct invocation again = {.options = options};
	int result;

	if (use_systemd(ctl, inv))
		return systemctl(ctl, "restart");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = invocation_option(inv, names[i]);

		if (!value)
			value = json_string_value(json_object_get(status, keys[i]));
		kept[i].name = names[i];
		if (value)
			options[again.n_options++] = (struct invocation_option){&kept[i], value};
	}
	result = stop(ctl, &again);
	if (!result)
		result = start(ctl, &again);
	json_decref(status);
	return result;
}

/* As `systemctl status`: exit 3 would be theirs, ours is 2: "no". */
static int status(struct ctl *ctl)
{
	if (!is_running(ctl)) {
		if (ctl->json)
			puts("{\"running\": false}");
		else
			printf("vsw-switchd is not running (run folder %s)\n", ctl->rundir);
		return CTL_NO;
	}
	return ctl_ask(ctl, "status", NULL);
}

int cmd_service(struct ctl *ctl, const struct invocation *inv)
{
	const char *verb = inv->args[0];

	if (!strcmp(verb, "start"))
		return start(ctl, inv);
	if (!strcmp(verb, "stop"))
		return stop(ctl, inv);
	if (!strcmp(verb, "restart"))
		return restart(ctl, inv);
	if (!strcmp(verb, "status"))
		return status(ctl);
	return ctl_fail(ctl, "service: '%s' is none of start, stop, restart, status", verb);
}
