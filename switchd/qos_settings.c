// SPDX-License-Identifier: Apache-2.0
#include "switchd/qos_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/errtext.h"
#include "base/util.h"
#include "os/tc_htb.h"
#include "ovsdb/db.h"

#define DEFAULT_RATE 10000000000ull
#define MIN_RATE (1500 * 8ull)

enum {
	FRAME_EXTRA = 64, /* a frame's headers beyond the MTU, and more that may be put in front */
	MAX_PRIORITY = 7,
};

static const char *const type_names[] = {
	[QOS_NONE] = "",
	[QOS_NOOP] = "linux-noop",
	[QOS_HTB] = "linux-htb",
	[QOS_OWN] = "vsw-shaper",
};

const char *qos_type_name(enum qos_type type)
{
	return type_names[type];
}

static int read_type(const char *text, enum qos_type *type, struct errtext *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
		if (!strcmp(text, type_names[i])) {
			*type = (enum qos_type)i;
			return 0;
		}
	}
	return errtext_set(
		err, EINVAL,
		"QoS type '%.40s' is unknown or not supported; known are linux-htb, vsw-shaper and linux-noop", text);
}

static int read_number(const struct db_row *row, const struct db_txn *txn, const char *what, const char *key,
		       uint64_t max, uint64_t *value, struct errtext *err)
{
	const char *text = db_get_key(row, txn, "other_config", key, NULL);

	*value = 0;
	if (text && !str_to_uint(text, 10, max, value))
		return errtext_set(err, EINVAL, "%s other_config:%s: '%.40s' is no number from 0 to %llu", what, key,
				   text, (unsigned long long)max);
	return 0;
}

static int read_queue(const struct db_row *row, const struct db_txn *txn, struct qos_queue *q, struct errtext *err)
{
	uint64_t priority = 0;
	int error = read_number(row, txn, "Queue", "min-rate", INT64_MAX, &q->min_rate, err);

	if (!error)
		error = read_number(row, txn, "Queue", "max-rate", INT64_MAX, &q->max_rate, err);
	if (!error)
		error = read_number(row, txn, "Queue", "burst", UINT32_MAX, &q->burst, err);
	if (!error)
		error = read_number(row, txn, "Queue", "priority", UINT32_MAX, &priority, err);
	q->priority = (uint32_t)priority;
	return error;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct qos_queue *)a)->id, y = ((const struct qos_queue *)b)->id;

	return x < y ? -1 : x > y;
}

static int read_queues(const struct db_row *row, const struct db_txn *txn, struct qos_settings *s, struct errtext *err)
{
	const struct datum *map = db_get(row, txn, "queues");

	for (size_t i = 0; i < map->n; i++) {
		const struct db_row *queue = db_get_value_ref(row, txn, "queues", i);
		struct qos_queue *q = &s->queues[s->n_queues];
		int error;

		if (!queue)
			continue;
		if (map->keys[i].integer > TC_HTB_MAX_QUEUE)
			return errtext_set(err, EINVAL, "queue %lld is out of the range 0 to %d",
					   (long long)map->keys[i].integer, TC_HTB_MAX_QUEUE);
		q->id = (uint32_t)map->keys[i].integer;
		error = read_queue(queue, txn, q, err);
		if (error)
			return error;
		s->n_queues++;
	}
	qsort(s->queues, s->n_queues, sizeof s->queues[0], by_id);
	return 0;
}

int qos_settings_of(const struct db_row *port, const struct db_txn *txn, struct qos_settings **settings,
		    struct errtext *err)
{
	const struct db_row *row = db_get_ref(port, txn, "qos", 0);
	struct qos_settings *s;
	int error;

	*settings = NULL;
	if (!row)
		return 0;
	s = xzalloc(sizeof *s + db_get(row, txn, "queues")->n * sizeof s->queues[0]);
	error = read_type(db_get_string(row, txn, "type", ""), &s->type, err);
	if (!error)
		error = read_number(row, txn, "QoS", "max-rate", INT64_MAX, &s->max_rate, err);
	if (!error)
		error = read_queues(row, txn, s, err);
	if (error || s->type == QOS_NONE)
		free(s);
	else
		*settings = s;
	return error;
}

static void resolve_queue(struct qos_queue *q, uint64_t max_rate, uint32_t mtu)
{
	q->min_rate = MIN(MAX(q->min_rate, MIN_RATE), max_rate);
	q->max_rate = MIN(MAX(q->max_rate ? q->max_rate : max_rate, q->min_rate), max_rate);
	q->burst = MAX(q->burst / 8 * 8, (mtu + FRAME_EXTRA) * 8ull);
	q->priority = MIN(q->priority, (uint32_t)MAX_PRIORITY);
}

struct qos_settings *qos_resolve(const struct qos_settings *settings, uint32_t mtu, uint64_t link_rate)
{
	bool has_zero = settings->n_queues && !settings->queues[0].id;
	size_t n = settings->n_queues + !has_zero;
	struct qos_settings *s = xzalloc(sizeof *s + n * sizeof s->queues[0]);

	s->type = settings->type;
	s->max_rate = settings->max_rate ? settings->max_rate : link_rate ? link_rate : DEFAULT_RATE;
	s->n_queues = n;
	memcpy(s->queues + !has_zero, settings->queues, settings->n_queues * sizeof s->queues[0]);
	for (size_t i = 0; i < n; i++)
		resolve_queue(&s->queues[i], s->max_rate, mtu);
	return s;
}
