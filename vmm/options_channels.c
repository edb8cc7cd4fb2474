// SPDX-License-Identifier: Apache-2.0
/* --virtio-console: one for each port of the device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/options.h"
#include "vmm/suboptions.h"

static bool channel_kind(void *target, const char *value)
{
	struct channel_options *channel = target;

	channel->is_socket = !strcmp(value, "socket");
	return channel->is_socket || !strcmp(value, "stdio");
}

static bool channel_path(void *target, const char *value)
{
	struct channel_options *channel = target;

	free(channel->path);
	channel->path = xstrdup(value);
	channel->is_socket = true;
	return *value;
}

static bool channel_name(void *target, const char *value)
{
	struct channel_options *channel = target;

	free(channel->name);
	channel->name = xstrdup(value);
	return *value && strlen(value) < 64 && !strchr(value, '/');
}

int options_set_channel(struct options *o, const char *value, struct errtext *err)
{
	static const struct suboption rows[] = {
		{"kind", "stdio or socket", channel_kind},
		{"path", "a socket's path", channel_path},
		{"name", "1 to 63 characters without slashes", channel_name},
	};
	struct channel_options *channel = &o->channels[o->n_channels];
	int error;

	if (o->n_channels == OPTIONS_MAX_CHANNELS)
		return errtext_set(err, E2BIG, "--virtio-console %s: %d at most were expected", value,
				   OPTIONS_MAX_CHANNELS);
	o->n_channels++;
	error = suboptions_parse("--virtio-console", value, rows, ARRAY_SIZE(rows), channel, err);
	if (!error && channel->is_socket && !channel->path)
		error = errtext_set(err, EINVAL,
				    "--virtio-console %s: a path was expected, as in socket,path=/run/vsw/guest.hvc0",
				    value);
	return error;
}

int options_check_channels(const struct options *o, struct errtext *err)
{
	unsigned int n_stdio = o->console.kind == CONSOLE_STDIO;

	for (size_t i = 0; i < o->n_channels; i++)
		n_stdio += !o->channels[i].is_socket;
	if (o->n_channels && n_stdio > 1)
		return errtext_set(err, EINVAL,
				   "--virtio-console stdio: standard input and output are another console's; --console "
				   "none or socket sets them free");
	if (o->n_channels && o->channels[0].name)
		return errtext_set(
			err, EINVAL,
			"--virtio-console name=%s: the first is a console and has no name; put one before it",
			o->channels[0].name);
	return 0;
}

void options_fini_channels(struct options *o)
{
	for (size_t i = 0; i < o->n_channels; i++) {
		free(o->channels[i].path);
		free(o->channels[i].name);
	}
}
