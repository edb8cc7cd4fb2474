// SPDX-License-Identifier: Apache-2.0
/* virtio-net's control queue (virtio 1.2 5.1.6.5), and the receive filter. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/dev/virtio_net_impl.h"

enum ctrl_class { CTRL_RX, CTRL_MAC, CTRL_VLAN, CTRL_ANNOUNCE, CTRL_MQ, CTRL_GUEST_OFFLOADS };
enum ctrl_rx { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST };
enum ctrl_mac { MAC_TABLE_SET, MAC_ADDR_SET };
enum ctrl_vlan { VLAN_ADD, VLAN_DEL };
enum ctrl_ack { ACK_OK, ACK_ERROR };

/** Longest command: two tables of addresses. */
#define COMMAND_MAX (2 + 2 * (4 + 6 * 1024))
#define N_VLANS 4096
/** Commands before others of the thread have their turn. */
#define BATCH 64

/* ---- the filter ---- */

void net_filter_init(struct net_filter *filter, const uint8_t mac[6])
{
	memset(filter, 0, sizeof *filter);
	pthread_rwlock_init(&filter->lock, NULL);
	net_filter_reset(filter, mac);
}

void net_filter_fini(struct net_filter *filter)
{
	pthread_rwlock_destroy(&filter->lock);
}

/* A driver that says nothing gets everything (5.1.6.5.1). */
void net_filter_reset(struct net_filter *filter, const uint8_t mac[6])
{
	pthread_rwlock_wrlock(&filter->lock);
	filter->promisc = true;
	filter->all_multi = filter->all_uni = filter->no_multi = filter->no_uni = filter->no_broadcast = false;
	filter->uni_overflow = filter->multi_overflow = false;
	filter->n_uni = filter->n_multi = 0;
	memcpy(filter->mac, mac, sizeof filter->mac);
	memset(filter->vlans, 0, sizeof filter->vlans);
	filter->vlans[0] = 1; /* priority tags belong to no VLAN */
	pthread_rwlock_unlock(&filter->lock);
}

static bool is_in(const uint8_t (*table)[6], unsigned int n, const uint8_t *mac)
{
	for (unsigned int i = 0; i < n; i++)
		if (!memcmp(table[i], mac, 6))
			return true;
	return false;
}

static bool is_vlan_wanted(const struct net_filter *filter, const uint8_t *frame, size_t len)
{
	unsigned int vid;

	if (len < 16 || frame[12] != 0x81 || frame[13] != 0x00)
		return true;
	vid = (unsigned int)(frame[14] << 8 | frame[15]) % N_VLANS;
	return filter->vlans[vid / 64] >> (vid % 64) & 1;
}

static bool is_address_wanted(const struct net_filter *filter, const uint8_t *dst)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (filter->promisc)
		return true;
	if (!memcmp(dst, broadcast, 6))
		return !filter->no_broadcast;
	if (dst[0] & 1)
		return !filter->no_multi &&
		       (filter->all_multi || filter->multi_overflow || is_in(filter->multi, filter->n_multi, dst));
	return !filter->no_uni && (filter->all_uni || filter->uni_overflow || !memcmp(dst, filter->mac, 6) ||
				   is_in(filter->uni, filter->n_uni, dst));
}

bool net_filter_wants(struct net_filter *filter, const uint8_t *frame, size_t len, bool check_vlan)
{
	bool wanted;

	if (len < 14)
		return false;
	pthread_rwlock_rdlock(&filter->lock);
	wanted = is_address_wanted(filter, frame) && (!check_vlan || is_vlan_wanted(filter, frame, len));
	pthread_rwlock_unlock(&filter->lock);
	return wanted;
}

/* ---- commands; each gets what follows the two bytes of class and command ---- */

static bool set_rx(struct virtio_net *net, uint8_t command, const uint8_t *data, size_t len)
{
	struct net_filter *f = &net->filter;
	bool *const flags[] = {&f->promisc, &f->all_multi, &f->all_uni, &f->no_multi, &f->no_uni, &f->no_broadcast};

	if (command >= ARRAY_SIZE(flags) || len != 1)
		return false;
	pthread_rwlock_wrlock(&f->lock);
	*flags[command] = data[0];
	pthread_rwlock_unlock(&f->lock);
	return true;
}

/* One table: a count, then addresses. More than we keep means: all of that kind. Return: bytes read, 0: it is cut off. */
static size_t read_table(const uint8_t *data, size_t len, uint8_t (*table)[6], unsigned int *n, bool *overflow)
{
	le32 wire;
	uint32_t count;

	if (len < sizeof wire)
		return 0;
	memcpy(&wire, data, sizeof wire);
	count = le32_to_cpu(wire);
	if (count > (len - sizeof wire) / 6)
		return 0;
	*overflow = count > NET_MAX_MACS;
	*n = *overflow ? 0 : count;
	memcpy(table, data + sizeof wire, 6ul * *n);
	return sizeof wire + 6ul * count;
}

static bool set_mac_table(struct virtio_net *net, const uint8_t *data, size_t len)
{
	uint8_t uni[NET_MAX_MACS][6], multi[NET_MAX_MACS][6];
	unsigned int n_uni = 0, n_multi = 0;
	bool uni_overflow = false, multi_overflow = false;
	struct net_filter *f = &net->filter;
	size_t first = read_table(data, len, uni, &n_uni, &uni_overflow);

	if (!first || !read_table(data + first, len - first, multi, &n_multi, &multi_overflow))
		return false;
	pthread_rwlock_wrlock(&f->lock);
	f->n_uni = n_uni;
	f->n_multi = n_multi;
	f->uni_overflow = uni_overflow;
	f->multi_overflow = multi_overflow;
	memcpy(f->uni, uni, 6ul * n_uni);
	memcpy(f->multi, multi, 6ul * n_multi);
	pthread_rwlock_unlock(&f->lock);
	return true;
}

static bool set_mac(struct virtio_net *net, uint8_t command, const uint8_t *data, size_t len)
{
	if (command == MAC_TABLE_SET)
		return set_mac_table(net, data, len);
	if (command != MAC_ADDR_SET || len != 6)
		return false;
	pthread_rwlock_wrlock(&net->filter.lock);
	memcpy(net->filter.mac, data, 6);
	pthread_rwlock_unlock(&net->filter.lock);
	return true;
}

static bool set_vlan(struct virtio_net *net, uint8_t command, const uint8_t *data, size_t len)
{
	unsigned int vid = len == 2 ? data[0] | (unsigned int)data[1] << 8 : N_VLANS;
	uint64_t bit = 1ull << (vid % 64);

	if (vid >= N_VLANS || command > VLAN_DEL)
		return false;
	pthread_rwlock_wrlock(&net->filter.lock);
	if (command == VLAN_ADD)
		net->filter.vlans[vid / 64] |= bit;
	else
		net->filter.vlans[vid / 64] &= ~bit;
	pthread_rwlock_unlock(&net->filter.lock);
	return true;
}

static bool acknowledge(struct virtio_net *net, uint8_t command)
{
	if (command != 0)
		return false;
	atomic_fetch_and(&net->status, (uint16_t)~NET_S_ANNOUNCE);
	return true;
}

static bool set_pairs(struct virtio_net *net, uint8_t command, const uint8_t *data, size_t len)
{
	unsigned int n = len == 2 ? data[0] | (unsigned int)data[1] << 8 : 0;

	if (command != 0 || !virtio_has(&net->dev, NET_F_MQ) || !n || n > net->config.n_pairs ||
	    net->be->ops->set_queues(net->be, n))
		return false;
	atomic_store(&net->n_active, n);
	return true;
}

static bool set_offloads(struct virtio_net *net, uint8_t command, const uint8_t *data, size_t len)
{
	le64 offloads;

	if (command != 0 || len != sizeof offloads)
		return false;
	memcpy(&offloads, data, sizeof offloads);
	if (le64_to_cpu(offloads) & ~net->dev.features)
		return false; /* only what was negotiated may be turned on again */
	return !net_apply_offloads(net, le64_to_cpu(offloads));
}

static bool run_command(struct virtio_net *net, const uint8_t *command, size_t len)
{
	const uint8_t *data = command + 2;

	if (len < 2)
		return false;
	len -= 2;
	switch (command[0]) {
	case CTRL_RX:
		return set_rx(net, command[1], data, len);
	case CTRL_MAC:
		return set_mac(net, command[1], data, len);
	case CTRL_VLAN:
		return set_vlan(net, command[1], data, len);
	case CTRL_ANNOUNCE:
		return acknowledge(net, command[1]);
	case CTRL_MQ:
		return set_pairs(net, command[1], data, len);
	case CTRL_GUEST_OFFLOADS:
		return set_offloads(net, command[1], data, len);
	}
	return false;
}

/* ---- the queue ---- */

static size_t flatten(const struct vq_chain *chain, uint8_t *buffer, size_t size)
{
	size_t len = 0;

	for (unsigned int i = 0; i < chain->n_out && len < size; i++) {
		size_t part = MIN(chain->iov[i].iov_len, size - len);

		memcpy(buffer + len, chain->iov[i].iov_base, part);
		len += part;
	}
	return len;
}

static uint8_t handle(struct virtio_net *net, const struct vq_chain *chain, uint8_t *buffer)
{
	if (chain->out_len > COMMAND_MAX)
		return ACK_ERROR;
	return run_command(net, buffer, flatten(chain, buffer, COMMAND_MAX)) ? ACK_OK : ACK_ERROR;
}

/* Return: 1: a command was answered, 0: there is none, -1: the queue is broken. */
static int serve_one(struct virtio_net *net, struct virtqueue *vq, uint8_t *buffer)
{
	struct vq_chain chain;
	int result = virtqueue_pop(vq, &chain);

	if (result <= 0)
		return result;
	if (!chain.n_in) {
		vq->broken = "a control command without room for its answer";
		return -1;
	}
	*(uint8_t *)chain.iov[chain.n_out].iov_base = handle(net, &chain, buffer);
	virtqueue_push(vq, &chain, 1);
	return 1;
}

void net_ctrl_kick(struct virtio_net *net)
{
	unsigned int index = net_ctrl_queue(net), n = 0;
	struct virtqueue *vq = &net->dev.queues[index];
	uint8_t *buffer = xmalloc(COMMAND_MAX);
	const uint64_t one = 1;
	int result;

	do {
		while ((result = serve_one(net, vq, buffer)) > 0 && ++n < BATCH)
			continue;
	} while (!result && virtqueue_enable_kicks(vq));
	free(buffer);
	if (result < 0) {
		virtio_broken(&net->dev, "its control queue is broken");
		return;
	}
	virtio_interrupt(&net->dev, index);
	/* A guest whose rings overlap makes commands without end out of our answers: a reset must get in between. */
	if (n == BATCH && write(net->dev.kick_fds[index], &one, sizeof one) != sizeof one)
		return; /* it is signalled already */
}
