// SPDX-License-Identifier: Apache-2.0
/* Methods of the control socket: the guest's state, its life, its console. docs/vmm-control.md describes them. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "os/control.h"
#include "vmm/commands_impl.h"
#include "vmm/core/machine.h"
#include "vmm/core/vm.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/virtio_balloon.h"
#include "vmm/guest.h"
#include "vmm/isolate.h"
#include "vsw/version.h"

LOG_MODULE(commands);

/* A process has one guest. */
static struct guest *guest;

/* ---- state ---- */

static int status(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	const struct options *o = &guest->options;
	int error = control_allow(params, "", err);

	(void)request;
	if (error)
		return error;
	*result = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:i}", "name", o->name, "version", VSW_VERSION, "state",
			    vm_is_running(guest->vm) ? "running" : "paused", "cpus", (int)o->n_cpus, "memory_bytes",
			    (json_int_t)o->memory.size, "uptime_ms", (json_int_t)(clock_now_ms() - guest->started_ms),
			    "pid", (int)isolate_launcher());
	json_object_set_new(*result, "disks", commands_list_disks(guest));
	json_object_set_new(*result, "nics", commands_list_nics(guest));
	return 0;
}

static json_t *exits_json(void)
{
	uint64_t counts[VM_N_EXITS];
	json_t *exits = json_object();

	vm_exits(guest->vm, counts);
	for (size_t i = 0; i < VM_N_EXITS; i++)
		json_object_set_new(exits, vm_exit_names[i], json_integer((json_int_t)counts[i]));
	return exits;
}

static int stats(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	const struct serial *com1 = &guest->board.com1;
	int error = control_allow(params, "", err);

	(void)request;
	if (error)
		return error;
	*result = json_pack("{s:o, s:{s:I, s:I}, s:o, s:o}", "exits", exits_json(), "serial", "sent_bytes",
			    (json_int_t)com1->n_sent, "received_bytes", (json_int_t)com1->n_received, "disks",
			    commands_disk_stats(guest), "nics", commands_nic_stats(guest));
	return 0;
}

static int methods(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (!error)
		*result = control_methods();
	return error;
}

/* ---- life ---- */

static int say_state(json_t **result)
{
	*result = json_pack("{s:s}", "state", vm_is_running(guest->vm) ? "running" : "paused");
	return 0;
}

static int do_pause(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (error)
		return error;
	vm_pause(guest->vm);
	return say_state(result);
}

static int do_resume(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (error)
		return error;
	vm_resume(guest->vm);
	return say_state(result);
}

static int reset(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (error)
		return error;
	log_info("%s: reset by a command", guest->options.name);
	vm_reset(guest->vm);
	return say_state(result);
}

static int power_button(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (!error)
		*result = json_pack("{s:b}", "heard", acpi_pm_press_power(&guest->board.pm));
	return error;
}

static int do_kill(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "", err);

	(void)request;
	if (error)
		return error;
	log_info("%s: ended by a command", guest->options.name);
	guest->status = 1;
	loop_quit(guest->loop); /* the answer still goes out, when the socket is closed */
	*result = json_object();
	return 0;
}

/* ---- console ---- */

/* Of bytes, which may be anything, a text: what is no UTF-8 becomes a question mark. */
static json_t *text_json(struct ds *bytes)
{
	json_t *text = json_stringn(ds_cstr(bytes), bytes->len);

	if (text)
		return text;
	for (size_t i = 0; i < bytes->len; i++)
		if (bytes->s[i] & 0x80)
			bytes->s[i] = '?';
	return json_stringn(ds_cstr(bytes), bytes->len);
}

static int console_show(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "bytes", err);
	int64_t max = error ? 0 : control_int(params, "bytes", CONSOLE_HISTORY, &error, err);
	struct ds text = DS_INIT;

	(void)request;
	if (!error && (max < 1 || max > CONSOLE_HISTORY))
		error = errtext_set(err, EINVAL, "\"bytes\": %lld: 1 to %u were expected", (long long)max,
				    CONSOLE_HISTORY);
	if (error)
		return error;
	console_dump(&guest->console, (size_t)max, &text);
	*result = json_pack("{s:o}", "text", text_json(&text));
	ds_fini(&text);
	return 0;
}

/* ---- balloon ---- */

static json_t *balloon_json(void)
{
	struct virtio_balloon_info info;
	json_t *json, *memory = json_object();

	virtio_balloon_ask(guest->balloon);
	virtio_balloon_get(guest->balloon, &info);
	for (size_t i = 0; i < BALLOON_N_STATS; i++)
		if (info.known >> i & 1)
			json_object_set_new(memory, virtio_balloon_stat_names[i],
					    json_integer((json_int_t)info.stats[i]));
	json = json_pack("{s:I, s:I, s:I, s:I, s:b, s:o}", "ram_bytes", (json_int_t)info.ram, "target_bytes",
			 (json_int_t)info.target, "actual_bytes", (json_int_t)info.actual, "reported_bytes",
			 (json_int_t)info.reported, "has_driver", info.has_driver, "guest", memory);
	if (info.stats_ms)
		json_object_set_new(json, "age_ms", json_integer((json_int_t)(clock_now_ms() - info.stats_ms)));
	return json;
}

static int balloon(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "target_bytes", err);
	int64_t target = error ? 0 : control_int(params, "target_bytes", 0, &error, err);

	(void)request;
	if (!error && !guest->balloon)
		error = errtext_set(err, ENODEV, "the guest has no balloon; --balloon on gives it one");
	if (!error && json_object_get(params, "target_bytes"))
		error = target > 0 ? virtio_balloon_set_target(guest->balloon, (uint64_t)target, err)
				   : errtext_set(err, ERANGE, "\"target_bytes\": more than 0 was expected");
	if (!error)
		*result = balloon_json();
	return error;
}

void commands_register(struct guest *g)
{
	static const struct {
		const char *name;
		control_fn *fn;
	} all[] = {
		{"status", status},
		{"stats", stats},
		{"methods", methods},
		{"pause", do_pause},
		{"resume", do_resume},
		{"reset", reset},
		{"power-button", power_button},
		{"kill", do_kill},
		{"console/dump", console_show},
		{"balloon", balloon},
	};

	guest = g;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		control_register(all[i].name, all[i].fn);
	commands_disk_register(g);
	commands_nic_register(g);
}
