// SPDX-License-Identifier: Apache-2.0
#include "switchd/events.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/errtext.h"
#include "base/log.h"
#include "base/util.h"

LOG_MODULE(events);

enum { N_WINDOWS = 256 };

/* How often one kind was posted for one port lately. Two that hash alike share one, and the later takes it over. */
struct window {
	enum event_kind kind;
	char bridge[EVENT_NAME_SIZE], port[EVENT_NAME_SIZE];
	int64_t opened_ms;
	unsigned int n_told, n_held;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of these */
static struct event ring[EVENTS_KEPT];			 /* event seq is at seq % EVENTS_KEPT */
static uint64_t last_seq;
static struct window windows[N_WINDOWS];
static unsigned int n_holding; /* windows with n_held */
static void (*listener)(void);

static const char *const kind_names[EVENT_N_KINDS] = {
	[EVENT_PORT_UP] = "port-up",
	[EVENT_PORT_DOWN] = "port-down",
	[EVENT_PORT_ADDED] = "port-added",
	[EVENT_PORT_REMOVED] = "port-removed",
	[EVENT_MAC_MOVED] = "mac-moved",
	[EVENT_LOOP_SUSPECTED] = "loop-suspected",
	[EVENT_DUPLICATE_ADDRESS] = "duplicate-address",
	[EVENT_STORM] = "storm",
	[EVENT_BOND_MEMBER_UP] = "bond-member-up",
	[EVENT_BOND_MEMBER_DOWN] = "bond-member-down",
	[EVENT_BOND_ACTIVE] = "bond-active",
	[EVENT_LACP] = "lacp",
	[EVENT_TUNNEL] = "tunnel",
	[EVENT_FLOW_LIMIT] = "flow-limit",
	[EVENT_DATAPATH] = "datapath",
	[EVENT_OTHER] = "other",
};

const char *event_kind_name(enum event_kind kind)
{
	return kind < EVENT_N_KINDS ? kind_names[kind] : "other";
}

/* Caller holds the lock, as for the rest up to event_post(). */
static void append(enum event_kind kind, const char *bridge, const char *port, const char *text)
{
	struct event *e = &ring[++last_seq % EVENTS_KEPT];

	e->seq = last_seq;
	e->wall_ms = clock_wall_ms();
	e->kind = kind;
	snprintf(e->bridge, sizeof e->bridge, "%s", bridge);
	snprintf(e->port, sizeof e->port, "%s", port);
	snprintf(e->text, sizeof e->text, "%s", text);
	log_info("%s: %s", event_kind_name(kind), e->text);
}

/* Tell what the window held back, and forget it. */
static void close_window(struct window *w)
{
	char text[EVENT_TEXT_SIZE];

	if (!w->n_held)
		return;
	snprintf(text, sizeof text, "%u more %s event%s%s%s within %d s", w->n_held, event_kind_name(w->kind),
		 w->n_held == 1 ? "" : "s", w->port[0] ? " on port " : "", w->port, EVENTS_WINDOW_MS / 1000);
	append(w->kind, w->bridge, w->port, text);
	w->n_held = 0;
	n_holding--;
}

static bool is_of(const struct window *w, enum event_kind kind, const char *bridge, const char *port)
{
	return w->kind == kind && !strcmp(w->port, port) && !strcmp(w->bridge, bridge);
}

/* Whether this one is told; else it is counted. */
static bool may_tell(enum event_kind kind, const char *bridge, const char *port, int64_t now_ms)
{
	struct window *w = &windows[hash_string(port, hash_string(bridge, (uint32_t)kind)) % N_WINDOWS];

	if (!is_of(w, kind, bridge, port) || now_ms - w->opened_ms >= EVENTS_WINDOW_MS) {
		close_window(w);
		*w = (struct window){.kind = kind, .opened_ms = now_ms};
		snprintf(w->bridge, sizeof w->bridge, "%s", bridge);
		snprintf(w->port, sizeof w->port, "%s", port);
	}
	if (w->n_told < EVENTS_BURST) {
		w->n_told++;
		return true;
	}
	n_holding += !w->n_held++;
	return false;
}

static void clip(char out[EVENT_NAME_SIZE], const char *name)
{
	snprintf(out, EVENT_NAME_SIZE, "%s", name ? name : "");
}

void event_post(enum event_kind kind, const char *bridge, const char *port, const char *fmt, ...)
{
	char text[EVENT_TEXT_SIZE], bridge_name[EVENT_NAME_SIZE], port_name[EVENT_NAME_SIZE];
	struct errtext clean; /* one line of UTF-8, whatever was quoted */
	void (*tell)(void);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	errtext_set(&clean, 0, "%s", text);
	clip(bridge_name, bridge);
	clip(port_name, port);
	pthread_mutex_lock(&lock);
	if (may_tell(kind, bridge_name, port_name, clock_now_ms()))
		append(kind, bridge_name, port_name, clean.text);
	/* Also for one that was held back: somebody has to look when its window closes. */
	tell = listener;
	pthread_mutex_unlock(&lock);
	if (tell)
		tell();
}

static void close_windows(int64_t now_ms)
{
	for (size_t i = 0; i < N_WINDOWS && n_holding; i++)
		if (windows[i].n_held && now_ms - windows[i].opened_ms >= EVENTS_WINDOW_MS)
			close_window(&windows[i]);
}

size_t events_read(uint64_t after, struct event *events, size_t n, int64_t now_ms)
{
	uint64_t oldest;
	size_t n_read = 0;

	pthread_mutex_lock(&lock);
	close_windows(now_ms);
	oldest = last_seq > EVENTS_KEPT ? last_seq - EVENTS_KEPT + 1 : 1;
	for (uint64_t seq = MAX(after + 1, oldest); seq <= last_seq && n_read < n; seq++)
		events[n_read++] = ring[seq % EVENTS_KEPT];
	pthread_mutex_unlock(&lock);
	return n_read;
}

uint64_t events_last(void)
{
	uint64_t seq;

	pthread_mutex_lock(&lock);
	seq = last_seq;
	pthread_mutex_unlock(&lock);
	return seq;
}

bool events_held_back(void)
{
	bool held;

	pthread_mutex_lock(&lock);
	held = n_holding > 0;
	pthread_mutex_unlock(&lock);
	return held;
}

void events_set_listener(void (*fn)(void))
{
	pthread_mutex_lock(&lock);
	listener = fn;
	pthread_mutex_unlock(&lock);
}
