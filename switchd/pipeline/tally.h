/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of rules that outlive the daemon, however it ends: a file beside the flow journal, mapped into memory.
 *
 * A rule has a place in the file while it lives, with an id that no other rule had there; place and id stand in its journal line. What is
 * counted for the rule is added there, too, in the page cache: kill -9 takes nothing away. A new daemon claims the places of the rules that
 * it reads from the journal; where the file is missing, or has somebody else at that place, the journal's own numbers hold,
 * which are those of the last time when it was rewritten.
 *
 *   header   32 bytes: a magic number, the id given out last
 *   places   24 bytes each, from 1 on: id (0: free), packets, bytes; in this machine's byte order
 *
 * The memory of a place is reserved in the file system before it is used (a full disk costs the counters' durability, not the
 * daemon), and its address never changes.
 *
 * Threads: tally_add() and tally_put() from any, the others from that which changes the tables.
 */
#ifndef SWITCHD_PIPELINE_TALLY_H
#define SWITCHD_PIPELINE_TALLY_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"

struct tallies;

/**
 * tallies_open() - a file of an earlier daemon, or a new one
 *
 * One that is no such file is replaced. Return: 0, or a negative errno with a sentence.
 */
int tallies_open(const char *path, struct tallies **tallies, struct errtext *err);
/** tallies_close() - rules may still have places; the memory goes with the last of them. NULL is fine. */
void tallies_close(struct tallies *tallies);
/** tallies_unlink() - remove the file; what is counted later goes nowhere. NULL is fine. */
void tallies_unlink(struct tallies *tallies);

/** tally_claim() - the place @place, if it is still that of @id. Return: false when it is not. *@n_packets, *@n_bytes: what was counted. */
bool tally_claim(struct tallies *tallies, uint32_t place, uint64_t id, uint64_t *n_packets, uint64_t *n_bytes);
/** tallies_settle() - all claims have been made: the other places are free. */
void tallies_settle(struct tallies *tallies);

/** tally_get() - a place that begins with these counters. Return: 0 when there is none to be had. */
uint32_t tally_get(struct tallies *tallies, uint64_t n_packets, uint64_t n_bytes);
/** tally_id() - of a place that is taken. */
uint64_t tally_id(const struct tallies *tallies, uint32_t place);
/** tally_add() - to a place that is taken. */
void tally_add(struct tallies *tallies, uint32_t place, uint64_t n_packets, uint64_t n_bytes);
/** tally_put() - the rule is gone. */
void tally_put(struct tallies *tallies, uint32_t place);

#endif
