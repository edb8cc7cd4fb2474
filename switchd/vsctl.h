/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of ovs-vsctl that know what bridges and ports are: add-br, del-port, show ... One command is a list of words; it reads and changes
 * rows within a transaction that the caller began, and says something as text and as JSON.
 *
 * A bridge here may be a real one or a "fake" one: a VLAN of a real bridge that goes by a name of its own (add-br NAME PARENT VLAN). In the
 * database it is an internal port of the parent, with fake_bridge set; the parent's ports with its tag are its ports.
 */
#ifndef SWITCHD_VSCTL_H
#define SWITCHD_VSCTL_H 1

#include <jansson.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "ovsdb/dbcmd.h"

/** What a command said. */
struct vsctl_output {
	struct ds text;
	json_t *json; /**< an object, once the command ran */
	int exit;     /**< 0, or 2 for "no" */
};

void vsctl_output_fini(struct vsctl_output *out);

/**
 * vsctl_run() - run one command
 * @txn: open, not prepared
 * @argv: @argc words: options, name, arguments
 * @style: how tables are printed
 * @out: zeroed by the caller, who calls vsctl_output_fini()
 *
 * Return: 0, -EAGAIN (wait-until: not yet), or another negative errno with @err.
 */
VSW_MUST_USE int vsctl_run(struct db_txn *txn, size_t argc, const char *const argv[], const struct dbcmd_style *style,
			   struct vsctl_output *out, struct errtext *err);

/** vsctl_name_of() - the word that is the command's name, behind its options; NULL when there is none. */
const char *vsctl_name_of(size_t argc, const char *const argv[]);

#endif
