// SPDX-License-Identifier: Apache-2.0
/*
 * After a failover: frames that make the switches at the other end learn where the addresses behind us are now. One for each address that
 * the bridge knows on another port, a RARP request that names nobody (RFC 903), by the member that carries its frames from now on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "os/slowsock.h"
#include "switchd/bond.h"
#include "switchd/fdb.h"

enum { FRAME_LEN = 60, RARP_REQUEST = 3 };

/* As the port sends frames of that VLAN: with a tag, or without. */
static bool is_tagged(const struct port *port, uint16_t vlan)
{
	switch (port->vlan_mode) {
	case VLAN_ACCESS:
	case VLAN_DOT1Q_TUNNEL:
		return false;
	case VLAN_NATIVE_UNTAGGED:
		return vlan && vlan != port->tag;
	case VLAN_TRUNK:
	case VLAN_NATIVE_TAGGED:
		break;
	}
	return vlan;
}

static bool carries(const struct port *port, uint16_t vlan)
{
	if (port->vlan_mode == VLAN_ACCESS || port->vlan_mode == VLAN_DOT1Q_TUNNEL)
		return port->tag == vlan;
	return vlan_bitmap_has(port->trunks, vlan);
}

static size_t compose(const uint8_t mac[6], uint16_t vlan, bool tagged, uint8_t frame[FRAME_LEN + 4])
{
	static const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0, RARP_REQUEST};
	uint8_t *p = frame;

	memset(frame, 0, FRAME_LEN + 4);
	memset(p, 0xff, 6);
	memcpy(p + 6, mac, 6);
	p += 12;
	if (tagged) {
		const uint8_t tag[] = {0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan};

		memcpy(p, tag, sizeof tag);
		p += sizeof tag;
	}
	*p++ = 0x80;
	*p++ = 0x35;
	memcpy(p, head, sizeof head);
	p += sizeof head;
	memcpy(p, mac, 6);
	memcpy(p + 10, mac, 6);
	return FRAME_LEN + (tagged ? 4 : 0);
}

static void send_one(struct bond_port *b, const struct fdb_entry *e)
{
	unsigned int bucket = bond_source_bucket(e->mac, e->vlan, b->bond.config.hash_basis);
	const struct bond_member *m = bond_choose(&b->bond, bucket);
	const struct bond_link *l = m ? container_of(m, struct bond_link, bond) : NULL;
	uint8_t frame[FRAME_LEN + 4];
	size_t len;

	if (!l || l->fd < 0 || e->port == b->port || !carries(b->port, e->vlan))
		return;
	len = compose(e->mac, e->vlan, is_tagged(b->port, e->vlan), frame);
	(void)!slowsock_send(l->fd, frame, len);
}

void bond_send_learning(struct bond_port *b)
{
	struct fdb_entry *entries;
	size_t n;

	switch_rdlock();
	n = fdb_snapshot(b->bridge->fdb, clock_now_ms(), &entries);
	for (size_t i = 0; i < n; i++)
		send_one(b, &entries[i]);
	switch_rdunlock();
	free(entries);
}
