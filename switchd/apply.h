/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole configuration at once: bridges, ports, flows and uplinks become those of a document (switchd/config_doc.h), or nothing changes; and
 * with `confirm` all of it is taken back unless somebody says in time that he is still there.
 *
 * In order: uplinks that are not wanted any more are given back; bridges and ports are one transaction; flows of each bridge are one bundle;
 * new uplinks are moved. When a step fails, those before it are undone by applying what was there.
 *
 * While it is not confirmed, what was there is in RUNDIR/apply.json, so that a daemon that is killed and started again takes it back, too, when the
 * time is over. A daemon that ends in order takes back what nobody has confirmed.
 */
#ifndef SWITCHD_APPLY_H
#define SWITCHD_APPLY_H 1

#include <jansson.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"

struct loop;

enum { APPLY_MAX_CONFIRM_S = 86400 };

/** apply_start() - take up what a predecessor left unconfirmed. After uplink_start(). */
void apply_start(struct loop *loop);
/** apply_stop() - take back what nobody has confirmed. Before uplink_stop(). */
void apply_stop(void);

/** apply_current() - what runs now. Return: a new reference. */
json_t *apply_current(void);

/**
 * apply_doc() - make it so
 * @doc: checked by config_doc_check()
 * @confirm_s: 0: nobody has to confirm
 * @dry_run: only say what would change
 * @diff: what changes
 *
 * Return: 0, or negative errno with @err: nothing has changed.
 */
VSW_MUST_USE int apply_doc(const json_t *doc, int64_t confirm_s, bool dry_run, struct ds *diff, struct errtext *err);

/** apply_confirm() - keep it. Return: 0, or -ENOENT with @err when there is nothing to confirm. */
VSW_MUST_USE int apply_confirm(struct errtext *err);
/** apply_undo() - take back what is not confirmed. Return: 0, -ENOENT or another negative errno with @err. */
VSW_MUST_USE int apply_undo(struct errtext *err);

#endif
