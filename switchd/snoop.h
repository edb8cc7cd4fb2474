/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that tell who has which IP address, into the bridge's table of hosts (hosts.h). */
#ifndef SWITCHD_SNOOP_H
#define SWITCHD_SNOOP_H 1

struct xlate_in;
struct xlate_out;

/**
 * snoop() - take note of what a packet tells
 * @in, @out: of its translation, which said that it tells something (out->snoops)
 *
 * Any thread, under switch_rdlock().
 */
void snoop(const struct xlate_in *in, const struct xlate_out *out);

#endif
