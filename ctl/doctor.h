/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vsw doctor`: what this host and this switch can and cannot do, one finding each.
 *
 * A finding is JSON, and is what --json prints:
 *   {"area": "BPF", "what": "tc programs", "state": "yes" | "limited" | "no" | "unknown", "detail"?, "instead"?, "mend"?}
 * detail: a clause about what was found. instead: what vsw does without it. mend: what to type.
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H 1

#include <jansson.h>

enum doctor_state { DOCTOR_YES, DOCTOR_LIMITED, DOCTOR_NO, DOCTOR_UNKNOWN };

/** doctor_find() - add a finding. @detail: format of the clause, "" for none. Return: it, for the next two; the list's. */
json_t *doctor_find(json_t *findings, const char *area, const char *what, enum doctor_state state, const char *detail,
		    ...) __attribute__((format(printf, 5, 6)));
/** doctor_instead() - what vsw uses then; doctor_mend() - what to type. No effect on a finding that is fine. */
void doctor_instead(json_t *finding, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void doctor_mend(json_t *finding, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What the parts find. */
void doctor_bpf(json_t *findings);
void doctor_network(json_t *findings);
void doctor_guests(json_t *findings);
void doctor_limits(json_t *findings);

#endif
