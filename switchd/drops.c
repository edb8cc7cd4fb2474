// SPDX-License-Identifier: Apache-2.0
#include "switchd/drops.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"
#include "base/util.h"

struct place {
	struct hmap_node node; /* in port.places */
	struct drop_place place;
	uint64_t n_packets;
	char bridge[]; /* what place.bridge points to */
};

struct drop_port {
	struct hmap_node node; /* in ports */
	uint32_t serial;
	struct hmap places;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hmap ports = {.buckets = &ports.one};
static uint32_t last_serial;

static struct drop_port *find_port(uint32_t serial)
{
	struct drop_port *port;

	HMAP_FOR_EACH_WITH_HASH(port, node, hash_u64(serial, 0), &ports)
		if (port->serial == serial)
			return port;
	return NULL;
}

uint32_t drops_add_port(void)
{
	struct drop_port *port = xzalloc(sizeof *port);

	hmap_init(&port->places);
	pthread_mutex_lock(&lock);
	do
		port->serial = ++last_serial;
	while (!port->serial || find_port(port->serial));
	hmap_insert(&ports, &port->node, hash_u64(port->serial, 0));
	pthread_mutex_unlock(&lock);
	return port->serial;
}

void drops_del_port(uint32_t serial)
{
	struct drop_port *port;
	struct place *p;

	pthread_mutex_lock(&lock);
	port = find_port(serial);
	if (port)
		hmap_remove(&ports, &port->node);
	pthread_mutex_unlock(&lock);
	if (!port)
		return;
	HMAP_FOR_EACH_SAFE(p, node, &port->places) {
		hmap_remove(&port->places, &p->node);
		free(p);
	}
	hmap_fini(&port->places);
	free(port);
}

static uint32_t hash_place(const struct drop_place *p)
{
	uint64_t small = (uint64_t)p->reason << 16 | (uint64_t)p->table << 8 | p->has_rule;

	return hash_u64(p->cookie, hash_u64(small, p->bridge ? hash_string(p->bridge, 0) : 0));
}

static bool same_place(const struct drop_place *a, const struct drop_place *b)
{
	if (a->reason != b->reason || a->table != b->table || a->has_rule != b->has_rule || a->cookie != b->cookie ||
	    !a->bridge != !b->bridge)
		return false;
	return !a->bridge || !strcmp(a->bridge, b->bridge);
}

static struct place *find_place(const struct drop_port *port, const struct drop_place *wanted)
{
	struct place *p;

	HMAP_FOR_EACH_WITH_HASH(p, node, hash_place(wanted), &port->places)
		if (same_place(&p->place, wanted))
			return p;
	return NULL;
}

static struct place *add_place(struct drop_port *port, const struct drop_place *wanted)
{
	size_t len = wanted->bridge ? strlen(wanted->bridge) : 0;
	struct place *p = xzalloc(sizeof *p + len + 1);

	p->place = *wanted;
	if (wanted->bridge) {
		memcpy(p->bridge, wanted->bridge, len);
		p->place.bridge = p->bridge;
	}
	hmap_insert(&port->places, &p->node, hash_place(&p->place));
	return p;
}

/* The place itself, or, when there is no room for another, the one that stands for all others of its reason. */
static struct place *take_place(struct drop_port *port, const struct drop_place *wanted)
{
	const struct drop_place other = {.reason = wanted->reason};
	struct place *p = find_place(port, wanted);

	if (p)
		return p;
	if (hmap_count(&port->places) < DROPS_MAX_PLACES)
		return add_place(port, wanted);
	p = find_place(port, &other);
	return p ? p : add_place(port, &other);
}

void drops_count(uint32_t serial, const struct drop_place *place, uint64_t n)
{
	struct drop_port *port;

	pthread_mutex_lock(&lock);
	port = find_port(serial);
	if (port)
		take_place(port, place)->n_packets += n;
	pthread_mutex_unlock(&lock);
}

static int by_reason(const void *a_, const void *b_)
{
	const struct drop_count *a = a_, *b = b_;

	if (a->place.reason != b->place.reason)
		return a->place.reason - b->place.reason;
	if (a->n_packets != b->n_packets)
		return a->n_packets > b->n_packets ? -1 : 1;
	if (strcmp(a->bridge, b->bridge) != 0)
		return strcmp(a->bridge, b->bridge);
	return a->place.table - b->place.table;
}

size_t drops_snapshot(uint32_t serial, struct drop_count **counts)
{
	struct drop_port *port;
	struct place *p;
	size_t n = 0;

	pthread_mutex_lock(&lock);
	port = find_port(serial);
	*counts = xcalloc((port ? hmap_count(&port->places) : 0) + 1, sizeof **counts);
	if (port)
		HMAP_FOR_EACH(p, node, &port->places) {
			struct drop_count *c = &(*counts)[n++];

			c->place = p->place;
			c->n_packets = p->n_packets;
			snprintf(c->bridge, sizeof c->bridge, "%s", p->bridge);
		}
	pthread_mutex_unlock(&lock);
	qsort(*counts, n, sizeof **counts, by_reason);
	for (size_t i = 0; i < n; i++)
		if ((*counts)[i].place.bridge)
			(*counts)[i].place.bridge = (*counts)[i].bridge;
	return n;
}
