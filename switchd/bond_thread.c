// SPDX-License-Identifier: Apache-2.0
/*
 * The thread of bonds: carrier, LACPDUs and the clock.
 *
 * It sleeps in epoll until a link changes, a frame comes, or the first of all bonds' times is there; then each bond decides anew. It asks for
 * a real-time priority, which it may get or not: its work is a few microseconds, and 3 s of delay cost a link.
 *
 * Frames are read up to MAX_FRAMES per member and TICK_MS; a member that has more is not listened to until the tick is over, while its
 * socket's small buffer overflows. So a flood of LACPDUs costs little, whoever sends them, and takes no time from the other members.
 *
 * A member's data may be freed while epoll has an event of it under way: events carry its serial number, which is looked up.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "os/linkwatch.h"
#include "os/loop.h"
#include "os/slowsock.h"
#include "ovsdb/db.h"
#include "switchd/bond.h"
#include "switchd/config.h"
#include "switchd/events.h"

LOG_MODULE(bond_thread);

enum {
	MAX_FRAMES = 16,
	TICK_MS = 10,
	ETH_HEADER = 14,
	FRAME_SIZE = 256,
	MAX_EVENTS = 32,
	LONGEST_SLEEP_MS = 60000,
};

/* Serial numbers begin at 1. */
#define WAKE_EVENT UINT64_MAX
#define LINK_EVENT (UINT64_MAX - 1)

static struct {
	pthread_mutex_t lock;
	struct cds_list_head bonds;
	struct linkwatch *links;
	struct loop *main_loop;
	int epoll, wake;
	pthread_t thread;
	bool is_running, quit; /* quit: guarded by lock */
	bool report_is_due;    /* likewise */
	bool has_muted;
	int64_t tick_ms;
} self = {.lock = PTHREAD_MUTEX_INITIALIZER, .bonds = CDS_LIST_HEAD_INIT(self.bonds), .epoll = -1, .wake = -1};

void bonds_lock(void)
{
	pthread_mutex_lock(&self.lock);
}

void bonds_unlock(void)
{
	pthread_mutex_unlock(&self.lock);
}

struct cds_list_head *bonds_list(void)
{
	return &self.bonds;
}

struct bond_port *bond_by_name(const char *name)
{
	struct bond_port *b;

	cds_list_for_each_entry(b, &self.bonds, node)
		if (!strcmp(b->name, name))
			return b;
	return NULL;
}

void bonds_wake(void)
{
	if (self.wake >= 0)
		eventfd_write(self.wake, 1);
}

void bonds_clock_warped(void)
{
	bonds_wake();
}

/* ---- sockets of members ---- */

static void epoll_set(int op, int fd, uint32_t events, uint64_t id)
{
	struct epoll_event event = {.events = events, .data.u64 = id};

	if (fd >= 0 && self.epoll >= 0 && epoll_ctl(self.epoll, op, fd, &event))
		log_warn_rl("epoll: %s", strerror(errno));
}

void bond_thread_watch(struct bond_link *l)
{
	if (!l->ifindex)
		return;
	l->fd = slowsock_open(l->ifindex, l->fd_receives);
	if (l->fd < 0)
		log_warn("bond %s: control frames of member %s cannot be sent or received: %s", l->owner->name, l->name,
			 strerror(-l->fd));
	else if (l->fd_receives)
		epoll_set(EPOLL_CTL_ADD, l->fd, EPOLLIN, l->serial);
	if (self.links)
		linkwatch_ask(self.links);
}

void bond_thread_unwatch(struct bond_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->is_muted = false;
	l->n_read = 0;
}

static struct bond_link *link_by_serial(uint64_t serial)
{
	struct bond_port *b;

	cds_list_for_each_entry(b, &self.bonds, node)
		for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
			if (l->serial == serial)
				return l;
	return NULL;
}

/* ---- frames ---- */

static void receive(struct bond_link *l, const uint8_t *frame, size_t len, int64_t now_ms)
{
	uint8_t reply[ETH_HEADER + SLOW_PDU_LEN];

	if (len < ETH_HEADER + 1 || memcmp(frame, slow_mac, 6) != 0)
		return;
	if (frame[ETH_HEADER] == SLOW_LACP) {
		lacp_receive(&l->owner->lacp, &l->lacp, frame + ETH_HEADER, len - ETH_HEADER, now_ms);
	} else if (marker_reply(frame + ETH_HEADER, len - ETH_HEADER, reply + ETH_HEADER)) {
		l->lacp.stats.n_marker++;
		memcpy(reply, slow_mac, 6);
		memcpy(reply + 6, l->mac, 6);
		memcpy(reply + 12, frame + 12, 2);
		(void)!slowsock_send(l->fd, reply, sizeof reply);
	}
}

/* Not listened to until the tick is over. */
static void mute(struct bond_link *l)
{
	l->is_muted = self.has_muted = true;
	epoll_set(EPOLL_CTL_MOD, l->fd, 0, l->serial);
	event_post(EVENT_LACP, l->owner->bridge_name, l->owner->name,
		   "bond %s: member %s gets more than %d control frames in %d ms; the rest is dropped", l->owner->name,
		   l->name, MAX_FRAMES, TICK_MS);
}

static void read_frames(struct bond_link *l, int64_t now_ms)
{
	uint8_t frame[FRAME_SIZE];

	while (l->n_read < MAX_FRAMES) {
		ssize_t n = slowsock_recv(l->fd, frame, sizeof frame);

		if (n < 0)
			return;
		l->n_read++;
		if (l->in_lacp)
			receive(l, frame, (size_t)n, now_ms);
	}
	mute(l);
}

static void begin_tick(int64_t now_ms)
{
	struct bond_port *b;

	if (now_ms - self.tick_ms < TICK_MS)
		return;
	self.tick_ms = now_ms;
	self.has_muted = false;
	cds_list_for_each_entry(b, &self.bonds, node)
		for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
			l->n_read = 0;
			if (l->is_muted)
				epoll_set(EPOLL_CTL_MOD, l->fd, EPOLLIN, l->serial);
			l->is_muted = false;
		}
}

/* ---- carrier ---- */

static void set_carrier(struct bond_link *l, bool has_carrier, int64_t now_ms)
{
	has_carrier = has_carrier && l->dp_port != UINT32_MAX;
	if (l->has_carrier == has_carrier)
		return;
	l->has_carrier = has_carrier;
	l->n_carrier_changes++;
	bond_member_set_link(&l->owner->bond, &l->bond, has_carrier, now_ms);
	if (l->in_lacp)
		lacp_member_set_link(&l->lacp, has_carrier);
}

static void link_told(void *aux, int ifindex, bool has_carrier)
{
	const int64_t *now_ms = aux;
	struct bond_port *b;

	cds_list_for_each_entry(b, &self.bonds, node)
		for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
			if (l->ifindex == ifindex && !b->settings.miimon_ms)
				set_carrier(l, has_carrier, *now_ms);
}

static void poll_links(struct bond_port *b, int64_t now_ms)
{
	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l))
		if (l->ifindex)
			set_carrier(l, linkwatch_poll(self.links, l->ifindex), now_ms);
	b->poll_ms = now_ms + b->settings.miimon_ms;
}

/* ---- the loop ---- */

static void handle(const struct epoll_event *event, int64_t now_ms)
{
	struct bond_link *l;
	eventfd_t unused;

	if (event->data.u64 == WAKE_EVENT) {
		eventfd_read(self.wake, &unused);
	} else if (event->data.u64 == LINK_EVENT) {
		linkwatch_read(self.links, link_told, &now_ms);
	} else {
		l = link_by_serial(event->data.u64);
		if (l && l->fd >= 0 && !l->is_muted)
			read_frames(l, now_ms);
	}
}

/* Return: when to run again. */
static int64_t run_all(int64_t now_ms)
{
	int64_t wake_ms = now_ms + LONGEST_SLEEP_MS;
	struct bond_port *b;

	cds_list_for_each_entry(b, &self.bonds, node) {
		if (b->settings.miimon_ms && now_ms >= b->poll_ms && self.links)
			poll_links(b, now_ms);
		bond_run_port(b, now_ms);
		wake_ms = MIN(wake_ms, MIN(b->wake_ms, b->poll_ms));
	}
	return self.has_muted ? MIN(wake_ms, self.tick_ms + TICK_MS) : wake_ms;
}

static void *run(void *aux VSW_UNUSED)
{
	struct epoll_event events[MAX_EVENTS];
	struct sched_param param = {.sched_priority = 1};
	bool quit = false;

	rcu_register_thread();
	pthread_setname_np(pthread_self(), "bonds");
	if (pthread_setschedparam(pthread_self(), SCHED_RR | SCHED_RESET_ON_FORK, &param))
		log_dbg("no real-time priority");
	while (!quit) {
		int64_t now_ms = clock_now_ms(), wake_ms;
		int n;

		bonds_lock();
		begin_tick(now_ms);
		wake_ms = run_all(now_ms);
		bonds_unlock();
		n = epoll_wait(self.epoll, events, MAX_EVENTS, (int)MAX(wake_ms - clock_now_ms(), 0));
		bonds_lock();
		now_ms = clock_now_ms();
		for (int i = 0; i < n; i++)
			handle(&events[i], now_ms);
		quit = self.quit;
		bonds_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- status columns ---- */

static void format_mac(const uint8_t m[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void report_link(struct db_row *row, const struct bond_link *l)
{
	struct datum d = DATUM_EMPTY;

	if (l->in_lacp)
		d = datum_of_boolean(l->lacp.rx == LACP_RX_CURRENT);
	db_status_set(row, "lacp_current", &d);
}

static void report_bond(struct db *db, const struct bond_port *b)
{
	struct db_row *row = db_find_name(db_table(db, "Port"), NULL, b->name);
	const struct bond_link *active = b->bond.active ? container_of(b->bond.active, struct bond_link, bond) : NULL;
	char mac[18] = "";

	if (active)
		format_mac(active->mac, mac);
	if (row)
		db_status_set_string(row, "bond_active_slave", active ? mac : NULL);
	for (struct bond_link *l = bond_first_link(b); l; l = bond_next_link(b, l)) {
		row = db_find_name(db_table(db, "Interface"), NULL, l->name);
		if (row)
			report_link(row, l);
	}
}

static void report(void *aux VSW_UNUSED)
{
	struct db *db = config_db();
	struct bond_port *b;

	bonds_lock();
	self.report_is_due = false;
	cds_list_for_each_entry(b, &self.bonds, node) {
		if (b->is_dirty && db)
			report_bond(db, b);
		b->is_dirty = false;
	}
	bonds_unlock();
}

void bonds_report_soon(void)
{
	if (!self.report_is_due && self.main_loop)
		loop_post(self.main_loop, report, NULL);
	self.report_is_due = true;
}

/* ---- life ---- */

int bonds_start(struct loop *loop)
{
	int error;

	self.main_loop = loop;
	self.quit = false;
	self.epoll = epoll_create1(EPOLL_CLOEXEC);
	self.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (self.epoll < 0 || self.wake < 0)
		return -errno;
	error = linkwatch_open(&self.links);
	if (error)
		return error;
	epoll_set(EPOLL_CTL_ADD, self.wake, EPOLLIN, WAKE_EVENT);
	epoll_set(EPOLL_CTL_ADD, linkwatch_fd(self.links), EPOLLIN, LINK_EVENT);
	error = pthread_create(&self.thread, NULL, run, NULL);
	self.is_running = !error;
	return -error;
}

void bonds_stop(void)
{
	if (self.is_running) {
		bonds_lock();
		self.quit = true;
		bonds_unlock();
		bonds_wake();
		pthread_join(self.thread, NULL);
		self.is_running = false;
	}
	linkwatch_close(self.links);
	self.links = NULL;
	if (self.epoll >= 0)
		close(self.epoll);
	if (self.wake >= 0)
		close(self.wake);
	self.epoll = self.wake = -1;
}
