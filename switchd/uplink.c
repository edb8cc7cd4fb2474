// SPDX-License-Identifier: Apache-2.0
#include "switchd/uplink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/netdev.h"
#include "ovsdb/db.h"
#include "switchd/bridge.h"
#include "switchd/config.h"
#include "switchd/control.h"
#include "switchd/events.h"
#include "switchd/iface_veth.h"
#include "switchd/reach.h"

LOG_MODULE(uplink);

/** How often the gateways are asked: while somebody waits, and while an uplink is to be confirmed. */
enum { ASK_EVERY_MS = 100, GUARD_EVERY_MS = 1000 };

static struct loop *main_loop;
static CDS_LIST_HEAD(uplinks);

static void tick(struct loop_timer *self, int64_t now_ms);

/* ---- looking ---- */

int uplink_find(const char *bridge, struct uplink **uplink, struct errtext *err)
{
	struct uplink *u;
	size_t n = 0;

	*uplink = NULL;
	cds_list_for_each_entry(u, &uplinks, node)
		if (!bridge || !strcmp(u->bridge, bridge)) {
			*uplink = u;
			n++;
		}
	if (!n && bridge)
		return errtext_set(err, ENOENT, "bridge %s has no uplink; `vsw uplink` lists them", bridge);
	if (!n)
		return errtext_set(err, ENOENT, "there is no uplink");
	return n == 1 ? 0
		      : errtext_set(err, EINVAL, "there are %zu uplinks; name a bridge: `vsw uplink` lists them", n);
}

const struct uplink *uplink_of_device(const char *device)
{
	const struct uplink *u;

	cds_list_for_each_entry(u, &uplinks, node)
		if (!strcmp(u->device, device))
			return u;
	return NULL;
}

void uplink_each(void (*cb)(const struct uplink *uplink, void *aux), void *aux)
{
	const struct uplink *u;

	cds_list_for_each_entry(u, &uplinks, node)
		cb(u, aux);
}

int64_t uplink_seconds_left(const struct uplink *u)
{
	if (u->state != UPLINK_UNCONFIRMED || !u->must_confirm)
		return -1;
	return (MAX(u->deadline_ms - clock_now_ms(), 0) + 999) / 1000;
}

int uplink_check_txn(const struct db_txn *txn, struct errtext *err)
{
	const struct uplink *u;

	cds_list_for_each_entry(u, &uplinks, node) {
		const char *lost = NULL;

		if (u->state < UPLINK_UNCONFIRMED)
			continue;
		if (!db_find_name(db_table(config_db(), "Bridge"), txn, u->bridge))
			lost = u->bridge;
		else if (!db_find_name(db_table(config_db(), "Port"), txn, u->device))
			lost = u->device;
		if (lost)
			return errtext_set(err, EBUSY,
					   "%s carries this host's addresses (uplink %s of %s); `vsw uplink --undo "
					   "%s` gives them back first",
					   lost, u->device, u->bridge, u->bridge);
	}
	return 0;
}

/* ---- the end of a request, of a watch, of an uplink ---- */

static void forget_request(void *aux)
{
	((struct uplink *)aux)->request = NULL;
}

static json_t *success(const struct uplink *u)
{
	struct ds text = DS_INIT;
	json_t *result;

	if (u->as_json) {
		return json_pack("{s:s, s:s, s:s, s:i, s:I, s:i}", "bridge", u->bridge, "device", u->device, "state",
				 uplink_state_name(u->state), "moved", (int)u->moved.n, "confirm_within_s",
				 (json_int_t)uplink_seconds_left(u), "exit", 0);
	}
	for (size_t i = 0; i < u->moved.n; i++)
		if (u->moved.items[i].kind != NETCONF_NEIGHBOUR) {
			ds_put(&text, u->device);
			ds_printf(&text, " -> %s: ", u->bridge);
			netconf_format(&u->moved.items[i], &text);
			ds_put_char(&text, '\n');
		}
	if (u->n_targets)
		ds_put(&text, u->is_checked ? "the host to check answers\n" : "the gateway answers\n");
	if (u->state == UPLINK_UNCONFIRMED)
		ds_printf(&text, "all of it is taken back in %lld s, unless you say: vsw uplink --confirm-now %s\n",
			  (long long)uplink_seconds_left(u), u->bridge);
	result = control_text(ds_cstr(&text));
	ds_fini(&text);
	return result;
}

static void reply(struct uplink *u, int error, const struct errtext *err)
{
	struct control_request *request = u->request;

	u->request = NULL;
	if (request)
		control_reply(request, error, error ? NULL : success(u), err);
}

/* Of no use any more: out of the list and freed. */
static void drop(struct uplink *u)
{
	loop_cancel_timer(main_loop, &u->timer);
	reach_free(u->reach);
	cds_list_del(&u->node);
	uplink_free(u);
}

static void end_watch(struct uplink *u)
{
	loop_cancel_timer(main_loop, &u->timer);
	reach_free(u->reach);
	u->reach = NULL;
}

static void settle(struct uplink *u)
{
	struct errtext err = {0};

	u->state = UPLINK_SETTLED;
	end_watch(u);
	if (uplink_save(u, &err))
		log_err("uplink %s: %s", u->device, err.text);
	event_post(EVENT_OTHER, u->bridge, u->device, "%s is the uplink of %s now", u->device, u->bridge);
	reply(u, 0, NULL);
}

/* It is not to be: all of it back, and whoever asked for it is told why. */
static void take_back(struct uplink *u, int error, const char *why)
{
	struct errtext err = {0}, text;

	end_watch(u);
	log_warn("uplink %s of %s is taken back: %s", u->device, u->bridge, why);
	if (uplink_move_back(u, true, &err)) {
		event_post(EVENT_OTHER, u->bridge, u->device, "the uplink %s of %s cannot be taken back: %s", u->device,
			   u->bridge, err.text);
		errtext_set(&text, -error, "%s, and it cannot be taken back: %s", why, err.text);
		u->state = UPLINK_SETTLED;
		reply(u, error, &text);
		return;
	}
	event_post(EVENT_OTHER, u->bridge, u->device, "the uplink %s of %s was taken back: %s", u->device, u->bridge,
		   why);
	uplink_forget(u);
	errtext_set(&text, -error, "taken back: %s", why);
	reply(u, error, &text);
	drop(u);
}

/* ---- watching ---- */

static bool all_answered(const struct uplink *u)
{
	for (size_t i = 0; i < u->n_targets; i++)
		if (reach_last_ms(u->reach, i) < 0)
			return false;
	return true;
}

/* The target that has been silent for longest, and since when. */
static size_t most_silent(const struct uplink *u, int64_t *since_ms)
{
	size_t worst = 0;

	*since_ms = INT64_MAX;
	for (size_t i = 0; i < u->n_targets; i++) {
		int64_t last_ms = MAX(reach_last_ms(u->reach, i), u->since_ms);

		if (last_ms < *since_ms) {
			*since_ms = last_ms;
			worst = i;
		}
	}
	return worst;
}

static int ifindex_of(const char *name)
{
	struct netdev_info info;

	return netdev_get(name, &info) ? 0 : info.ifindex;
}

/* How long the gateways may be silent. */
static int64_t patience_ms(const struct uplink *u)
{
	return u->must_confirm ? MIN(u->confirm_ms, UPLINK_REACH_MS) : UPLINK_REACH_MS;
}

/* Everything has answered: that is all, or all but somebody's word. */
static void reached(struct uplink *u)
{
	if (u->must_confirm)
		reply(u, 0, NULL);
	else
		settle(u);
}

static void begin_watch(struct uplink *u)
{
	struct errtext err = {0};

	u->since_ms = clock_now_ms();
	if (u->must_confirm)
		u->deadline_ms = u->since_ms + u->confirm_ms;
	u->state = UPLINK_UNCONFIRMED;
	if (uplink_save(u, &err))
		log_err("uplink %s: %s", u->device, err.text);
	if (u->reach)
		reach_reset(u->reach, ifindex_of(u->bridge), u->since_ms);
	if (!u->n_targets)
		reached(u);
	if (u->state == UPLINK_UNCONFIRMED)
		loop_set_timer(main_loop, &u->timer, u->since_ms, tick);
}

/* The move is done from here: there is no going on without it. */
static void do_move(struct uplink *u)
{
	struct errtext err = {0};
	int error;

	u->state = UPLINK_MOVING;
	error = uplink_move(u, &err);
	if (error) {
		reply(u, error, &err);
		drop(u);
		return;
	}
	log_info("uplink: what %s had is on %s", u->device, u->bridge);
	begin_watch(u);
}

static void on_answer(void *aux)
{
	struct uplink *u = aux;

	if (!all_answered(u))
		return;
	/* Not from within the callback: it may be the end of what called it. */
	if (u->state == UPLINK_ASKING || u->request || !u->must_confirm)
		loop_set_timer(main_loop, &u->timer, clock_now_ms(), tick);
}

/* The targets of the watch are those that answered before the move. */
static void renew_reach(struct uplink *u)
{
	reach_free(u->reach);
	u->reach = u->n_targets ? reach_new(main_loop, u->targets, u->n_targets, on_answer, u) : NULL;
}

/* Gateways that do not answer now prove nothing later; a host that somebody named must. */
static void end_asking(struct uplink *u)
{
	char text[RTNL_ADDR_TEXT];
	struct errtext err;
	size_t n = 0;

	if (u->is_checked && !all_answered(u)) {
		reply(u,
		      errtext_set(&err, EHOSTUNREACH, "%s does not answer even now: nothing was changed",
				  rtnl_addr_format(&u->targets[0], text)),
		      &err);
		drop(u);
		return;
	}
	for (size_t i = 0; i < u->n_targets; i++)
		if (reach_last_ms(u->reach, i) >= 0)
			u->targets[n++] = u->targets[i];
		else
			log_warn("uplink %s: the gateway %s does not answer, and is not watched", u->device,
				 rtnl_addr_format(&u->targets[i], text));
	u->n_targets = n;
	renew_reach(u);
	do_move(u);
}

static void tick_asking(struct uplink *u, int64_t now_ms)
{
	if (all_answered(u) || now_ms >= u->since_ms + UPLINK_ASK_MS) {
		end_asking(u);
		return;
	}
	loop_set_timer(main_loop, &u->timer, now_ms + ASK_EVERY_MS, tick);
	reach_ask(u->reach, now_ms);
}

static void tick_unconfirmed(struct uplink *u, int64_t now_ms)
{
	char text[RTNL_ADDR_TEXT];
	struct errtext why;
	int64_t silent_ms, next_ms;
	size_t worst;

	if (u->reach && all_answered(u) && (u->request || !u->must_confirm)) {
		reached(u);
		if (!u->must_confirm)
			return;
	}
	worst = most_silent(u, &silent_ms);
	if (u->n_targets && now_ms - silent_ms >= patience_ms(u)) {
		errtext_set(&why, EHOSTUNREACH, "%s has not answered for %lld s",
			    rtnl_addr_format(&u->targets[worst], text), (long long)(patience_ms(u) / 1000));
		take_back(u, -EHOSTUNREACH, why.text);
		return;
	}
	if (u->must_confirm && now_ms >= u->deadline_ms) {
		take_back(u, -ETIMEDOUT, "nobody has confirmed it");
		return;
	}
	next_ms = now_ms + (u->reach && !all_answered(u) ? ASK_EVERY_MS : GUARD_EVERY_MS);
	loop_set_timer(main_loop, &u->timer, u->must_confirm ? MIN(next_ms, u->deadline_ms) : next_ms, tick);
	if (u->reach)
		reach_ask(u->reach, now_ms);
}

static void tick(struct loop_timer *self, int64_t now_ms)
{
	struct uplink *u = container_of(self, struct uplink, timer);

	if (u->state == UPLINK_ASKING)
		tick_asking(u, now_ms);
	else if (u->state == UPLINK_UNCONFIRMED)
		tick_unconfirmed(u, now_ms);
}

/* ---- adding ---- */

static int check_device(const char *device, const char *bridge, struct errtext *err)
{
	const struct port *port = port_by_name(device);
	struct netdev_info info;

	if (netdev_get(device, &info))
		return errtext_set(err, ENODEV, "%s: no such network device; `vsw iface-list` lists them", device);
	if (info.is_loopback || !info.has_mac)
		return errtext_set(err, EINVAL, "%s is no Ethernet device", device);
	if (!strncmp(info.alias, IFACE_ALIAS_PREFIX, strlen(IFACE_ALIAS_PREFIX)))
		return errtext_set(err, EINVAL, "%s is the %s", device, info.alias);
	if (port && strcmp(port->bridge->name, bridge) != 0)
		return errtext_set(err, EBUSY, "%s is a port of %s", device, port->bridge->name);
	return 0;
}

static int check_bridge(const char *bridge, struct errtext *err)
{
	const struct bridge *br = bridge_by_name(bridge);
	struct netdev_info info;
	struct uplink *u = NULL;

	if (!uplink_find(bridge, &u, NULL) && u)
		return errtext_set(err, EEXIST, "%s has an uplink already: %s", bridge, u->device);
	if (br && br->is_dummy)
		return errtext_set(err, EINVAL, "%s has datapath_type=dummy, and no device", bridge);
	if (!br && !netdev_get(bridge, &info))
		return errtext_set(err, EEXIST, "there is a network device %s already, which is no bridge of vsw",
				   bridge);
	return br ? 0 : netdev_name_check(bridge, err);
}

static bool is_target(const struct uplink *u, const struct rtnl_prefix *addr)
{
	for (size_t i = 0; i < u->n_targets; i++)
		if (u->targets[i].family == addr->family && !memcmp(u->targets[i].addr, addr->addr, sizeof addr->addr))
			return true;
	return false;
}

/* The next hops of the device's default routes, each once. */
static int find_gateways(struct uplink *u, struct errtext *err)
{
	struct netconf conf = {0};
	struct rtnl_prefix gateway;
	struct rtnl *rtnl;
	int error = rtnl_open(&rtnl, -1), n;

	if (!error)
		error = netconf_read(rtnl, ifindex_of(u->device), &conf);
	for (size_t i = 0; i < conf.n && u->n_targets < UPLINK_MAX_TARGETS; i++)
		if (netconf_gateway(&conf.items[i], &gateway) && !is_target(u, &gateway))
			u->targets[u->n_targets++] = gateway;
	n = error ? 0 : netconf_rules(rtnl, u->device);
	if (n > 0)
		log_warn("uplink %s: %d policy rules name the device, and stay as they are (`ip rule`)", u->device, n);
	netconf_fini(&conf);
	rtnl_close(rtnl);
	return error ? errtext_set(err, -error, "netlink: %s", strerror(-error)) : 0;
}

static int choose_targets(struct uplink *u, const char *check, struct errtext *err)
{
	if (!check)
		return find_gateways(u, err);
	u->is_checked = true;
	u->n_targets = 1;
	if (strchr(check, '/') || !rtnl_prefix_parse(check, &u->targets[0]))
		return errtext_set(err, EINVAL, "\"check\": '%.60s' is no IP address", check);
	return 0;
}

static int uplink_new(const char *bridge, const char *device, struct uplink **uplink, struct errtext *err)
{
	int error = check_bridge(bridge, err);
	struct uplink *u;

	if (!error)
		error = check_device(device, bridge, err);
	if (error)
		return error;
	*uplink = u = xzalloc(sizeof *u);
	u->bridge = xstrdup(bridge);
	u->device = xstrdup(device);
	return 0;
}

int uplink_add_now(const char *bridge, const char *device, struct errtext *err)
{
	struct uplink *u;
	int error = uplink_new(bridge, device, &u, err);

	if (error)
		return error;
	u->state = UPLINK_MOVING;
	error = uplink_move(u, err);
	if (error) {
		uplink_free(u);
		return error;
	}
	cds_list_add_tail(&u->node, &uplinks);
	settle(u);
	return 0;
}

int uplink_add(const struct uplink_request *request, struct errtext *err)
{
	struct uplink *u;
	int error = uplink_new(request->bridge, request->device, &u, err);

	if (error)
		return error;
	u->must_confirm = request->confirm_s > 0;
	u->confirm_ms = request->confirm_s * 1000;
	u->as_json = request->as_json;
	error = choose_targets(u, request->check, err);
	if (error) {
		uplink_free(u);
		return error;
	}
	u->request = request->request;
	control_defer(request->request, forget_request, u);
	cds_list_add_tail(&u->node, &uplinks);
	u->since_ms = clock_now_ms();
	renew_reach(u);
	if (u->reach)
		reach_reset(u->reach, ifindex_of(u->device), u->since_ms);
	loop_set_timer(main_loop, &u->timer, u->since_ms, tick);
	return 0;
}

/* ---- confirming, undoing ---- */

int uplink_confirm(struct uplink *u, struct errtext *err)
{
	if (u->state < UPLINK_UNCONFIRMED)
		return errtext_set(err, EAGAIN, "the uplink of %s is being made", u->bridge);
	if (u->state == UPLINK_UNCONFIRMED)
		settle(u);
	return 0;
}

int uplink_undo(struct uplink *u, struct errtext *err)
{
	struct errtext broken;
	int error = 0;

	if (u->state >= UPLINK_MOVING)
		error = uplink_move_back(u, u->state != UPLINK_SETTLED, err);
	if (error)
		return error;
	reply(u, errtext_set(&broken, ECANCELED, "somebody else has undone it"), &broken);
	event_post(EVENT_OTHER, u->bridge, u->device, "%s is not the uplink of %s any more", u->device, u->bridge);
	uplink_forget(u);
	drop(u);
	return 0;
}

/* ---- start and stop ---- */

static void adopt(struct uplink *u)
{
	cds_list_add_tail(&u->node, &uplinks);
	if (u->state == UPLINK_MOVING || u->state == UPLINK_ASKING) {
		take_back(u, -EINTR, "the daemon ended in the middle of it");
	} else if (u->state == UPLINK_UNCONFIRMED && !u->must_confirm) {
		take_back(u, -EINTR, "the daemon ended before the gateway had answered");
	} else if (u->state == UPLINK_UNCONFIRMED) {
		u->since_ms = clock_now_ms();
		renew_reach(u);
		if (u->reach)
			reach_reset(u->reach, ifindex_of(u->bridge), u->since_ms);
		loop_set_timer(main_loop, &u->timer, u->since_ms, tick);
	}
}

void uplink_start(struct loop *loop)
{
	main_loop = loop;
	uplink_load_each(adopt);
}

void uplink_stop(void)
{
	struct uplink *u, *next;

	cds_list_for_each_entry_safe(u, next, &uplinks, node) {
		if (u->state == UPLINK_UNCONFIRMED)
			take_back(u, -ESHUTDOWN, "the daemon ends before it is confirmed");
	}
	cds_list_for_each_entry_safe(u, next, &uplinks, node)
		drop(u);
}
