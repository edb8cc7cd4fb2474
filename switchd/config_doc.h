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
 * A column that refers to rows of other tables has their columns inside: a port's "qos": { "type": "linux-htb", "queues": { "1": { ... } } }. The
 * mirrors of a bridge stand beside its ports: "mirrors": { NAME: { "output_port": "probe" } }, and so do its "meters": a list as `flows`.
 */
#ifndef SWITCHD_CONFIG_DOC_H
#define SWITCHD_CONFIG_DOC_H 1

#include <jansson.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"

struct bridge;
struct db_txn;

/** config_doc() - what @txn sees (NULL: as committed), without flows and uplinks. Return: a new reference. */
json_t *config_doc(const struct db_txn *txn);
/** config_doc_add_running() - put flows and uplinks of the bridges that exist into a document. */
void config_doc_add_running(json_t *doc);

/** config_doc_check() - has it the shape of one? Return: 0 or -EINVAL with @err. */
VSW_MUST_USE int config_doc_check(const json_t *doc, struct errtext *err);

/** config_doc_write() - make the rows what @doc says, in @txn. Return: 0 or negative errno with @err. */
VSW_MUST_USE int config_doc_write(struct db_txn *txn, const json_t *doc, struct errtext *err);

/** config_doc_meters() - those of @br. Return: a new reference. */
json_t *config_doc_meters(const struct bridge *br);
/** config_doc_check_meters() - are they meters? They are written as config_doc_meters() does. Return: 0 or -EINVAL with @err. */
VSW_MUST_USE int config_doc_check_meters(const char *bridge, json_t *meters, struct errtext *err);
/** config_doc_add_meters() - those that @br lacks, or has otherwise; before flows come that use them. Return: 0 or negative errno with @err. */
VSW_MUST_USE int config_doc_add_meters(const struct bridge *br, const json_t *meters, struct errtext *err);
/** config_doc_drop_meters() - those that are not in the list; when no flow uses them any more. Return: 0 or negative errno with @err. */
VSW_MUST_USE int config_doc_drop_meters(const struct bridge *br, const json_t *meters, struct errtext *err);

/** config_doc_diff() - append how @old, which is what runs, becomes @new_doc: lines that begin with '-' and '+', with the bridge and port they are about. */
void config_doc_diff(const json_t *old, const json_t *new_doc, struct ds *out);

#endif
