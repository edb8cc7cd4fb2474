/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about bonds: which ones, told as text or as JSON. What bond/show, bond/list, lacp/show and lacp/show-stats have in common. */
#ifndef SWITCHD_BOND_ASK_H
#define SWITCHD_BOND_ASK_H 1

#include <jansson.h>
#include <stdbool.h>

#include "base/errtext.h"
#include "base/util.h"

struct bond_port;
struct ds;

struct bond_question {
	const char *key;				/**< of the array in JSON */
	const char *head;				/**< a line in front of the text, or NULL */
	bool (*concerns)(const struct bond_port *bond); /**< NULL: all of them */
	void (*put)(struct bond_port *bond, struct ds *out);
	json_t *(*json)(const struct bond_port *bond);
	/** What is said when the parameter "port" names none: in front of the name and behind it. NULL: it takes no "port". */
	const char *unknown, *remedy;
};

/** bond_ask() - as a control method, under bonds_lock() while it looks. */
VSW_MUST_USE int bond_ask(const struct bond_question *question, const json_t *params, json_t **result,
			  struct errtext *err);

#endif
