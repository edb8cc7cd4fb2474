/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: JSON-RPC requests on RUNDIR/vsw.sock, answered by the methods that the modules register.
 *
 * Wire: one JSON object a line each way, {"method": "flow/dump", "params": {...}, "id": 1} and {"id": 1, "result": ..., "error": null}
 * or {"id": 1, "result": null, "error": {"text": "one sentence", "column": 14, "code": "EINVAL"}}. A line is at most
 * CONTROL_MAX_REQUEST bytes. Requests of one connection are answered in order.
 */
#ifndef SWITCHD_CONTROL_H
#define SWITCHD_CONTROL_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"

#define CONTROL_MAX_REQUEST (64u << 20)

struct control_request; /* one request, until it is answered */

/**
 * control_fn - a method
 * @request: answer now by returning, or later: control_defer() and then control_reply()
 * @params: the "params" object (an empty object when there was none); the request's
 * @result: set to a new reference on success
 *
 * Runs in the main thread. Return: 0, or negative errno with @err filled in.
 */
typedef int control_fn(struct control_request *request, const json_t *params, json_t **result, struct errtext *err);

/** control_register() - @name is a static string such as "fdb/show". */
void control_register(const char *name, control_fn *fn);

/** control_defer() - the method will answer later; its return value is ignored. @cancel: the client went away; may be NULL. */
void control_defer(struct control_request *request, void (*cancel)(void *aux), void *aux);
/** control_reply() - answer a deferred request. @error: 0 or negative errno with @err; @result: reference taken. */
void control_reply(struct control_request *request, int error, json_t *result, const struct errtext *err);

/* Reading parameters: each returns the default when @key is absent and sets *@error to -EINVAL with a sentence on a wrong type. */
const char *control_str(const json_t *params, const char *key, const char *def, int *error, struct errtext *err);
bool control_bool(const json_t *params, const char *key, bool def, int *error, struct errtext *err);
int64_t control_int(const json_t *params, const char *key, int64_t def, int *error, struct errtext *err);

#endif
