// SPDX-License-Identifier: Apache-2.0
#include "switchd/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/hmap.h"
#include "base/log.h"
#include "base/util.h"
#include "flow/addr_text.h"
#include "os/loop.h"
#include "os/netdev.h"
#include "os/sock.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/config_rows.h"
#include "switchd/control.h"
#include "switchd/datapath/datapath.h"
#include "switchd/hosts.h"
#include "switchd/iface_dev.h"
#include "switchd/vsctl.h"

LOG_MODULE(guest);

enum {
	MAX_NAME = 63,
	MAX_COLUMNS = 32,
	SWEEP_MS = 5000,
	/* Whether somebody holds a device of several queues cannot be asked: its monitor has this long to come back. */
	MANY_QUEUES_SWEEPS = 12,
};

_Static_assert(IFACE_MAX_QUEUES <= SOCK_MAX_FDS, "all queues in one answer");

/** A port that belongs to a guest. */
struct guest_port {
	struct hmap_node by_port, by_mac;
	char port[IFNAMSIZ];
	char guest[MAX_NAME + 1];
	uint8_t mac[6];
	bool is_made; /* by us: it goes with the guest */
	bool is_held; /* a connection has it */
	bool is_over; /* the connection has ended: end_ports() is on its way */
	int ifindex;  /* of the TAP device that was handed out */
	unsigned int n_sweeps;
	bool known_up;		      /* what the monitor was told last */
	struct control_request *hold; /* guest/hold waits */
};

static struct hmap by_port = {.buckets = &by_port.one}, by_mac = {.buckets = &by_mac.one};
static struct loop *main_loop;
static struct loop_timer sweep_timer;
static bool is_stopping;

/* ---- records ---- */

static struct guest_port *find(const char *port)
{
	struct guest_port *g;

	HMAP_FOR_EACH_WITH_HASH(g, by_port, hash_string(port, 0), &by_port)
		if (!strcmp(g->port, port))
			return g;
	return NULL;
}

static struct guest_port *add(const char *port, const char *guest, const uint8_t mac[6], bool is_made)
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
static int check_mac(const char *bridge, const char *port, const uint8_t mac[6], const char *text, struct errtext *err)
{
	const struct guest_port *g;

	HMAP_FOR_EACH_WITH_HASH(g, by_mac, hash_bytes(mac, 6, 0), &by_mac) {
		const struct port *other = port_by_name(g->port);

		if (!memcmp(g->mac, mac, sizeof g->mac) && strcmp(g->port, port) != 0 && other &&
		    !strcmp(other->bridge->name, bridge))
			return errtext_set(err, EEXIST, "%s is the address of guest %s already (port %s of bridge %s)",
					   text, g->guest, g->port, bridge);
	}
	return 0;
}

/* ---- rows ---- */

/* One command, as `vsw` takes it. */
static int run(struct db_txn *txn, const char *const argv[], size_t argc, struct errtext *err)
{
	struct dbcmd_style style = {0};
	struct vsctl_output out = {0};
	int error = vsctl_run(txn, argc, argv, &style, &out, err);

	vsctl_output_fini(&out);
	return error;
}

static int commit(struct db_txn *txn, int error, struct errtext *err)
{
	if (!error)
		return config_commit(txn, NULL, err);
	db_txn_abort(txn);
	return error;
}

static struct db_row *row_of(const struct db_txn *txn, const char *table, const char *name)
{
	return db_find_name(db_table(config_db(), table), txn, name);
}

/* @guest: NULL: nobody's any more. */
static void mark_iface(struct db_txn *txn, const char *port, const char *guest, const char *mac)
{
	struct db_row *row = row_of(txn, "Interface", port);

	if (!row)
		return;
	db_set_key(txn, row, "external_ids", "guest", guest);
	db_set_key(txn, row, "external_ids", "attached-mac", guest ? mac : NULL);
	db_set_key(txn, row, "external_ids", "iface-status", guest ? "active" : NULL);
}

static void remove_port(const char *port)
{
	const char *words[] = {"--if-exists", "del-port", port};
	struct db_txn *txn = db_txn_begin(config_db());
	struct errtext err = {0};

	if (commit(txn, run(txn, words, ARRAY_SIZE(words), &err), &err))
		log_warn("port %s of a guest that is gone cannot be removed: %s", port, err.text);
}

static void unmark_port(const char *port)
{
	struct db_txn *txn = db_txn_begin(config_db());
	struct errtext err = {0};

	mark_iface(txn, port, NULL, NULL);
	if (commit(txn, 0, &err))
		log_warn("port %s: that no guest has it any more cannot be written: %s", port, err.text);
}

/* ---- the end of a connection ---- */

static void end_port(struct guest_port *g)
{
	char port[IFNAMSIZ];
	bool is_made = g->is_made;

	memcpy(port, g->port, sizeof port);
	forget(g);
	if (is_made)
		remove_port(port);
	else
		unmark_port(port);
}

static void end_ports(void *aux)
{
	struct guest_port *g;

	(void)aux;
	HMAP_FOR_EACH_SAFE(g, by_port, &by_port)
		if (g->is_over)
			end_port(g);
}

/* A connection may turn out to be broken in the middle of anything, so the port goes a moment later. */
static void connection_gone(void *aux)
{
	struct guest_port *g = aux;

	g->hold = NULL;
	g->is_held = false;
	if (is_stopping)
		return;
	log_info("guest %s has let go of port %s", g->guest, g->port);
	g->is_over = true;
	loop_post(main_loop, end_ports, NULL);
}

/* ---- news ---- */

static bool is_up(const struct iface *iface)
{
	return iface->admin_up && iface->dp_port != DP_PORT_NONE;
}

static void answer_hold(struct guest_port *g, int error, const struct errtext *err)
{
	struct control_request *request = g->hold;

	g->hold = NULL;
	control_reply(request, error,
		      error ? NULL
			    : json_pack("{s:s, s:s, s:i}", "text", "", "link", g->known_up ? "up" : "down", "exit", 0),
		      err);
}

/* Return: whether the port is still what the monitor was given; else it is told. */
static bool check_device(struct guest_port *g, const struct iface *iface)
{
	struct errtext err;

	if (iface && (!iface->dev->ifindex || iface->dev->ifindex == g->ifindex))
		return true;
	if (!g->hold)
		return false;
	if (iface)
		errtext_set(&err, ENODEV, "the TAP device of port %s was removed", g->port);
	else
		errtext_set(&err, ENOENT, "port %s was removed from the switch", g->port);
	answer_hold(g, iface ? -ENODEV : -ENOENT, &err);
	return false;
}

void guests_follow(const struct iface *iface)
{
	struct guest_port *g = hmap_count(&by_port) ? find(iface->name) : NULL;

	if (!g || !g->is_held || !check_device(g, iface) || !g->hold || is_up(iface) == g->known_up)
		return;
	g->known_up = is_up(iface);
	answer_hold(g, 0, NULL);
}

void guests_port_removed(const char *port)
{
	struct guest_port *g = hmap_count(&by_port) ? find(port) : NULL;

	if (!g)
		return;
	g->is_made = false; /* nothing is left to remove */
	if (g->is_held)
		check_device(g, NULL);
	else
		forget(g);
}

bool guests_describe(const char *port, const char **guest, struct ds *mac, struct ds *addresses)
{
	const struct guest_port *g = hmap_count(&by_port) ? find(port) : NULL;
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

	g->hold = NULL; /* connection_gone() comes next */
}

static int guest_hold(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "link", err);
	const char *link = control_str(params, "link", "up", &error, err);
	struct guest_port *g = control_client_aux(request);
	struct iface *iface;

	(void)result;
	if (!error && strcmp(link, "up") != 0 && strcmp(link, "down") != 0)
		error = errtext_set(err, EINVAL, "\"link\" must be up or down");
	if (!error && !g)
		error = errtext_set(err, ENOTCONN, "no port was attached on this connection (guest/attach)");
	if (error)
		return error;
	control_defer(request, client_gone, g);
	g->hold = request;
	g->known_up = !strcmp(link, "up");
	iface = iface_by_name(g->port);
	if (iface)
		guests_follow(iface);
	else
		check_device(g, NULL);
	return 0;
}

/* ---- attaching ---- */

/** What guest/attach asks for; strings are the request's. */
struct wish {
	const char *guest, *bridge, *port, *mac_text;
	uint8_t mac[6];
	int64_t n_queues;
	bool anti_spoof, resume;
	const char *columns[MAX_COLUMNS];
	size_t n_columns;
};

static int read_columns(const json_t *params, struct wish *w, struct errtext *err)
{
	const json_t *columns = json_object_get(params, "columns");
	json_t *item;
	size_t i;

	if (columns && (!json_is_array(columns) || json_array_size(columns) > MAX_COLUMNS))
		return errtext_set(err, EINVAL, "\"columns\" must be a list of up to %d strings", MAX_COLUMNS);
	json_array_foreach((json_t *)columns, i, item) {
		const char *text = json_string_value(item);

		if (!text || *text == '-' || !strchr(text, '='))
			return errtext_set(err, EINVAL, "\"columns\" must be a list of COLUMN[:KEY]=VALUE");
		w->columns[w->n_columns++] = text;
	}
	return 0;
}

static int check_names(const struct wish *w, struct errtext *err)
{
	size_t len = strlen(w->guest);

	if (!len || len > MAX_NAME || strpbrk(w->guest, "/ \t\n"))
		return errtext_set(err, EINVAL,
				   "\"guest\": a name of 1 to %d characters without blanks and slashes was expected",
				   MAX_NAME);
	if (w->n_queues < 1 || w->n_queues > IFACE_MAX_QUEUES)
		return errtext_set(err, EINVAL, "\"queues\": a number from 1 to %d was expected", IFACE_MAX_QUEUES);
	return netdev_name_check(w->port, err);
}

static int read_wish(const json_t *params, struct wish *w, struct errtext *err)
{
	int error = control_allow(params, "guest,bridge,port,mac,queues,columns,anti_spoof,resume", err);

	*w = (struct wish){
		.guest = control_str(params, "guest", "", &error, err),
		.bridge = control_str(params, "bridge", NULL, &error, err),
		.port = control_str(params, "port", "", &error, err),
		.mac_text = control_str(params, "mac", "", &error, err),
		.n_queues = control_int(params, "queues", 1, &error, err),
		.anti_spoof = control_bool(params, "anti_spoof", false, &error, err),
		.resume = control_bool(params, "resume", false, &error, err),
	};
	if (!error)
		error = check_names(w, err);
	if (!error)
		error = mac_parse(w->mac_text, w->mac, err);
	return error ? error : read_columns(params, w, err);
}

/* Port and interface, marked, as one transaction. */
static int make_port(const struct wish *w, struct errtext *err)
{
	const char *words[6 + MAX_COLUMNS] = {"add-port", w->bridge, w->port, "type=tap"};
	struct db_txn *txn = db_txn_begin(config_db());
	char queues[32];
	size_t n = 4;
	int error;

	snprintf(queues, sizeof queues, "options:queues=%d", (int)w->n_queues);
	if (w->n_queues > 1)
		words[n++] = queues;
	for (size_t i = 0; i < w->n_columns; i++)
		words[n++] = w->columns[i];
	error = run(txn, words, n, err);
	if (!error) {
		struct db_row *port = row_of(txn, "Port", w->port);

		db_set_key(txn, port, "external_ids", "guest", w->guest);
		if (w->anti_spoof)
			db_set_key(txn, port, "other_config", "anti-spoof", w->mac_text);
		mark_iface(txn, w->port, w->guest, w->mac_text);
	}
	return commit(txn, error, err);
}

static int lend_port(const struct wish *w, struct errtext *err)
{
	struct db_txn *txn;

	if (!iface_by_name(w->port))
		return errtext_set(err, ENOENT, "no port named %s; name a bridge to have one made", w->port);
	if (w->n_columns || w->anti_spoof)
		return errtext_set(err, EINVAL, "port %s is there already: its settings are set with `vsw set port`",
				   w->port);
	txn = db_txn_begin(config_db());
	mark_iface(txn, w->port, w->guest, w->mac_text);
	return commit(txn, 0, err);
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

/* A monitor that was here before the switch was started anew. */
static int resume(const struct wish *w, struct guest_port **result, struct errtext *err)
{
	struct guest_port *g = find(w->port);

	if (!g || g->is_over || strcmp(g->guest, w->guest) != 0 || memcmp(g->mac, w->mac, sizeof g->mac) != 0 ||
	    !iface_by_name(w->port))
		return errtext_set(err, ENOENT, "port %s of guest %s is not there any more", w->port, w->guest);
	if (g->is_held)
		return errtext_set(err, EBUSY, "port %s has a connection already", w->port);
	*result = g;
	return 0;
}

static int attach_new(struct control_request *request, const struct wish *w, struct guest_port **result,
		      struct errtext *err)
{
	struct guest_port *g;
	const struct iface *iface;
	int error;

	end_ports(NULL);
	g = find(w->port);
	if (g && g->is_held)
		return errtext_set(err, EBUSY, "port %s is that of guest %s, which runs", w->port, g->guest);
	if (g && w->bridge && g->is_made && !strcmp(g->guest, w->guest))
		remove_port(w->port); /* of the same guest, that ended while nobody watched */
	error = w->bridge ? check_mac(w->bridge, w->port, w->mac, w->mac_text, err) : 0;
	if (!error)
		error = w->bridge ? make_port(w, err) : lend_port(w, err);
	if (error)
		return error;
	iface = iface_by_name(w->port);
	error = open_queues(request, iface, w->n_queues, err);
	if (error) {
		if (w->bridge)
			remove_port(w->port);
		else
			unmark_port(w->port);
		return error;
	}
	if (iface->dev->ifindex && netdev_set_no_ipv6(iface->dev->ifindex, w->port))
		log_dbg("port %s: the host's IPv6 stays on it", w->port);
	*result = add(w->port, w->guest, w->mac, w->bridge);
	return 0;
}

static int guest_attach(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	struct guest_port *g = NULL;
	const struct iface *iface;
	struct wish w;
	int error = read_wish(params, &w, err);

	if (!error && control_client_aux(request))
		error = errtext_set(err, EISCONN, "this connection has a port already; each takes one of its own");
	if (!error)
		error = w.resume ? resume(&w, &g, err) : attach_new(request, &w, &g, err);
	if (error)
		return error;
	iface = iface_by_name(g->port);
	g->is_held = true;
	g->ifindex = iface->dev->ifindex;
	control_follow_client(request, connection_gone, g);
	*result = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:i}", "text", "", "port", g->port, "bridge",
			    iface->bridge->name, "mac", w.mac_text, "mtu", (json_int_t)iface->mtu, "link",
			    is_up(iface) ? "up" : "down", "exit", 0);
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
		const struct db_row *port = guest ? row_of(NULL, "Port", name) : NULL;
		uint8_t mac[6];

		if (port && strlen(name) < IFNAMSIZ &&
		    !mac_parse(db_get_key(row, NULL, "external_ids", "attached-mac", ""), mac, NULL))
			add(name, guest, mac, db_get_key(port, NULL, "external_ids", "guest", NULL));
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

void guest_commands_register(struct loop *loop)
{
	main_loop = loop;
	control_register("guest/attach", guest_attach);
	control_register("guest/hold", guest_hold);
}
