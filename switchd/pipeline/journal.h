/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of transactions: lines of text, of which a new process finds every whole transaction that was acknowledged and no
 * part of any other, whenever the old process was killed.
 *
 *   vsw-journal 1            first line
 *   ...                      lines of a transaction, none of them starting with "commit "
 *   commit SEQ LEN CRC       closes it: its number (from 1), the bytes of its lines, their CRC-32C in hexadecimal
 *
 * One transaction is one write(); what a kill leaves of it has no commit line and is cut off by the next journal_open(). A
 * write that fails (disk full) is cut off at once. There is no fsync(): the file has to survive the process, not the host.
 *
 * Anything else that is wrong with the file did not come from a killed process: it is damage, and the file is kept beside the
 * new one as PATH.damaged.
 */
#ifndef SWITCHD_PIPELINE_JOURNAL_H
#define SWITCHD_PIPELINE_JOURNAL_H 1

#include <stdbool.h>
#include <stddef.h>

#include "base/errtext.h"

struct journal;

/** What journal_open() found. */
struct journal_info {
	size_t n_transactions;
	bool torn;    /**< an unfinished transaction was cut off */
	bool damaged; /**< the file was damaged; journal_rewrite() is due, before any append */
};

/**
 * journal_open() - open or create, and hand out what is there
 * @cb: called with the lines of each sound transaction, in order; @len bytes, not terminated
 *
 * Return: 0 or a negative errno with a sentence.
 */
int journal_open(const char *path, void (*cb)(void *aux, const char *lines, size_t len), void *aux,
		 struct journal_info *info, struct journal **journal, struct errtext *err);
/** journal_close() - NULL is fine. */
void journal_close(struct journal *journal);
/** journal_unlink() - remove the file; what is appended later goes nowhere. */
void journal_unlink(struct journal *journal);

/**
 * journal_append() - one transaction
 * @lines: @len bytes, ending in a newline
 *
 * Return: 0, or a negative errno with a sentence; then the file is as it was before.
 */
int journal_append(struct journal *journal, const char *lines, size_t len, struct errtext *err);

/**
 * journal_rewrite() - replace all transactions by one
 * @keep: leave what was there as PATH.damaged
 *
 * Return: 0, or a negative errno with a sentence; then the file is as it was before.
 */
int journal_rewrite(struct journal *journal, const char *lines, size_t len, bool keep, struct errtext *err);

#endif
