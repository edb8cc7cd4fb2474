/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's control socket, RUNDIR/vsw.sock: os/control.h, and answers that are text or JSON as the client wants them. */
#ifndef SWITCHD_CONTROL_H
#define SWITCHD_CONTROL_H 1

#include "os/control.h"

/** control_wants_json() - "format" is "json"; a wrong one sets *@error. */
bool control_wants_json(const json_t *params, int *error, struct errtext *err);
/** control_text() - the result {"text": @text}. Return: a new reference. */
json_t *control_text(const char *text);

#endif
