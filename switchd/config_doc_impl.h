/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files config_doc*.c. */
#ifndef SWITCHD_CONFIG_DOC_IMPL_H
#define SWITCHD_CONFIG_DOC_IMPL_H 1

#include <stdbool.h>

#include "ovsdb/schema.h"

/** config_doc_has_column() - is it for a document: a wish, and complete in itself? */
bool config_doc_has_column(const struct column_schema *column);

#endif
