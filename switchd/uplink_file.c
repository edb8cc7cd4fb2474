// SPDX-License-Identifier: Apache-2.0
/*
 * Uplinks on disk: RUNDIR/uplink/BRIDGE.json. The kernel's messages are kept as hexadecimal digits, and beside them in words, for whoever has to
 * mend things by hand. The run folder does not outlive the host, and neither do the addresses.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "switchd/bridge.h"
#include "switchd/uplink.h"

LOG_MODULE(uplink_file);

static const char *const state_names[] = {"asking", "moving", "unconfirmed", "settled"};

const char *uplink_state_name(enum uplink_state state)
{
	return state_names[state];
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	netconf_fini(&u->moved);
	netconf_fini(&u->before);
	free(u->bridge);
	free(u->device);
	free(u->old_hwaddr);
	free(u);
}

/* ---- writing ---- */

static json_t *conf_json(const struct netconf *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n; i++) {
		struct ds words = DS_INIT, hex = DS_INIT;

		netconf_format(&conf->items[i], &words);
		for (size_t b = 0; b < conf->items[i].len; b++)
			ds_printf(&hex, "%02x", conf->items[i].message[b]);
		json_array_append_new(list,
				      json_pack("{s:s, s:s}", "words", ds_cstr(&words), "message", ds_cstr(&hex)));
		ds_fini(&words);
		ds_fini(&hex);
	}
	return list;
}

static json_t *targets_json(const struct uplink *u)
{
	json_t *list = json_array();

	for (size_t i = 0; i < u->n_targets; i++) {
		char text[RTNL_ADDR_TEXT];

		json_array_append_new(list, json_string(rtnl_addr_format(&u->targets[i], text)));
	}
	return list;
}

static json_t *uplink_json(const struct uplink *u)
{
	int64_t deadline_ms = clock_wall_ms() + (u->deadline_ms - clock_now_ms());
	json_t *json = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I}", "bridge", u->bridge, "device", u->device,
				 "state", state_names[u->state], "made_bridge", u->made_bridge, "added_port",
				 u->added_port, "must_confirm", u->must_confirm, "confirm_ms",
				 (json_int_t)u->confirm_ms, "deadline_wall_ms", (json_int_t)deadline_ms);

	if (u->old_hwaddr)
		json_object_set_new(json, "old_hwaddr", json_string(u->old_hwaddr));
	json_object_set_new(json, "old_mac", json_sprintf(UPLINK_MAC_FMT, UPLINK_MAC_ARGS(u->old_mac)));
	json_object_set_new(json, "targets", targets_json(u));
	json_object_set_new(json, "moved", conf_json(&u->moved));
	json_object_set_new(json, "before", conf_json(&u->before));
	return json;
}

static char *folder(void)
{
	return xasprintf("%s/uplink", vswitch.rundir);
}

static char *path_of(const struct uplink *u, const char *suffix)
{
	return xasprintf("%s/uplink/%s.%s", vswitch.rundir, u->bridge, suffix);
}

static int write_durably(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t len = (ssize_t)strlen(text);
	int error = fd < 0 || write(fd, text, (size_t)len) != len || fsync(fd) ? -EIO : 0;

	if (error && errno)
		error = -errno;
	if (fd >= 0)
		close(fd);
	return error;
}

int uplink_save(const struct uplink *u, struct errtext *err)
{
	char *dir = folder(), *path = path_of(u, "json"), *temp = path_of(u, "new");
	json_t *json = uplink_json(u);
	char *text = json_dumps(json, JSON_INDENT(1));
	int error = mkdir(dir, 0755) && errno != EEXIST ? -errno : 0;

	if (!error)
		error = write_durably(temp, text);
	if (!error && rename(temp, path))
		error = -errno;
	if (error)
		errtext_set(err, -error, "%s cannot be written: %s", path, strerror(-error));
	json_decref(json);
	free(text);
	free(temp);
	free(path);
	free(dir);
	return error;
}

void uplink_forget(const struct uplink *u)
{
	char *dir = folder(), *path = path_of(u, "json");

	unlink(path);
	rmdir(dir); /* fails, rightly, while there are others */
	free(path);
	free(dir);
}

/* ---- reading ---- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_message(struct netconf *conf, const char *hex)
{
	size_t n = hex ? strlen(hex) / 2 : 0;
	uint8_t *bytes = xcalloc(n + 1, 1);
	bool ok = n > 0;

	for (size_t i = 0; i < n && ok; i++) {
		ok = digit(hex[2 * i]) >= 0 && digit(hex[2 * i + 1]) >= 0;
		bytes[i] = (uint8_t)(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
	}
	ok = ok && !netconf_add(conf, bytes, n);
	free(bytes);
	return ok;
}

static bool read_conf(struct netconf *conf, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (!read_message(conf, json_string_value(json_object_get(item, "message"))))
			return false;
	return json_is_array(list);
}

static void read_targets(struct uplink *u, const json_t *list)
{
	json_t *text;
	size_t i;

	json_array_foreach(list, i, text)
		if (u->n_targets < UPLINK_MAX_TARGETS && json_is_string(text) &&
		    rtnl_prefix_parse(json_string_value(text), &u->targets[u->n_targets]))
			u->n_targets++;
}

static bool read_state(struct uplink *u, const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(state_names); i++)
		if (!strcmp(name, state_names[i])) {
			u->state = (enum uplink_state)i;
			return true;
		}
	return false;
}

/* Return: NULL when it is not what uplink_save() wrote. */
static struct uplink *read_uplink(const json_t *json)
{
	const char *bridge, *device, *state, *mac = "", *hwaddr = NULL;
	int made_bridge, added_port, must_confirm;
	json_t *targets, *moved, *before;
	json_int_t confirm_ms, deadline;
	struct uplink *u;
	unsigned int m[6];

	if (json_unpack((json_t *)json, "{s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:s, s:o, s:o, s:o, s?s}", "bridge",
			&bridge, "device", &device, "state", &state, "made_bridge", &made_bridge, "added_port",
			&added_port, "must_confirm", &must_confirm, "confirm_ms", &confirm_ms, "deadline_wall_ms",
			&deadline, "old_mac", &mac, "targets", &targets, "moved", &moved, "before", &before,
			"old_hwaddr", &hwaddr))
		return NULL;
	u = xzalloc(sizeof *u);
	*u = (struct uplink){.bridge = xstrdup(bridge), .device = xstrdup(device)};
	u->old_hwaddr = hwaddr ? xstrdup(hwaddr) : NULL;
	u->made_bridge = made_bridge;
	u->added_port = added_port;
	u->must_confirm = must_confirm;
	u->confirm_ms = confirm_ms;
	u->deadline_ms = clock_now_ms() + (deadline - clock_wall_ms());
	if (sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) == 6)
		for (int i = 0; i < 6; i++)
			u->old_mac[i] = (uint8_t)m[i];
	read_targets(u, targets);
	if (read_state(u, state) && read_conf(&u->moved, moved) && read_conf(&u->before, before))
		return u;
	uplink_free(u);
	return NULL;
}

static void load_file(const char *path, void (*cb)(struct uplink *uplink))
{
	json_error_t where;
	json_t *json = json_load_file(path, 0, &where);
	struct uplink *u = json ? read_uplink(json) : NULL;

	if (u)
		cb(u);
	else
		log_err("%s is damaged: `ip address` and `ip route` show what is to be mended by hand", path);
	json_decref(json);
}

void uplink_load_each(void (*cb)(struct uplink *uplink))
{
	char *name = folder();
	DIR *dir = opendir(name);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		char *path;

		if (len < 6 || strcmp(entry->d_name + len - 5, ".json") != 0)
			continue;
		path = xasprintf("%s/%s", name, entry->d_name);
		load_file(path, cb);
		free(path);
	}
	if (dir)
		closedir(dir);
	free(name);
}
