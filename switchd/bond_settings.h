/* SPDX-License-Identifier: Apache-2.0 */
/* A Port row's and its Interface rows' settings of bonding and LACP (ovs-vswitchd.conf.db(5)). */
#ifndef SWITCHD_BOND_SETTINGS_H
#define SWITCHD_BOND_SETTINGS_H 1

#include "base/errtext.h"
#include "proto/bond.h"
#include "proto/lacp.h"

struct db_row;
struct db_txn;

#define BOND_NAME_LEN 64

struct bond_settings {
	struct bond_config bond;
	struct lacp_config lacp;     /**< where bond.has_lacp */
	bool has_system_id;	     /**< else lacp.system is the bridge's address */
	int64_t miimon_ms;	     /**< 0: carrier as the kernel tells it */
	char primary[BOND_NAME_LEN]; /**< "": none */
};

/** Of a member; 0: as the bond chooses. */
struct bond_link_settings {
	uint16_t port_id, port_priority, key;
};

/** bond_settings_of() - Return: 0, or -EINVAL with @err, which names column and value. */
int bond_settings_of(const struct db_row *row, const struct db_txn *txn, struct bond_settings *s, struct errtext *err);
/** bond_link_settings_of() - of an Interface row. Return: 0 or -EINVAL with @err. */
int bond_link_settings_of(const struct db_row *row, const struct db_txn *txn, struct bond_link_settings *s,
			  struct errtext *err);

#endif
