/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's book of the flows it has put into datapaths.
 *
 * A datapath flow is a cached answer of translation. For each one the book keeps what is needed to keep it true: the key and
 * mask it was translated for, the tables it went through, the rules that its packets must be credited to, and how many have
 * been credited already.
 *
 * A megaflow's id in the datapath is its slot in the book and a generation, so finding one by id is an index. The slots lie side by
 * side and know when their flow was last used: those with nothing to do cost a pass next to nothing, however many there are.
 *
 * Threads: megaflow_install() comes from any thread, under switch_rdlock(). Everything else comes from one walker at a time, under
 * megaflows_lock() (the revalidator thread, or the main thread when a change must be visible before its command returns).
 */
#ifndef SWITCHD_MEGAFLOW_H
#define SWITCHD_MEGAFLOW_H 1

#include "switchd/datapath/datapath.h"
#include "switchd/pipeline/xlate.h"

struct megaflow {
	uint64_t id;
	struct datapath *dp;
	struct pkt_key key; /* of the packet that made it, unmasked */
	struct pkt_key mask;
	uint64_t tables[4]; /* tables looked up */
	bool used_fdb;
	bool is_guess; /* put before any of its packets came (answer.h), and none has been counted since */
	bool snoops;   /* its packets tell addresses (snoop.h): it counts as unused from the beginning */
	int64_t created_ms;
	struct dp_flow_stats credited; /* n_packets and n_bytes given to the rules so far */
	size_t actions_len;
	uint8_t *actions; /* as put into the datapath */
	size_t n_credits;
	struct xlate_credit *credits; /* each holds a reference to its rule */
};

void megaflows_lock(void);
void megaflows_unlock(void);

/**
 * megaflow_install() - put a translation into the datapath and the book
 * @in: what was translated
 * @out: the result; rules are referenced here, so they must be alive
 * @id: of the datapath's flow; 0 on failure
 *
 * Return: 0; -EEXIST when the datapath has this flow from another thread, -ENOSPC when it is full, or its error.
 */
int megaflow_install(const struct xlate_in *in, const struct xlate_out *out, uint64_t *id);

/**
 * megaflow_adopt() - a flow that a predecessor left in the datapath becomes one of the book
 * @in: what was translated: the orphan's own key
 * @i: which orphan it is
 * @out: the result, whose mask is no wider than the orphan's
 *
 * Return: as megaflow_install().
 */
int megaflow_adopt(const struct xlate_in *in, size_t i, const struct dp_orphan *orphan, const struct xlate_out *out);

/** megaflow_next() - walk: begin with *slot = 0; NULL at the end. Megaflows may be removed, and are added, meanwhile. */
struct megaflow *megaflow_next(size_t *slot);

/**
 * megaflow_next_unused() - walk over those that were not used after @before_ms, as far as is known
 * @slot: as in megaflow_next(); at most @n_slots are looked at, then the walk pauses
 * @end: set at the end of the book
 *
 * Return: one, or NULL at a pause or the end.
 */
struct megaflow *megaflow_next_unused(size_t *slot, size_t n_slots, int64_t before_ms, bool *end);

/**
 * megaflows_count_ages() - how long ago flows were used
 * @n: zeroed; n[i] becomes the number of those unused for i steps or more and less than i + 1
 *
 * Return: milliseconds per step, such that the oldest is within the last one.
 */
int64_t megaflows_count_ages(int64_t now_ms, size_t n[], size_t n_steps);

/** megaflow_replace() - new actions and credits; counters before the change go to the old rules. Return: 0 or -errno. */
int megaflow_replace(struct megaflow *m, const struct xlate_out *out);

/** megaflow_remove() - out of datapath and book; the last counters go to the rules. Frees @m. */
void megaflow_remove(struct megaflow *m);

/** megaflow_credit() - give the rules what was counted since the last time. Return: when last used (clock_now_ms() scale), 0: never. */
int64_t megaflow_credit(struct megaflow *m);

/** megaflow_credit_active() - the same for one that the datapath has reported as active. */
void megaflow_credit_active(const struct dp_flow_activity *active);
/** megaflows_credit_late() - and for those that were reported before they were in the book. */
void megaflows_credit_late(void);

/** What becomes of a flow's packets, and by which rules. */
struct megaflow_note {
	uint32_t in_port;      /**< of the datapath */
	uint8_t actions[1024]; /**< a well-formed list; cut behind an action that fits */
	size_t actions_len;
	struct {
		uint64_t cookie;
		uint8_t table;
		bool has_rule; /**< else nothing matched in the table */
	} rules[16];
	size_t n_rules;
};
/** megaflow_get_note() - under megaflows_lock(). Return: false when there is no such flow. */
bool megaflow_get_note(uint64_t id, struct megaflow_note *note);
/** megaflow_note_fill() - from a translation. */
void megaflow_note_fill(struct megaflow_note *note, const void *actions, size_t actions_len,
			const struct xlate_credit *credits, size_t n_credits);

size_t megaflows_count(void);
/** megaflows_memory() - bytes in the book, without the datapath's share. */
size_t megaflows_memory(void);

#endif
