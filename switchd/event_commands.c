// SPDX-License-Identifier: Apache-2.0
/*
 * events/list: what happened, and, for those who follow, what happens next.
 *
 * Who asks for what comes behind event N is answered at once if there is anything, else as soon as there is, or after the time that it is
 * willing to wait. Events are posted by any thread: the listener only posts to the loop, once until the loop has looked.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <urcu/list.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "os/loop.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/events.h"

enum { MAX_WAIT_MS = 60000 };

/** A client that follows and has seen everything. */
struct follower {
	struct cds_list_head node;
	struct control_request *request;
	struct loop_timer deadline;
	uint64_t after;
	size_t count;
	bool as_json;
};

static struct loop *main_loop;
static CDS_LIST_HEAD(followers);
static struct loop_timer window_timer; /* while events are held back and somebody follows */
static atomic_bool is_posted;

/* ---- answers ---- */

static void format_time(int64_t wall_ms, char *text, size_t size)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, size - n, ".%03dZ", (int)(wall_ms % 1000));
}

static json_t *event_to_json(const struct event *e)
{
	char when[48];

	format_time(e->wall_ms, when, sizeof when);
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "seq", (json_int_t)e->seq, "time", when, "kind",
			 event_kind_name(e->kind), "bridge", e->bridge, "port", e->port, "text", e->text);
}

static void event_to_text(const struct event *e, struct ds *text)
{
	char when[48];

	format_time(e->wall_ms, when, sizeof when);
	ds_printf(text, "%s %s: %s\n", when, event_kind_name(e->kind), e->text);
}

/* The newest @count of those behind @after, at most. */
static json_t *answer(uint64_t after, size_t count, bool as_json)
{
	struct event *events = xcalloc(EVENTS_KEPT, sizeof *events);
	size_t n = events_read(after, events, EVENTS_KEPT, clock_now_ms());
	size_t first = n > count ? n - count : 0;
	json_t *list = json_array(), *result;
	struct ds text = DS_INIT;

	for (size_t i = first; i < n; i++) {
		json_array_append_new(list, event_to_json(&events[i]));
		event_to_text(&events[i], &text);
	}
	if (as_json)
		result = json_pack("{s:O, s:I, s:i}", "events", list, "last",
				   (json_int_t)(n ? events[n - 1].seq : after), "exit", 0);
	else
		result = control_text(ds_cstr(&text));
	json_decref(list);
	ds_fini(&text);
	free(events);
	return result;
}

/* ---- following ---- */

static void follower_free(struct follower *f)
{
	cds_list_del(&f->node);
	loop_cancel_timer(main_loop, &f->deadline);
	free(f);
}

static void cancelled(void *aux)
{
	follower_free(aux);
}

static void tell(struct follower *f)
{
	struct control_request *request = f->request;
	json_t *result = answer(f->after, f->count, f->as_json);

	follower_free(f);
	control_reply(request, 0, result, NULL);
}

static void waited_enough(struct loop_timer *self, int64_t now_ms)
{
	(void)now_ms;
	tell(container_of(self, struct follower, deadline));
}

static void look(void *aux);

static void window_closed(struct loop_timer *self, int64_t now_ms)
{
	(void)self;
	(void)now_ms;
	look(NULL);
}

/* Something was posted, or may be told now: in the main thread. */
static void look(void *aux)
{
	struct event newest;
	struct follower *f, *next;

	(void)aux;
	atomic_store(&is_posted, false);
	/* Lets windows that are over say what they held back. */
	events_read(events_last(), &newest, 1, clock_now_ms());
	cds_list_for_each_entry_safe(f, next, &followers, node) {
		/* cppcheck-suppress uninitvar ; the macro sets it */
		if (f->after < events_last())
			tell(f);
	}
	if (events_held_back() && !cds_list_empty(&followers))
		loop_set_timer(main_loop, &window_timer, clock_now_ms() + 1000, window_closed);
}

/* Any thread. */
static void on_post(void)
{
	if (!atomic_exchange(&is_posted, true))
		loop_post(main_loop, look, NULL);
}

static void follow(struct control_request *request, uint64_t after, size_t count, bool as_json, int64_t wait_ms)
{
	struct follower *f = xzalloc(sizeof *f);

	f->request = request;
	f->after = after;
	f->count = count;
	f->as_json = as_json;
	cds_list_add_tail(&f->node, &followers);
	loop_set_timer(main_loop, &f->deadline, clock_now_ms() + wait_ms, waited_enough);
	if (events_held_back())
		loop_set_timer(main_loop, &window_timer, clock_now_ms() + 1000, window_closed);
	control_defer(request, cancelled, f);
}

static int list_events(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "after,count,wait_ms", err);
	bool as_json = control_wants_json(params, &error, err);
	int64_t after = control_int(params, "after", 0, &error, err);
	int64_t count = control_int(params, "count", EVENTS_KEPT, &error, err);
	int64_t wait_ms = control_int(params, "wait_ms", 0, &error, err);

	if (error)
		return error;
	if (after < 0 || count < 0)
		return errtext_set(err, EINVAL, "\"after\" and \"count\" cannot be negative");
	if (wait_ms < 0 || wait_ms > MAX_WAIT_MS)
		return errtext_set(err, EINVAL, "\"wait_ms\" must be from 0 to %d", MAX_WAIT_MS);
	if (wait_ms && (uint64_t)after >= events_last())
		follow(request, (uint64_t)after, (size_t)count, as_json, wait_ms);
	else
		*result = answer((uint64_t)after, (size_t)count, as_json);
	return 0;
}

void event_commands_register(struct loop *loop)
{
	main_loop = loop;
	control_register("events/list", list_events);
	events_set_listener(on_post);
}

void event_commands_stop(void)
{
	events_set_listener(NULL);
	loop_cancel_timer(main_loop, &window_timer);
}
