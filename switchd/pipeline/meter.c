// SPDX-License-Identifier: Apache-2.0
#include "switchd/pipeline/meter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/datapath/datapath.h"
#include "switchd/pipeline/journal.h"

LOG_MODULE(meter);

/* Below this many lines of the journal nobody minds. */
enum { COMPACT_MIN = 1000 };

struct meter_table {
	char *name;
	struct datapath *dp;
	struct hmap meters;
	struct journal *journal;
	size_t n_records;
};

/* ---- the datapath's ids ---- */

/** Those in use in one datapath; a daemon has two at most, its own and `dummy`. */
struct id_pool {
	const struct datapath *dp;
	uint64_t *bits;
	uint32_t n_used;
};

static struct id_pool pools[2];

static uint32_t n_policers(const struct datapath *dp)
{
	return MIN((uint32_t)DP_MAX_PORTS, dp->ops->max_meters / 2);
}

uint32_t meter_features_max(const struct datapath *dp)
{
	return dp->ops->max_meters - n_policers(dp);
}

uint32_t meter_policer_id(const struct datapath *dp, uint32_t dp_port)
{
	return dp->ops->max_meters - 1 - dp_port;
}

static struct id_pool *pool_of(const struct datapath *dp)
{
	struct id_pool *free_one = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		if (pools[i].bits && pools[i].dp == dp)
			return &pools[i];
		if (!pools[i].bits)
			free_one = &pools[i];
	}
	if (free_one)
		*free_one = (struct id_pool){.dp = dp, .bits = xcalloc(meter_features_max(dp) / 64 + 1, 8)};
	return free_one;
}

/* Return: @wanted where that is free, else the lowest free one; UINT32_MAX when there is none. */
uint32_t meter_id_get(const struct datapath *dp, uint32_t wanted)
{
	struct id_pool *pool = pool_of(dp);
	uint32_t max = meter_features_max(dp), id = wanted;

	if (!pool)
		return UINT32_MAX;
	if (id >= max || pool->bits[id / 64] >> id % 64 & 1) {
		for (id = 0; id < max && pool->bits[id / 64] == UINT64_MAX; id += 64)
			;
		while (id < max && pool->bits[id / 64] >> id % 64 & 1)
			id++;
	}
	if (id >= max)
		return UINT32_MAX;
	pool->bits[id / 64] |= 1ull << id % 64;
	pool->n_used++;
	return id;
}

void meter_id_put(const struct datapath *dp, uint32_t id)
{
	struct id_pool *pool = pool_of(dp);

	if (!pool)
		return;
	pool->bits[id / 64] &= ~(1ull << id % 64);
	if (!--pool->n_used) {
		free(pool->bits);
		*pool = (struct id_pool){0};
	}
}

/* ---- lookups ---- */

static struct meter *find(const struct meter_table *t, uint32_t number)
{
	struct meter *m;

	HMAP_FOR_EACH_WITH_HASH(m, node, hash_u64(number, 0), &t->meters)
		if (m->config.id == number)
			return m;
	return NULL;
}

const struct meter *meter_find(const struct meter_table *t, uint32_t number)
{
	return t ? find(t, number) : NULL;
}

size_t meter_count(const struct meter_table *t)
{
	return hmap_count(&t->meters);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = (*(const struct meter *const *)a)->config.id, y = (*(const struct meter *const *)b)->config.id;

	return x < y ? -1 : x > y;
}

const struct meter **meters_by_number(const struct meter_table *t)
{
	const struct meter **list = xcalloc(meter_count(t) + 1, sizeof(struct meter *));
	struct meter *m;
	size_t n = 0;

	HMAP_FOR_EACH(m, node, &t->meters)
		list[n++] = m;
	qsort(list, n, sizeof(struct meter *), by_number);
	return list;
}

/* ---- the datapath's side ---- */

/* A bucket as deep as what flows in a second is what Open vSwitch gives a band without burst_size. */
static void to_datapath(const struct meter_config *config, struct dp_meter *out)
{
	bool packets = config->flags & METER_PKTPS;
	uint64_t unit = packets ? 1 : 1000;

	*out = (struct dp_meter){.n_bands = config->n_bands};
	for (unsigned int i = 0; i < config->n_bands; i++) {
		const struct meter_band *band = &config->bands[i];

		out->bands[i] = (struct dp_meter_band){
			.packets = packets,
			.rate = band->rate * unit,
			.burst = (band->burst ? band->burst : band->rate) * unit,
		};
	}
}

static int set(const struct meter_table *t, const struct meter *m)
{
	struct dp_meter config;

	to_datapath(&m->config, &config);
	return t->dp->ops->meter_set(t->dp, m->dp_id, &config);
}

/* Return: NULL when the datapath has no id left. */
static struct meter *insert(struct meter_table *t, const struct meter_config *config, uint32_t dp_id,
			    int64_t created_ms)
{
	struct meter *m = xzalloc(sizeof *m);

	m->config = *config;
	m->created_ms = created_ms;
	m->dp_id = meter_id_get(t->dp, dp_id);
	if (m->dp_id == UINT32_MAX) {
		free(m);
		return NULL;
	}
	switch_wrlock();
	hmap_insert(&t->meters, &m->node, hash_u64(config->id, 0));
	switch_wrunlock();
	return m;
}

static void discard(struct meter_table *t, struct meter *m)
{
	switch_wrlock();
	hmap_remove(&t->meters, &m->node);
	switch_wrunlock();
	t->dp->ops->meter_del(t->dp, m->dp_id);
	meter_id_put(t->dp, m->dp_id);
	free(m);
}

/* ---- the journal ---- */

static int64_t to_wall(int64_t ms)
{
	return ms - clock_now_ms() + clock_wall_ms();
}

static int64_t from_wall(int64_t ms)
{
	return ms - clock_wall_ms() + clock_now_ms();
}

static void put_line(const struct meter_config *config, uint32_t dp_id, int64_t created_ms, struct ds *out)
{
	ds_printf(out, "add %u %" PRId64 " ", dp_id, to_wall(created_ms));
	meter_format(config, true, out);
	ds_put_char(out, '\n');
}

static int rewrite(struct meter_table *t, bool keep, struct errtext *err)
{
	struct ds lines = DS_INIT;
	struct meter *m;
	int error;

	HMAP_FOR_EACH(m, node, &t->meters)
		put_line(&m->config, m->dp_id, m->created_ms, &lines);
	error = journal_rewrite(t->journal, ds_cstr(&lines), lines.len, keep, err);
	ds_fini(&lines);
	if (!error)
		t->n_records = meter_count(t);
	return error;
}

/* One change, of one line. Return: 0 or -EIO with @err; then nothing is to be changed. */
static int write_down(struct meter_table *t, const struct ds *line, struct errtext *err)
{
	struct errtext why;

	if (!t->journal)
		return 0;
	if (t->n_records >= COMPACT_MIN && t->n_records / 2 >= meter_count(t) && rewrite(t, false, &why))
		log_warn_rl("%s: %s", t->name, why.text);
	if (journal_append(t->journal, ds_cstr(line), line->len, &why))
		return errtext_set(err, EIO, "%s; no meter was changed; make room there and try again", why.text);
	t->n_records++;
	return 0;
}

struct load {
	struct meter_table *t;
	size_t n_bad;
};

static bool load_line(struct meter_table *t, const char *line)
{
	struct meter_config config;
	uint32_t number, dp_id;
	struct meter *old;
	int64_t created;
	int n = 0;

	if (sscanf(line, "del %u%n", &number, &n) == 1 && !line[n]) {
		old = find(t, number);
		if (old)
			discard(t, old);
		return true;
	}
	if (sscanf(line, "add %u %" SCNd64 " %n", &dp_id, &created, &n) != 2 || !n ||
	    meter_parse(line + n, strlen(line + n), &config, NULL))
		return false;
	old = find(t, config.id);
	if (old)
		discard(t, old);
	return insert(t, &config, dp_id, from_wall(created));
}

static void load_lines(void *load_, const char *lines, size_t len)
{
	struct load *load = load_;
	char *copy = xstrndup(lines, len), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		load->t->n_records++;
		load->n_bad += !load_line(load->t, line);
	}
	free(copy);
}

static int open_journal(struct meter_table *t, const char *path, struct errtext *err)
{
	struct load load = {.t = t};
	struct journal_info info;
	int error = journal_open(path, load_lines, &load, &info, &t->journal, err);

	if (error || (!info.damaged && !load.n_bad))
		return error;
	log_warn("%s: %s is damaged; %zu meters could be read, the file is kept as %s.damaged", t->name, path,
		 meter_count(t), path);
	return rewrite(t, true, err);
}

/* ---- life ---- */

int meter_table_new(const char *name, const char *journal, struct datapath *dp, struct meter_table **tp,
		    struct errtext *err)
{
	struct meter_table *t = xzalloc(sizeof *t);
	struct meter *m;
	int error = 0;

	t->name = xstrdup(name);
	t->dp = dp;
	hmap_init(&t->meters);
	if (journal)
		error = open_journal(t, journal, err);
	if (error) {
		meter_table_free(t, false);
		return error;
	}
	HMAP_FOR_EACH(m, node, &t->meters)
		if (set(t, m))
			log_err("%s: the datapath does not take meter %u", name, m->config.id);
	*tp = t;
	return 0;
}

void meter_table_free(struct meter_table *t, bool forever)
{
	struct meter *m;

	if (!t)
		return;
	HMAP_FOR_EACH_SAFE(m, node, &t->meters)
		discard(t, m);
	if (t->journal && forever)
		journal_unlink(t->journal);
	journal_close(t->journal);
	hmap_fini(&t->meters);
	free(t->name);
	free(t);
}

/* ---- changes ---- */

static int append_add(struct meter_table *t, const struct meter_config *config, uint32_t dp_id, int64_t created_ms,
		      struct errtext *err)
{
	struct ds line = DS_INIT;
	int error;

	put_line(config, dp_id, created_ms, &line);
	error = write_down(t, &line, err);
	ds_fini(&line);
	return error;
}

int meter_add(struct meter_table *t, const struct meter_config *config, struct errtext *err)
{
	struct meter *m;
	int error;

	if (find(t, config->id))
		return errtext_set(err, EEXIST, "meter %u exists already; mod-meter changes it", config->id);
	m = insert(t, config, UINT32_MAX, clock_now_ms());
	if (!m)
		return errtext_set(err, ENOSPC, "all %u meters are in use", meter_features_max(t->dp));
	error = append_add(t, config, m->dp_id, m->created_ms, err);
	if (!error) {
		t->dp->ops->meter_del(t->dp, m->dp_id); /* what a predecessor left there */
		error = set(t, m);
		if (error)
			errtext_set(err, -error, "the datapath does not take the meter: %s", strerror(-error));
	}
	if (error)
		discard(t, m);
	return error;
}

int meter_modify(struct meter_table *t, const struct meter_config *config, struct errtext *err)
{
	struct meter *m = find(t, config->id);
	int error;

	if (!m)
		return errtext_set(err, ENOENT, "no meter %u; add-meter makes one", config->id);
	error = append_add(t, config, m->dp_id, m->created_ms, err);
	if (error)
		return error;
	m->config = *config;
	error = set(t, m);
	return error ? errtext_set(err, -error, "the datapath does not take the meter: %s", strerror(-error)) : 0;
}

int meter_del(struct meter_table *t, uint32_t number, struct errtext *err)
{
	struct meter *m = find(t, number);
	struct ds line = DS_INIT;
	int error;

	if (!m)
		return 0;
	ds_printf(&line, "del %u\n", number);
	error = write_down(t, &line, err);
	ds_fini(&line);
	if (!error)
		discard(t, m);
	return error;
}
