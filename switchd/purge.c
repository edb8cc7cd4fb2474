// SPDX-License-Identifier: Apache-2.0
#include "switchd/purge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "os/netdev.h"
#include "switchd/datapath/ebpf_pin.h"
#include "switchd/datapath/sweep.h"
#include "switchd/iface_dev.h"
#include "switchd/iface_veth.h"

LOG_MODULE(purge);

/** Devices to delete. */
struct doomed {
	int *ifindexes;
	size_t n;
	char *suffix; /* of the alias that the daemon gave to those that it made */
};

static void collect(void *aux, const struct netdev_info *info)
{
	struct doomed *d = aux;
	size_t len = strlen(info->alias), n = strlen(d->suffix);

	if (strncmp(info->alias, IFACE_ALIAS_PREFIX, strlen(IFACE_ALIAS_PREFIX)) != 0 || len < n ||
	    strcmp(info->alias + len - n, d->suffix) != 0)
		return;
	d->ifindexes = xrealloc(d->ifindexes, (d->n + 1) * sizeof *d->ifindexes);
	d->ifindexes[d->n++] = info->ifindex;
}

/* Veth pairs and TAPs that have no other purpose. The second end of a pair is gone when its turn comes. */
static int delete_devices(const char *rundir)
{
	struct doomed d = {.suffix = xasprintf(" (%s)", rundir)};
	int error = netdev_each(collect, &d);

	for (size_t i = 0; i < d.n; i++) {
		int e = netdev_delete(d.ifindexes[i]);

		if (e && e != -ENODEV)
			error = e;
	}
	free(d.ifindexes);
	free(d.suffix);
	return error;
}

static bool is_port(void *aux VSW_UNUSED, int ifindex)
{
	struct iface *iface;

	HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
		if (iface->dev->ifindex == ifindex)
			return true;
	return false;
}

static void end_promisc(void *aux VSW_UNUSED, int ifindex)
{
	(void)!netdev_set_promisc(ifindex, false);
}

/* Return: whether there was anything. */
static bool remove_pins(struct ebpf_pins *pins)
{
	bool found;

	ebpf_pins_each(pins, EBPF_PROMISC, end_promisc, NULL);
	found = ebpf_pins_remove_all(pins);
	ebpf_pins_close(pins);
	ebpf_pins_sweep();
	return found;
}

void purge_programs(const char *rundir)
{
	struct ebpf_pins pins;
	struct errtext err;

	(void)!ebpf_pins_open(&pins, rundir, false, &err);
	if (!remove_pins(&pins))
		return;
	log_info("what a predecessor with the ebpf datapath left in the kernel is removed");
	sweep_devices(pins.owner, is_port, NULL);
}

int purge_all(const char *rundir)
{
	struct ebpf_pins pins;
	struct errtext err;

	sweep_devices(sweep_owner(rundir), NULL, NULL);
	(void)!ebpf_pins_open(&pins, rundir, false, &err);
	remove_pins(&pins);
	return delete_devices(rundir);
}
