// SPDX-License-Identifier: Apache-2.0
#include "switchd/command_util.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "switchd/control.h"

int need_bridge(const json_t *params, struct bridge **br, struct errtext *err)
{
	int error = 0;
	const char *name = control_str(params, "bridge", NULL, &error, err);

	if (error)
		return error;
	if (!name)
		return errtext_set(err, EINVAL, "the name of a bridge is missing");
	*br = bridge_by_name(name);
	return *br ? 0 : errtext_set(err, ENOENT, "no bridge named %.60s", name);
}

static int by_bridge_name(const void *a, const void *b)
{
	return strcmp((*(struct bridge *const *)a)->name, (*(struct bridge *const *)b)->name);
}

/* The bridges that a request is about. Return: 0 and a heap array, or negative errno with @err. */
static int pick_bridges(const json_t *params, struct bridge ***list, size_t *n, struct errtext *err)
{
	const json_t *name = json_object_get(params, "bridge");
	struct bridge *br;
	int error;

	*n = 0;
	*list = xcalloc(hmap_count(&vswitch.bridges) + 1, sizeof **list);
	if (name && !json_is_null(name)) {
		error = need_bridge(params, &(*list)[0], err);
		*n = !error;
		return error;
	}
	HMAP_FOR_EACH(br, node, &vswitch.bridges)
		(*list)[(*n)++] = br;
	qsort(*list, *n, sizeof **list, by_bridge_name);
	return 0;
}

int each_bridge(const json_t *params,
		int (*one)(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err),
		void *aux, json_t **result, struct errtext *err)
{
	struct answer answer = {.bridges = json_array()};
	struct bridge **list;
	int error = 0;
	size_t n = 0;

	answer.as_json = control_wants_json(params, &error, err);
	if (!error)
		error = pick_bridges(params, &list, &n, err);
	else
		list = NULL;
	for (size_t i = 0; i < n && !error; i++) {
		json_t *json = json_pack("{s:s}", "name", list[i]->name);

		if (n > 1 && !answer.as_json)
			ds_printf(&answer.text, "%s:\n", list[i]->name);
		error = one(list[i], &answer, json, aux, err);
		json_array_append_new(answer.bridges, json);
	}
	if (!error)
		*result = answer.as_json ? json_pack("{s:O, s:i}", "bridges", answer.bridges, "exit", 0)
					 : control_text(ds_cstr(&answer.text));
	json_decref(answer.bridges);
	ds_fini(&answer.text);
	free(list);
	return error;
}

int iface_of_word(const struct bridge *br, const char *word, struct iface **iface, struct errtext *err)
{
	uint64_t number;

	*iface = iface_by_name(word);
	if (*iface && (*iface)->bridge != br)
		*iface = NULL;
	if (!*iface && !strcasecmp(word, "LOCAL"))
		*iface = br->local;
	if (!*iface && str_to_uint(word, 10, UINT16_MAX, &number))
		*iface = bridge_iface_by_ofp(br, (uint16_t)number);
	return *iface ? 0
		      : errtext_set(err, ENOENT, "bridge %s has no port %.60s; `vsw list-ports %s` lists them",
				    br->name, word, br->name);
}

static int by_number(const void *a, const void *b)
{
	return (int)(*(struct iface *const *)a)->ofp_port - (int)(*(struct iface *const *)b)->ofp_port;
}

struct iface **ifaces_by_number(const struct bridge *br, size_t *n)
{
	struct iface **list = xcalloc(hmap_count(&br->ifaces) + 1, sizeof(struct iface *));
	struct iface *iface;

	*n = 0;
	HMAP_FOR_EACH(iface, ofp_node, &br->ifaces)
		list[(*n)++] = iface;
	qsort(list, *n, sizeof(struct iface *), by_number);
	return list;
}

/* Names that flow text could take for something else are quoted. */
static bool is_plain(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_' && *name != '-')
			return false;
	return true;
}

void put_port(struct ds *out, const struct iface *iface, bool names, int width)
{
	if (iface->ofp_port == OFPP_LOCAL)
		ds_put(out, "LOCAL");
	else if (names)
		ds_printf(out, is_plain(iface->name) ? "%s" : "\"%s\"", iface->name);
	else
		ds_printf(out, "%*u", width, iface->ofp_port);
}

ssize_t hex_to_bytes(const char *text, uint8_t *bytes, size_t size, struct errtext *err)
{
	static const char digits[] = "0123456789abcdef";
	size_t n_digits = 0;

	for (const char *p = text; *p; p++) {
		const char *d = memchr(digits, tolower((unsigned char)*p), 16);

		if (isspace((unsigned char)*p) || *p == ':')
			continue;
		if (!d)
			return errtext_at(err, EINVAL, (size_t)(p - text) + 1,
					  "column %zu: '%c' is no hexadecimal digit", (size_t)(p - text) + 1, *p);
		if (n_digits / 2 == size)
			return errtext_set(err, EMSGSIZE, "the packet is longer than %zu bytes", size);
		bytes[n_digits / 2] = (uint8_t)(n_digits % 2 ? bytes[n_digits / 2] << 4 | (d - digits) : d - digits);
		n_digits++;
	}
	if (n_digits % 2)
		return errtext_set(err, EINVAL, "the packet ends in the middle of a byte");
	return (ssize_t)(n_digits / 2);
}
