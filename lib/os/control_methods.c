// SPDX-License-Identifier: Apache-2.0
/* The methods that the modules registered, by name. */
#include "os/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"
#include "os/control_impl.h"

struct method {
	struct hmap_node node;
	const char *name;
	control_fn *fn;
};

static struct hmap methods = {.buckets = &methods.one};

static struct method *method_find(const char *name)
{
	struct method *m;

	HMAP_FOR_EACH_WITH_HASH(m, node, hash_string(name, 0), &methods)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

void control_register(const char *name, control_fn *fn)
{
	struct method *m = method_find(name);

	if (!m) {
		m = xzalloc(sizeof *m);
		m->name = name;
		hmap_insert(&methods, &m->node, hash_string(name, 0));
	}
	m->fn = fn;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

control_fn *control_find(const char *name)
{
	const struct method *m = method_find(name);

	return m ? m->fn : NULL;
}

json_t *control_methods(void)
{
	const char **names = xcalloc(hmap_count(&methods), sizeof *names);
	json_t *array = json_array();
	struct method *m;
	size_t n = 0;

	HMAP_FOR_EACH(m, node, &methods)
		names[n++] = m->name;
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(names[i]));
	free(names);
	return array;
}
