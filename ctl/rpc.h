/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of the control socket (docs/control-protocol.md): connect, send a line, receive a line, all before a
 * deadline.
 */
#ifndef CTL_RPC_H
#define CTL_RPC_H 1

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/errtext.h"
#include "base/util.h"

struct rpc;

/** No deadline. */
#define RPC_FOREVER (-1)

/**
 * rpc_open() - connect to the daemon
 * @rundir: its run folder; the socket is vsw.sock in it
 * @timeout_ms: for the connection and for each call; RPC_FOREVER: none
 *
 * Return: 0; -ENOENT or -ECONNREFUSED when no daemon is there, -EACCES, -ETIMEDOUT, ..., with a sentence that says what to do.
 */
VSW_MUST_USE int rpc_open(struct rpc **rpc, const char *rundir, int timeout_ms, struct errtext *err);
/** rpc_close() - takes NULL. */
void rpc_close(struct rpc *rpc);

/**
 * rpc_call() - one request and its answer
 * @params: reference taken; NULL for none
 * @result: a new reference, on success
 *
 * Return: 0; -errno as the daemon named it, with its sentence; -ETIMEDOUT, -EPIPE or -EPROTO when the conversation failed, and
 * then the connection is good for nothing any more.
 */
VSW_MUST_USE int rpc_call(struct rpc *rpc, const char *method, json_t *params, json_t **result, struct errtext *err);

/** rpc_take_fd() - the descriptor that came with the last answer, now the caller's; -1: none did. */
int rpc_take_fd(struct rpc *rpc);

/** rpc_peer() - process id of the daemon, as the kernel noted it when the socket began to listen. Return: > 0, or -errno. */
pid_t rpc_peer(const struct rpc *rpc);

/** rpc_is_absent() - does @error of rpc_open() mean that no daemon runs there? */
static inline bool rpc_is_absent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED;
}

#endif
