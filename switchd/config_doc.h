/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as one JSON document, which people keep in files: `vsw save`, `vsw apply`.
 *
 *   { "switches": { "br0": { "settings": { "fail_mode": "secure" },
 *                            "ports": { "eth1": { "tag": 10 }, "in0": { "type": "internal" } },
 *                            "flows": [ "priority=0 actions=NORMAL" ],
 *                            "uplink": "eth0" } } }
 *
 * It is the section of a topology file (vsw-topology(5)) of the same name. `settings` are columns of the Bridge table, `ports` those of Port and
 * Interface; a map's entry is "column:key". Columns that both have (external_ids, mac, other_config), and the members of a bond, stand in
 * "interfaces": { NAME: { COLUMN: VALUE } } of the port. What has its default value is left out. Texts are as `vsw set` takes them.
 *
 * What the document cannot say (QoS, mirrors, controllers: columns that refer to rows of other tables) stays as it is.
 */
#ifndef SWITCHD_CONFIG_DOC_H
#define SWITCHD_CONFIG_DOC_H 1

#include <jansson.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"

struct db_txn;

/** config_doc() - what @txn sees (NULL: as committed), without flows and uplinks. Return: a new reference. */
json_t *config_doc(const struct db_txn *txn);
/** config_doc_add_running() - put flows and uplinks of the bridges that exist into a document. */
void config_doc_add_running(json_t *doc);

/** config_doc_check() - has it the shape of one? Return: 0 or -EINVAL with @err. */
VSW_MUST_USE int config_doc_check(const json_t *doc, struct errtext *err);

/** config_doc_write() - make the rows what @doc says, in @txn. Return: 0 or negative errno with @err. */
VSW_MUST_USE int config_doc_write(struct db_txn *txn, const json_t *doc, struct errtext *err);

/** config_doc_diff() - append how @old, which is what runs, becomes @new_doc: lines that begin with '-' and '+', with the bridge and port they are about. */
void config_doc_diff(const json_t *old, const json_t *new_doc, struct ds *out);

#endif
