// SPDX-License-Identifier: Apache-2.0
/* Network cards: the three parts put together. */
#include "vmm/nic.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/machine.h"
#include "vmm/core/pci.h"
#include "vmm/dev/e1000.h"
#include "vmm/dev/nic_device.h"
#include "vmm/dev/rtl8139.h"
#include "vmm/dev/virtio_net.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm/net/backend.h"
#include "vmm/net/switch.h"
#include "vmm/net/tap.h"

LOG_MODULE(nic);

/** What a kind of card does. virtio's has a pointer type of its own in struct nic, the others share one. */
struct model {
	int (*plug)(struct nic *nic, struct net_backend *be, struct errtext *err);
	struct pci_device *(*pci)(const struct nic *nic);
	void (*set_link)(struct nic *nic, bool up);
	void (*announce)(struct nic *nic); /* let the guest say where it is; NULL: it cannot be asked to */
	void (*get_stats)(const struct nic *nic, struct nic_status *s);
};

struct nic {
	struct machine *machine;
	const struct model *model;
	struct nic_config config; /* text and what points into it: not kept */
	char name[16], port_name[IFNAMSIZ];
	uint8_t mac[6];
	struct switch_port *port;
	bool port_up, cable_in;
	union {
		struct virtio_net *virtio; /* NULL: no device yet */
		struct nic_device *dev;
	};
};

static void put_stats(struct nic_status *s, const struct nic_stats *stats)
{
	s->rx_packets = stats->rx_packets;
	s->rx_bytes = stats->rx_bytes;
	s->tx_packets = stats->tx_packets;
	s->tx_bytes = stats->tx_bytes;
	s->rx_filtered = stats->rx_filtered;
	s->rx_no_buffer = stats->rx_no_buffer;
	s->tx_errors = stats->tx_errors;
}

/* ---- virtio ---- */

static int virtio_plug(struct nic *nic, struct net_backend *be, struct errtext *err)
{
	struct virtio_net_config config = {
		.name = nic->name,
		.n_pairs = nic->config.n_queues,
	};
	struct virtio_net *net;
	int error;

	memcpy(config.mac, nic->mac, sizeof config.mac);
	error = virtio_net_new(nic->machine, &config, be, &net, err);
	if (!error)
		error = virtio_pci_plug(virtio_net_device(net), -1, err);
	if (!error)
		nic->virtio = net;
	return error;
}

static struct pci_device *virtio_pci(const struct nic *nic)
{
	return virtio_pci_device(virtio_net_device(nic->virtio));
}

static void virtio_set_link(struct nic *nic, bool up)
{
	virtio_net_set_link(nic->virtio, up);
}

static void virtio_announce(struct nic *nic)
{
	virtio_net_announce(nic->virtio);
}

static void virtio_get_stats(const struct nic *nic, struct nic_status *s)
{
	struct nic_stats stats;

	virtio_net_get_stats(nic->virtio, &stats);
	s->uses_vhost = virtio_net_uses_vhost(nic->virtio);
	s->virtio = virtio_net_device(nic->virtio);
	put_stats(s, &stats);
}

/* ---- e1000, rtl8139 ---- */

static int plug_e1000(struct nic *nic, struct net_backend *be, struct errtext *err)
{
	return e1000_plug(nic->machine, nic->name, nic->mac, be, -1, &nic->dev, err);
}

static int plug_rtl8139(struct nic *nic, struct net_backend *be, struct errtext *err)
{
	uint8_t revision = nic->config.classic ? RTL8139_REVISION_CLASSIC : RTL8139_REVISION_CPLUS;

	return rtl8139_plug(nic->machine, nic->name, nic->mac, be, -1, revision, &nic->dev, err);
}

static struct pci_device *pci_of_device(const struct nic *nic)
{
	return &nic->dev->pci;
}

static void set_link_of_device(struct nic *nic, bool up)
{
	nic_device_set_link(nic->dev, up);
}

static void get_stats_of_device(const struct nic *nic, struct nic_status *s)
{
	struct nic_stats stats;

	nic_device_get_stats(nic->dev, &stats);
	put_stats(s, &stats);
}

static const struct model models[] = {
	[NIC_VIRTIO] = {virtio_plug, virtio_pci, virtio_set_link, virtio_announce, virtio_get_stats},
	[NIC_E1000] = {plug_e1000, pci_of_device, set_link_of_device, NULL, get_stats_of_device},
	[NIC_RTL8139] = {plug_rtl8139, pci_of_device, set_link_of_device, NULL, get_stats_of_device},
};

/* ---- names and addresses ---- */

/* The same at each start, on this host; 52:54:00 is what virtual machines' cards have. */
static void invent_mac(const char *guest, unsigned int index, uint8_t mac[6])
{
	char host[64] = "";
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	uint32_t h;

	if (fd >= 0) {
		if (read(fd, host, sizeof host - 1) < 0)
			host[0] = '\0';
		close(fd);
	}
	h = hash_string(guest, hash_string(host, index));
	memcpy(mac, (const uint8_t[]){0x52, 0x54, 0x00, (uint8_t)(h >> 16), (uint8_t)(h >> 8), (uint8_t)h}, 6);
}

/* "g1-net0": as much of the guest's name as a device's name has room for. */
static void name_port(struct nic *nic)
{
	if (nic->config.port)
		snprintf(nic->port_name, sizeof nic->port_name, "%s", nic->config.port);
	else
		snprintf(nic->port_name, sizeof nic->port_name, "%.10s-%.4s", nic->machine->name, nic->name);
}

/* ---- the cable ---- */

static void follow_link(struct nic *nic)
{
	if (nic->virtio)
		nic->model->set_link(nic, nic->port_up && nic->cable_in);
}

static void port_link(void *aux, bool up)
{
	struct nic *nic = aux;

	nic->port_up = up;
	follow_link(nic);
}

static void port_back(void *aux)
{
	struct nic *nic = aux;

	if (nic->virtio && nic->model->announce)
		nic->model->announce(nic);
}

static const struct switch_port_ops port_ops = {port_link, port_back};

void nic_set_link(struct nic *nic, bool in)
{
	nic->cable_in = in;
	follow_link(nic);
}

/* ---- life ---- */

static int open_backend(struct nic *nic, const char *rundir, struct net_backend **be, struct errtext *err)
{
	const struct nic_config *config = &nic->config;
	const char *columns[NIC_MAX_COLUMNS + 1];
	struct switch_port_config wanted = {
		.rundir = rundir,
		.guest = nic->machine->name,
		.bridge = config->bridge,
		.port = nic->port_name,
		.anti_spoof = config->anti_spoof,
		.n_queues = config->n_queues,
		.vhost = config->model == NIC_VIRTIO && !config->no_vhost,
		.columns = columns,
		.n_columns = config->n_columns,
	};
	struct switch_port_grant grant;
	char mtu_column[32];
	int error;

	memcpy(wanted.mac, nic->mac, sizeof wanted.mac);
	memcpy(columns, config->columns, sizeof config->columns);
	if (config->mtu) {
		snprintf(mtu_column, sizeof mtu_column, "mtu_request=%u", config->mtu);
		columns[wanted.n_columns++] = mtu_column;
	}
	error = switch_port_new(&wanted, nic->machine->loop, &port_ops, nic, &grant, &nic->port, err);
	if (error)
		return error;
	if (wanted.vhost && grant.vhost_fds[0] < 0)
		log_info("%s: packets are moved by this process: the switch's host has no vhost-net", nic->name);
	nic->port_up = grant.up;
	error = tap_backend_new(grant.fds, grant.vhost_fds, config->n_queues, grant.mtu, be, err);
	if (!error)
		(*be)->link_up = nic->port_up;
	return error;
}

int nic_new(struct machine *machine, const char *rundir, const struct nic_config *config, unsigned int index,
	    struct nic **result, struct errtext *err)
{
	struct nic *nic = xzalloc(sizeof *nic);
	struct net_backend *be;
	int error;

	nic->machine = machine;
	nic->config = *config;
	nic->model = &models[config->model];
	nic->cable_in = true;
	snprintf(nic->name, sizeof nic->name, "net%u", index);
	name_port(nic);
	if (config->has_mac)
		memcpy(nic->mac, config->mac, sizeof nic->mac);
	else
		invent_mac(machine->name, index, nic->mac);
	error = open_backend(nic, rundir, &be, err);
	if (!error)
		error = nic->model->plug(nic, be, err);
	if (error) {
		errtext_prefix(err, "%s", nic->name);
		nic_free(nic);
		return error;
	}
	nic->config.text = NULL;
	nic->config.bridge = nic->config.port = NULL;
	nic->config.n_columns = 0;
	*result = nic;
	return 0;
}

struct pci_device *nic_pci(const struct nic *nic)
{
	return nic->model->pci(nic);
}

void nic_free(struct nic *nic)
{
	if (!nic)
		return;
	/* First the port: what it has to say is for a device that is there. */
	switch_port_free(nic->port);
	if (nic->virtio)
		pci_unplug(nic->model->pci(nic));
	free(nic);
}

void nic_get_status(struct nic *nic, struct nic_status *s)
{
	*s = (struct nic_status){
		.name = nic->name,
		.model = nic_model_name(nic->config.model),
		.port = nic->port_name,
		.n_queues = nic->config.n_queues,
		.port_up = nic->port_up,
		.cable_in = nic->cable_in,
	};
	memcpy(s->mac, nic->mac, sizeof s->mac);
	nic->model->get_stats(nic, s);
}
