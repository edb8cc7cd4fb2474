/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of a program (vsw-switchd, vsw-vmm): JSON-RPC requests, answered by the methods that its modules register. One a process.
 *
 * Wire: one JSON object a line each way, {"method": "flow/dump", "params": {...}, "id": 1} and {"id": 1, "result": ..., "error": null}
 * or {"id": 1, "result": null, "error": {"text": "one sentence", "column": 14, "code": "EINVAL"}}. A line is at most
 * CONTROL_MAX_REQUEST bytes. Requests of one connection are answered in order. docs/control-protocol.md and docs/vmm-control.md list the
 * methods.
 *
 * Clients are hostile until proven otherwise. Nothing here waits for one: sockets are non-blocking, a client's next request is read only when
 * its last answer has left, clients with requests at hand take turns, and whoever stalls in the middle of a line or of an answer is
 * cut off. What all of them together may make the program remember is bounded, too.
 *
 * For the main thread.
 */
#ifndef OS_CONTROL_H
#define OS_CONTROL_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"

#define CONTROL_MAX_REQUEST (64u << 20)

struct loop;
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

/** control_defer() - the method will answer later; its return value is ignored. @cancel: the client went away, and so does @request; NULL: reply all the same. */
void control_defer(struct control_request *request, void (*cancel)(void *aux), void *aux);
/** control_reply() - answer a deferred request. @error: 0 or negative errno with @err; @result: reference taken. */
void control_reply(struct control_request *request, int error, json_t *result, const struct errtext *err);

/** control_attach_fd() - the answer carries this descriptor; owned by the request from now on. At most SOCK_MAX_FDS, in this order. */
void control_attach_fd(struct control_request *request, int fd);

/**
 * control_accept_fds() - from now on descriptors that come with requests are kept until their request is answered; else they are closed at once. A client
 * that sends some waits for the answer before it sends its next request.
 */
void control_accept_fds(void);
/** control_take_fd() - the first descriptor that came with the request and was not taken yet. Return: it, the caller's; or -1. */
int control_take_fd(struct control_request *request);

/**
 * control_follow_client() - hear of the end of the request's connection, whenever and however it ends
 * @gone: NULL: not any more. One for each connection
 */
void control_follow_client(struct control_request *request, void (*gone)(void *aux), void *aux);
/** control_client_aux() - @aux of control_follow_client(); NULL: nobody follows this connection. */
void *control_client_aux(const struct control_request *request);

/** control_open() - start to listen. Return: 0 or negative errno with @err. */
int control_open(struct loop *loop, const char *path, struct errtext *err);
/** control_close() - cut every client, remove the socket. */
void control_close(void);
size_t control_n_clients(void);
/** control_methods() - names of all methods, sorted. Return: a new array. */
json_t *control_methods(void);

/* Reading parameters: each returns the default when @key is absent and sets *@error to -EINVAL with a sentence on a wrong type. */
const char *control_str(const json_t *params, const char *key, const char *def, int *error, struct errtext *err);
bool control_bool(const json_t *params, const char *key, bool def, int *error, struct errtext *err);
int64_t control_int(const json_t *params, const char *key, int64_t def, int *error, struct errtext *err);

/** control_allow() - refuse members of @params that are not in @names ("bridge,flow"). Return: 0 or -EINVAL with @err. */
int control_allow(const json_t *params, const char *names, struct errtext *err);

#endif
