// SPDX-License-Identifier: Apache-2.0
/*
 * The built-in schema. Its text stands in vswitch.ovsschema; mk/ovsdb.mk turns it into a string literal.
 */
#include "ovsdb/schema.h"

#include <stdio.h>
#include <stdlib.h>

static const char vswitch_text[] =
#include "ovsdb/vswitch_ovsschema.h"
	;

const char *schema_vswitch_text(void)
{
	return vswitch_text;
}

const struct schema *schema_vswitch(void)
{
	static struct schema *schema;
	struct errtext err = {0, ""};
	json_error_t jerr;
	json_t *json;

	if (schema)
		return schema;
	json = json_loads(vswitch_text, 0, &jerr);
	if (!json || schema_from_json(&schema, json, &err)) {
		fprintf(stderr, "built-in schema: %s\n", json ? err.text : jerr.text);
		abort();
	}
	json_decref(json);
	return schema;
}
