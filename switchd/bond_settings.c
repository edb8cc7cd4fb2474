// SPDX-License-Identifier: Apache-2.0
#include "switchd/bond_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "ovsdb/db.h"
#include "switchd/config_rows.h"

enum {
	DEFAULT_REBALANCE_MS = 10000,
	MIN_REBALANCE_MS = 1000,
	DEFAULT_MIIMON_MS = 200,
	DEFAULT_SYSTEM_PRIORITY = 65534,
	MAX_DELAY_MS = 3600000,
};

static int read_number(const struct db_row *row, const struct db_txn *txn, const char *key, uint64_t min, uint64_t max,
		       uint64_t fallback, uint64_t *value, struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", key, NULL);

	*value = fallback;
	if (text && (!str_to_uint(text, 10, max, value) || *value < min))
		return errtext_set(err, EINVAL, "other_config:%s: '%.40s' is no number from %llu to %llu", key, text,
				   (unsigned long long)min, (unsigned long long)max);
	return 0;
}

/* Return: whether the key has the first value; the second one is the default. */
static int read_choice(const struct db_row *row, const struct db_txn *txn, const char *key, const char *yes,
		       const char *no, bool *value, struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", key, no);

	*value = !strcmp(text, yes);
	if (!*value && strcmp(text, no) != 0)
		return errtext_set(err, EINVAL, "other_config:%s: '%.40s' is unknown; expected %s or %s", key, text,
				   yes, no);
	return 0;
}

static int read_delay(const struct db_row *row, const struct db_txn *txn, const char *column, int64_t *ms,
		      struct errtext *err)
{
	*ms = db_get_integer(row, txn, column, 0);
	if (*ms < 0 || *ms > MAX_DELAY_MS)
		return errtext_set(err, EINVAL, "%s: %lld is out of the range 0 to %d ms", column, (long long)*ms,
				   MAX_DELAY_MS);
	return 0;
}

static int read_bond(const struct db_row *row, const struct db_txn *txn, struct bond_settings *s, struct errtext *err)
{
	const char *mode = db_get_string(row, txn, "bond_mode", "active-backup");
	struct bond_config *b = &s->bond;
	uint64_t rebalance_ms, basis;
	int error;

	if (bond_mode_parse(mode, &b->mode))
		return errtext_set(err, EINVAL,
				   "bond_mode: '%.40s' is unknown; expected active-backup, balance-slb or balance-tcp",
				   mode);
	error = read_delay(row, txn, "bond_updelay", &b->updelay_ms, err);
	if (!error)
		error = read_delay(row, txn, "bond_downdelay", &b->downdelay_ms, err);
	if (!error)
		error = read_number(row, txn, "bond-rebalance-interval", 0, MAX_DELAY_MS, DEFAULT_REBALANCE_MS,
				    &rebalance_ms, err);
	if (!error)
		error = read_number(row, txn, "bond-hash-basis", 0, UINT32_MAX, 0, &basis, err);
	if (!error)
		error = read_choice(row, txn, "all-members-active", "true", "false", &b->all_members_active, err);
	if (!error)
		error = read_choice(row, txn, "lacp-fallback-ab", "true", "false", &b->lacp_fallback_ab, err);
	if (error)
		return error;
	b->rebalance_ms = rebalance_ms && rebalance_ms < MIN_REBALANCE_MS ? MIN_REBALANCE_MS : (int64_t)rebalance_ms;
	b->hash_basis = (uint32_t)basis;
	return 0;
}

static int read_detection(const struct db_row *row, const struct db_txn *txn, struct bond_settings *s,
			  struct errtext *err)
{
	bool is_miimon;
	uint64_t ms;
	int error = read_choice(row, txn, "bond-detect-mode", "miimon", "carrier", &is_miimon, err);

	if (!error)
		error = read_number(row, txn, "bond-miimon-interval", 1, MAX_DELAY_MS, DEFAULT_MIIMON_MS, &ms, err);
	if (!error)
		s->miimon_ms = is_miimon ? (int64_t)ms : 0;
	return error;
}

static int read_lacp(const struct db_row *row, const struct db_txn *txn, struct bond_settings *s, struct errtext *err)
{
	const char *mode = db_get_string(row, txn, "lacp", "off");
	const char *system = db_get_key(row, txn, "other_config", "lacp-system-id", NULL);
	uint64_t priority;
	int error;

	s->bond.has_lacp = strcmp(mode, "off") != 0;
	s->lacp.is_active = !strcmp(mode, "active");
	s->lacp.wait_ms = LACP_AGGREGATE_WAIT_MS;
	error = read_number(row, txn, "lacp-system-priority", 1, UINT16_MAX, DEFAULT_SYSTEM_PRIORITY, &priority, err);
	if (!error)
		error = read_choice(row, txn, "lacp-time", "fast", "slow", &s->lacp.is_fast, err);
	if (error)
		return error;
	s->lacp.system_priority = (uint16_t)priority;
	if (!system)
		return 0;
	error = mac_parse(system, s->lacp.system, err);
	if (error)
		errtext_prefix(err, "other_config:lacp-system-id");
	s->has_system_id = !error;
	return error;
}

int bond_settings_of(const struct db_row *row, const struct db_txn *txn, struct bond_settings *s, struct errtext *err)
{
	int error;

	*s = (struct bond_settings){0};
	snprintf(s->primary, sizeof s->primary, "%s", db_get_key(row, txn, "other_config", "bond-primary", ""));
	error = read_bond(row, txn, s, err);
	if (!error)
		error = read_detection(row, txn, s, err);
	return error ? error : read_lacp(row, txn, s, err);
}

int bond_link_settings_of(const struct db_row *row, const struct db_txn *txn, struct bond_link_settings *s,
			  struct errtext *err)
{
	uint64_t id, priority, key;
	int error = read_number(row, txn, "lacp-port-id", 1, UINT16_MAX, 0, &id, err);

	if (!error)
		error = read_number(row, txn, "lacp-port-priority", 1, UINT16_MAX, 0, &priority, err);
	if (!error)
		error = read_number(row, txn, "lacp-aggregation-key", 1, UINT16_MAX, 0, &key, err);
	if (!error)
		*s = (struct bond_link_settings){(uint16_t)id, (uint16_t)priority, (uint16_t)key};
	return error;
}
