/* SPDX-License-Identifier: Apache-2.0 */
/* What fdb_file.c needs of fdb.c. */
#ifndef SWITCHD_FDB_INTERNAL_H
#define SWITCHD_FDB_INTERNAL_H 1

#include <stdbool.h>
#include <stdint.h>

struct fdb;
struct fdb_entry;

/** fdb_restore() - put an entry from before back, unless it is there, too old, or there is no room; oldest first. */
bool fdb_restore(struct fdb *fdb, const struct fdb_entry *saved, int64_t now_ms);
/** fdb_restored() - after the last fdb_restore(). */
void fdb_restored(struct fdb *fdb);

#endif
