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

static uint32_t ask(int sock, struct ifreq *ifr)
{
	union settings u = {.s.cmd = ETHTOOL_GLINKSETTINGS};
	int8_t n_words;

	ifr->ifr_data = (void *)&u;
	if (ioctl(sock, SIOCETHTOOL, ifr) < 0 || u.s.link_mode_masks_nwords >= 0)
		return 0;
	n_words = u.s.link_mode_masks_nwords;
	u = (union settings){.s = {.cmd = ETHTOOL_GLINKSETTINGS, .link_mode_masks_nwords = (int8_t)-n_words}};
	if (ioctl(sock, SIOCETHTOOL, ifr) < 0 || u.s.speed == (uint32_t)SPEED_UNKNOWN)
		return 0;
	return u.s.speed;
}

uint64_t netdev_speed_mbps(const char *name)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};
	uint32_t speed;

	if (sock < 0)
		return 0;
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	speed = ask(sock, &ifr);
	close(sock);
	return speed > SPEED_10 ? speed : 0;
}
