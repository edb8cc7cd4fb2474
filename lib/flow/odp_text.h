/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of the syntax of datapath flows and actions: groups "name(member=value/mask,...)" in which members that no bit is matched
 * or written of are left out, and groups that are left empty with them. Masks of addresses are written out in full here.
 */
#ifndef FLOW_ODP_TEXT_H
#define FLOW_ODP_TEXT_H 1

#include "base/ds.h"
#include "vsw/flow_key.h"

/** odp_open() - "name(". Return: what odp_close() needs to take it back. */
size_t odp_open(struct ds *out, const char *name);
/** odp_close() - ")," or nothing at all when the group is empty. */
void odp_close(struct ds *out, size_t opened);

/* Members, each followed by a comma. */
void odp_eth(struct ds *out, const char *name, const uint8_t value[6], const uint8_t mask[6]);
void odp_ipv4(struct ds *out, const char *name, be32 value, be32 mask);
void odp_ipv6(struct ds *out, const char *name, const uint8_t value[16], const uint8_t mask[16]);
/** odp_dec() - decimal, its mask hexadecimal unless it is @full; odp_hex() - both hexadecimal. */
void odp_dec(struct ds *out, const char *name, uint64_t value, uint64_t mask, uint64_t full);
void odp_hex(struct ds *out, const char *name, uint64_t value, uint64_t mask, uint64_t full);
/** odp_word() - "name(0x1/0xf)," of its own. */
void odp_word(struct ds *out, const char *name, uint64_t value, uint64_t mask, uint64_t full);
/** odp_mpls() - label, tc, ttl, bos of one label stack entry. */
void odp_mpls(struct ds *out, be32 lse, be32 mask);

#endif
