// SPDX-License-Identifier: Apache-2.0
/*
 * Devices that receive everything.
 *
 * A network card takes in what is addressed to it, and drops what is for the hosts behind the switch, unless it is
 * promiscuous. A packet socket makes it so for as long as the process lives, and no longer: with the daemon the card
 * would go back to its filter, and take packets of known flows with it that the kernel could forward. So the device
 * itself is set promiscuous, as by `ip link set DEVICE promisc on`, and stays so until it is no port any more. A
 * register of the pin folder (ebpf_pin_life.c) tells a successor, and whoever purges, that it was us.
 *
 * Devices that somebody else has set so already stay it. veth and TAP devices, and those of our own making, have no
 * filter.
 */
#include "switchd/datapath/ebpf.h"

#include <string.h>

#include "base/log.h"
#include "os/netdev.h"

LOG_MODULE(ebpf_promisc);

static bool has_filter(const struct netdev_info *info)
{
	return strcmp(info->kind, "veth") != 0 && strcmp(info->kind, "tun") != 0;
}

void ebpf_promisc_begin(struct ebpf_dp *dp, const struct dp_port_spec *spec)
{
	const struct ebpf_pins *pins = &dp->kernel.pins;
	struct netdev_info info;
	int error;

	if (pins->registers[EBPF_PROMISC] < 0 || strcmp(spec->type, "system") != 0 ||
	    netdev_get_by_index(spec->ifindex, &info) || !has_filter(&info) || info.is_promisc)
		return;
	/* Noted first: killed in between, a successor ends what has not begun. */
	ebpf_pins_note(pins, EBPF_PROMISC, spec->ifindex);
	error = netdev_set_promisc(spec->ifindex, true);
	if (error)
		log_dbg("%s: not promiscuous while no daemon runs: %s", info.name, strerror(-error));
}

void ebpf_promisc_end(struct ebpf_dp *dp, int ifindex)
{
	if (!ebpf_pins_is_noted(&dp->kernel.pins, EBPF_PROMISC, ifindex))
		return;
	(void)!netdev_set_promisc(ifindex, false);
	ebpf_pins_strike(&dp->kernel.pins, EBPF_PROMISC, ifindex);
}
