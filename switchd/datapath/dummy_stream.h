/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on unix stream sockets, for dummy ports: each is a 16-bit big-endian length and that many bytes, both ways.
 *
 * A stream listens ("punix:PATH") for up to DUMMY_MAX_PEERS peers, each of which gets every frame, or connects to one ("unix:PATH") and
 * connects again a second after it was refused or lost. Paths that are not absolute are relative to the run folder.
 *
 * Peers are not trusted. A frame may come in any number of pieces; a length of 0 is an empty frame. A peer that does not read has
 * DUMMY_QUEUE bytes queued for it, and frames that do not fit are not sent to it, whole. A peer that hangs up is forgotten.
 *
 * Everything happens in the loop's thread.
 */
#ifndef SWITCHD_DATAPATH_DUMMY_STREAM_H
#define SWITCHD_DATAPATH_DUMMY_STREAM_H 1

#include <stddef.h>
#include <stdint.h>

#define DUMMY_MAX_PEERS 16
#define DUMMY_QUEUE (512 * 1024)

struct dummy_stream;
struct errtext;
struct loop;

/**
 * dummy_stream_new() - listen or begin to connect
 * @target: "punix:PATH" or "unix:PATH"
 * @receive: called with each frame that comes in; it may send, but not free the stream
 *
 * Return: 0, or -errno with the sentence: the path is too long, in use, or cannot be made. Nobody listening yet is no error.
 */
int dummy_stream_new(struct loop *loop, const char *rundir, const char *target,
		     void (*receive)(void *aux, const uint8_t *frame, size_t len), void *aux,
		     struct dummy_stream **stream, struct errtext *err);
/** dummy_stream_free() - NULL is fine; removes the socket that it made. */
void dummy_stream_free(struct dummy_stream *s);

/**
 * dummy_stream_send() - to every peer
 * @len: at most 65,535
 *
 * Return: 0 when some peer took it, -ENOTCONN without peers, -EAGAIN when all queues are full, -EMSGSIZE.
 */
int dummy_stream_send(struct dummy_stream *s, const uint8_t *frame, size_t len);

#endif
