/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to the switch, in plain sentences, for people: `vsw events -f`.
 *
 * An event is something that an operator wants to hear of without having asked: a cable came loose, an address moved, a storm began. It is not
 * a log line of a module (though it becomes one): it has a kind and the names of its bridge and port, by which others can filter, and it reads
 * alone. The last EVENTS_KEPT are kept in a ring, numbered from 1 without gaps.
 *
 * Whoever provokes events cannot flood anybody with them: of one kind on one port the first EVENTS_BURST within EVENTS_WINDOW_MS are told, the
 * others counted, and their number is told once when the window has closed.
 *
 * Threads: event_post() comes from any, with whatever locks (it takes its own, last of all, and waits for nothing). The rest is for the main thread.
 */
#ifndef SWITCHD_EVENTS_H
#define SWITCHD_EVENTS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_PORT_UP,
	EVENT_PORT_DOWN,
	EVENT_PORT_ADDED,
	EVENT_PORT_REMOVED,
	EVENT_MAC_MOVED,
	EVENT_LOOP_SUSPECTED,
	EVENT_DUPLICATE_ADDRESS,
	EVENT_STORM,
	EVENT_BOND_MEMBER_UP,
	EVENT_BOND_MEMBER_DOWN,
	EVENT_BOND_ACTIVE, /**< another member of a bond is the active one */
	EVENT_LACP,
	EVENT_TUNNEL,
	EVENT_FLOW_LIMIT,
	EVENT_DATAPATH,
	EVENT_OTHER,
	EVENT_N_KINDS,
};

enum {
	EVENTS_KEPT = 1024,
	EVENTS_BURST = 5,
	EVENTS_WINDOW_MS = 10000,
	EVENT_NAME_SIZE = 64,
	EVENT_TEXT_SIZE = 256,
};

struct event {
	uint64_t seq; /**< 1, 2, ... since the daemon started */
	int64_t wall_ms;
	enum event_kind kind;
	char bridge[EVENT_NAME_SIZE], port[EVENT_NAME_SIZE]; /**< "" when it is about none */
	char text[EVENT_TEXT_SIZE];
};

/** event_kind_name() - "port-up", ... */
const char *event_kind_name(enum event_kind kind);

/**
 * event_post() - tell that something happened
 * @bridge, @port: what it happened to; NULL: none
 * @fmt: one sentence without a full stop that names the port itself: "port eth1 lost its link"; cut at EVENT_TEXT_SIZE
 */
void event_post(enum event_kind kind, const char *bridge, const char *port, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * events_read() - copies of those numbered above @after, oldest first
 * @now_ms: clock_now_ms(); windows that have closed by then say what they held back
 *
 * Return: how many were written to @events, @n at most. The first may have a number above @after + 1: those between were overwritten.
 */
size_t events_read(uint64_t after, struct event *events, size_t n, int64_t now_ms);
/** events_last() - the number of the newest event, 0 when there was none. */
uint64_t events_last(void);
/** events_held_back() - are there some that a window will tell of when it closes? */
bool events_held_back(void);

/** events_set_listener() - @fn is called after each post, in the poster's thread, which it must not hold up; NULL: nobody listens. */
void events_set_listener(void (*fn)(void));

#endif
