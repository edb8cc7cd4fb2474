/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files control*.c. */
#ifndef OS_CONTROL_IMPL_H
#define OS_CONTROL_IMPL_H 1

#include "os/control.h"

/** control_find() - Return: the method of that name, or NULL. */
control_fn *control_find(const char *name);

/** control_parse() - one line. Return: a JSON object, or NULL when it is none, or one of too many values. */
json_t *control_parse(const char *line, size_t len);

/** control_error_object() - the "error" of an answer. @error: negative errno. Return: a new reference. */
json_t *control_error_object(int error, const struct errtext *err);

#endif
