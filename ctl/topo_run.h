/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topology that runs, or is to run: what was made for it is written down before it is made.
 *
 *   RUNDIR/topo/NAME/state.json   names of the namespaces and bridges; removed last of all
 *   RUNDIR/topo/NAME/             run folder, database and log of a private daemon; output of programs
 *   RUNDIR/topo/NAME/HOST/        the same of the daemon that a host has of its own
 *   RUNDIR/topo/NAME.lock         held while somebody brings it up or down
 *
 * Names of namespaces: PREFIX.HOST, and PREFIX for the one of a private daemon. PREFIX is the topology's name, with a few digits
 * that stand for the run folder where that is not the default one, so that the same file can be up once per run folder.
 */
#ifndef CTL_TOPO_RUN_H
#define CTL_TOPO_RUN_H 1

#include "ctl/ctl.h"
#include "ctl/topo.h"

/** How long a daemon may take for one step of bringing a topology up or down. */
#define TOPO_TIMEOUT_MS 60000

struct topo_run {
	const char *name;
	char *dir;
	char *prefix;
	bool is_private;     /**< has a daemon of its own */
	char *daemon_rundir; /**< of the daemon that has its bridges */
	json_t *daemons;     /**< run folders of the daemons that it started, the private one first */
	char **namespaces;
	size_t n_namespaces;
	json_t *bridges; /**< names */
	int lock_fd;	 /**< -1: it is only looked at */
};

struct topo_options {
	bool private_daemon;  /**< even if the daemon of the run folder runs */
	const char *datapath; /**< of a private daemon, or NULL */
};

/**
 * topo_run_open() - load the state of the topology called @name, if there is one
 * @lock: to change it: nobody else does until topo_run_close()
 *
 * Return: 0 or -errno with @err; topo_run_close() always.
 */
VSW_MUST_USE int topo_run_open(struct topo_run *run, const struct ctl *ctl, const char *name, bool lock,
			       struct errtext *err);
void topo_run_close(struct topo_run *run);
/** topo_run_is_up() - was something made that is not yet away? */
bool topo_run_is_up(const struct topo_run *run);

/** topo_run_plan() - fill in what @topo will need. */
void topo_run_plan(struct topo_run *run, const struct ctl *ctl, const struct topo *topo, bool is_private);
/** topo_run_save() - write the state down, durably enough for a crash of this program. */
VSW_MUST_USE int topo_run_save(const struct topo_run *run, struct errtext *err);
/** topo_run_remove() - the folder with all that is in it. */
void topo_run_remove(const struct topo_run *run);

/** topo_run_forget() - it is not up any more, or never was. */
void topo_run_forget(struct topo_run *run);

/** topo_run_rundir() - run folder of the daemon that has the switches on host @on, SIZE_MAX for those on none; free() it. */
char *topo_run_rundir(const struct topo_run *run, const struct topo *topo, size_t on);
/** topo_run_namespace() - name of a host's namespace; free() it. */
char *topo_run_namespace(const struct topo_run *run, const char *host);
/** topo_run_open_namespace() - Return: descriptor of a host's namespace, or -errno with @err. */
VSW_MUST_USE int topo_run_open_namespace(const struct topo_run *run, const char *host, struct errtext *err);

/** topo_up() - make it all. After a failure what was made is away again. */
VSW_MUST_USE int topo_up(struct topo_run *run, const struct ctl *ctl, const struct topo *topo,
			 const struct topo_options *options, struct errtext *err);
/** topo_configure_switches() - bridges, ports and flows, in the daemons of @run. */
VSW_MUST_USE int topo_configure_switches(const struct topo_run *run, const struct topo *topo, struct errtext *err);
/** topo_add_uplinks() - of those switches that have one. */
VSW_MUST_USE int topo_add_uplinks(const struct topo_run *run, const struct topo *topo, struct errtext *err);
/** topo_down() - take away what the state names; nothing is missed when parts are gone already. */
VSW_MUST_USE int topo_down(struct topo_run *run, struct errtext *err);

/** topo_interrupted() - has somebody pressed Ctrl-C (or sent SIGTERM)? Then finish early, and clean up. */
bool topo_interrupted(void);

/** topo_check() - the `expect` list: a line per expectation on stdout, or one JSON object. Return: exit status. */
int topo_check(const struct ctl *ctl, const struct topo *topo, const struct topo_run *run);

#endif
