/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the database as settings; checks what the schema cannot. */
#ifndef SWITCHD_CONFIG_ROWS_H
#define SWITCHD_CONFIG_ROWS_H 1

#include "switchd/bridge_config.h"
#include "switchd/port.h"

struct db_row;
struct db_txn;

/*
 * Each reads a row as @txn sees it (NULL: as committed). Strings in the settings belong to the row; bitmaps are the caller's.
 * Return: 0, or -EINVAL with @err, which names column and value.
 */
int bridge_settings_of(const struct db_row *row, const struct db_txn *txn, struct bridge_settings *settings,
		       struct errtext *err);
int port_settings_of(const struct db_row *row, const struct db_txn *txn, struct port_settings *settings,
		     struct errtext *err);
/** @bridge: row of the bridge that it is on. */
int iface_settings_of(const struct db_row *row, const struct db_txn *txn, const struct db_row *bridge,
		      struct iface_settings *settings, struct errtext *err);

/** mac_parse() - "aa:bb:cc:dd:ee:ff", a unicast address. Return: 0 or -EINVAL with @err. */
int mac_parse(const char *text, uint8_t mac[6], struct errtext *err);

#endif
