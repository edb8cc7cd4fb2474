// SPDX-License-Identifier: Apache-2.0
/* Who has which port, from the request to the end of the connection. */
#include "switchd/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "flow/addr_text.h"
#include "os/loop.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/config_rows.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/guest_impl.h"
#include "switchd/hosts.h"
#include "switchd/iface_dev.h"

LOG_MODULE(guest);

enum {
	SWEEP_MS = 5000,
	/* Whether somebody holds a device of several queues cannot be asked: its monitor has this long to come back. */
	MANY_QUEUES_SWEEPS = 12,
};

static struct hmap by_port = {.buckets = &by_port.one}, by_mac = {.buckets = &by_mac.one};
static struct loop *main_loop;
static struct loop_timer sweep_timer;
static bool is_stopping;

/* ---- records ---- */

struct guest_port *guest_find(const char *port)
{
	struct guest_port *g;

	HMAP_FOR_EACH_WITH_HASH(g, by_port, hash_string(port, 0), &by_port)
		if (!strcmp(g->port, port))
			return g;
	return NULL;
}

struct guest_port *guest_add(const char *port, const char *guest, const uint8_t mac[6], bool is_made)
{
	struct guest_port *g = xzalloc(sizeof *g);

	snprintf(g->port, sizeof g->port, "%s", port);
	snprintf(g->guest, sizeof g->guest, "%s", guest);
	memcpy(g->mac, mac, sizeof g->mac);
	g->is_made = is_made;
	hmap_insert(&by_port, &g->by_port, hash_string(g->port, 0));
	hmap_insert(&by_mac, &g->by_mac, hash_bytes(g->mac, sizeof g->mac, 0));
	return g;
}

static void forget(struct guest_port *g)
{
	hmap_remove(&by_port, &g->by_port);
	hmap_remove(&by_mac, &g->by_mac);
	free(g);
}

/* Who else in the bridge has the address? */
int guest_check_mac(const char *bridge, const struct guest_wish *w, struct errtext *err)
{
	const struct guest_port *g;

	HMAP_FOR_EACH_WITH_HASH(g, by_mac, hash_bytes(w->mac, 6, 0), &by_mac) {
		const struct port *other = port_by_name(g->port);

		if (!memcmp(g->mac, w->mac, sizeof g->mac) && strcmp(g->port, w->port) != 0 && other &&
		    !strcmp(other->bridge->name, bridge))
			return errtext_set(err, EEXIST, "%s is the address of guest %s already (port %s of bridge %s)",
					   w->mac_text, g->guest, g->port, bridge);
	}
	return 0;
}

/* ---- the end of a connection ---- */

static void end_port(struct guest_port *g)
{
	char port[IFNAMSIZ];
	bool is_made = g->is_made;

	memcpy(port, g->port, sizeof port);
	forget(g);
	if (is_made)
		guest_remove_port(port);
	else
		guest_unmark_port(port);
}

void guest_end_ports(void *aux)
{
	struct guest_port *g;

	(void)aux;
	HMAP_FOR_EACH_SAFE(g, by_port, &by_port)
		if (g->is_over)
			end_port(g);
}

/* A connection may turn out to be broken in the middle of anything, so the port goes a moment later. */
void guest_connection_gone(void *aux)
{
	struct guest_port *g = aux;

	g->hold = NULL;
	g->is_held = false;
	if (is_stopping)
		return;
	log_info("guest %s has let go of port %s", g->guest, g->port);
	g->is_over = true;
	loop_post(main_loop, guest_end_ports, NULL);
}

/* ---- news ---- */

bool guest_is_up(const struct iface *iface)
{
	return iface->admin_up && iface->dp_port != DP_PORT_NONE;
}

/*
 * What the monitor does not know yet: the port's state, or why it is not its port any more. @iface: NULL: there is no such port. Return: 0 with
 * @result, -EAGAIN: nothing is new, or another negative errno with @err.
 */
static int news(struct guest_port *g, const struct iface *iface, json_t **result, struct errtext *err)
{
	if (!iface)
		return errtext_set(err, ENOENT, "port %s was removed from the switch", g->port);
	if (iface->dev->ifindex && iface->dev->ifindex != g->ifindex)
		return errtext_set(err, ENODEV, "the TAP device of port %s was removed", g->port);
	if (guest_is_up(iface) == g->known_up)
		return -EAGAIN;
	g->known_up = !g->known_up;
	*result = json_pack("{s:s, s:s, s:i}", "text", "", "link", g->known_up ? "up" : "down", "exit", 0);
	return 0;
}

/* Tell whoever waits. */
static void tell(struct guest_port *g, const struct iface *iface)
{
	struct control_request *request = g->hold;
	struct errtext err = {0};
	json_t *result = NULL;
	int error = request ? news(g, iface, &result, &err) : -EAGAIN;

	if (error == -EAGAIN)
		return;
	g->hold = NULL;
	control_reply(request, error, result, &err);
}

void guests_follow(const struct iface *iface)
{
	struct guest_port *g = hmap_count(&by_port) ? guest_find(iface->name) : NULL;

	if (g && g->is_held)
		tell(g, iface);
}

void guests_port_removed(const char *port)
{
	struct guest_port *g = hmap_count(&by_port) ? guest_find(port) : NULL;

	if (!g)
		return;
	g->is_made = false; /* nothing is left to remove */
	if (g->is_held)
		tell(g, NULL);
	else
		forget(g);
}

bool guests_describe(const char *port, const char **guest, struct ds *mac, struct ds *addresses)
{
	const struct guest_port *g = hmap_count(&by_port) ? guest_find(port) : NULL;
	const struct iface *iface = g ? iface_by_name(port) : NULL;

	if (!iface)
		return false;
	*guest = g->guest;
	eth_put(mac, g->mac);
	if (iface->bridge->hosts)
		hosts_put_addresses(iface->bridge->hosts, iface->port, g->mac, addresses);
	return true;
}

static void client_gone(void *aux)
{
	struct guest_port *g = aux;

	g->hold = NULL; /* guest_connection_gone() comes next */
}

int guest_hold(struct guest_port *g, struct control_request *request, bool known_up, json_t **result,
	       struct errtext *err)
{
	int error;

	g->known_up = known_up;
	error = news(g, iface_by_name(g->port), result, err);
	if (error != -EAGAIN)
		return error;
	control_defer(request, client_gone, g);
	g->hold = request;
	return 0;
}

/* ---- after a start ---- */

/* Is the device open somewhere? */
static bool is_open(struct guest_port *g, const struct iface *iface)
{
	struct errtext err;
	int fd, error;

	if (iface->dev->wanted.queues > 1)
		return ++g->n_sweeps < MANY_QUEUES_SWEEPS;
	error = iface_dev_open_tap(iface, true, &fd, &err);
	if (!error)
		close(fd);
	return error == -EBUSY;
}

static void sweep(struct loop_timer *self, int64_t now_ms)
{
	struct guest_port *g;
	bool is_waiting = false;

	HMAP_FOR_EACH_SAFE(g, by_port, &by_port) {
		const struct iface *iface = iface_by_name(g->port);

		if (g->is_held || g->is_over)
			continue;
		if (iface && is_open(g, iface)) {
			is_waiting = true;
			continue;
		}
		log_info("guest %s ended while no switch ran: its port %s goes", g->guest, g->port);
		end_port(g);
	}
	if (is_waiting)
		loop_set_timer(main_loop, self, now_ms + SWEEP_MS, sweep);
}

void guests_start(struct loop *loop)
{
	struct db_row *row;

	main_loop = loop;
	is_stopping = false;
	DB_FOR_EACH_ROW(row, db_table(config_db(), "Interface"), NULL) {
		const char *name = db_get_string(row, NULL, "name", ""),
			   *guest = db_get_key(row, NULL, "external_ids", "guest", NULL);
		const struct db_row *port = guest ? db_find_name(db_table(config_db(), "Port"), NULL, name) : NULL;
		uint8_t mac[6];

		if (port && strlen(name) < IFNAMSIZ &&
		    !mac_parse(db_get_key(row, NULL, "external_ids", "attached-mac", ""), mac, NULL))
			guest_add(name, guest, mac, db_get_key(port, NULL, "external_ids", "guest", NULL));
	}
	if (hmap_count(&by_port))
		loop_set_timer(loop, &sweep_timer, clock_now_ms() + SWEEP_MS, sweep);
}

void guests_stop(void)
{
	struct guest_port *g;

	is_stopping = true;
	loop_cancel_timer(main_loop, &sweep_timer);
	HMAP_FOR_EACH(g, by_port, &by_port)
		g->hold = NULL;
}
