// SPDX-License-Identifier: Apache-2.0
/* Methods about uplinks, and the list of network devices that could be one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/netdev.h"
#include "switchd/bridge.h"
#include "switchd/commands.h"
#include "switchd/control.h"
#include "switchd/iface_dev.h"
#include "switchd/iface_veth.h"
#include "switchd/uplink.h"
#include "vsw/types.h"

static int add_uplink(struct control_request *request, const json_t *params, json_t **result VSW_UNUSED,
		      struct errtext *err)
{
	int error = control_allow(params, "bridge,device,confirm,check", err);
	struct uplink_request wish = {
		.bridge = control_str(params, "bridge", NULL, &error, err),
		.device = control_str(params, "device", NULL, &error, err),
		.check = control_str(params, "check", NULL, &error, err),
		.confirm_s = control_int(params, "confirm", 0, &error, err),
		.as_json = control_wants_json(params, &error, err),
		.request = request,
	};

	if (!error && (!wish.bridge || !wish.device))
		error = errtext_set(err, EINVAL, "\"bridge\" and \"device\" are needed");
	if (!error && (wish.confirm_s < 0 || wish.confirm_s > UPLINK_MAX_CONFIRM_S))
		error = errtext_set(err, EINVAL, "\"confirm\": expected 1 to %d seconds", UPLINK_MAX_CONFIRM_S);
	return error ? error : uplink_add(&wish, err);
}

/* What somebody wants done with the uplink of "bridge", or with the only one. */
static int decide(const json_t *params, int (*act)(struct uplink *u, struct errtext *err), json_t **result,
		  struct errtext *err)
{
	int error = control_allow(params, "bridge", err);
	const char *bridge = control_str(params, "bridge", NULL, &error, err);
	bool as_json = control_wants_json(params, &error, err);
	struct uplink *u;
	char *name;

	if (!error)
		error = uplink_find(bridge, &u, err);
	if (error)
		return error;
	name = xstrdup(u->bridge); /* the uplink may be gone then */
	error = act(u, err);
	if (!error)
		*result = as_json ? json_pack("{s:s, s:i}", "bridge", name, "exit", 0) : control_text("");
	free(name);
	return error;
}

static int undo_uplink(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
		       struct errtext *err)
{
	return decide(params, uplink_undo, result, err);
}

static int confirm_uplink(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			  struct errtext *err)
{
	return decide(params, uplink_confirm, result, err);
}

/* ---- lists ---- */

struct list {
	json_t *rows;
	struct ds text;
	struct rtnl *rtnl;
};

static json_t *finish_list(struct list *list, const char *name, bool as_json)
{
	json_t *result =
		as_json ? json_pack("{s:O, s:i}", name, list->rows, "exit", 0) : control_text(ds_cstr(&list->text));

	json_decref(list->rows);
	ds_fini(&list->text);
	rtnl_close(list->rtnl);
	return result;
}

static void list_uplink(const struct uplink *u, void *aux)
{
	int64_t left_s = uplink_seconds_left(u);
	struct list *list = aux;

	json_array_append_new(list->rows,
			      json_pack("{s:s, s:s, s:s, s:I}", "bridge", u->bridge, "device", u->device, "state",
					uplink_state_name(u->state), "confirm_within_s", (json_int_t)left_s));
	ds_printf(&list->text, "%-15s %-15s %s", u->bridge, u->device, uplink_state_name(u->state));
	if (left_s >= 0)
		ds_printf(&list->text, ", taken back in %lld s", (long long)left_s);
	ds_put_char(&list->text, '\n');
}

static int list_uplinks(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	struct list list = {.rows = json_array()};

	uplink_each(list_uplink, &list);
	*result = finish_list(&list, "uplinks", as_json);
	if (error) {
		json_decref(*result);
		*result = NULL;
	}
	return error;
}

/* "10.0.0.1/24, fd00::1/64" and the same as a list. */
static json_t *addresses_of(struct rtnl *rtnl, int ifindex, struct ds *text)
{
	struct netconf conf = {0};
	json_t *list = json_array();

	/* A device that has just gone has none. */
	if (rtnl && netconf_read(rtnl, ifindex, &conf))
		netconf_fini(&conf);
	for (size_t i = 0; i < conf.n; i++) {
		char addr[RTNL_ADDR_TEXT];
		struct rtnl_prefix prefix;

		if (!netconf_prefix(&conf.items[i], &prefix))
			continue;
		json_array_append_new(list, json_sprintf("%s/%u", rtnl_addr_format(&prefix, addr), prefix.len));
		ds_printf(text, "%s%s/%u", text->len ? "," : "", addr, prefix.len);
	}
	netconf_fini(&conf);
	return list;
}

/* What the device is to the switch: "port of br0", "br0 itself", "uplink of br0"; "" when it is nothing. */
static void put_use(const struct netdev_info *info, char *use, size_t size)
{
	const struct iface *iface = iface_by_name(info->name);
	const struct uplink *u = uplink_of_device(info->name);

	use[0] = '\0';
	if (u)
		snprintf(use, size, "uplink of %s", u->bridge);
	else if (iface && iface->ofp_port == OFPP_LOCAL)
		snprintf(use, size, "bridge");
	else if (iface)
		snprintf(use, size, "port of %s", iface->bridge->name);
}

static void list_device(void *aux, const struct netdev_info *info)
{
	const struct iface *iface = iface_by_name(info->name);
	struct list *list = aux;
	struct ds text = DS_INIT;
	char mac[24] = "", use[64];
	json_t *addresses;

	/* Inner ends are nobody's business. */
	if (!strncmp(info->alias, IFACE_ALIAS_PREFIX "inner", strlen(IFACE_ALIAS_PREFIX "inner")))
		return;
	addresses = addresses_of(list->rtnl, info->ifindex, &text);
	if (info->has_mac)
		snprintf(mac, sizeof mac, UPLINK_MAC_FMT, UPLINK_MAC_ARGS(info->mac));
	put_use(info, use, sizeof use);
	ds_printf(&list->text, "%-15s %-8s %-17s %-16s %s\n", info->name,
		  !info->admin_up ? "inactive"
		  : info->link_up ? "active"
				  : "no-link",
		  mac[0] ? mac : "-", use[0] ? use : "-", text.len ? ds_cstr(&text) : "-");
	json_array_append_new(list->rows,
			      json_pack("{s:s, s:b, s:b, s:s, s:I, s:s, s:o, s:s?, s:s}", "name", info->name, "active",
					info->admin_up, "link", info->link_up, "mac", mac, "mtu", (json_int_t)info->mtu,
					"kind", info->kind, "addresses", addresses, "bridge",
					iface ? iface->bridge->name : NULL, "use", use));
	ds_fini(&text);
}

static int list_devices(struct control_request *request VSW_UNUSED, const json_t *params, json_t **result,
			struct errtext *err)
{
	int error = control_allow(params, "", err);
	bool as_json = control_wants_json(params, &error, err);
	struct list list = {.rows = json_array()};
	int e;

	if (!error && (e = rtnl_open(&list.rtnl, -1)))
		error = errtext_set(err, -e, "netlink: %s", strerror(-e));
	ds_printf(&list.text, "%-15s %-8s %-17s %-16s %s\n", "Name", "State", "MAC address", "Used as", "Addresses");
	if (!error && (e = netdev_each(list_device, &list)))
		error = errtext_set(err, -e, "the kernel does not list its devices: %s", strerror(-e));
	*result = finish_list(&list, "interfaces", as_json);
	if (error) {
		json_decref(*result);
		*result = NULL;
	}
	return error;
}

void uplink_commands_register(void)
{
	control_register("uplink/add", add_uplink);
	control_register("uplink/undo", undo_uplink);
	control_register("uplink/confirm", confirm_uplink);
	control_register("uplink/list", list_uplinks);
	control_register("iface/list", list_devices);
}
