// SPDX-License-Identifier: Apache-2.0
/* Methods of the control socket that concern network cards. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "os/control.h"
#include "vmm/commands_impl.h"
#include "vmm/core/vm.h"
#include "vmm/guest.h"
#include "vmm/hotplug.h"

static struct guest *guest;

static json_t *one_nic(struct nic *nic)
{
	struct nic_status s;
	char mac[18];

	nic_get_status(nic, &s);
	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", s.mac[0], s.mac[1], s.mac[2], s.mac[3], s.mac[4],
		 s.mac[5]);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:b, s:b}", "name", s.name, "model", s.model, "port", s.port,
			 "mac", mac, "queues", (int)s.n_queues, "vhost", s.uses_vhost, "port_up", s.port_up, "cable",
			 s.cable_in);
}

static json_t *one_nic_stats(struct nic *nic)
{
	struct nic_status s;
	json_t *stats;

	nic_get_status(nic, &s);
	stats = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", s.name, "rx_packets",
			  (json_int_t)s.rx_packets, "rx_bytes", (json_int_t)s.rx_bytes, "tx_packets",
			  (json_int_t)s.tx_packets, "tx_bytes", (json_int_t)s.tx_bytes, "rx_filtered",
			  (json_int_t)s.rx_filtered, "rx_no_buffer", (json_int_t)s.rx_no_buffer, "tx_errors",
			  (json_int_t)s.tx_errors);
	if (s.virtio)
		json_object_set_new(stats, "queues", commands_queues(s.virtio));
	return stats;
}

static json_t *each(const struct guest *g, json_t *(*one)(struct nic *nic))
{
	json_t *nics = json_array();

	for (unsigned int i = 0; i < NIC_MAX; i++)
		if (g->nics[i])
			json_array_append_new(nics, one(g->nics[i]));
	return nics;
}

json_t *commands_list_nics(const struct guest *g)
{
	return each(g, one_nic);
}

json_t *commands_nic_stats(const struct guest *g)
{
	return each(g, one_nic_stats);
}

/* "net1" is at index 1. Return: 0 or -ENOENT with the sentence. */
static int find(const char *name, struct nic ***at, struct errtext *err)
{
	for (unsigned int i = 0; i < NIC_MAX; i++) {
		struct nic_status s;

		if (!guest->nics[i])
			continue;
		nic_get_status(guest->nics[i], &s);
		if (!strcmp(s.name, name)) {
			*at = &guest->nics[i];
			return 0;
		}
	}
	return errtext_set(err, ENOENT, "no network card named '%.40s'; \"status\" lists them", name);
}

static int set_link(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "name,cable", err);
	const char *name = control_str(params, "name", "", &error, err);
	bool in = control_bool(params, "cable", true, &error, err);
	struct nic **at;

	(void)request;
	if (!error)
		error = find(name, &at, err);
	if (error)
		return error;
	nic_set_link(*at, in);
	*result = one_nic(*at);
	return 0;
}

static int attach(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "nic", err);
	const char *text = control_str(params, "nic", "", &error, err);
	struct nic_config config;
	unsigned int i = 0;

	(void)request;
	if (!error)
		error = nic_config_parse(text, &config, err);
	if (error)
		return error;
	while (i < NIC_MAX && guest->nics[i])
		i++;
	if (i == NIC_MAX)
		error = errtext_set(err, ENOSPC, "a guest has at most %d network cards", NIC_MAX);
	else
		error = nic_new(vm_machine(guest->vm), guest->options.rundir, &config, i, &guest->nics[i], err);
	nic_config_fini(&config);
	if (error)
		return error;
	hotplug_came(guest, nic_pci(guest->nics[i]));
	*result = one_nic(guest->nics[i]);
	return 0;
}

/* @thing: where in guest.nics it is. */
static void remove_nic(void *thing)
{
	struct nic **at = thing;

	nic_free(*at);
	*at = NULL;
}

static int detach(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "name", err);
	const char *name = control_str(params, "name", "", &error, err);
	struct nic **at;

	if (!error)
		error = find(name, &at, err);
	if (error)
		return error;
	return hotplug_remove(guest, request, nic_pci(*at), remove_nic, at, result, err);
}

void commands_nic_register(struct guest *g)
{
	guest = g;
	control_register("nic/set-link", set_link);
	control_register("nic/attach", attach);
	control_register("nic/detach", detach);
}
