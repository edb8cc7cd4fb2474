/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misses: translate, remember, install, and keep what was installed true.
 *
 * Every datapath flow that the switch has installed is known here as a struct mega: its key and mask, the actions that translation gave,
 * the rules it credits, and how much of its counters has been credited already. upcall_handle() makes them; revalidate.c
 * walks them, moves statistics to rules, re-translates after a change, and evicts the idle.
 */
#ifndef SWITCHD_UPCALL_H
#define SWITCHD_UPCALL_H 1

#include "switchd/datapath/datapath.h"

/** upcall_handle() - the dp_upcall_fn of every datapath; @aux is the struct datapath ** that the datapath was opened into. */
void upcall_handle(void *aux, const struct dp_upcall *upcall, struct dp_upcall_reply *reply);

#endif
