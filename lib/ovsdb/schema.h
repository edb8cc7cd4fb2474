/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas: which tables there are, and which columns of which types (RFC 7047 3.2).
 *
 * The schema of this switch is lib/ovsdb/vswitch.ovsschema, compiled into the library. Its names and types are those of
 * the Open_vSwitch schema 8.3, because every tool of the field speaks them.
 *
 * What differs: the version's last number is ours, and Interface error is ephemeral, so that a device that vanishes
 * costs no write.
 *
 * A schema does not change once read. Tables and columns are sorted by name; `index` is the place in that order, and
 * rows keep their values in an array by column index.
 */
#ifndef OVSDB_SCHEMA_H
#define OVSDB_SCHEMA_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/errtext.h"
#include "base/util.h"
#include "ovsdb/type.h"

struct column_schema {
	char *name;
	size_t index; /**< in table->columns */
	struct column_type type;
	bool ephemeral; /**< not on disk: a status that the daemon finds out anew */
	bool immutable; /**< "mutable": false: set when the row is inserted, never after */
	bool indexed;	/**< part of an index of the table */
};

/** No two rows have the same values in all these columns. */
struct index_schema {
	size_t n;
	const struct column_schema **columns;
};

struct table_schema {
	char *name;
	size_t index;	       /**< in schema->tables */
	bool is_root;	       /**< rows live without being referenced */
	unsigned int max_rows; /**< TYPE_UNLIMITED if unlimited */
	size_t n_columns;
	struct column_schema *columns; /**< sorted by name */
	size_t n_indexes;
	struct index_schema *indexes;
};

struct schema {
	char *name;
	char *version; /**< "x.y.z" */
	char *cksum;   /**< may be NULL */
	size_t n_tables;
	struct table_schema *tables; /**< sorted by name */
};

/** schema_vswitch() - the built-in schema; read once, never freed. */
const struct schema *schema_vswitch(void);
/** schema_vswitch_text() - its JSON text, null-terminated. */
const char *schema_vswitch_text(void);

/** schema_from_json() - read a <database-schema>. Return: 0 or -EINVAL with @err; schema_free() the result. */
VSW_MUST_USE int schema_from_json(struct schema **schema, const json_t *json, struct errtext *err);
json_t *schema_to_json(const struct schema *schema);
void schema_free(struct schema *schema);

/** schema_table() - by exact name. Return: the table or NULL. */
const struct table_schema *schema_table(const struct schema *schema, const char *name);
/** schema_column() - by exact name. Return: the column or NULL. */
const struct column_schema *schema_column(const struct table_schema *table, const char *name);

/**
 * schema_match_table() - by a name as people type it: any case, `-` for `_`, any unambiguous abbreviation
 *
 * Return: 0, or -ENOENT (unknown; the sentence names the nearest) or -EINVAL (ambiguous) with @err.
 */
VSW_MUST_USE int schema_match_table(const struct schema *schema, const char *name, const struct table_schema **table,
				    struct errtext *err);
/**
 * schema_match_column() - likewise; "_uuid" and "_version" are pseudo columns
 *
 * They come out as schema_uuid_column() and schema_version_column(), which have no index in any table.
 */
VSW_MUST_USE int schema_match_column(const struct table_schema *table, const char *name,
				     const struct column_schema **column, struct errtext *err);

const struct column_schema *schema_uuid_column(void);
const struct column_schema *schema_version_column(void);

#endif
