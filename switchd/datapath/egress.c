// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/egress.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/datapath/execute.h"
#include "switchd/datapath/meters.h"

/* Packets that one look under the lock takes out: forwarding threads wait for it. */
enum { BATCH = 64 };

struct egress_packet *egress_packet_copy(const struct packet *p)
{
	struct egress_packet *e = xmalloc(sizeof *e + EXECUTE_RESERVE + PACKET_HEADROOM + p->len);

	*e = (struct egress_packet){.packet = *p, .load = meters_load_of(p)};
	e->packet.data = (uint8_t *)(e + 1) + EXECUTE_RESERVE + PACKET_HEADROOM;
	e->packet.headroom = PACKET_HEADROOM;
	e->packet.tailroom = 0;
	memcpy(e->packet.data, p->data, p->len);
	return e;
}

void egress_packet_free(struct egress_packet *p)
{
	free(p);
}

/* ---- through the stages; the lock is held ---- */

static struct egress_stage *next_stage(const struct egress *line, unsigned int slot)
{
	while (slot < EGRESS_N_SLOTS && !line->stages[slot])
		slot++;
	return slot < EGRESS_N_SLOTS ? line->stages[slot] : NULL;
}

struct list {
	struct egress_packet *head, **tail;
	unsigned int n;
};

static void list_init(struct list *list)
{
	*list = (struct list){.tail = &list->head};
}

static void list_add(struct list *list, struct egress_packet *p)
{
	p->next = NULL;
	*list->tail = p;
	list->tail = &p->next;
	list->n++;
}

/* A packet that the stage in front of @slot let go. */
static void pass_on(struct egress *line, unsigned int slot, struct egress_packet *p, uint64_t now_ns, struct list *out)
{
	struct egress_stage *stage = next_stage(line, slot);

	if (!stage) {
		list_add(out, p);
	} else if (stage->ops->put(stage, p, now_ns)) {
		line->driver->lost(line->aux, p);
		egress_packet_free(p);
	}
}

/* Return: whether there may be more. */
static bool move_due(struct egress *line, uint64_t now_ns, struct list *out)
{
	for (unsigned int slot = 0; slot < EGRESS_N_SLOTS; slot++) {
		struct egress_stage *stage = line->stages[slot];
		struct egress_packet *p;

		for (unsigned int i = 0; stage; i++) {
			if (i == BATCH)
				return true;
			p = stage->ops->get(stage, now_ns);
			if (!p)
				break;
			pass_on(line, slot + 1, p, now_ns, out);
		}
	}
	return false;
}

static uint64_t earliest(const struct egress *line)
{
	uint64_t due_ns = EGRESS_NEVER;

	for (unsigned int slot = 0; slot < EGRESS_N_SLOTS; slot++)
		if (line->stages[slot])
			due_ns = MIN(due_ns, line->stages[slot]->ops->due_ns(line->stages[slot]));
	return due_ns;
}

/* ---- the line ---- */

void egress_init(struct egress *line, const struct egress_driver *driver, void *aux)
{
	*line = (struct egress){.driver = driver, .aux = aux, .due_ns = EGRESS_NEVER};
	pthread_mutex_init(&line->send_lock, NULL);
	pthread_mutex_init(&line->lock, NULL);
}

void egress_fini(struct egress *line)
{
	for (unsigned int slot = 0; slot < EGRESS_N_SLOTS; slot++) {
		struct egress_stage *stage = line->stages[slot];
		struct egress_packet *p;

		while (stage && (p = stage->ops->get(stage, EGRESS_ALL)))
			egress_packet_free(p);
		if (stage)
			stage->ops->free(stage);
	}
	pthread_mutex_destroy(&line->lock);
	pthread_mutex_destroy(&line->send_lock);
}

void egress_set(struct egress *line, enum egress_slot slot, struct egress_stage *stage, uint64_t now_ns)
{
	struct egress_stage *old;
	struct egress_packet *p;
	struct list out;
	uint64_t due_ns;

	list_init(&out);
	pthread_mutex_lock(&line->send_lock);
	pthread_mutex_lock(&line->lock);
	old = line->stages[slot];
	line->stages[slot] = stage;
	while (old && (p = old->ops->get(old, EGRESS_ALL)))
		pass_on(line, slot + 1, p, now_ns, &out);
	line->due_ns = EGRESS_NEVER;
	pthread_mutex_unlock(&line->lock);
	if (out.head)
		line->driver->send(line->aux, out.head);
	atomic_store_explicit(&line->is_active, next_stage(line, 0), memory_order_release);
	pthread_mutex_unlock(&line->send_lock);
	if (old)
		old->ops->free(old);
	due_ns = egress_run(line, now_ns);
	if (due_ns != EGRESS_NEVER)
		line->driver->wake(line->aux, due_ns);
}

enum drop_reason egress_put(struct egress *line, const struct packet *p, uint64_t now_ns)
{
	struct egress_packet *copy = egress_packet_copy(p);
	enum drop_reason reason = DROP_TX_QUEUE_FULL;
	struct egress_stage *stage;
	uint64_t due_ns;

	pthread_mutex_lock(&line->lock);
	stage = next_stage(line, 0);
	if (stage)
		reason = stage->ops->put(stage, copy, now_ns);
	due_ns = reason ? EGRESS_NEVER : stage->ops->due_ns(stage);
	if (due_ns < line->due_ns) {
		line->due_ns = due_ns;
		line->driver->wake(line->aux, due_ns);
	}
	pthread_mutex_unlock(&line->lock);
	if (reason)
		egress_packet_free(copy);
	return reason;
}

uint64_t egress_run(struct egress *line, uint64_t now_ns)
{
	uint64_t due_ns;
	bool more;

	pthread_mutex_lock(&line->send_lock);
	do {
		struct list out;

		list_init(&out);
		pthread_mutex_lock(&line->lock);
		more = move_due(line, now_ns, &out);
		line->due_ns = due_ns = earliest(line);
		pthread_mutex_unlock(&line->lock);
		if (out.head)
			line->driver->send(line->aux, out.head);
	} while (more);
	pthread_mutex_unlock(&line->send_lock);
	return due_ns;
}
