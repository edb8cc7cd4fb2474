/* SPDX-License-Identifier: Apache-2.0 */
/* Values of JSON documents as words of the command line. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H 1

#include <jansson.h>

#include "base/ds.h"

/** json_put_word() - append @value as `vsw set` takes the value of a column: texts bare, the elements of a list joined by commas, "[]" for an empty one. */
void json_put_word(struct ds *out, const json_t *value);

#endif
