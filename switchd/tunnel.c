// SPDX-License-Identifier: Apache-2.0
#include "switchd/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/log.h"
#include "base/util.h"
#include "os/netdev.h"
#include "switchd/bridge.h"
#include "switchd/bridge_config.h"
#include "switchd/datapath/datapath.h"
#include "switchd/drops.h"
#include "switchd/tunnel_dev.h"

LOG_MODULE(tunnel);

/* ---- who is who ---- */

enum local_match { LOCAL_GIVEN, LOCAL_ANY, LOCAL_FLOW, N_LOCAL_MATCHES };
enum { N_CLASSES = 2 * 2 * N_LOCAL_MATCHES };

/* What a packet must be to be a port's. No holes: hashed and compared as bytes. */
struct tunnel_match {
	uint64_t key;
	uint8_t remote[16], local[16];
	uint32_t dp_port;
	uint8_t key_is_flow, remote_is_flow, local_is; /* enum local_match */
	uint8_t zero;
};

_Static_assert(sizeof(struct tunnel_match) == 48, "no holes");

static struct hmap ports = {.buckets = &ports.one}; /* struct iface.tunnel_node; the switch's lock */
static size_t n_of_class[N_CLASSES];

static unsigned int class_of(const struct tunnel_match *m)
{
	return (unsigned int)((m->key_is_flow * 2 + m->remote_is_flow) * N_LOCAL_MATCHES + m->local_is);
}

static void match_of_iface(const struct iface *iface, uint32_t dp_port, struct tunnel_match *m)
{
	const struct tunnel_config *c = &iface->tunnel;

	*m = (struct tunnel_match){
		.key = c->in_key,
		.dp_port = dp_port,
		.key_is_flow = c->in_key_is_flow,
		.remote_is_flow = c->remote_is_flow,
		.local_is = c->local_is_flow		   ? LOCAL_FLOW
			    : tunnel_addr_is_set(c->local) ? LOCAL_GIVEN
							   : LOCAL_ANY,
	};
	memcpy(m->remote, c->remote, sizeof m->remote);
	memcpy(m->local, c->local, sizeof m->local);
}

static uint32_t hash_match(const struct tunnel_match *m)
{
	return hash_bytes(m, sizeof *m, 0);
}

static struct iface *find_match(const struct datapath *dp, const struct tunnel_match *m)
{
	struct iface *iface;

	HMAP_FOR_EACH_WITH_HASH(iface, tunnel_node, hash_match(m), &ports) {
		struct tunnel_match other;

		match_of_iface(iface, iface->dp_port, &other);
		if (iface->bridge->dp == dp && !memcmp(&other, m, sizeof other))
			return iface;
	}
	return NULL;
}

static void put_addr(uint8_t to[16], be32 ipv4, const uint8_t ipv6[16])
{
	if (!ipv4) {
		memcpy(to, ipv6, 16);
		return;
	}
	memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	memcpy(to + 12, &ipv4, sizeof ipv4);
}

/* The packet's source is the port's remote end. */
struct iface *tunnel_find(const struct datapath *dp, const struct pkt_key *key)
{
	uint8_t remote[16], local[16];

	if (!pkt_key_has_tunnel(key) || hmap_is_empty(&ports))
		return NULL;
	put_addr(remote, key->tun_src, key->tun_ipv6_src);
	put_addr(local, key->tun_dst, key->tun_ipv6_dst);
	for (unsigned int class = 0; class < N_CLASSES; class ++) {
		struct tunnel_match m = {
			.dp_port = key->in_port,
			.key_is_flow = class / (2 * N_LOCAL_MATCHES),
			.remote_is_flow = class / N_LOCAL_MATCHES % 2,
			.local_is = class % N_LOCAL_MATCHES,
		};
		struct iface *iface;

		if (!n_of_class[class])
			continue;
		if (!m.key_is_flow)
			m.key = be64_to_cpu(key->tun_id);
		if (!m.remote_is_flow)
			memcpy(m.remote, remote, sizeof m.remote);
		if (m.local_is == LOCAL_GIVEN)
			memcpy(m.local, local, sizeof m.local);
		iface = find_match(dp, &m);
		if (iface)
			return iface;
	}
	return NULL;
}

/* ---- attaching ---- */

static int refuse_same(const struct iface *iface, const struct iface *other, uint32_t dp_port, struct errtext *err)
{
	struct ds text = DS_INIT;
	int error;

	tunnel_options_format(&other->tunnel, dp_port, &text);
	error = errtext_set(err, EEXIST, "%s: attempting to add tunnel port with same config as port '%s' (%s)",
			    iface->name, other->name, ds_cstr(&text));
	ds_fini(&text);
	return error;
}

int tunnel_attach(struct iface *iface, struct errtext *err)
{
	struct datapath *dp = iface->bridge->dp;
	const struct iface *other;
	struct tunnel_match m;
	struct tunnel_dev *dev;
	int error = tunnel_dev_get(dp, &iface->tunnel, &dev, err);

	if (error)
		return error;
	match_of_iface(iface, dev->dp_port, &m);
	other = find_match(dp, &m);
	if (other) {
		error = refuse_same(iface, other, dev->dp_port, err);
		tunnel_dev_put(dev);
		return error;
	}
	switch_wrlock();
	iface->dp_port = dev->dp_port;
	iface->serial = drops_add_port();
	hmap_insert(&ports, &iface->tunnel_node, hash_match(&m));
	n_of_class[class_of(&m)]++;
	switch_wrunlock();
	switch_changed();
	return 0;
}

void tunnel_detach(struct iface *iface)
{
	struct tunnel_dev *dev = tunnel_dev_by_port(iface->bridge->dp, iface->dp_port);
	struct tunnel_match m;

	if (!dev)
		return;
	match_of_iface(iface, iface->dp_port, &m);
	switch_wrlock();
	hmap_remove(&ports, &iface->tunnel_node);
	n_of_class[class_of(&m)]--;
	iface->dp_port = DP_PORT_NONE;
	drops_del_port(iface->serial);
	iface->serial = 0;
	iface->link_up = iface->admin_up = false;
	switch_wrunlock();
	switch_changed();
	tunnel_dev_put(dev);
}

/* ---- events ---- */

bool tunnel_event(const struct netdev_event *event, void (*gone)(struct iface *iface))
{
	struct tunnel_dev *dev = tunnel_dev_by_ifindex(event->info.ifindex);
	uint32_t dp_port = dev ? dev->dp_port : DP_PORT_NONE;
	const struct datapath *dp = dev ? dev->dp : NULL;
	struct iface *iface;

	if (!dev)
		return false;
	if (event->kind == NETDEV_GONE) {
		log_warn("the network device %s is gone", dev->name);
		dev->ifindex = 0;
		HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
			if (iface_is_tunnel(iface) && iface->bridge->dp == dp && iface->dp_port == dp_port)
				tunnel_detach(iface);
		/* All are off it before the first makes it anew. */
		HMAP_FOR_EACH(iface, name_node, &vswitch.ifaces)
			if (iface_is_tunnel(iface) && iface->bridge->dp == dp && iface->dp_port == DP_PORT_NONE)
				gone(iface);
	}
	return true;
}
