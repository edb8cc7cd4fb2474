// SPDX-License-Identifier: Apache-2.0
/*
 * Names of inner ends. "vsw-NAME" where that fits into 15 characters, else "vsw-" and a hash of the name; when a device that is not
 * this port's has that name already, the next hash. The alias on the inner end says whose it is, so the search is the same after a restart.
 */
#include "switchd/iface_veth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "vsw/types.h"

LOG_MODULE(veth);

enum { MAX_TRIES = 16 };

void iface_alias(char *alias, size_t size, const char *name, const char *what)
{
	snprintf(alias, size, IFACE_ALIAS_PREFIX "%s of port %s (%s)", what, name, vswitch.rundir);
}

static void inner_name(char inner[IFNAMSIZ], const char *name, unsigned int try)
{
	if (!try && strlen(name) + strlen("vsw-") < IFNAMSIZ)
		snprintf(inner, IFNAMSIZ, "vsw-%s", name);
	else
		snprintf(inner, IFNAMSIZ, "vsw-%08x", hash_string(name, try));
}

/*
 * Look for our inner end.
 * Return: 0 and *inner; -ENOENT and the first free name in @free_name; another negative errno.
 */
static int find_inner(const char *name, struct netdev_info *inner, char free_name[IFNAMSIZ])
{
	char alias[256], candidate[IFNAMSIZ];
	bool have_free = false;

	iface_alias(alias, sizeof alias, name, "inner end");
	for (unsigned int try = 0; try < MAX_TRIES; try++) {
		int error;

		inner_name(candidate, name, try);
		error = netdev_get(candidate, inner);
		if (!error && !strcmp(inner->alias, alias))
			return 0;
		if (error && error != -ENODEV)
			return error;
		if (error && !have_free)
			memcpy(free_name, candidate, IFNAMSIZ);
		have_free |= error;
	}
	return have_free ? -ENOENT : -EEXIST;
}

/* The other end of @inner, where it is in this namespace; else outer->ifindex is 0. */
static void find_outer(const struct netdev_info *inner, struct netdev_info *outer)
{
	if (inner->link_netnsid >= 0 || !inner->peer_ifindex || netdev_get_by_index(inner->peer_ifindex, outer))
		*outer = (struct netdev_info){0};
}

/* Whose is the device that stands in the way? */
static int taken(const char *name, struct errtext *err)
{
	struct netdev_info there;

	if (!netdev_get(name, &there) && there.alias[0])
		return errtext_set(err, EEXIST,
				   "there is a network device %s already (%s); `ip link delete %s` removes it", name,
				   there.alias, name);
	return errtext_set(err, EEXIST, "there is a network device %s already; `ip link delete %s` removes it", name,
			   name);
}

static int make_pair(const char *name, const char *inner, const uint8_t mac[6], struct errtext *err)
{
	struct netdev_info info, outer;
	char alias[256];
	int error = netdev_add_veth(name, inner, mac);

	if (error == -EEXIST)
		return taken(name, err);
	if (error)
		return errtext_set(err, -error, "its veth pair cannot be made: %s%s", strerror(-error),
				   error == -EPERM ? " (the switch must run as root)" : "");
	/* The alias last: a pair without one is half made, and is not taken for ours. */
	error = netdev_get(inner, &info);
	if (!error)
		error = netdev_set_no_ipv6(info.ifindex, inner);
	if (!error)
		error = netdev_set_up(info.ifindex, true);
	iface_alias(alias, sizeof alias, name, "outer end");
	if (!error && !netdev_get(name, &outer))
		error = netdev_set_alias(outer.ifindex, alias);
	iface_alias(alias, sizeof alias, name, "inner end");
	if (!error)
		error = netdev_set_alias(info.ifindex, alias);
	if (error && info.ifindex)
		(void)!netdev_delete(info.ifindex);
	return error ? errtext_set(err, -error, "its veth pair cannot be set up: %s", strerror(-error)) : 0;
}

/* What a predecessor died over while making it: no alias on the inner end, ours on neither or the outer one. */
static void clear_half_made(const char *name, const char *inner)
{
	struct netdev_info info, outer;

	if (netdev_get(inner, &info) || strcmp(info.kind, "veth") != 0 || info.alias[0])
		return;
	find_outer(&info, &outer);
	if (outer.ifindex && !strcmp(outer.name, name) && netdev_delete(info.ifindex))
		log_warn("%s: a half-made veth pair cannot be removed", inner);
}

static void random_mac(uint8_t mac[6], const char *name)
{
	uint64_t r = hash_string(name, (uint32_t)random()) | (uint64_t)random() << 32;

	memcpy(mac, &r, 6);
	mac[0] = (uint8_t)((mac[0] | 0x02) & 0xfe);
}

int iface_veth_open(const char *name, const uint8_t mac[6], bool use_mac, struct netdev_info *inner,
		    struct netdev_info *outer, struct errtext *err)
{
	char free_name[IFNAMSIZ];
	uint8_t made_up[6];
	int error;

	inner_name(free_name, name, 0);
	clear_half_made(name, free_name);
	error = find_inner(name, inner, free_name);
	if (error == -ENOENT) {
		random_mac(made_up, name);
		error = make_pair(name, free_name, use_mac ? mac : made_up, err);
		if (error)
			return error;
		error = netdev_get(free_name, inner);
	}
	if (error)
		return errtext_set(err, -error, "its veth pair cannot be found: %s", strerror(-error));
	if (!inner->admin_up && netdev_set_up(inner->ifindex, true))
		log_warn("%s: cannot be set up", inner->name);
	find_outer(inner, outer);
	return 0;
}

bool iface_veth_is_outer(const char *name, const struct netdev_info *info)
{
	char unused[IFNAMSIZ];
	struct netdev_info inner;

	return !strcmp(info->kind, "veth") && !find_inner(name, &inner, unused) &&
	       inner.peer_ifindex == info->ifindex && inner.link_netnsid < 0;
}

void iface_veth_clear_half_made(const char *name)
{
	char inner[IFNAMSIZ];

	inner_name(inner, name, 0);
	clear_half_made(name, inner);
}

int iface_veth_inner(const char *name)
{
	char unused[IFNAMSIZ];
	struct netdev_info inner;

	return find_inner(name, &inner, unused) ? 0 : inner.ifindex;
}
