/* SPDX-License-Identifier: Apache-2.0 */
/* In which fields a packet and a match differ, in words: "tp_dst is 80, not 443". */
#ifndef FLOW_MATCH_DIFF_H
#define FLOW_MATCH_DIFF_H 1

#include "flow/match.h"

struct match_difference {
	const char *field; /**< as flow text calls it: "tp_dst", "nw_src", "dl_vlan"; static */
	char is[64];	   /**< what the packet has; "none": no tag */
	char wants[96];	   /**< what the match asks for, with its mask */
};

/**
 * match_differences() - the fields that keep @key out of @m
 * @names: for in_port, or NULL
 * @d: room for @n of them
 *
 * From the outside in, and no further than it makes sense: a packet of another Ethernet type is not compared by its IP addresses, one
 * of another IP protocol not by its ports.
 *
 * Return: number written; 0 when @key matches.
 */
size_t match_differences(const struct match *m, const struct flow_key *key, const struct port_names *names,
			 struct match_difference *d, size_t n);

#endif
