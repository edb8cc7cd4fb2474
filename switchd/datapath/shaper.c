// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/shaper.h"

#include <stdlib.h>

#include "base/util.h"

enum {
	LATE_NS = 50000000,   /* more than that is not made up for */
	BURST_NS = 1000000,   /* what a bucket holds at least: the driver's timer is not finer */
	QUEUE_NS = 200000000, /* how long a full queue takes to leave, at its max */
	MIN_QUEUE_BYTES = 256 << 10,
	MAX_QUEUE_BYTES = 32 << 20,
	MIN_WEIGHT = 1514,
	RATE_PER_WEIGHT = 80,
	SHARE_SHIFT = 20,
};

#define NS_PER_S 1000000000ull

/** When what was sent is paid for. */
struct bucket {
	uint64_t rate; /* bit/s */
	uint64_t tat_ns, depth_ns;
};

struct queue {
	struct shaper_queue_config config;
	struct bucket min, max;
	struct egress_packet *head, **tail;
	uint64_t n_queued_bytes, limit_bytes;
	uint32_t weight;
	uint64_t share; /* what it has had, by weight: of equals, the one with the least is next */
	uint64_t n_packets, n_bytes, n_dropped; /* relaxed atomics */
};

struct shaper {
	struct egress_stage stage;
	struct bucket total;
	uint64_t served_ns; /* when the last packet was served */
	uint64_t share;	    /* of the queue served last, as it was before: where one that comes back begins */
	size_t n;
	struct queue queues[];
};

static struct shaper *shaper_of(const struct egress_stage *stage)
{
	return container_of(stage, struct shaper, stage);
}

/* ---- buckets ---- */

static uint64_t time_of(uint64_t bits, uint64_t rate)
{
	unsigned __int128 ns = (unsigned __int128)bits * NS_PER_S / rate;

	return ns > INT64_MAX / 4 ? INT64_MAX / 4 : (uint64_t)ns;
}

static void bucket_init(struct bucket *b, uint64_t rate, uint64_t burst)
{
	*b = (struct bucket){.rate = rate, .depth_ns = MAX(time_of(burst, rate), (uint64_t)BURST_NS)};
}

static uint64_t ready_ns(const struct bucket *b)
{
	return b->tat_ns > b->depth_ns ? b->tat_ns - b->depth_ns : 0;
}

static void bucket_charge(struct bucket *b, uint64_t at_ns, uint64_t bits)
{
	b->tat_ns = MAX(b->tat_ns, at_ns) + time_of(bits, b->rate);
}

/* ---- queues ---- */

static struct queue *queue_for(struct shaper *s, uint32_t skb_priority)
{
	uint32_t id = skb_priority >> 16 == 1 ? (skb_priority & 0xffff) - 1 : 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->queues[i].config.id == id)
			return &s->queues[i];
	return &s->queues[0];
}

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static enum drop_reason put(struct egress_stage *stage, struct egress_packet *p, uint64_t now_ns)
{
	struct shaper *s = shaper_of(stage);
	struct queue *q = queue_for(s, p->packet.skb_priority);

	if (q->n_queued_bytes && q->n_queued_bytes + p->load.bytes > q->limit_bytes) {
		add(&q->n_dropped, p->load.packets);
		return DROP_TX_QUEUE_FULL;
	}
	if (!q->head)
		q->share = MAX(q->share, s->share);
	p->due_ns = now_ns;
	p->next = NULL;
	*q->tail = p;
	q->tail = &p->next;
	q->n_queued_bytes += p->load.bytes;
	return DROP_NONE;
}

/* Is @a to be served rather than @b? */
static bool comes_first(const struct queue *a, bool a_is_green, const struct queue *b, bool b_is_green)
{
	if (a_is_green != b_is_green)
		return a_is_green;
	if (a->config.priority != b->config.priority)
		return a->config.priority < b->config.priority;
	return a->share < b->share;
}

/* When the first packet of a queue may go, as far as the queue is concerned. */
static uint64_t queue_ready_ns(const struct queue *q)
{
	return MAX(ready_ns(&q->max), q->head->due_ns);
}

/*
 * When the next packet is to leave. It may be in the past, since we are asked late; then the packet is served, and paid for, as if it
 * had left in time. So lateness costs nobody anything, and nobody gains by it.
 */
static uint64_t next_ns(const struct shaper *s)
{
	uint64_t first = EGRESS_NEVER;

	for (size_t i = 0; i < s->n; i++)
		if (s->queues[i].head)
			first = MIN(first, queue_ready_ns(&s->queues[i]));
	return first == EGRESS_NEVER ? first : MAX(MAX(first, ready_ns(&s->total)), s->served_ns);
}

/* The one to serve at that time. @all: whatever the rates. */
static struct queue *choose(const struct shaper *s, uint64_t at_ns, bool all)
{
	const struct queue *best = NULL;
	bool best_is_green = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct queue *q = &s->queues[i];
		bool is_green = ready_ns(&q->min) <= at_ns;

		if (!q->head || (!all && queue_ready_ns(q) > at_ns))
			continue;
		if (best && !comes_first(q, is_green, best, best_is_green))
			continue;
		best = q;
		best_is_green = is_green;
	}
	return (struct queue *)(uintptr_t)best;
}

static struct egress_packet *take(struct queue *q)
{
	struct egress_packet *p = q->head;

	q->head = p->next;
	if (!q->head)
		q->tail = &q->head;
	q->n_queued_bytes -= p->load.bytes;
	add(&q->n_packets, p->load.packets);
	add(&q->n_bytes, p->load.bytes);
	return p;
}

static struct egress_packet *serve(struct shaper *s, struct queue *q, uint64_t at_ns)
{
	struct egress_packet *p = take(q);
	uint64_t bits = p->load.bytes * 8ull;

	bucket_charge(&s->total, at_ns, bits);
	bucket_charge(&q->max, at_ns, bits);
	bucket_charge(&q->min, at_ns, bits);
	s->served_ns = at_ns;
	s->share = q->share;
	q->share += ((uint64_t)p->load.bytes << SHARE_SHIFT) / q->weight;
	return p;
}

static struct egress_packet *get(struct egress_stage *stage, uint64_t now_ns)
{
	struct shaper *s = shaper_of(stage);
	uint64_t at_ns = next_ns(s);
	struct queue *q;

	if (now_ns == EGRESS_ALL) {
		q = choose(s, EGRESS_ALL, true);
		return q ? take(q) : NULL;
	}
	if (at_ns > now_ns)
		return NULL;
	at_ns = MAX(at_ns, now_ns - MIN(now_ns, (uint64_t)LATE_NS));
	return serve(s, choose(s, at_ns, false), at_ns);
}

static uint64_t due_ns(const struct egress_stage *stage)
{
	return next_ns(shaper_of(stage));
}

static void shaper_free(struct egress_stage *stage)
{
	free(shaper_of(stage));
}

static const struct egress_stage_ops shaper_ops = {
	.name = "shaper",
	.put = put,
	.get = get,
	.due_ns = due_ns,
	.free = shaper_free,
};

static void queue_init(struct queue *q, const struct shaper_queue_config *config)
{
	uint64_t limit = config->max_rate / 8 * (QUEUE_NS / 1000000) / 1000;

	*q = (struct queue){.config = *config};
	bucket_init(&q->min, config->min_rate, config->burst);
	bucket_init(&q->max, config->max_rate, config->burst);
	q->tail = &q->head;
	q->limit_bytes = MIN(MAX(limit, (uint64_t)MIN_QUEUE_BYTES), (uint64_t)MAX_QUEUE_BYTES);
	q->weight = (uint32_t)MIN(MAX(config->min_rate / RATE_PER_WEIGHT, (uint64_t)MIN_WEIGHT), (uint64_t)UINT32_MAX);
}

struct egress_stage *shaper_new(uint64_t max_rate, const struct shaper_queue_config *queues, size_t n)
{
	struct shaper *s = xzalloc(sizeof *s + n * sizeof s->queues[0]);

	s->stage.ops = &shaper_ops;
	s->n = n;
	bucket_init(&s->total, max_rate, 0);
	for (size_t i = 0; i < n; i++)
		queue_init(&s->queues[i], &queues[i]);
	return &s->stage;
}

void shaper_stats(const struct egress_stage *stage, size_t i, struct shaper_queue_stats *stats)
{
	const struct queue *q = &shaper_of(stage)->queues[i];

	*stats = (struct shaper_queue_stats){
		.id = q->config.id,
		.n_packets = __atomic_load_n(&q->n_packets, __ATOMIC_RELAXED),
		.n_bytes = __atomic_load_n(&q->n_bytes, __ATOMIC_RELAXED),
		.n_dropped = __atomic_load_n(&q->n_dropped, __ATOMIC_RELAXED),
	};
}
