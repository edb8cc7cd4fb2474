// SPDX-License-Identifier: Apache-2.0
/* Options whose value is a list: --memory, --disk, --console. A table for each says what there is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/block/block.h"
#include "vmm/core/cpu_model.h"
#include "vmm/options.h"
#include "vmm/suboptions.h"

static void replace(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

/* ---- --memory ---- */

static bool memory_size(void *target, const char *value)
{
	return suboption_size(value, &((struct memory_config *)target)->size);
}

static bool memory_backend(void *target, const char *value)
{
	struct memory_config *memory = target;
	bool is_memfd = !strcmp(value, "memfd");

	/* Huge pages are a memfd already; which one is asked for first does not matter. */
	if (memory->backing <= MEMORY_MEMFD)
		memory->backing = is_memfd ? MEMORY_MEMFD : MEMORY_ANONYMOUS;
	else if (!is_memfd)
		return false;
	return is_memfd || !strcmp(value, "anonymous");
}

static bool memory_hugepages(void *target, const char *value)
{
	((struct memory_config *)target)->backing = !strcmp(value, "1G") ? MEMORY_HUGE_1G : MEMORY_HUGE_2M;
	return !strcmp(value, "1G") || !strcmp(value, "2M");
}

static bool memory_thp(void *target, const char *value)
{
	bool on, ok = suboption_switch(value, &on);

	((struct memory_config *)target)->no_thp = !on;
	return ok;
}

static bool memory_mergeable(void *target, const char *value)
{
	return suboption_switch(value, &((struct memory_config *)target)->mergeable);
}

static bool memory_locked(void *target, const char *value)
{
	return suboption_switch(value, &((struct memory_config *)target)->locked);
}

static bool memory_numa(void *target, const char *value)
{
	uint64_t node;

	if (!str_to_uint(value, 10, 1023, &node))
		return false;
	((struct memory_config *)target)->numa_node = (int)node;
	return true;
}

int options_set_memory(struct options *o, const char *value, struct errtext *err)
{
	static const struct suboption rows[] = {
		{"size", "a size such as 512M or 4G", memory_size},
		{"backend", "anonymous or memfd (with huge pages: memfd)", memory_backend},
		{"hugepages", "2M or 1G", memory_hugepages},
		{"thp", "on or off", memory_thp},
		{"mergeable", "on or off", memory_mergeable},
		{"numa", "the number of a host's node", memory_numa},
		{"locked", "on or off", memory_locked},
	};

	return suboptions_parse("--memory", value, rows, ARRAY_SIZE(rows), &o->memory, err);
}

/* ---- --disk ---- */

static bool disk_file(void *target, const char *value)
{
	replace(&((struct disk_options *)target)->path, value);
	return *value;
}

static bool disk_format(void *target, const char *value)
{
	replace(&((struct disk_options *)target)->format, value);
	return !strcmp(value, "raw");
}

static bool disk_readonly(void *target, const char *value)
{
	(void)value;
	((struct disk_options *)target)->read_only = true;
	return true;
}

static bool disk_serial(void *target, const char *value)
{
	replace(&((struct disk_options *)target)->serial, value);
	return strlen(value) <= BLOCK_SERIAL_MAX;
}

int options_set_disk(struct options *o, const char *value, struct errtext *err)
{
	static const struct suboption rows[] = {
		{"file", "an image or a block device", disk_file},
		{"format", "raw", disk_format},
		{"readonly", NULL, disk_readonly},
		{"serial", "at most 20 characters", disk_serial},
	};
	struct disk_options *disk = &o->disks[o->n_disks];
	int error;

	if (o->n_disks == OPTIONS_MAX_DISKS)
		return errtext_set(err, E2BIG, "--disk %s: %d disks at most were expected", value, OPTIONS_MAX_DISKS);
	o->n_disks++;
	error = suboptions_parse("--disk", value, rows, ARRAY_SIZE(rows), disk, err);
	if (!error && !disk->path)
		error = errtext_set(err, EINVAL, "--disk %s: an image was expected, as in --disk guest.img", value);
	if (!error && !disk->format)
		disk->format = xstrdup("raw");
	return error;
}

/* ---- --console ---- */

static bool console_kind(void *target, const char *value)
{
	static const char *const names[] = {"stdio", "socket", "none"};
	struct console_options *console = target;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		console->kind = i;
		return true;
	}
	return false;
}

static bool console_path(void *target, const char *value)
{
	replace(&((struct console_options *)target)->path, value);
	return *value;
}

int options_set_console(struct options *o, const char *value, struct errtext *err)
{
	static const struct suboption rows[] = {
		{"kind", "stdio, socket or none", console_kind},
		{"path", "a socket's path", console_path},
	};

	return suboptions_parse("--console", value, rows, ARRAY_SIZE(rows), &o->console, err);
}

void options_fini(struct options *o)
{
	for (size_t i = 0; i < o->n_disks; i++) {
		free(o->disks[i].path);
		free(o->disks[i].format);
		free(o->disks[i].serial);
	}
	free(o->console.path);
	options_fini_channels(o);
	cpu_model_free(o->cpu);
}
