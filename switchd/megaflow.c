// SPDX-License-Identifier: Apache-2.0
#include "switchd/megaflow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/pipeline/table.h"

/* Serialises walkers; held while megaflows are looked at, changed or removed. */
static pthread_mutex_t walk_lock = PTHREAD_MUTEX_INITIALIZER;
/* Guards the slots; taken for an instant, inside of walk_lock where both are held. */
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

struct slot {
	struct megaflow *m; /* NULL: free, or not published yet */
	int64_t used_ms;    /* when it was last used, or else made; as far as is known */
	uint32_t generation;
	uint32_t next_free; /* slot number + 1 of the next free one; TAKEN: it is none */
};

static struct slot *slots;
static uint32_t n_slots, cap_slots, first_free;
static _Atomic size_t n_megaflows, n_bytes;

/* Ids that a datapath reported as active before they were published. Under walk_lock. */
static uint64_t *late;
static size_t n_late, cap_late;

enum { MIN_SLOTS = 256 };
#define TAKEN UINT32_MAX

void megaflows_lock(void)
{
	pthread_mutex_lock(&walk_lock);
}

void megaflows_unlock(void)
{
	pthread_mutex_unlock(&walk_lock);
}

size_t megaflows_count(void)
{
	return atomic_load_explicit(&n_megaflows, memory_order_relaxed);
}

size_t megaflows_memory(void)
{
	return atomic_load_explicit(&n_bytes, memory_order_relaxed) + (size_t)cap_slots * sizeof *slots;
}

static size_t megaflow_size(const struct megaflow *m)
{
	return sizeof *m + m->actions_len + m->n_credits * sizeof *m->credits;
}

/* A slot of one's own, invisible to walkers until published. Return: the id. */
static uint64_t slot_reserve(void)
{
	uint64_t id;
	uint32_t i;

	pthread_mutex_lock(&slots_lock);
	if (first_free) {
		i = first_free - 1;
		first_free = slots[i].next_free;
	} else {
		if (n_slots == cap_slots) {
			cap_slots = cap_slots ? cap_slots * 2 : MIN_SLOTS;
			slots = xrealloc(slots, cap_slots * sizeof *slots);
		}
		i = n_slots++;
		slots[i].generation = 0;
	}
	slots[i].m = NULL;
	slots[i].next_free = TAKEN;
	id = (uint64_t)++slots[i].generation << 32 | i;
	pthread_mutex_unlock(&slots_lock);
	return id;
}

static void slot_publish(struct megaflow *m)
{
	pthread_mutex_lock(&slots_lock);
	slots[(uint32_t)m->id].m = m;
	slots[(uint32_t)m->id].used_ms = m->created_ms;
	pthread_mutex_unlock(&slots_lock);
}

static void slot_give_back(uint64_t id)
{
	uint32_t i = (uint32_t)id;

	pthread_mutex_lock(&slots_lock);
	slots[i].m = NULL;
	slots[i].next_free = first_free;
	first_free = i + 1;
	pthread_mutex_unlock(&slots_lock);
}

struct megaflow *megaflow_next(size_t *slot)
{
	struct megaflow *m = NULL;

	pthread_mutex_lock(&slots_lock);
	while (!m && *slot < n_slots)
		m = slots[(*slot)++].m;
	pthread_mutex_unlock(&slots_lock);
	return m;
}

struct megaflow *megaflow_next_unused(size_t *slot, size_t n, int64_t before_ms, bool *end)
{
	struct megaflow *m = NULL;

	pthread_mutex_lock(&slots_lock);
	for (; !m && n && *slot < n_slots; n--, ++*slot)
		if (slots[*slot].m && slots[*slot].used_ms < before_ms)
			m = slots[*slot].m;
	*end = !m && *slot >= n_slots;
	pthread_mutex_unlock(&slots_lock);
	return m;
}

/* Caller holds slots_lock. */
static int64_t oldest_ms(int64_t now_ms)
{
	int64_t oldest = now_ms;

	for (size_t i = 0; i < n_slots; i++)
		if (slots[i].m)
			oldest = MIN(oldest, slots[i].used_ms);
	return oldest;
}

int64_t megaflows_count_ages(int64_t now_ms, size_t n[], size_t n_steps)
{
	int64_t step_ms;

	pthread_mutex_lock(&slots_lock);
	step_ms = (now_ms - oldest_ms(now_ms)) / (int64_t)n_steps + 1;
	for (size_t i = 0; i < n_slots; i++)
		if (slots[i].m)
			n[MAX(now_ms - slots[i].used_ms, 0) / step_ms]++;
	pthread_mutex_unlock(&slots_lock);
	return step_ms;
}

/* Takes over what is remembered of a translation; references the rules. */
static void remember(struct megaflow *m, const struct xlate_out *out)
{
	m->mask = out->mask;
	memcpy(m->tables, out->tables, sizeof m->tables);
	m->used_fdb = out->used_fdb;
	m->snoops = out->snoops;
	m->n_credits = out->n_credits;
	m->credits = out->n_credits ? xmemdup(out->credits, out->n_credits * sizeof *out->credits) : NULL;
	for (size_t i = 0; i < m->n_credits; i++)
		if (m->credits[i].rule)
			rule_ref(m->credits[i].rule);

	if (out->slow_path) {
		struct dp_userspace up = {.h = {DP_USERSPACE, sizeof up, DP_TO_SLOW_PATH}, .cookie = m->id};

		m->actions = xmemdup(&up, sizeof up);
		m->actions_len = sizeof up;
	} else {
		m->actions = xmemdup(out->actions.data, out->actions.len);
		m->actions_len = out->actions.len;
	}
}

static void forget(struct megaflow *m)
{
	for (size_t i = 0; i < m->n_credits; i++)
		if (m->credits[i].rule)
			rule_unref(m->credits[i].rule);
	free(m->credits);
	free(m->actions);
	m->credits = NULL;
	m->actions = NULL;
}

/* @masked: memory for the key that the datapath is to have. */
static struct dp_flow_put as_put(const struct megaflow *m, struct pkt_key *masked)
{
	const uint64_t *key = (const uint64_t *)&m->key, *mask = (const uint64_t *)&m->mask;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		((uint64_t *)masked)[i] = key[i] & mask[i];
	return (struct dp_flow_put){
		.id = m->id,
		.key = masked,
		.mask = &m->mask,
		.actions = m->actions,
		.actions_len = m->actions_len,
	};
}

static int put(const struct megaflow *m)
{
	struct pkt_key masked;
	struct dp_flow_put flow = as_put(m, &masked);

	return m->dp->ops->flow_put(m->dp, &flow);
}

/* In no datapath and invisible to walkers yet. */
static struct megaflow *megaflow_new(const struct xlate_in *in, const struct xlate_out *out)
{
	struct megaflow *m = xzalloc(sizeof *m);

	m->id = slot_reserve();
	m->dp = in->dp;
	m->key = *in->key;
	m->created_ms = in->now_ms;
	m->is_guess = in->is_guess;
	remember(m, out);
	return m;
}

/* What became of the attempt to bring it to the datapath. Return: @error. */
static int settle(struct megaflow *m, int error)
{
	if (error) {
		slot_give_back(m->id);
		forget(m);
		free(m);
		return error;
	}
	/* Once it is published a walker may remove it, and free it. */
	atomic_fetch_add_explicit(&n_megaflows, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&n_bytes, megaflow_size(m), memory_order_relaxed);
	slot_publish(m);
	return 0;
}

int megaflow_install(const struct xlate_in *in, const struct xlate_out *out, uint64_t *id)
{
	struct megaflow *m = megaflow_new(in, out);
	uint64_t new_id = m->id;
	int error = settle(m, put(m));

	*id = error ? 0 : new_id;
	return error;
}

int megaflow_adopt(const struct xlate_in *in, size_t i, const struct dp_orphan *orphan, const struct xlate_out *out)
{
	struct megaflow *m = megaflow_new(in, out);
	struct dp_flow_put flow;
	struct pkt_key masked;

	m->mask = orphan->mask;
	m->credited = orphan->credited;
	flow = as_put(m, &masked);
	return settle(m, m->dp->ops->orphan_adopt(m->dp, i, &flow));
}

/* The slot's megaflow was used then. Return: NULL when it is not there (yet: *@is_late, or any more). */
static struct megaflow *find_used(uint64_t id, int64_t used_ms, bool *is_late)
{
	struct megaflow *m = NULL;
	const uint32_t i = (uint32_t)id;

	*is_late = false;
	pthread_mutex_lock(&slots_lock);
	if (i < n_slots && slots[i].generation == id >> 32 && slots[i].next_free == TAKEN) {
		m = slots[i].m;
		*is_late = !m;
		/* One that tells addresses ends in time, however busy, so that they are told again. */
		if (!m || !m->snoops)
			slots[i].used_ms = MAX(slots[i].used_ms, used_ms);
	}
	pthread_mutex_unlock(&slots_lock);
	return m;
}

/* Give what @now has more than what was credited before. */
static void credit(struct megaflow *m, const struct dp_flow_stats *now)
{
	uint64_t n_packets = now->n_packets - m->credited.n_packets;
	uint64_t n_bytes_more = now->n_bytes - m->credited.n_bytes;

	if (!n_packets)
		return;
	m->is_guess = false;
	xlate_credit(m->credits, m->n_credits, n_packets, n_bytes_more, now->used_ms);
	m->credited = *now;
}

int64_t megaflow_credit(struct megaflow *m)
{
	struct dp_flow_stats now = {0};
	bool is_late;

	if (!m->dp->ops->flow_stats(m->dp, m->id, &now))
		credit(m, &now);
	find_used(m->id, now.used_ms, &is_late);
	return m->snoops ? m->created_ms : now.used_ms;
}

void megaflow_credit_active(const struct dp_flow_activity *active)
{
	bool is_late;
	struct megaflow *m = find_used(active->id, active->stats.used_ms, &is_late);

	if (m)
		credit(m, &active->stats);
	if (!is_late)
		return;
	if (n_late == cap_late) {
		cap_late = cap_late ? cap_late * 2 : 64;
		late = xrealloc(late, cap_late * sizeof *late);
	}
	late[n_late++] = active->id;
}

void megaflows_credit_late(void)
{
	size_t n_left = 0;

	for (size_t i = 0; i < n_late; i++) {
		bool is_late;
		struct megaflow *m = find_used(late[i], 0, &is_late);

		if (m)
			megaflow_credit(m);
		else if (is_late)
			late[n_left++] = late[i];
	}
	n_late = n_left;
}

int megaflow_replace(struct megaflow *m, const struct xlate_out *out)
{
	size_t old_size = megaflow_size(m);
	int error;

	megaflow_credit(m);
	forget(m);
	remember(m, out);
	atomic_fetch_add_explicit(&n_bytes, megaflow_size(m) - old_size, memory_order_relaxed);
	error = put(m);
	return error;
}

void megaflow_remove(struct megaflow *m)
{
	struct dp_flow_stats last = {0};

	if (!m->dp->ops->flow_del(m->dp, m->id, &last))
		credit(m, &last);
	slot_give_back(m->id);
	atomic_fetch_sub_explicit(&n_megaflows, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&n_bytes, megaflow_size(m), memory_order_relaxed);
	forget(m);
	free(m);
}

/* ---- for people ---- */

void megaflow_note_fill(struct megaflow_note *note, const void *actions, size_t actions_len,
			const struct xlate_credit *credits, size_t n_credits)
{
	const struct dp_action *a;
	size_t left;

	note->actions_len = note->n_rules = 0;
	DP_ACTION_FOR_EACH(a, left, actions, actions_len) {
		if (a->len > sizeof note->actions - note->actions_len)
			break;
		memcpy(note->actions + note->actions_len, a, a->len);
		note->actions_len += a->len;
	}
	for (size_t i = 0; i < n_credits && note->n_rules < ARRAY_SIZE(note->rules); i++) {
		const struct xlate_credit *c = &credits[i];

		if (c->kind != XLATE_CREDIT_RULE && c->kind != XLATE_CREDIT_TABLE)
			continue;
		note->rules[note->n_rules].table = c->table;
		note->rules[note->n_rules].has_rule = c->rule;
		note->rules[note->n_rules++].cookie = c->rule ? c->rule->cookie : 0;
	}
}

bool megaflow_get_note(uint64_t id, struct megaflow_note *note)
{
	const struct megaflow *m = NULL;
	uint32_t i = (uint32_t)id;

	pthread_mutex_lock(&slots_lock);
	if (i < n_slots)
		m = slots[i].m;
	pthread_mutex_unlock(&slots_lock);
	if (!m || m->id != id)
		return false;
	note->in_port = m->key.in_port;
	megaflow_note_fill(note, m->actions, m->actions_len, m->credits, m->n_credits);
	return true;
}
