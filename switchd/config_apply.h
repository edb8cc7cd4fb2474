/* SPDX-License-Identifier: Apache-2.0 */
/* Between config.c and config_apply.c: which bridges and ports a change touches, and bringing them in line with the rows. */
#ifndef SWITCHD_CONFIG_APPLY_H
#define SWITCHD_CONFIG_APPLY_H 1

#include "base/errtext.h"
#include "switchd/config.h"
#include "switchd/nameset.h"

struct bridge;
struct db;
struct db_change;
struct db_txn;

/**
 * struct plan - one change of the configuration under way
 * @bridges, @ports: names that it touches
 * @view: the rows to follow: those of this transaction, or NULL: as committed
 * @strict: a person waits: stop at the first thing that does not work. Else it is noted, and the rest goes on
 * @added: ports that were made; what is wrong with those is the request's fault
 * @doomed: devices to remove once the change is on disk; the tag is the enum iface_type
 * @departed: ports that left, by name; the tag is 0
 * @unlinked: bridges that left, linked by next: freed at the end, or brought back
 * @failure: what stood in the way
 */
struct plan {
	struct db *db;
	const struct db_txn *view;
	bool strict;
	struct nameset bridges, ports;
	struct nameset added, departed, doomed;
	struct unlinked_bridge *unlinked;
	struct config_failure *failure;
};

struct unlinked_bridge {
	struct bridge *br;
	struct unlinked_bridge *next;
};

void plan_init(struct plan *plan, struct db *db, struct config_failure *failure);
void plan_fini(struct plan *plan);
/** plan_changes() - touch what a prepared transaction's changes touch. */
void plan_changes(struct plan *plan, const struct db_txn *txn, const struct db_change *changes);
/** plan_all() - touch every bridge and port in the database. */
void plan_all(struct plan *plan);

/** plan_apply() - make the switch what plan->view says. Return: 0; when strict, negative errno with @err. */
int plan_apply(struct plan *plan, struct errtext *err);
/** plan_undo() - make it what is committed. */
void plan_undo(struct plan *plan);
/** plan_finish() - the change is on disk: destroy what it deleted. */
void plan_finish(struct plan *plan);

/** plan_write_numbers() - OpenFlow port numbers that were given to touched interfaces, into their rows in @txn. */
void plan_write_numbers(const struct plan *plan, struct db_txn *txn);

/* config_status.c: what the switch knows, into the rows' status columns. */
struct iface;
void config_report_iface(struct iface *iface);
void config_report_bridge(struct db *db, const struct bridge *br);
/** config_follow_flow_tables() - limits of the bridge's tables as its committed row has them. */
void config_follow_flow_tables(struct db *db, struct bridge *br);
/** config_report_error() - of an interface that the switch does not have. */
void config_report_error(struct db *db, const char *iface, const char *text);
/** config_report_stats() - Interface.statistics of one, or of all when @iface is NULL. */
void config_report_stats(struct iface *iface);
/** config_report_mirrors() - Mirror.statistics of all. */
void config_report_mirrors(void);

#endif
