/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command handler gets: the global options, and the few things that all of them do: ask the daemon, say what
 * went wrong, print.
 *
 * A handler is thin: arguments -> one request -> print. It returns the exit status of the program.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H 1

#include <jansson.h>
#include <stdbool.h>

#include "base/errtext.h"
#include "ctl/command.h"

/** Exit status: done, failed, and the answer "no" to a question (br-exists). */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_NO = 2 };

struct ctl {
	const char *rundir;
	int timeout_ms; /**< -1: none */
	bool json;
	bool dry_run;
	const char *format; /**< --format, or NULL */
	const char *data;   /**< --data, or NULL */
	bool no_headings;
	bool bare;
	bool oneline;
};

/**
 * ctl_call() - one request to the daemon
 * @params: reference taken; NULL for none
 *
 * Return: the result (a new reference), or NULL after ctl_error() has said what is wrong.
 */
json_t *ctl_call(const struct ctl *ctl, const char *method, json_t *params);

/**
 * ctl_ask() - one request, its answer printed: the text, or with --json the result
 * @params: reference taken; NULL for none. "format" is added.
 *
 * Return: exit status.
 */
int ctl_ask(const struct ctl *ctl, const char *method, json_t *params);
/** ctl_print_result() - the printing half of ctl_ask(). @result: reference taken; NULL after an error. Return: exit status. */
int ctl_print_result(const struct ctl *ctl, json_t *result);

/** ctl_put_string() - params[key] = value; a NULL value leaves the key out. */
static inline void ctl_put_string(json_t *params, const char *key, const char *value)
{
	if (value)
		json_object_set_new(params, key, json_string(value));
}

/** ctl_error() - say why it failed: a sentence on stderr, with --json also {"error": ...} on stdout. Return: CTL_FAILED. */
int ctl_error(const struct ctl *ctl, int error, const struct errtext *err);

/** ctl_fail() - as ctl_error() for something that was typed. */
int ctl_fail(const struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** ctl_print_json() - one line. Return: CTL_OK. */
int ctl_print_json(const json_t *json);

/** ctl_print_text() - @text, and a newline behind it if it has none; nothing when it is empty or NULL. */
void ctl_print_text(const char *text);

/**
 * ctl_read_input() - a whole file, or standard input for "-"
 * @text: heap string, null-terminated
 *
 * Return: 0, or -errno with a sentence.
 */
VSW_MUST_USE int ctl_read_input(const char *path, char **text, size_t *len, struct errtext *err);

#endif
