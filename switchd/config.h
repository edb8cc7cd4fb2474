/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: rows of the database become bridges and ports.
 *
 * One transaction, four steps: the database judges it (prepare), the switch is made to follow its list of changes, it is written to disk, and only
 * then what it deleted is really destroyed (devices, flow files). When the second or third step fails the switch is led back to
 * what is committed, and it never happened.
 *
 * The switch follows by names: for each bridge and port that the change list touches, what is there is compared with what the rows say and
 * brought in line. That is the same code for a change, for its undoing (the rows as committed) and for the start (every row), and its
 * cost is that of the change.
 */
#ifndef SWITCHD_CONFIG_H
#define SWITCHD_CONFIG_H 1

#include "base/errtext.h"
#include "base/util.h"

struct db;
struct db_txn;

/** config_open() - open the database at @path. Return: 0 or negative errno with @err. */
VSW_MUST_USE int config_open(const char *path, struct errtext *err);
/** config_start() - make the switch what the database says. What does not work is said in the log and in Interface.error. */
void config_start(void);
/** config_flow_limit() - other_config:flow-limit, for which the datapath is to be opened; asked once, behind config_open(). */
uint32_t config_flow_limit(void);
/** config_stop() - bridges and ports leave; devices, flows and addresses stay for a successor. */
void config_stop(void);

struct db *config_db(void);
const char *config_path(void);

/** What stood in the way of a transaction. */
struct config_failure {
	char port[64]; /**< the port or bridge, "" when it was none of those */
};

/**
 * config_commit() - make a transaction happen, wholly or not at all
 * @txn: taken over, also on failure
 * @failure: may be NULL
 *
 * Return: 0: on disk and in effect. Or negative errno with @err: nothing has changed.
 */
VSW_MUST_USE int config_commit(struct db_txn *txn, struct config_failure *failure, struct errtext *err);

#endif
