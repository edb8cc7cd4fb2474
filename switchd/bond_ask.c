// SPDX-License-Identifier: Apache-2.0
#include "switchd/bond_ask.h"

#include <errno.h>
#include <string.h>

#include "base/ds.h"
#include "switchd/bond.h"
#include "switchd/control.h"

/* Those that are asked for. Return: whether there was one. */
static bool tell(const struct bond_question *q, const char *name, struct ds *text, json_t *array)
{
	struct bond_port *b;
	bool found = false;

	bonds_lock();
	cds_list_for_each_entry(b, bonds_list(), node) {
		if ((q->concerns && !q->concerns(b)) || (name && strcmp(name, b->name) != 0))
			continue;
		found = true;
		q->put(b, text);
		json_array_append_new(array, q->json(b));
	}
	bonds_unlock();
	return found;
}

int bond_ask(const struct bond_question *q, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, q->unknown ? "port" : "", err);
	const char *name = q->unknown ? control_str(params, "port", NULL, &error, err) : NULL;
	bool as_json = control_wants_json(params, &error, err);
	struct ds text = DS_INIT;
	json_t *array;

	if (error)
		return error;
	array = json_array();
	if (q->head)
		ds_put(&text, q->head);
	if (!tell(q, name, &text, array) && name)
		error = errtext_set(err, ENOENT, "%s %.60s; %s", q->unknown, name, q->remedy);
	else
		*result = as_json ? json_pack("{s:O, s:i}", q->key, array, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(array);
	ds_fini(&text);
	return error;
}
