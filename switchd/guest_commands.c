// SPDX-License-Identifier: Apache-2.0
/* guest/attach and guest/hold (docs/control-protocol.md). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "os/netdev.h"
#include "os/sock.h"
#include "os/tap.h"
#include "switchd/bridge.h"
#include "switchd/commands.h"
#include "switchd/config_rows.h"
#include "switchd/control.h"
#include "switchd/guest_impl.h"
#include "switchd/iface_dev.h"

LOG_MODULE(guest_commands);

_Static_assert(2 * IFACE_MAX_QUEUES <= SOCK_MAX_FDS, "all queues in one answer, each with its vhost-net");

/* ---- attaching ---- */

static int read_columns(const json_t *params, struct guest_wish *w, struct errtext *err)
{
	const json_t *columns = json_object_get(params, "columns");
	json_t *item;
	size_t i;

	if (columns && (!json_is_array(columns) || json_array_size(columns) > GUEST_MAX_COLUMNS))
		return errtext_set(err, EINVAL, "\"columns\" must be a list of up to %d strings", GUEST_MAX_COLUMNS);
	json_array_foreach((json_t *)columns, i, item) {
		const char *text = json_string_value(item);

		if (!text || *text == '-' || !strchr(text, '='))
			return errtext_set(err, EINVAL, "\"columns\" must be a list of COLUMN[:KEY]=VALUE");
		w->columns[w->n_columns++] = text;
	}
	return 0;
}

static int check_names(const struct guest_wish *w, struct errtext *err)
{
	size_t len = strlen(w->guest);

	if (!len || len > GUEST_MAX_NAME || strpbrk(w->guest, "/ \t\n"))
		return errtext_set(err, EINVAL,
				   "\"guest\": a name of 1 to %d characters without blanks and slashes was expected",
				   GUEST_MAX_NAME);
	if (w->n_queues < 1 || w->n_queues > IFACE_MAX_QUEUES)
		return errtext_set(err, EINVAL, "\"queues\": a number from 1 to %d was expected", IFACE_MAX_QUEUES);
	return netdev_name_check(w->port, err);
}

static int read_wish(const json_t *params, struct guest_wish *w, struct errtext *err)
{
	int error = control_allow(params, "guest,bridge,port,mac,queues,columns,anti_spoof,vhost,resume", err);

	*w = (struct guest_wish){
		.guest = control_str(params, "guest", "", &error, err),
		.bridge = control_str(params, "bridge", NULL, &error, err),
		.port = control_str(params, "port", "", &error, err),
		.mac_text = control_str(params, "mac", "", &error, err),
		.n_queues = control_int(params, "queues", 1, &error, err),
		.anti_spoof = control_bool(params, "anti_spoof", false, &error, err),
		.vhost = control_bool(params, "vhost", false, &error, err),
		.resume = control_bool(params, "resume", false, &error, err),
	};
	if (!error)
		error = check_names(w, err);
	if (!error)
		error = mac_parse(w->mac_text, w->mac, err);
	return error ? error : read_columns(params, w, err);
}

static int open_queues(struct control_request *request, const struct iface *iface, int64_t n, struct errtext *err)
{
	if (n > iface->dev->wanted.queues)
		return errtext_set(err, EINVAL, "port %s has %u queue%s, not %d; options:queues is set when it is made",
				   iface->name, iface->dev->wanted.queues, iface->dev->wanted.queues == 1 ? "" : "s",
				   (int)n);
	for (int64_t i = 0; i < n; i++) {
		int fd, error = iface_dev_open_tap(iface, true, &fd, err);

		if (error)
			return error;
		control_attach_fd(request, fd);
	}
	return 0;
}

/*
 * The guest's process cannot open the device any more when a card comes later. All queues or none: a card is moved by one of both. Return: how many
 * descriptors go along.
 */
static unsigned int open_vhosts(struct control_request *request, unsigned int n)
{
	int fds[IFACE_MAX_QUEUES];
	unsigned int n_open = 0;

	while (n_open < n && (fds[n_open] = tap_open_vhost()) >= 0)
		n_open++;
	if (n_open < n) {
		while (n_open)
			close(fds[--n_open]);
		return 0;
	}
	for (unsigned int i = 0; i < n; i++)
		control_attach_fd(request, fds[i]);
	return n;
}

/* A monitor that was here before the switch was started anew. */
static int resume(const struct guest_wish *w, struct guest_port **result, struct errtext *err)
{
	struct guest_port *g = guest_find(w->port);

	if (!g || g->is_over || strcmp(g->guest, w->guest) != 0 || memcmp(g->mac, w->mac, sizeof g->mac) != 0 ||
	    !iface_by_name(w->port))
		return errtext_set(err, ENOENT, "port %s of guest %s is not there any more", w->port, w->guest);
	if (g->is_held)
		return errtext_set(err, EBUSY, "port %s has a connection already", w->port);
	*result = g;
	return 0;
}

static int attach_new(struct control_request *request, const struct guest_wish *w, struct guest_port **result,
		      struct errtext *err)
{
	struct guest_port *g;
	const struct iface *iface;
	int error;

	guest_end_ports(NULL);
	g = guest_find(w->port);
	if (g && g->is_held)
		return errtext_set(err, EBUSY, "port %s is that of guest %s, which runs", w->port, g->guest);
	if (g && w->bridge && g->is_made && !strcmp(g->guest, w->guest))
		guest_remove_port(w->port); /* of the same guest, that ended while nobody watched */
	error = w->bridge ? guest_check_mac(w->bridge, w, err) : 0;
	if (!error)
		error = w->bridge ? guest_make_port(w, err) : guest_lend_port(w, err);
	if (error)
		return error;
	iface = iface_by_name(w->port);
	/* Settings may have made of it what they like. */
	error = iface ? open_queues(request, iface, w->n_queues, err)
		      : errtext_set(err, EINVAL, "port %s has no interface of its name", w->port);
	if (error || !iface) {
		if (w->bridge)
			guest_remove_port(w->port);
		else
			guest_unmark_port(w->port);
		return error;
	}
	if (iface->dev->ifindex && netdev_set_no_ipv6(iface->dev->ifindex, w->port))
		log_dbg("port %s: the host's IPv6 stays on it", w->port);
	*result = guest_add(w->port, w->guest, w->mac, w->bridge);
	return 0;
}

static int attach(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	struct guest_port *g = NULL;
	const struct iface *iface;
	struct guest_wish w;
	int error = read_wish(params, &w, err), n_vhost;

	if (!error && control_client_aux(request))
		error = errtext_set(err, EISCONN, "this connection has a port already; each takes one of its own");
	if (!error)
		error = w.resume ? resume(&w, &g, err) : attach_new(request, &w, &g, err);
	if (error || !g)
		return error;
	iface = iface_by_name(g->port);
	n_vhost = w.vhost && !w.resume ? (int)open_vhosts(request, (unsigned int)w.n_queues) : 0;
	g->is_held = true;
	g->ifindex = iface->dev->ifindex;
	control_follow_client(request, guest_connection_gone, g);
	*result = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:i, s:i}", "text", "", "port", g->port, "bridge",
			    iface->bridge->name, "mac", w.mac_text, "mtu", (json_int_t)iface->mtu, "link",
			    guest_is_up(iface) ? "up" : "down", "vhost", n_vhost, "exit", 0);
	return 0;
}

/* ---- holding ---- */

static int hold(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "link", err);
	const char *link = control_str(params, "link", "up", &error, err);
	struct guest_port *g = control_client_aux(request);

	if (!error && strcmp(link, "up") != 0 && strcmp(link, "down") != 0)
		error = errtext_set(err, EINVAL, "\"link\" must be up or down");
	if (error)
		return error;
	if (!g)
		return errtext_set(err, ENOTCONN, "no port was attached on this connection (guest/attach)");
	return guest_hold(g, request, !strcmp(link, "up"), result, err);
}

void guest_commands_register(void)
{
	control_register("guest/attach", attach);
	control_register("guest/hold", hold);
}
