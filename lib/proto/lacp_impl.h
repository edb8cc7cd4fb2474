/* SPDX-License-Identifier: Apache-2.0 */
/* What lacp.c and lacp_mux.c share; nobody else includes this. */
#ifndef PROTO_LACP_IMPL_H
#define PROTO_LACP_IMPL_H 1

#include "proto/lacp.h"

#define LACP_FOR_EACH_MEMBER(M, LACP) cds_list_for_each_entry(M, &(LACP)->members, node)

static inline bool lacp_has(const struct lacp_info *info, enum lacp_state bit)
{
	return info->state & bit;
}

static inline void lacp_set(struct lacp_info *info, enum lacp_state bit, bool on)
{
	info->state = (uint8_t)(on ? info->state | bit : info->state & ~bit);
}

static inline bool lacp_is_due(int64_t timer_ms, int64_t now_ms)
{
	return timer_ms != LACP_NEVER && now_ms >= timer_ms;
}

/** lacp_unselect() - Selected = UNSELECTED: the member lets go of the aggregator before it may come back. */
static inline void lacp_unselect(struct lacp_member *m)
{
	m->is_selected = false;
}

/* ---- lacp_mux.c ---- */

/** lacp_select() - selection logic. Return: whether somebody's selection changed. */
bool lacp_select(struct lacp *lacp);
/** lacp_mux_run() - the mux machine of every member. Return: whether any moved. */
bool lacp_mux_run(struct lacp *lacp, int64_t now_ms);
void lacp_mux_reset(struct lacp_member *m);
void lacp_churn_run(struct lacp_member *m, int64_t now_ms);

#endif
