// SPDX-License-Identifier: Apache-2.0
#include "switchd/revalidate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/flow_limit.h"
#include "switchd/megaflow.h"

LOG_MODULE(revalidate);

enum {
	SYNC_MAX = 5000, /* flows that a command re-translates itself */
	PERIOD_MS = 500,
	IDLE_MS = 10000,
	AGE_STEPS = 64,
	ROOM = 16,	       /* with too many flows, this share of the limit is made free */
	BATCH = 64,	       /* flows between two looks at who else wants the locks */
	SLOTS_AT_ONCE = 16384, /* of the book, that are looked at for idle flows meanwhile */
	DUTY = 5,	       /* after a pass of T the thread rests for DUTY * T: 17 % of a core at most */
};

/* What the thread has to do next. Leaf lock: taken with any other held. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	pthread_t thread;
	bool running, quit;
	bool all, fdb; /* re-translate everything; what used the FDB */
	bool at_once;  /* without a rest */
} todo = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic int64_t idle_ms = IDLE_MS;
static _Atomic uint64_t n_passes, n_retranslated, n_changed, n_evicted_idle, n_invalidations;
static _Atomic int64_t last_pass_us;
static _Atomic uint32_t flow_limit = DP_DEFAULT_MAX_FLOWS, max_flows = DP_DEFAULT_MAX_FLOWS;
static _Atomic uint64_t n_refused;

/* What a walk re-translates. */
struct scope {
	bool all, fdb;
	bool at_once; /* before anything else */
	bool revive;  /* answers that are still true must be put again: they were invalidated */
	const uint64_t *tables;
};

/* Memory for one translation; walkers are serialised. */
static _Alignas(8) uint8_t scratch_actions[DP_ACTIONS_MAX];
static struct xlate_credit scratch_credits[XLATE_MAX_RULES];

static bool in_scope(const struct megaflow *m, const struct scope *scope)
{
	if (scope->all || (scope->fdb && m->used_fdb))
		return true;
	for (size_t i = 0; scope->tables && i < ARRAY_SIZE(m->tables); i++)
		if (m->tables[i] & scope->tables[i])
			return true;
	return false;
}

static bool mask_has_more(const struct pkt_key *new, const struct pkt_key *old)
{
	const uint64_t *n = (const uint64_t *)new, *o = (const uint64_t *)old;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		if (n[i] & ~o[i])
			return true;
	return false;
}

static bool same_credits(const struct megaflow *m, const struct xlate_out *out)
{
	if (m->n_credits != out->n_credits)
		return false;
	for (size_t i = 0; i < m->n_credits; i++) {
		const struct xlate_credit *a = &m->credits[i], *b = &out->credits[i];

		if (a->kind != b->kind || a->rule != b->rule || a->br != b->br || a->vlan != b->vlan ||
		    a->table != b->table || a->port != b->port || memcmp(a->mac, b->mac, sizeof a->mac))
			return false;
	}
	return true;
}

static bool same_actions(const struct megaflow *m, const struct xlate_out *out)
{
	const struct dp_action *first = (const struct dp_action *)(const void *)m->actions;
	bool was_slow = m->actions_len && first->type == DP_USERSPACE && first->arg == DP_TO_SLOW_PATH;

	if (was_slow || out->slow_path)
		return was_slow && out->slow_path;
	return m->actions_len == out->actions.len && !memcmp(m->actions, out->actions.data, m->actions_len);
}

/*
 * Ask translation again. An answer that looks at bits the installed mask does not have cannot be put in its place: the
 * next packet makes a flow of the right width.
 */
static void retranslate(struct megaflow *m, const struct scope *scope, int64_t now_ms)
{
	struct xlate_in in = {.dp = m->dp, .key = &m->key, .now_ms = now_ms, .is_guess = m->is_guess};
	struct xlate_out out = {
		.actions = {.data = scratch_actions, .cap = sizeof scratch_actions},
		.credits = scratch_credits,
	};

	xlate_run(&in, &out);
	atomic_fetch_add_explicit(&n_retranslated, 1, memory_order_relaxed);
	if (mask_has_more(&out.mask, &m->mask) || out.would_teach) {
		megaflow_remove(m);
	} else if (!same_actions(m, &out) || !same_credits(m, &out)) {
		if (megaflow_replace(m, &out))
			megaflow_remove(m);
	} else {
		memcpy(m->tables, out.tables, sizeof m->tables);
		m->used_fdb = out.used_fdb;
		if (scope->revive && megaflow_replace(m, &out))
			megaflow_remove(m);
		return;
	}
	atomic_fetch_add_explicit(&n_changed, 1, memory_order_relaxed);
}

/* ---- counters ---- */

static void lock_all(void)
{
	megaflows_lock();
	switch_rdlock();
	rcu_read_lock();
}

static void unlock_all(void)
{
	rcu_read_unlock();
	switch_rdunlock();
	megaflows_unlock();
}

static void pull_from(struct datapath *dp)
{
	struct dp_flow_activity active[BATCH];
	uint64_t cursor = 0;
	bool goes_on = dp;

	while (goes_on) {
		size_t n = ARRAY_SIZE(active);

		lock_all();
		goes_on = dp->ops->flow_active(dp, &cursor, active, &n);
		for (size_t i = 0; i < n; i++)
			megaflow_credit_active(&active[i]);
		unlock_all();
	}
}

void revalidate_pull_stats(void)
{
	lock_all();
	megaflows_credit_late();
	unlock_all();
	pull_from(vswitch.dp);
	pull_from(vswitch.dummy_dp);
}

/* ---- eviction ---- */

/*
 * The age from which on flows are evicted. Where some were refused because there are as many as there may be, it is one that makes
 * room: what goes is what was not used for longest, but nothing that was used since the last pass.
 */
static int64_t age_limit(int64_t now_ms)
{
	static uint64_t n_refused_before; /* of the revalidator's thread */
	size_t n[AGE_STEPS] = {0}, n_flows = megaflows_count(), n_old = 0, i = AGE_STEPS, n_wanted;
	const bool is_pressed = n_refused != n_refused_before;
	int64_t step_ms;

	n_refused_before = n_refused;
	if (n_flows > 2ull * flow_limit)
		return 0; /* the limit has fallen: all begin anew */
	if (n_flows < flow_limit || (n_flows == flow_limit && !is_pressed))
		return idle_ms;
	n_wanted = n_flows - flow_limit / ROOM * (ROOM - 1);
	step_ms = megaflows_count_ages(now_ms, n, AGE_STEPS);
	while (i > 0 && n_old < n_wanted)
		n_old += n[--i];
	return MIN(MAX((int64_t)i * step_ms, PERIOD_MS), idle_ms);
}

/* Caller holds every lock. */
static void evict(struct megaflow *m, int64_t before_ms)
{
	if (MAX(megaflow_credit(m), m->created_ms) >= before_ms)
		return; /* used a moment ago */
	megaflow_remove(m);
	atomic_fetch_add_explicit(&n_evicted_idle, 1, memory_order_relaxed);
}

static void evict_idle(void)
{
	int64_t now_ms = clock_now_ms(), before_ms = now_ms - age_limit(now_ms);
	size_t slot = 0;
	bool end = false;

	while (!end) {
		lock_all();
		for (int i = 0; i < BATCH && !end; i++) {
			struct megaflow *m = megaflow_next_unused(&slot, SLOTS_AT_ONCE, before_ms, &end);

			if (!m)
				break;
			evict(m, before_ms);
		}
		unlock_all();
	}
}

/* ---- walks ---- */

static void walk(const struct scope *scope)
{
	int64_t now_ms = clock_now_ms();
	struct megaflow *m;
	size_t slot = 0;

	do {
		lock_all();
		for (int i = 0; i < BATCH && (m = megaflow_next(&slot)); i++)
			if (in_scope(m, scope))
				retranslate(m, scope, now_ms);
		unlock_all();
	} while (m);
}

static void wake(bool all, bool fdb, bool at_once)
{
	pthread_mutex_lock(&todo.lock);
	todo.all |= all;
	todo.fdb |= fdb;
	todo.at_once |= at_once;
	pthread_cond_signal(&todo.cond);
	pthread_mutex_unlock(&todo.lock);
}

void revalidate_fdb_changed(void)
{
	wake(false, true, false);
}

void revalidate_soon(void)
{
	wake(true, false, true);
}

static void invalidate(struct datapath *dp)
{
	if (dp)
		dp->ops->flow_invalidate_all(dp);
}

/*
 * After a change that has been published. Translations that began before it may still be under way, and install what
 * they find: the write lock is had only when they are through, and whatever they installed is in the book then.
 */
static void wait_for_translations(void)
{
	switch_wrlock();
	switch_wrunlock();
}

static void changed(const struct scope *scope)
{
	wait_for_translations();
	if (megaflows_count() <= SYNC_MAX) {
		walk(scope);
		return;
	}
	invalidate(vswitch.dp);
	invalidate(vswitch.dummy_dp);
	atomic_fetch_add_explicit(&n_invalidations, 1, memory_order_relaxed);
	wake(true, false, false);
}

void revalidate_tables(const uint64_t tables[4])
{
	changed(&(struct scope){.tables = tables});
}

void revalidate_all(void)
{
	changed(&(struct scope){.all = true});
}

/* Removes every flow that @doomed says. */
static void remove_if(bool (*doomed)(const struct megaflow *m, const void *what), const void *what)
{
	struct megaflow *m;
	size_t slot = 0;

	megaflows_lock();
	rcu_read_lock();
	while ((m = megaflow_next(&slot)))
		if (doomed(m, what))
			megaflow_remove(m);
	rcu_read_unlock();
	megaflows_unlock();
}

static bool credits_bridge(const struct megaflow *m, const void *br)
{
	for (size_t i = 0; i < m->n_credits; i++)
		if (m->credits[i].br == br)
			return true;
	return false;
}

static bool is_of_datapath(const struct megaflow *m, const void *dp)
{
	return !dp || m->dp == dp;
}

void revalidate_forget_bridge(const struct bridge *br)
{
	wait_for_translations();
	remove_if(credits_bridge, br);
}

static bool learns_in(const struct megaflow *m, const void *br)
{
	for (size_t i = 0; i < m->n_credits; i++)
		if (m->credits[i].kind == XLATE_CREDIT_FDB && m->credits[i].br == br)
			return true;
	return false;
}

static bool looks_up_in(const struct megaflow *m, const void *br)
{
	return m->used_fdb && credits_bridge(m, br);
}

void revalidate_relearn(const struct bridge *br)
{
	wait_for_translations();
	remove_if(learns_in, br);
	remove_if(looks_up_in, br);
}

void revalidate_forget_datapath(const struct datapath *dp)
{
	wait_for_translations();
	remove_if(is_of_datapath, dp);
}

void revalidate_set_idle_ms(int64_t ms)
{
	idle_ms = ms;
}

void revalidate_set_max_flows(uint32_t n)
{
	/* One that had fallen rises by itself. */
	if (flow_limit == max_flows || flow_limit > n)
		flow_limit = n;
	max_flows = n;
}

bool revalidate_has_room(void)
{
	if (megaflows_count() < flow_limit)
		return true;
	atomic_fetch_add_explicit(&n_refused, 1, memory_order_relaxed);
	return false;
}

static int64_t monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * Waits until @rest_us have passed, and then for work or until a period is over. Return: false to end.
 * The waiting is real time, also when the switch's clock is stopped.
 */
static bool wait_for_work(int64_t rest_us, struct scope *scope)
{
	int64_t began_us = monotonic_us();
	bool go_on;

	pthread_mutex_lock(&todo.lock);
	for (;;) {
		int64_t passed_us = monotonic_us() - began_us;
		bool due = todo.all || todo.fdb;
		int64_t until_us = began_us + (due ? rest_us : MAX(rest_us, (int64_t)PERIOD_MS * 1000));
		struct timespec at = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};

		if (todo.quit || todo.at_once || began_us + passed_us >= until_us)
			break;
		pthread_cond_timedwait(&todo.cond, &todo.lock, &at);
	}
	*scope = (struct scope){.all = todo.all, .revive = todo.all, .fdb = todo.fdb, .at_once = todo.at_once};
	todo.all = todo.fdb = todo.at_once = false;
	go_on = !todo.quit;
	pthread_mutex_unlock(&todo.lock);
	return go_on;
}

static void adapt_limit(size_t n_flows)
{
	const uint32_t old = flow_limit, new = flow_limit_next(old, max_flows, n_flows, last_pass_us / 1000);

	/* It rises in small steps, which nobody wants to read about. */
	if (new < old)
		log_warn_rl("a pass over %zu datapath flows took %lld ms: there may be %u of them now, not %u", n_flows,
			    (long long)last_pass_us / 1000, new, old);
	else if (new > old &&new == max_flows)
		log_info("passes over the datapath flows are quick again: there may be %u of them", new);
	flow_limit = new;
}

static void *revalidator(void *aux VSW_UNUSED)
{
	struct scope scope;
	int64_t rest_us = 0;

	rcu_register_thread();
	pthread_setname_np(pthread_self(), "revalidator");
	while (wait_for_work(rest_us, &scope)) {
		int64_t began_us = monotonic_us();
		size_t n_flows = megaflows_count();

		if (scope.at_once) {
			wait_for_translations();
			walk(&scope);
		}
		revalidate_pull_stats();
		if (!scope.at_once && (scope.all || scope.fdb))
			walk(&scope);
		evict_idle();
		last_pass_us = monotonic_us() - began_us;
		rest_us = last_pass_us * DUTY;
		adapt_limit(n_flows);
		atomic_fetch_add_explicit(&n_passes, 1, memory_order_relaxed);
	}
	rcu_unregister_thread();
	return NULL;
}

int revalidate_start(void)
{
	pthread_condattr_t attr;
	int error;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&todo.cond, &attr);
	pthread_condattr_destroy(&attr);
	todo.quit = false;
	error = pthread_create(&todo.thread, NULL, revalidator, NULL);
	todo.running = !error;
	return -error;
}

void revalidate_stop(void)
{
	if (todo.running) {
		pthread_mutex_lock(&todo.lock);
		todo.quit = true;
		pthread_cond_signal(&todo.cond);
		pthread_mutex_unlock(&todo.lock);
		pthread_join(todo.thread, NULL);
		pthread_cond_destroy(&todo.cond);
		todo.running = false;
	}
	revalidate_forget_datapath(NULL);
}

void revalidate_get_stats(struct revalidate_stats *stats)
{
	*stats = (struct revalidate_stats){
		.n_passes = n_passes,
		.n_retranslated = n_retranslated,
		.n_changed = n_changed,
		.n_evicted_idle = n_evicted_idle,
		.n_invalidations = n_invalidations,
		.last_pass_us = last_pass_us,
		.flow_limit = flow_limit,
		.max_flows = max_flows,
		.n_refused = n_refused,
	};
}
