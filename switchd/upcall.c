// SPDX-License-Identifier: Apache-2.0
#include "switchd/upcall.h"

#include <stdatomic.h>
#include <time.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "flow/match.h"
#include "switchd/answer.h"
#include "switchd/bridge.h"
#include "switchd/megaflow.h"
#include "switchd/pipeline/xlate.h"
#include "switchd/snoop.h"
#include "switchd/revalidate.h"

LOG_MODULE(upcall);

enum { CPU_SAMPLE = 16 };

static _Atomic uint64_t n_misses, n_slow_path, n_for_controller, n_not_installed, busy_ns;

/* Too large for a stack. */
static _Thread_local struct xlate_credit credits_of_this_thread[XLATE_MAX_RULES];

/*
 * The packet was translated already, and what else is to become of it has been done: only this copy, meant for a controller, is
 * left. There is none that listens, so it ends here. To translate it again would run its actions twice, for ever.
 */
static bool is_for_controller(const struct dp_upcall *upcall)
{
	return !upcall->is_miss && upcall->reason != DP_TO_SLOW_PATH;
}

/* Where the packet went nowhere else, this is what became of it. */
static void drop_for_controller(const struct dp_upcall *upcall, struct dp_actions *actions)
{
	bool is_old = xlate_controller_reason(upcall->cookie) == XLATE_IN_INVALID_TTL;

	atomic_fetch_add_explicit(&n_for_controller, 1, memory_order_relaxed);
	dp_actions_put_u32(actions, DP_DROP, is_old ? DROP_TTL_EXCEEDED : DROP_NO_CONTROLLER);
}

/* Limits are there for mistakes in flow tables: say where to look. */
static void report_failure(const struct xlate_out *out)
{
	const char *bridge = out->bridge->name;
	struct ds flow = DS_INIT;

	flow_key_format(&out->initial_key, NULL, &flow);
	log_warn_rl("bridge %s: %s, packets are dropped; `vsw trace %s '%s'` shows the way they went", bridge,
		    out->failed, bridge, ds_cstr(&flow));
	ds_fini(&flow);
}

static void install(const struct dp_upcall *upcall, const struct xlate_in *in, const struct xlate_out *out,
		    struct dp_upcall_reply *reply)
{
	if (!revalidate_has_room() || megaflow_install(in, out, &reply->flow_id))
		atomic_fetch_add_explicit(&n_not_installed, 1, memory_order_relaxed);
	else if (upcall->n_waiting <= ANSWER_MAX_WAITING)
		answer_install(in, out);
}

/*
 * Translation and installation are one critical section of switch_rdlock(): whoever changes tables or ports then takes
 * the write lock for an instant to be sure that no answer from before the change can still be installed (revalidate.c).
 */
static void handle(struct datapath *const *dp, const struct dp_upcall *upcall, struct dp_upcall_reply *reply)
{
	struct xlate_in in = {
		.dp = *dp,
		.key = upcall->key,
		.packet = upcall->packet,
		.now_ms = clock_now_ms(),
		.may_learn = true,
	};
	struct xlate_out out = {.actions = reply->actions, .credits = credits_of_this_thread};

	if (is_for_controller(upcall)) {
		drop_for_controller(upcall, &reply->actions);
		return;
	}
	atomic_fetch_add_explicit(upcall->is_miss ? &n_misses : &n_slow_path, 1, memory_order_relaxed);
	switch_rdlock();
	rcu_read_lock();
	xlate_run(&in, &out);
	if (out.failed && out.bridge)
		report_failure(&out);
	xlate_credit(out.credits, out.n_credits, 1, upcall->packet->len, in.now_ms);
	if (out.snoops)
		snoop(&in, &out);
	if (upcall->is_miss)
		install(upcall, &in, &out, reply);
	rcu_read_unlock();
	switch_rdunlock();
	reply->actions = out.actions;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* To ask for a thread's time costs a system call: one upcall in CPU_SAMPLE is measured, and stands for the others. */
void upcall_handle(void *aux, const struct dp_upcall *upcall, struct dp_upcall_reply *reply)
{
	static _Thread_local unsigned int n;
	bool is_sample = n++ % CPU_SAMPLE == 0;
	uint64_t began_ns = is_sample ? cpu_ns() : 0;

	handle(aux, upcall, reply);
	if (is_sample)
		atomic_fetch_add_explicit(&busy_ns, (cpu_ns() - began_ns) * CPU_SAMPLE, memory_order_relaxed);
}

void upcall_get_stats(struct upcall_stats *stats)
{
	stats->n_misses = atomic_load_explicit(&n_misses, memory_order_relaxed);
	stats->n_slow_path = atomic_load_explicit(&n_slow_path, memory_order_relaxed);
	stats->n_for_controller = atomic_load_explicit(&n_for_controller, memory_order_relaxed);
	stats->n_not_installed = atomic_load_explicit(&n_not_installed, memory_order_relaxed);
	stats->busy_ns = atomic_load_explicit(&busy_ns, memory_order_relaxed);
}
