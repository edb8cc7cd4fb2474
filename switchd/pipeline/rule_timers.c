/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of rules by expiry; see rule_timers.h. */
#include "switchd/pipeline/rule_timers.h"

#include "base/util.h"
#include "switchd/pipeline/table_private.h"

static void place(struct rule_timers *timers, size_t i, struct rule_timer timer)
{
	timers->heap[i] = timer;
	timer.rule->timer = (uint32_t)i;
}

static size_t sift_up(struct rule_timers *timers, size_t i)
{
	struct rule_timer timer = timers->heap[i];

	for (; i && timers->heap[(i - 1) / 2].due_ms > timer.due_ms; i = (i - 1) / 2)
		place(timers, i, timers->heap[(i - 1) / 2]);
	place(timers, i, timer);
	return i;
}

static void sift_down(struct rule_timers *timers, size_t i)
{
	struct rule_timer timer = timers->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < timers->n && timers->heap[child + 1].due_ms < timers->heap[child].due_ms)
			child++;
		if (child >= timers->n || timers->heap[child].due_ms >= timer.due_ms)
			break;
		place(timers, i, timers->heap[child]);
		i = child;
	}
	place(timers, i, timer);
}

void rule_timers_add(struct rule_timers *timers, struct rule *rule)
{
	if (!rule->idle_timeout_s && !rule->hard_timeout_s)
		return;
	if (timers->n == timers->cap) {
		timers->cap = timers->cap ? timers->cap * 2 : 16;
		timers->heap = xrealloc(timers->heap, timers->cap * sizeof *timers->heap);
	}
	place(timers, timers->n++, (struct rule_timer){rule_expires_ms(rule), rule});
	sift_up(timers, timers->n - 1);
}

void rule_timers_remove(struct rule_timers *timers, struct rule *rule)
{
	size_t i = rule->timer;

	if (i == RULE_TIMER_NONE)
		return;
	rule->timer = RULE_TIMER_NONE;
	timers->n--;
	if (i == timers->n)
		return;
	place(timers, i, timers->heap[timers->n]);
	sift_down(timers, sift_up(timers, i));
}

void rule_timers_update(struct rule_timers *timers, struct rule *rule)
{
	size_t i = rule->timer;

	timers->heap[i].due_ms = rule_expires_ms(rule);
	sift_down(timers, sift_up(timers, i));
}
