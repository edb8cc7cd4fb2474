// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw uplink`, `vsw iface-list`. The daemon moves and watches; whoever typed the command may be cut off by it.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "ctl/confirm.h"
#include "ctl/handlers.h"

/** How long the daemon may take until it knows: it asks for a second before, and for ten after the move. */
enum { VERDICT_MS = 20000 };

/* The address of a host by name, while names can still be resolved. */
static int resolve(struct ctl *ctl, const char *host, char text[64])
{
	struct addrinfo *list = NULL;
	int error = getaddrinfo(host, NULL, &(struct addrinfo){.ai_socktype = SOCK_DGRAM}, &list);

	if (!error)
		error = getnameinfo(list->ai_addr, list->ai_addrlen, text, 64, NULL, 0, NI_NUMERICHOST);
	if (list)
		freeaddrinfo(list);
	return error ? ctl_fail(ctl, "uplink: --check=%s: %s", host, gai_strerror(error)) : CTL_OK;
}

static int add(struct ctl *ctl, const struct invocation *inv)
{
	const char *check = invocation_option(inv, "--check"), *confirm = invocation_option(inv, "--confirm");
	json_t *params = json_pack("{s:s, s:s}", "bridge", inv->args[0], "device", inv->args[1]);
	struct ctl patient = *ctl;
	char address[64];
	uint64_t seconds = 0;
	int status = CTL_OK;

	if (confirm && !ctl_parse_seconds(ctl, "uplink", confirm, &seconds))
		status = CTL_FAILED;
	else if (confirm)
		json_object_set_new(params, "confirm", json_integer((json_int_t)seconds));
	if (!status && check) {
		status = resolve(ctl, check, address);
		ctl_put_string(params, "check", address);
	}
	if (status) {
		json_decref(params);
		return status;
	}
	if (ctl->timeout_ms >= 0)
		patient.timeout_ms = MAX(ctl->timeout_ms, VERDICT_MS);
	status = ctl_ask(&patient, "uplink/add", params);
	if (!status && confirm)
		return confirm_at_terminal(ctl, "uplink/confirm", json_pack("{s:s}", "bridge", inv->args[0]), seconds);
	return status;
}

int cmd_uplink(struct ctl *ctl, const struct invocation *inv)
{
	bool undo = invocation_has(inv, "--undo"), confirm = invocation_has(inv, "--confirm-now");
	json_t *params = json_object();

	if (undo && confirm)
		return ctl_fail(ctl, "uplink: either --undo or --confirm-now");
	if (undo || confirm) {
		if (inv->n_args > 1)
			return ctl_fail(ctl, "uplink: '%s' is one argument too many: %s takes a bridge", inv->args[1],
					undo ? "--undo" : "--confirm-now");
		ctl_put_string(params, "bridge", invocation_arg(inv, 0));
		return ctl_ask(ctl, undo ? "uplink/undo" : "uplink/confirm", params);
	}
	json_decref(params);
	if (!inv->n_args)
		return ctl_ask(ctl, "uplink/list", NULL);
	if (inv->n_args == 1)
		return ctl_fail(ctl, "uplink: which device? usage: vsw uplink BRIDGE DEVICE");
	return add(ctl, inv);
}

int cmd_iface_list(struct ctl *ctl, const struct invocation *inv VSW_UNUSED)
{
	return ctl_ask(ctl, "iface/list", NULL);
}
