// SPDX-License-Identifier: Apache-2.0
/* link/show: what links are made worse by, in the words of `vsw set-link`, and what that has done so far. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/link_words.h"
#include "base/util.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/commands.h"
#include "switchd/config.h"
#include "switchd/control.h"
#include "switchd/datapath/link_stage.h"
#include "switchd/iface_dev.h"

/* What the row has, as it was typed: "delay=20ms loss=1%"; and the same into @json. */
static void put_settings(const struct iface *iface, struct ds *text, json_t *json)
{
	const struct db_row *row = db_find_name(db_table(config_db(), "Interface"), NULL, iface->name);

	for (unsigned int i = 0; row && i < LINK_N_WORDS; i++) {
		const char *name = link_word_name(i), *value;
		char key[32];

		snprintf(key, sizeof key, "link-%s", name);
		value = db_get_key(row, NULL, "other_config", key, NULL);
		if (!value)
			continue;
		ds_printf(text, "%s%s=%s", text->len ? " " : "", name, value);
		json_object_set_new(json, name, json_string(value));
	}
}

static void put_stats(const struct egress_stage *stage, const char *direction, struct ds *text, json_t *json)
{
	struct link_stats s;

	if (!stage)
		return;
	link_stage_stats(stage, &s);
	ds_printf(text,
		  "    %-3s %" PRIu64 " packets, %" PRIu64 " lost, %" PRIu64 " did not fit the queue, %" PRIu64
		  " doubled, %" PRIu64 " overtook, %" PRIu64 " damaged, %" PRIu64 " under way\n",
		  direction, s.n_packets, s.n_lost, s.n_full, s.n_duplicated, s.n_reordered, s.n_corrupted, s.n_queued);
	json_object_set_new(json, direction,
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)s.n_packets, "lost",
				      (json_int_t)s.n_lost, "queue_full", (json_int_t)s.n_full, "duplicated",
				      (json_int_t)s.n_duplicated, "reordered", (json_int_t)s.n_reordered, "corrupted",
				      (json_int_t)s.n_corrupted, "queued", (json_int_t)s.n_queued));
}

static void put_iface(const struct iface *iface, struct ds *text, json_t *links)
{
	json_t *settings = json_object();
	json_t *json = json_pack("{s:s, s:o}", "port", iface->name, "settings", settings);
	struct ds words = DS_INIT;

	put_settings(iface, &words, settings);
	ds_printf(text, "%s: %s\n", iface->name, words.len ? ds_cstr(&words) : "none");
	put_stats(iface->dev->link_out, "out", text, json);
	put_stats(iface->dev->link_in, "in", text, json);
	json_array_append_new(links, json);
	ds_fini(&words);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct iface *const *)a)->name, (*(struct iface *const *)b)->name);
}

/* Those whose links are worse than they are, by name. */
static void put_all(struct ds *text, json_t *links)
{
	struct iface **list = xcalloc(hmap_count(&vswitch.ifaces) + 1, sizeof(struct iface *)), *iface;
	size_t n = 0;

	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
		if (link_settings_any(&iface->dev->wanted.link))
			list[n++] = iface;
	qsort(list, n, sizeof(struct iface *), by_name);
	for (size_t i = 0; i < n; i++)
		put_iface(list[i], text, links);
	free(list);
}

static int show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "port", err);
	bool as_json = control_wants_json(params, &error, err);
	const char *name = control_str(params, "port", NULL, &error, err);
	const struct iface *iface = !error && name ? iface_by_name(name) : NULL;
	struct ds text = DS_INIT;
	json_t *links;

	(void)request;
	if (error)
		return error;
	if (name && !iface)
		return errtext_set(err, ENOENT, "no port named %.60s", name);
	links = json_array();
	if (iface)
		put_iface(iface, &text, links);
	else
		put_all(&text, links);
	*result = as_json ? json_pack("{s:O, s:i}", "links", links, "exit", 0) : control_text(ds_cstr(&text));
	json_decref(links);
	ds_fini(&text);
	return 0;
}

void link_commands_register(void)
{
	control_register("link/show", show);
}
