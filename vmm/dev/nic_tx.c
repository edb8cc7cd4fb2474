// SPDX-License-Identifier: Apache-2.0
/* Offloads of old NICs. */
#include "vmm/dev/nic_tx.h"

#include <errno.h>
#include <string.h>

#include "packet/csum.h"
#include "vmm/dev/nic_gather.h"
#include "vmm/net/backend.h"
#include "vsw/types.h"

#define ETH_MIN 14
#define NEEDS_CSUM 1
enum gso_type { GSO_NONE, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_UDP_L4 = 5 };

/** virtio 1.2 5.1.6. */
struct header {
	uint8_t flags, gso_type;
	le16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

/* A field of two bytes at @at, where we may write. */
static bool fits(const struct nic_tx *tx, size_t at)
{
	return at <= tx->frame->n_head && tx->frame->n_head - at >= 2;
}

static void put_csum(uint8_t *at, be16 csum)
{
	memcpy(at, &csum, sizeof csum);
}

static void fill_ip_csum(const struct nic_tx *tx)
{
	const struct nic_gather *g = tx->frame;
	size_t len = tx->ip_start < g->n_head ? (g->head[tx->ip_start] & 0xfu) * 4 : 0;

	if (len < 20 || len > g->n_head - tx->ip_start || !fits(tx, tx->ip_csum_at))
		return;
	memset(tx->frame->head + tx->ip_csum_at, 0, 2);
	put_csum(tx->frame->head + tx->ip_csum_at, csum_finish(csum_add(0, tx->frame->head + tx->ip_start, len)));
}

/*
 * These NICs take headers whose lengths are left 0, and a pseudo header's sum without length: the segments' are not known before. The kernel
 * wants both as for one long packet.
 */
static void complete_headers(const struct nic_tx *tx)
{
	size_t l3_len = tx->len - tx->ip_start, l4_len = tx->len - tx->l4_start;
	be16 length = cpu_to_be16((uint16_t)(tx->is_ipv4 ? l3_len : l4_len)), sum;

	memcpy(tx->frame->head + tx->ip_start + (tx->is_ipv4 ? 2 : 4), &length, sizeof length);
	memcpy(&sum, tx->frame->head + tx->l4_csum_at, sizeof sum);
	put_csum(tx->frame->head + tx->l4_csum_at,
		 csum_fold(csum_add_be16(csum_add_be16(0, sum), cpu_to_be16((uint16_t)l4_len))));
	if (tx->is_ipv4)
		fill_ip_csum(tx);
}

static int prepare_segments(const struct nic_tx *tx, struct header *h)
{
	if (!tx->mss || tx->header_len > tx->frame->n_head || tx->ip_start + 20 > tx->l4_start ||
	    tx->l4_start + 8 > tx->header_len || !fits(tx, tx->l4_csum_at) || tx->len - tx->ip_start > UINT16_MAX)
		return -EINVAL;
	complete_headers(tx);
	if (tx->len - tx->header_len <= tx->mss)
		return 0; /* one segment: only the checksum is left */
	h->gso_type = (uint8_t)(!tx->is_tcp ? GSO_UDP_L4 : tx->is_ipv4 ? GSO_TCPV4 : GSO_TCPV6);
	h->gso_size = cpu_to_le16(tx->mss);
	h->hdr_len = cpu_to_le16((uint16_t)tx->header_len);
	return 0;
}

/* Header and frame, of which there may be more than is to be sent. Return: how many. */
static size_t make_iov(const struct nic_tx *tx, struct header *h, struct iovec *iov)
{
	const struct nic_gather *g = tx->frame;
	size_t left = tx->len - MIN(tx->len, g->n_head), n = 0;

	iov[n++] = (struct iovec){h, sizeof *h};
	iov[n++] = (struct iovec){tx->frame->head, MIN(tx->len, g->n_head)};
	for (size_t i = 0; i < g->n_pieces && left; i++) {
		iov[n] = g->pieces[i];
		iov[n].iov_len = MIN(iov[n].iov_len, left);
		left -= iov[n++].iov_len;
	}
	return n;
}

int nic_tx_send(struct net_backend *be, const struct nic_tx *tx)
{
	struct header h = {0};
	struct iovec iov[2 + NIC_GATHER_PIECES];
	int error = 0;

	if (tx->len < ETH_MIN)
		return -EINVAL;
	if (tx->segment)
		error = prepare_segments(tx, &h);
	else if (tx->ip_csum)
		fill_ip_csum(tx);
	if (error)
		return error;
	if ((tx->l4_csum || tx->segment) && fits(tx, tx->l4_csum_at) && tx->l4_start < tx->l4_csum_at) {
		h.flags = NEEDS_CSUM;
		h.csum_start = cpu_to_le16((uint16_t)tx->l4_start);
		h.csum_offset = cpu_to_le16((uint16_t)(tx->l4_csum_at - tx->l4_start));
	}
	return be->ops->send(be, 0, iov, make_iov(tx, &h, iov));
}
