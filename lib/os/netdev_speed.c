// SPDX-License-Identifier: Apache-2.0
/* How fast a device's link is, by ethtool's ioctl. */
#include "os/netdev.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The request wants to be told how many words of link modes follow; it answers the first time with minus their number. */
enum { MAX_MODE_WORDS = 127 };

union settings {
	struct ethtool_link_settings s;
	uint32_t words[sizeof(struct ethtool_link_settings) / 4 + 3 * MAX_MODE_WORDS];
};

static int ask(int sock, const char *name, union settings *u)
{
	struct ifreq ifr = {.ifr_data = (void *)u};

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	u->s.cmd = ETHTOOL_GLINKSETTINGS;
	return ioctl(sock, SIOCETHTOOL, &ifr);
}

uint64_t netdev_speed_mbps(const char *name)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union settings u = {.words = {0}};
	uint32_t speed = 0;

	if (sock < 0)
		return 0;
	if (!ask(sock, name, &u) && u.s.link_mode_masks_nwords < 0) {
		u = (union settings){.s = {.link_mode_masks_nwords = (int8_t)-u.s.link_mode_masks_nwords}};
		if (!ask(sock, name, &u) && u.s.speed != (uint32_t)SPEED_UNKNOWN)
			speed = u.s.speed;
	}
	close(sock);
	return speed > SPEED_10 ? speed : 0;
}
