// SPDX-License-Identifier: Apache-2.0
#include "switchd/hosts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <urcu/list.h>

#include "base/ds.h"
#include "base/hmap.h"
#include "base/util.h"
#include "flow/addr_text.h"
#include "switchd/bridge.h"

/* A port with entries. */
struct host_port {
	struct hmap_node node; /* in hosts.ports, by address */
	const struct port *port;
	struct cds_list_head items; /* oldest first */
	size_t n;
};

struct item {
	struct hmap_node node; /* in hosts.items, by VLAN and address */
	struct cds_list_head port_node;
	struct host_port *owner;
	struct host host;
};

struct hosts {
	pthread_mutex_t lock;
	struct hmap items, ports;
	uint32_t basis; /* hostile addresses must not choose their buckets */
};

struct hosts *hosts_new(void)
{
	struct hosts *hosts = xzalloc(sizeof *hosts);

	pthread_mutex_init(&hosts->lock, NULL);
	hmap_init(&hosts->items);
	hmap_init(&hosts->ports);
	if (getrandom(&hosts->basis, sizeof hosts->basis, GRND_NONBLOCK) != sizeof hosts->basis)
		hosts->basis = (uint32_t)(uintptr_t)hosts;
	return hosts;
}

/* ---- entries; the lock is held ---- */

static struct host_port *find_port(const struct hosts *hosts, const struct port *port)
{
	struct host_port *p;

	HMAP_FOR_EACH_WITH_HASH(p, node, hash_u64((uintptr_t)port, 0), &hosts->ports)
		if (p->port == port)
			return p;
	return NULL;
}

static struct host_port *take_port(struct hosts *hosts, const struct port *port)
{
	struct host_port *p = find_port(hosts, port);

	if (p)
		return p;
	p = xzalloc(sizeof *p);
	p->port = port;
	CDS_INIT_LIST_HEAD(&p->items);
	hmap_insert(&hosts->ports, &p->node, hash_u64((uintptr_t)port, 0));
	return p;
}

static uint32_t hash_address(const struct hosts *hosts, uint16_t vlan, const uint8_t ip[16])
{
	uint64_t words[2];

	memcpy(words, ip, sizeof words);
	return hash_u64(words[0] ^ vlan, hash_u64(words[1], hosts->basis));
}

static struct item *find_item(const struct hosts *hosts, uint16_t vlan, bool is_v6, const uint8_t ip[16])
{
	struct item *item;

	HMAP_FOR_EACH_WITH_HASH(item, node, hash_address(hosts, vlan, ip), &hosts->items)
		if (item->host.vlan == vlan && item->host.is_v6 == is_v6 && !memcmp(item->host.ip, ip, 16))
			return item;
	return NULL;
}

static void detach(struct hosts *hosts, struct item *item)
{
	struct host_port *p = item->owner;

	cds_list_del(&item->port_node);
	if (--p->n)
		return;
	hmap_remove(&hosts->ports, &p->node);
	free(p);
}

static void attach(struct hosts *hosts, struct item *item, const struct port *port)
{
	item->owner = take_port(hosts, port);
	item->owner->n++;
	cds_list_add_tail(&item->port_node, &item->owner->items);
}

static void destroy(struct hosts *hosts, struct item *item)
{
	hmap_remove(&hosts->items, &item->node);
	detach(hosts, item);
	free(item);
}

/* For one more entry on @port, at the cost of its own oldest. Return: false when it has none to give. */
static bool make_room(struct hosts *hosts, const struct port *port)
{
	struct host_port *p = find_port(hosts, port);

	if ((p ? p->n : 0) < HOSTS_PER_PORT && hmap_count(&hosts->items) < HOSTS_MAX)
		return true;
	if (!p)
		return false;
	destroy(hosts, cds_list_first_entry(&p->items, struct item, port_node));
	return true;
}

/* ---- learning ---- */

static enum hosts_event learn_new(struct hosts *hosts, const struct host *claim)
{
	struct item *item;

	if (!make_room(hosts, claim->port))
		return HOSTS_REFUSED;
	item = xzalloc(sizeof *item);
	item->host = *claim;
	hmap_insert(&hosts->items, &item->node, hash_address(hosts, claim->vlan, claim->ip));
	attach(hosts, item, claim->port);
	return HOSTS_LEARNT;
}

static enum hosts_event learn_again(struct hosts *hosts, struct item *item, const struct host *claim,
				    struct host *previous)
{
	bool same = item->host.port == claim->port && !memcmp(item->host.mac, claim->mac, sizeof claim->mac);

	if (claim->is_dropped && !item->host.is_dropped)
		return HOSTS_REFUSED;
	*previous = item->host;
	if (item->owner->port != claim->port && !make_room(hosts, claim->port))
		return HOSTS_REFUSED;
	/* Room was made on the new port: this entry, on the old one, is still there. */
	detach(hosts, item);
	attach(hosts, item, claim->port);
	item->host = *claim;
	return same ? HOSTS_KNOWN : HOSTS_MOVED;
}

enum hosts_event hosts_learn(struct hosts *hosts, const struct host *claim, struct host *previous)
{
	enum hosts_event event;
	struct item *item;

	pthread_mutex_lock(&hosts->lock);
	item = find_item(hosts, claim->vlan, claim->is_v6, claim->ip);
	event = item ? learn_again(hosts, item, claim, previous) : learn_new(hosts, claim);
	pthread_mutex_unlock(&hosts->lock);
	return event;
}

void hosts_flush_port(struct hosts *hosts, const struct port *port)
{
	struct host_port *p;

	pthread_mutex_lock(&hosts->lock);
	while ((p = find_port(hosts, port)))
		destroy(hosts, cds_list_first_entry(&p->items, struct item, port_node));
	pthread_mutex_unlock(&hosts->lock);
}

void hosts_expire(struct hosts *hosts, int64_t now_ms)
{
	struct item *item;

	pthread_mutex_lock(&hosts->lock);
	HMAP_FOR_EACH_SAFE(item, node, &hosts->items)
		if (now_ms - item->host.seen_ms >= HOSTS_AGEING_MS)
			destroy(hosts, item);
	pthread_mutex_unlock(&hosts->lock);
}

void hosts_free(struct hosts *hosts)
{
	struct item *item;

	if (!hosts)
		return;
	HMAP_FOR_EACH_SAFE(item, node, &hosts->items)
		destroy(hosts, item);
	hmap_fini(&hosts->items);
	hmap_fini(&hosts->ports);
	pthread_mutex_destroy(&hosts->lock);
	free(hosts);
}

/* ---- looking at it ---- */

bool hosts_find(struct hosts *hosts, bool is_v6, const uint8_t ip[16], int vlan, struct host *host)
{
	struct item *item;
	bool found = false;

	pthread_mutex_lock(&hosts->lock);
	HMAP_FOR_EACH(item, node, &hosts->items) {
		if (item->host.is_v6 != is_v6 || memcmp(item->host.ip, ip, 16) != 0 ||
		    (vlan >= 0 && item->host.vlan != vlan) || (found && item->host.seen_ms <= host->seen_ms))
			continue;
		*host = item->host;
		found = true;
	}
	pthread_mutex_unlock(&hosts->lock);
	return found;
}

static int compare(const void *a_, const void *b_)
{
	const struct host *a = a_, *b = b_;
	int names = strcmp(a->port->name, b->port->name);

	if (names)
		return names;
	if (a->vlan != b->vlan)
		return a->vlan - b->vlan;
	return a->is_v6 != b->is_v6 ? a->is_v6 - b->is_v6 : memcmp(a->ip, b->ip, sizeof a->ip);
}

size_t hosts_snapshot(struct hosts *hosts, const struct port *port, struct host **list)
{
	struct item *item;
	size_t n = 0;

	pthread_mutex_lock(&hosts->lock);
	*list = xcalloc(hmap_count(&hosts->items) + 1, sizeof **list);
	HMAP_FOR_EACH(item, node, &hosts->items)
		if (!port || item->host.port == port)
			(*list)[n++] = item->host;
	pthread_mutex_unlock(&hosts->lock);
	qsort(*list, n, sizeof **list, compare);
	return n;
}

const char *host_source_name(enum host_source source)
{
	static const char *const names[] = {[HOST_ARP] = "arp", [HOST_ND] = "nd", [HOST_DHCP] = "dhcp"};

	return names[source];
}

void host_put_ip(struct ds *out, bool is_v6, const uint8_t ip[16])
{
	if (is_v6)
		ipv6_put(out, ip);
	else
		ipv4_put(out, ip);
}

void hosts_put_addresses(struct hosts *hosts, const struct port *port, const uint8_t mac[6], struct ds *out)
{
	const char *blank = "";
	struct host *list;
	size_t n = hosts_snapshot(hosts, port, &list);

	for (size_t i = 0; i < n; i++) {
		if (list[i].is_dropped || memcmp(list[i].mac, mac, 6) != 0)
			continue;
		ds_put(out, blank);
		host_put_ip(out, list[i].is_v6, list[i].ip);
		blank = " ";
	}
	free(list);
}
