/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ails the switch: findings for `vsw doctor`, each {"area", "what", "state", "instead"?, "mend"?} as in ctl/doctor.h. Main thread.
 */
#ifndef SWITCHD_DOCTOR_H
#define SWITCHD_DOCTOR_H 1

#include <jansson.h>

/** doctor_put() - add a finding. @what: format of a clause. Return: it; the list's. */
json_t *doctor_put(json_t *findings, const char *area, const char *state, const char *what, ...)
	__attribute__((format(printf, 4, 5)));
/** doctor_add() - "instead" or "mend", a clause. */
void doctor_add(json_t *finding, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** doctor_mtu() - MTUs that do not fit (doctor_mtu.c). */
void doctor_mtu(json_t *findings);

#endif
