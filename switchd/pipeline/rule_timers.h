/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that have a timeout, in the order in which they must be looked at.
 *
 * A binary heap by the time at which a rule would expire if no packet came. Packets push an idle timeout back without telling
 * the heap: who takes the top asks the rule again, and puts it back with its new time (rule_timers_update()). So a busy rule costs one look
 * per idle timeout, and rules without timeouts cost nothing.
 */
#ifndef SWITCHD_PIPELINE_RULE_TIMERS_H
#define SWITCHD_PIPELINE_RULE_TIMERS_H 1

#include <stddef.h>
#include <stdint.h>

struct rule;

/** rule.timer of a rule that is not in the heap. */
#define RULE_TIMER_NONE UINT32_MAX

struct rule_timer {
	int64_t due_ms;
	struct rule *rule;
};

/** Zero-initialise; free `heap`. */
struct rule_timers {
	struct rule_timer *heap;
	size_t n, cap;
};

/** rule_timers_add() - no effect on a rule without timeouts. */
void rule_timers_add(struct rule_timers *timers, struct rule *rule);
/** rule_timers_remove() - no effect on a rule that is not there. */
void rule_timers_remove(struct rule_timers *timers, struct rule *rule);
/** rule_timers_update() - after the rule's expiry moved. */
void rule_timers_update(struct rule_timers *timers, struct rule *rule);

#endif
