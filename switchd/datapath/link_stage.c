// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/link_stage.h"

#include <stdlib.h>

#include "base/util.h"

#define NS_PER_S 1000000000ull

enum {
	QUEUE_NS = 200000000, /* how long those that wait for the rate may take to leave */
	MIN_QUEUE_BYTES = 256 << 10,
	MAX_QUEUED_BYTES = 64 << 20, /* on the way, in all */
};

/** Packets in the order of their due_ns. */
struct fifo {
	struct egress_packet *head, **tail;
};

struct link_stage {
	struct egress_stage stage;
	struct link_settings settings;
	struct fifo delayed, overtaking;
	uint64_t random;      /* state of the generator; not 0 */
	uint64_t free_ns;     /* when the wire is free */
	uint64_t last_due_ns; /* of the delayed ones */
	uint64_t backlog_ns;  /* how far ahead free_ns may be */
	uint64_t n_queued_bytes;
	struct link_stats stats; /* relaxed atomics */
};

static struct link_stage *link_of(const struct egress_stage *stage)
{
	return container_of(stage, struct link_stage, stage);
}

/* ---- chance: xorshift64* ---- */

static uint32_t next_random(struct link_stage *l)
{
	l->random ^= l->random >> 12;
	l->random ^= l->random << 25;
	l->random ^= l->random >> 27;
	return (uint32_t)(l->random * 0x2545f4914f6cdd1dull >> 32);
}

static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* No number is used up by what never happens: settings that do not matter change nobody's fate. */
static bool happens(struct link_stage *l, uint32_t probability)
{
	return probability && next_random(l) <= probability;
}

static uint64_t way_ns(struct link_stage *l)
{
	const struct link_settings *s = &l->settings;
	uint64_t jitter_ns = s->jitter_ns ? s->jitter_ns * 2 * (uint64_t)next_random(l) >> 32 : 0;
	uint64_t ns = s->delay_ns + jitter_ns;

	return ns > s->jitter_ns ? ns - s->jitter_ns : 0;
}

/* ---- queues ---- */

static void fifo_init(struct fifo *f)
{
	f->head = NULL;
	f->tail = &f->head;
}

static void fifo_put(struct fifo *f, struct egress_packet *p, uint64_t due_ns)
{
	p->due_ns = due_ns;
	p->next = NULL;
	*f->tail = p;
	f->tail = &p->next;
}

static struct egress_packet *fifo_take(struct fifo *f)
{
	struct egress_packet *p = f->head;

	f->head = p->next;
	if (!f->head)
		f->tail = &f->head;
	return p;
}

/* When the packet is on the wire as a whole. */
static uint64_t transmit(struct link_stage *l, const struct egress_packet *p, uint64_t now_ns)
{
	uint64_t rate = l->settings.rate_bps;

	l->free_ns = MAX(l->free_ns, now_ns);
	if (rate)
		l->free_ns += (uint64_t)((unsigned __int128)p->load.bytes * 8 * NS_PER_S / rate);
	return l->free_ns;
}

static void enqueue(struct link_stage *l, struct egress_packet *p, uint64_t now_ns)
{
	uint64_t sent_ns = transmit(l, p, now_ns);

	l->n_queued_bytes += p->load.bytes;
	count(&l->stats.n_queued);
	if (happens(l, l->settings.reorder)) {
		count(&l->stats.n_reordered);
		fifo_put(&l->overtaking, p, sent_ns);
		return;
	}
	l->last_due_ns = MAX(l->last_due_ns, sent_ns + way_ns(l));
	fifo_put(&l->delayed, p, l->last_due_ns);
}

static bool is_full(const struct link_stage *l, const struct egress_packet *p, uint64_t now_ns)
{
	return l->n_queued_bytes + p->load.bytes > MAX_QUEUED_BYTES ||
	       (l->free_ns > now_ns && l->free_ns - now_ns > l->backlog_ns);
}

/* ---- damage ---- */

/* With all checksums as they should be before: the one that does not fit afterwards is how it is noticed. */
static void damage(struct link_stage *l, struct egress_packet *p)
{
	uint32_t at = next_random(l) % p->packet.len, bit = next_random(l) % 8;

	packet_complete_csum(&p->packet);
	p->packet.flags = 0;
	p->packet.data[at] ^= (uint8_t)(1u << bit);
	count(&l->stats.n_corrupted);
}

/* The frames of a GSO packet. */
struct cutting {
	struct link_stage *l;
	uint64_t now_ns;
	size_t n;
};

static int take_frame(void *cutting_, struct packet *frame)
{
	struct cutting *c = cutting_;
	struct egress_packet *p = egress_packet_copy(frame);

	p->is_new = c->n++;
	if (!p->is_new)
		damage(c->l, p);
	enqueue(c->l, p, c->now_ns);
	return 0;
}

/* What cannot be cut goes on as it is. */
static void enqueue_damaged(struct link_stage *l, struct egress_packet *p, uint64_t now_ns)
{
	struct cutting cutting = {.l = l, .now_ns = now_ns};
	void *scratch;

	if (!packet_is_gso(&p->packet)) {
		damage(l, p);
		enqueue(l, p, now_ns);
		return;
	}
	scratch = xmalloc(PACKET_HEADROOM + PACKET_MAX_LEN);
	(void)!packet_segment(&p->packet, scratch, PACKET_HEADROOM + PACKET_MAX_LEN, take_frame, &cutting);
	free(scratch);
	if (cutting.n)
		egress_packet_free(p);
	else
		enqueue(l, p, now_ns);
}

/* ---- the stage ---- */

static enum drop_reason lose(uint64_t *counter)
{
	count(counter);
	return DROP_LINK_LOSS;
}

static enum drop_reason put(struct egress_stage *stage, struct egress_packet *p, uint64_t now_ns)
{
	struct link_stage *l = link_of(stage);
	struct egress_packet *twin = NULL;

	count(&l->stats.n_packets);
	if (happens(l, l->settings.loss))
		return lose(&l->stats.n_lost);
	if (is_full(l, p, now_ns))
		return lose(&l->stats.n_full);
	if (happens(l, l->settings.duplicate)) {
		count(&l->stats.n_duplicated);
		twin = egress_packet_copy(&p->packet);
		twin->is_new = true;
	}
	if (happens(l, l->settings.corrupt))
		enqueue_damaged(l, p, now_ns);
	else
		enqueue(l, p, now_ns);
	if (twin)
		enqueue(l, twin, now_ns);
	return DROP_NONE;
}

/* The queue whose first packet is due first; NULL: both are empty. */
static struct fifo *first_fifo(struct link_stage *l)
{
	if (!l->overtaking.head)
		return l->delayed.head ? &l->delayed : NULL;
	if (!l->delayed.head || l->overtaking.head->due_ns < l->delayed.head->due_ns)
		return &l->overtaking;
	return &l->delayed;
}

static struct egress_packet *get(struct egress_stage *stage, uint64_t now_ns)
{
	struct link_stage *l = link_of(stage);
	struct fifo *f = first_fifo(l);
	struct egress_packet *p;

	if (!f || f->head->due_ns > now_ns)
		return NULL;
	p = fifo_take(f);
	l->n_queued_bytes -= p->load.bytes;
	__atomic_store_n(&l->stats.n_queued, l->stats.n_queued - 1, __ATOMIC_RELAXED);
	return p;
}

static uint64_t due_ns(const struct egress_stage *stage)
{
	const struct fifo *f = first_fifo(link_of(stage));

	return f ? f->head->due_ns : EGRESS_NEVER;
}

static void link_free(struct egress_stage *stage)
{
	free(link_of(stage));
}

static const struct egress_stage_ops link_ops = {
	.name = "link",
	.put = put,
	.get = get,
	.due_ns = due_ns,
	.free = link_free,
};

struct egress_stage *link_stage_new(const struct link_settings *settings)
{
	struct link_stage *l = xzalloc(sizeof *l);
	uint64_t rate = settings->rate_bps;

	l->stage.ops = &link_ops;
	l->settings = *settings;
	l->random = (uint64_t)settings->seed * 0x9e3779b97f4a7c15ull + 1;
	fifo_init(&l->delayed);
	fifo_init(&l->overtaking);
	if (rate)
		l->backlog_ns = MAX((uint64_t)QUEUE_NS, MIN_QUEUE_BYTES * 8ull * NS_PER_S / rate);
	return &l->stage;
}

static uint64_t relaxed(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void link_stage_stats(const struct egress_stage *stage, struct link_stats *stats)
{
	const struct link_stats *s = &link_of(stage)->stats;

	*stats = (struct link_stats){
		.n_packets = relaxed(&s->n_packets),
		.n_lost = relaxed(&s->n_lost),
		.n_full = relaxed(&s->n_full),
		.n_duplicated = relaxed(&s->n_duplicated),
		.n_reordered = relaxed(&s->n_reordered),
		.n_corrupted = relaxed(&s->n_corrupted),
		.n_queued = relaxed(&s->n_queued),
	};
}
