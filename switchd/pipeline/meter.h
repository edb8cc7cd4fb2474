/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenFlow meters of one bridge, and which meter of the datapath each of them is.
 *
 * OpenFlow numbers are the bridge's own; the meters of a datapath are shared by all its bridges, so each OpenFlow meter takes a free id
 * there. Above those ids the datapath has one for each of its ports (meter_policer_id()), for ingress policing.
 *
 * Like flows, meters outlive the daemon in a file of the run folder, BRIDGE.meters (journal.h), one line for each change:
 *
 *   add ID CREATED METER    the datapath's id, milliseconds since the epoch, and text as add-meter takes it
 *   del NUMBER
 *
 * Threads: the main thread changes, under switch_wrlock(); translation looks up under switch_rdlock().
 */
#ifndef SWITCHD_PIPELINE_METER_H
#define SWITCHD_PIPELINE_METER_H 1

#include "base/errtext.h"
#include "base/hmap.h"
#include "flow/meter.h"

struct datapath;
struct meter_table;

struct meter {
	struct hmap_node node; /* in its table, by number */
	struct meter_config config;
	uint32_t dp_id;
	int64_t created_ms;
};

/**
 * meter_table_new() - with what the journal has
 * @name: of the bridge, for messages
 * @journal: path, or NULL for none
 *
 * Return: 0, or negative errno with @err when the journal can neither be read nor put aside.
 */
int meter_table_new(const char *name, const char *journal, struct datapath *dp, struct meter_table **table,
		    struct errtext *err);
/** meter_table_free() - takes its meters out of the datapath. @forever: and deletes the journal. NULL is fine. */
void meter_table_free(struct meter_table *table, bool forever);

/** meter_find() - NULL when there is none, or no @table. */
const struct meter *meter_find(const struct meter_table *table, uint32_t number);
size_t meter_count(const struct meter_table *table);
/** meters_by_number() - Return: heap array of meter_count(). */
const struct meter **meters_by_number(const struct meter_table *table);
/** meter_features_max() - how many meters a bridge on this datapath may have. */
uint32_t meter_features_max(const struct datapath *dp);

/** meter_add() - -EEXIST, -ENOSPC (as many as there can be), -EIO (journal), with @err. */
int meter_add(struct meter_table *table, const struct meter_config *config, struct errtext *err);
/** meter_modify() - -ENOENT, -EIO with @err. Its counters start anew when anything changes. */
int meter_modify(struct meter_table *table, const struct meter_config *config, struct errtext *err);
/** meter_del() - no rule has it any more. -EIO with @err. One that is not there is no error. */
int meter_del(struct meter_table *table, uint32_t number, struct errtext *err);

/**
 * meter_id_get() - take a meter of the datapath that is no bridge's
 * @wanted: this one if it is free, else any
 *
 * Return: its id, to be given back by meter_id_put(); UINT32_MAX when all are in use.
 */
uint32_t meter_id_get(const struct datapath *dp, uint32_t wanted);
void meter_id_put(const struct datapath *dp, uint32_t id);

/** meter_policer_id() - the datapath's meter for what is received on a port. */
uint32_t meter_policer_id(const struct datapath *dp, uint32_t dp_port);

#endif
