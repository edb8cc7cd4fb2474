// SPDX-License-Identifier: Apache-2.0
/*
 * virtio-net without vhost: packets between rings and backend, in the pair's I/O thread.
 *
 * Nothing is copied here: the backend reads from and writes into the guest's buffers. What a guest puts into a packet's header is judged by the kernel
 * behind the backend, which takes a copy of it first.
 *
 * To the guest: chains are taken from the ring before it is known how long the packet is; those not needed are kept for the next one. A ring that holds
 * less than the longest packet is served through a buffer of ours, in which a packet waits until the driver has lent enough.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/core/iothread.h"
#include "vmm/dev/virtio_net_impl.h"

/** Packets before others have their turn; buffers of received ones before the guest is told, as vhost has it. */
#define BATCH 64
#define BATCH_BYTES (512 << 10)
#define ROUNDS 8
#define MAX_IOV 1024 /* of one readv() */
#define ETH_HEADER 14
#define PEEK (sizeof(struct net_hdr) + 18) /* what the filter looks at */

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static struct virtqueue *rx_queue(struct net_pair *pair)
{
	return &pair->net->dev.queues[2 * pair->index];
}

static struct virtqueue *tx_queue(struct net_pair *pair)
{
	return &pair->net->dev.queues[2 * pair->index + 1];
}

/* ---- scattered bytes ---- */

static size_t copy_from_iov(const struct iovec *iov, size_t n, void *dst, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - done);

		memcpy((char *)dst + done, iov[i].iov_base, part);
		done += part;
	}
	return done;
}

static size_t copy_to_iov(const struct iovec *iov, size_t n, size_t skip, const void *src, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; i++) {
		size_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - skip, len - done);
		memcpy((char *)iov[i].iov_base + skip, (const char *)src + done, part);
		done += part;
		skip = 0;
	}
	return done;
}

/* ---- to the guest ---- */

/* The longest packet that the backend may have for us. */
static size_t longest_packet(const struct virtio_net *net)
{
	const uint64_t big = 1ull << NET_F_GUEST_TSO4 | 1ull << NET_F_GUEST_TSO6 | 1ull << NET_F_GUEST_UFO |
			     1ull << NET_F_GUEST_USO4 | 1ull << NET_F_GUEST_USO6;

	return net->dev.features & big ? 65536 + sizeof(struct net_hdr) + 18
				       : net->be->mtu + sizeof(struct net_hdr) + 18;
}

static struct vq_chain *rx_chain(struct net_pair *pair, unsigned int i)
{
	return &pair->rx_chains[(pair->rx_first + i) % ARRAY_SIZE(pair->rx_chains)];
}

/* Have chains for one packet of any length, or as many as there are. Return: false when the ring is broken. */
static bool take_chains(struct net_pair *pair)
{
	bool mergeable = virtio_has(&pair->net->dev, NET_F_MRG_RXBUF);
	size_t need = longest_packet(pair->net);

	while (pair->n_rx < (mergeable ? ARRAY_SIZE(pair->rx_chains) : 1) && pair->rx_room < need) {
		int result = virtqueue_pop(rx_queue(pair), rx_chain(pair, pair->n_rx));

		if (result < 0)
			virtio_broken(&pair->net->dev, "its receive queue is broken");
		if (result <= 0)
			return result == 0;
		pair->rx_room += rx_chain(pair, pair->n_rx++)->in_len;
	}
	return true;
}

static size_t gather(struct net_pair *pair, struct iovec iov[MAX_IOV])
{
	size_t n = 0;

	for (unsigned int i = 0; i < pair->n_rx; i++) {
		const struct vq_chain *chain = rx_chain(pair, i);

		for (unsigned int k = 0; k < chain->n_in && n < MAX_IOV; k++)
			iov[n++] = chain->iov[chain->n_out + k];
	}
	return n;
}

/* Room will come for a packet that does not fit: the driver has buffers that it has not lent, and packets may take several. */
static bool may_fit_later(struct net_pair *pair)
{
	return virtio_has(&pair->net->dev, NET_F_MRG_RXBUF) && pair->n_rx < ARRAY_SIZE(pair->rx_chains) &&
	       pair->n_rx < rx_queue(pair)->size;
}

/*
 * Receive into the chains; through a buffer when they may be too small, where a packet waits for more of them. Return: bytes, or -errno; -ENOBUFS: it
 * waits; -EMSGSIZE: it can never fit and is dropped.
 */
static ssize_t receive(struct net_pair *pair, const struct iovec *iov, size_t n)
{
	struct net_backend *be = pair->net->be;
	struct iovec whole = {pair->rx_waiting, sizeof pair->rx_waiting};
	size_t len;

	if (!pair->rx_waiting_len) {
		ssize_t got = pair->rx_room >= longest_packet(pair->net) ? be->ops->receive(be, pair->index, iov, n)
									 : be->ops->receive(be, pair->index, &whole, 1);

		if (got <= 0 || pair->rx_room >= longest_packet(pair->net))
			return got;
		pair->rx_waiting_len = (size_t)got;
	}
	len = pair->rx_waiting_len;
	if (len > pair->rx_room && may_fit_later(pair))
		return -ENOBUFS;
	pair->rx_waiting_len = 0;
	return copy_to_iov(iov, n, 0, pair->rx_waiting, len) == len ? (ssize_t)len : -EMSGSIZE;
}

static bool is_wanted(struct net_pair *pair, const struct iovec *iov, size_t n, size_t len)
{
	uint8_t head[PEEK];
	size_t got = copy_from_iov(iov, n, head, MIN(len, sizeof head));

	if (got < sizeof(struct net_hdr) + ETH_HEADER)
		return false;
	return net_filter_wants(&pair->net->filter, head + sizeof(struct net_hdr), got - sizeof(struct net_hdr),
				virtio_has(&pair->net->dev, NET_F_CTRL_VLAN));
}

/* Hand @len bytes in the first of the chains over; the others are for the next packet. */
static void deliver(struct net_pair *pair, size_t len, const struct iovec *iov, size_t n_iov)
{
	const struct vq_chain *used[ARRAY_SIZE(pair->rx_chains)];
	uint32_t lens[ARRAY_SIZE(pair->rx_chains)];
	unsigned int n_used = 0;
	le16 num_buffers;

	for (size_t left = len; left && n_used < pair->n_rx; n_used++) {
		used[n_used] = rx_chain(pair, n_used);
		lens[n_used] = (uint32_t)MIN(left, used[n_used]->in_len);
		left -= lens[n_used];
		pair->rx_room -= used[n_used]->in_len;
	}
	num_buffers = cpu_to_le16((uint16_t)n_used);
	copy_to_iov(iov, n_iov, offsetof(struct net_hdr, num_buffers), &num_buffers, sizeof num_buffers);
	virtqueue_push_many(rx_queue(pair), used, lens, n_used);
	pair->rx_first += n_used;
	pair->n_rx -= n_used;
	pair->n_untold += n_used;
	add(&pair->stats.rx_packets, 1);
	add(&pair->stats.rx_bytes, len - sizeof(struct net_hdr));
}

/* Nothing can be received before the driver lends more. Return: whether it just has. */
static bool starve(struct net_pair *pair)
{
	pair->rx_starved = !virtqueue_enable_kicks(rx_queue(pair));
	return !pair->rx_starved;
}

/* Return: whether there may be more. */
static bool receive_one(struct net_pair *pair)
{
	struct iovec iov[MAX_IOV];
	size_t n_iov;
	ssize_t len;

	if (!take_chains(pair) || !pair->n_rx)
		return starve(pair);
	n_iov = gather(pair, iov);
	len = receive(pair, iov, n_iov);
	if (len == -ENOBUFS)
		return starve(pair);
	if (len >= 0 && is_wanted(pair, iov, n_iov, (size_t)len))
		deliver(pair, (size_t)len, iov, n_iov);
	else if (len >= 0)
		add(&pair->stats.rx_filtered, 1);
	else if (len == -EMSGSIZE)
		add(&pair->stats.rx_no_buffer, 1);
	return len >= 0 || len == -EMSGSIZE;
}

/* What was delivered is told when it is worth a guest's while: it works on the first packets while we copy the next. */
static void tell_received(struct net_pair *pair, unsigned int enough)
{
	if (pair->n_untold < enough)
		return;
	pair->n_untold = 0;
	virtio_interrupt(&pair->net->dev, 2 * pair->index);
}

/* Return: whether there were any. */
static bool receive_packets(struct net_pair *pair)
{
	uint64_t before = pair->stats.rx_bytes;
	unsigned int n = 0;

	virtqueue_disable_kicks(rx_queue(pair));
	while (n < BATCH && pair->stats.rx_bytes - before < BATCH_BYTES && receive_one(pair)) {
		n++;
		tell_received(pair, BATCH);
	}
	tell_received(pair, 1);
	return n > 0;
}

/* ---- from the guest ---- */

/* Return: 1: sent or dropped, the chain is done with; 0: there is no room now. */
static int send_chain(struct net_pair *pair, const struct vq_chain *chain)
{
	struct net_backend *be = pair->net->be;
	int error = -EINVAL;

	if (chain->out_len >= sizeof(struct net_hdr) + ETH_HEADER && chain->out_len <= NET_PACKET_MAX)
		error = be->ops->send(be, pair->index, chain->iov, chain->n_out);
	if (error == -EAGAIN)
		return 0;
	if (error) {
		add(&pair->stats.tx_errors, 1);
		return 1;
	}
	add(&pair->stats.tx_packets, 1);
	add(&pair->stats.tx_bytes, chain->out_len - sizeof(struct net_hdr));
	return 1;
}

/* Return: whether there was one, and room for it. */
static bool send_one(struct net_pair *pair)
{
	struct virtqueue *vq = tx_queue(pair);

	if (!pair->has_chain) {
		int result = virtqueue_pop(vq, &pair->tx_chain);

		if (result < 0)
			virtio_broken(&pair->net->dev, "its transmit queue is broken");
		if (result <= 0)
			return false;
	}
	pair->has_chain = !send_chain(pair, &pair->tx_chain);
	pair->tx_blocked = pair->has_chain;
	if (!pair->has_chain)
		virtqueue_push(vq, &pair->tx_chain, 0);
	return !pair->has_chain;
}

/* Return: whether there were any. */
static bool send_packets(struct net_pair *pair)
{
	uint64_t before = pair->stats.tx_bytes;
	unsigned int n = 0;

	virtqueue_disable_kicks(tx_queue(pair));
	while (n < BATCH && pair->stats.tx_bytes - before < BATCH_BYTES && send_one(pair))
		n++;
	if (n)
		virtio_interrupt(&pair->net->dev, 2 * pair->index + 1);
	return n > 0;
}

/* ---- the thread ---- */

static void update_events(struct net_pair *pair)
{
	uint32_t events = (pair->rx_starved ? 0 : EPOLLIN) | (pair->tx_blocked ? EPOLLOUT : 0);

	if (pair->thread && pair->tap.fd_plus_1)
		loop_set_events(iothread_loop(pair->thread), &pair->tap, events);
}

/* Return: whether there is nothing to do until the guest kicks or the backend is ready. */
static bool is_idle(struct net_pair *pair)
{
	bool sent = !pair->tx_blocked && send_packets(pair), received = !pair->rx_starved && receive_packets(pair);

	return !sent && !received && (pair->tx_blocked || !virtqueue_enable_kicks(tx_queue(pair)));
}

/*
 * Whatever woke us, both directions are served, and again until neither has anything: what comes meanwhile needs no kick, which costs the guest an exit. One
 * that sends is often answered while we send, and one that receives acknowledges.
 */
static void serve(struct net_pair *pair)
{
	const uint64_t one = 1;
	unsigned int n = 0;

	while (n < ROUNDS && !is_idle(pair))
		n++;
	/* Others first, then again. It cannot be written to when it is signalled already. */
	if (n == ROUNDS && pair->thread)
		pair->goes_on = write(pair->net->dev.kick_fds[2 * pair->index + 1], &one, sizeof one) == sizeof one;
	update_events(pair);
}

void net_io_kick(struct net_pair *pair, bool is_tx)
{
	if (is_tx)
		pair->tx_blocked = false;
	else
		pair->rx_starved = false;
	serve(pair);
}

static void tap_ready(struct loop_fd *self, uint32_t events)
{
	struct net_pair *pair = container_of(self, struct net_pair, tap);

	/* The device is gone for good, and says so until nobody listens. */
	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_del_fd(iothread_loop(pair->thread), self);
		return;
	}
	if (events & EPOLLOUT)
		pair->tx_blocked = false;
	serve(pair);
}

static void kick_ready(struct net_pair *pair, bool is_tx)
{
	struct virtio_device *dev = &pair->net->dev;
	uint64_t n;

	if (read(dev->kick_fds[2 * pair->index + is_tx], &n, sizeof n) != sizeof n)
		return;
	if (!is_tx || !pair->goes_on)
		dev->queues[2 * pair->index + is_tx].n_kicks++;
	if (is_tx)
		pair->goes_on = false;
	net_io_kick(pair, is_tx);
}

static void rx_kick_ready(struct loop_fd *self, uint32_t events)
{
	(void)events;
	kick_ready(container_of(self, struct net_pair, rx_kick), false);
}

static void tx_kick_ready(struct loop_fd *self, uint32_t events)
{
	(void)events;
	kick_ready(container_of(self, struct net_pair, tx_kick), true);
}

static void watch(void *aux)
{
	struct net_pair *pair = aux;
	struct loop *loop = iothread_loop(pair->thread);
	const int *kicks = &pair->net->dev.kick_fds[2 * pair->index];

	if (loop_add_fd(loop, &pair->tap, pair->net->be->fds[pair->index], EPOLLIN, tap_ready) ||
	    loop_add_fd(loop, &pair->rx_kick, kicks[0], EPOLLIN, rx_kick_ready) ||
	    loop_add_fd(loop, &pair->tx_kick, kicks[1], EPOLLIN, tx_kick_ready))
		virtio_broken(&pair->net->dev, "no descriptor is left for its queues");
}

static void unwatch(void *aux)
{
	struct net_pair *pair = aux;
	struct loop *loop = iothread_loop(pair->thread);

	loop_del_fd(loop, &pair->tap);
	loop_del_fd(loop, &pair->rx_kick);
	loop_del_fd(loop, &pair->tx_kick);
}

int net_io_start(struct net_pair *pair)
{
	pair->rx_starved = pair->tx_blocked = pair->has_chain = pair->goes_on = false;
	pair->rx_first = pair->n_rx = pair->n_untold = 0;
	pair->rx_room = pair->rx_waiting_len = 0;
	if (pair->thread)
		iothread_run(pair->thread, watch, pair);
	return 0;
}

void net_io_stop(struct net_pair *pair)
{
	if (pair->thread)
		iothread_run(pair->thread, unwatch, pair);
}
