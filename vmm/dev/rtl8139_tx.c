// SPDX-License-Identifier: Apache-2.0
/*
 * RTL8139 transmit. Classic: four slots, each an address and a status, sent in their order. C+: rings of descriptors (C+ data sheet,
 * chapter 6.3), whose checksums and segments are for IPv4 only, and found in the frame: the descriptors do not say where its headers are.
 */
#include <errno.h>

#include "packet/csum.h"
#include "vmm/core/memory.h"
#include "vmm/dev/rtl8139_impl.h"

#define N_SLOTS 4
/** Bytes that have been sent before the driver is told, while there are more. */
#define UNTOLD_MAX 12000u
#define CLASSIC_MAX 1792 /* bytes of a slot */
#define ETH_HEADER 14
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17

/* The thread may be sending: it forgets the frame by itself. */
void rtl8139_tx_reset(struct rtl8139 *nic)
{
	nic_device_forget(&nic->dev);
	nic->tx.is_stale = true;
	nic->tx_ring.next = nic->high_ring.next = 0;
	nic->tx_ring.fetch = nic->high_ring.fetch = 0;
	nic->poll_tx = nic->poll_high = false;
	nic->next_slot = 0;
	for (unsigned int i = 0; i < N_SLOTS; i++) {
		nic->is_started[i] = false;
		rtl8139_set32(nic, RTL_TSD + 4 * i, RTL_TSD_OWN);
	}
}

/* ---- sending ---- */

/* What nic_device_send() says when the descriptor, or slot, is to be left as it is: the frame waits, or is forgotten. */
static bool is_pending(int error)
{
	return error == -EAGAIN || error == -ECANCELED;
}

/* Return: 0 or what nic_device_send() says. */
static int send_ready(struct rtl8139 *nic)
{
	int error = 0;

	if (nic->dev.link_up)
		error = nic_device_send(&nic->dev, &nic->tx.ready);
	else
		nic->dev.tx_blocked = false;
	if (is_pending(error))
		return error;
	if (error) {
		nic->dev.stats.tx_errors++;
		nic->tally.tx_err++;
	} else {
		nic->dev.stats.tx_packets++;
		nic->dev.stats.tx_bytes += nic->tx.ready.len;
		nic->tally.tx_ok++;
	}
	nic_gather_clear(&nic->tx.frame);
	return error;
}

/* ---- classic ---- */

void rtl8139_start_slot(struct rtl8139 *nic, unsigned int slot, uint32_t value)
{
	if (value & RTL_TSD_OWN || !(nic->regs[RTL_CR] & RTL_CR_TE))
		return;
	rtl8139_set32(nic, RTL_TSD + 4 * slot, value & 0x003f1fff);
	nic->is_started[slot] = true;
}

static bool read_slot(struct rtl8139 *nic, unsigned int slot)
{
	struct rtl8139_tx *tx = &nic->tx;
	uint32_t len = rtl8139_get32(nic, RTL_TSD + 4 * slot) & RTL_TSD_SIZE;

	nic_gather_clear(&tx->frame);
	tx->ring = NULL;
	if (len > CLASSIC_MAX ||
	    !nic_device_gather(&nic->dev, &tx->frame, rtl8139_get32(nic, RTL_TSAD + 4 * slot), len))
		return false;
	tx->ready = (struct nic_tx){.frame = &tx->frame, .len = len};
	return true;
}

/* Return: whether the slot is done with. */
static bool send_slot(struct rtl8139 *nic)
{
	unsigned int slot = nic->next_slot;
	int error = -EINVAL;

	if (nic->dev.tx_blocked || read_slot(nic, slot))
		error = send_ready(nic);
	if (is_pending(error))
		return false;
	rtl8139_set32(nic, RTL_TSD + 4 * slot,
		      rtl8139_get32(nic, RTL_TSD + 4 * slot) | RTL_TSD_OWN | (error ? RTL_TSD_TABT : RTL_TSD_TOK));
	nic->is_started[slot] = false;
	nic->next_slot = (slot + 1) % N_SLOTS;
	rtl8139_interrupt(nic, error ? RTL_INT_TER : RTL_INT_TOK);
	return true;
}

/* ---- C+ ---- */

/* The pseudo header's sum in place of the checksum, as the kernel wants it for what is left undone. @len: of it; 0: comes later. */
static void put_pseudo_sum(const struct nic_tx *out, uint8_t proto, uint32_t len)
{
	uint8_t *frame = out->frame->head, *ip = frame + out->ip_start;
	be32 addrs[2];
	be16 sum;

	memcpy(addrs, ip + 12, sizeof addrs);
	sum = csum_fold(csum_pseudo_ipv4(addrs[0], addrs[1], proto, len));
	memcpy(frame + out->l4_csum_at, &sum, sizeof sum);
}

static void describe_l4(struct rtl8139_tx *tx, size_t ip_len)
{
	struct nic_tx *out = &tx->ready;
	const uint8_t *frame = tx->frame.head;
	uint8_t proto = frame[out->ip_start + 9];
	size_t l4_len = out->l4_start < out->ip_start + ip_len ? out->ip_start + ip_len - out->l4_start : 0;

	out->is_tcp = proto == IP_PROTO_TCP;
	out->l4_csum_at = out->l4_start + (out->is_tcp ? 16 : 6);
	if (out->l4_csum_at + 2 > tx->frame.n_head)
		return;
	if (tx->flags & RTL_TX_LGSEN) {
		size_t doff = out->is_tcp ? (frame[out->l4_start + 12] >> 4) * 4u : 0;

		if (!out->is_tcp)
			return;
		out->segment = true;
		out->mss = tx->flags >> 16 & 0x7ff;
		out->header_len = out->l4_start + MAX(doff, 20u);
		put_pseudo_sum(out, proto, 0);
	} else if ((out->is_tcp && tx->flags & RTL_TX_TCPCS) || (proto == IP_PROTO_UDP && tx->flags & RTL_TX_UDPCS)) {
		out->len = MIN(tx->frame.len, out->ip_start + ip_len); /* padding is no part of the sum */
		out->l4_csum = true;
		put_pseudo_sum(out, proto, (uint32_t)l4_len);
	}
}

/* Find the IPv4 header, behind one tag at most, and say what is to be done. */
static void describe(struct rtl8139_tx *tx)
{
	const uint8_t *frame = tx->frame.head;
	struct nic_tx *out = &tx->ready;
	size_t n_head = tx->frame.n_head;
	size_t at = ETH_HEADER, header, ip_len;

	*out = (struct nic_tx){.frame = &tx->frame, .len = tx->frame.len};
	if (n_head >= ETH_HEADER + 4 && frame[12] == 0x81 && !frame[13])
		at += 4;
	if (n_head < at + 20 || frame[at - 2] != 0x08 || frame[at - 1] || frame[at] >> 4 != 4)
		return;
	header = (frame[at] & 0xfu) * 4;
	ip_len = (size_t)(frame[at + 2] << 8 | frame[at + 3]);
	if (header < 20 || n_head < at + header)
		return;
	out->is_ipv4 = true;
	out->ip_start = at;
	out->ip_csum_at = at + 10;
	out->l4_start = at + header;
	out->ip_csum = tx->flags & (RTL_TX_LGSEN | RTL_TX_IPCS);
	/* Only the first fragment has the header, and its checksum is over all of them. */
	if (!((frame[at + 6] & 0x3f) | frame[at + 7]))
		describe_l4(tx, ip_len);
}

/* The last descriptor of a frame. Return: false: the frame waits. */
static bool end_of_frame(struct rtl8139 *nic)
{
	struct rtl8139_tx *tx = &nic->tx;

	if (tx->too_long) {
		nic->dev.stats.tx_errors++;
		nic->tally.tx_err++;
		tx->too_long = false;
		nic_gather_clear(&tx->frame);
		return true;
	}
	if (tx->vlan & RTL_TX_TAGC)
		nic_gather_insert_tag(&tx->frame, 0x8100,
				      be16_to_cpu((VSW_FORCE be16)(uint16_t)tx->vlan)); /* it comes in network order */
	/* With large send the bits of the checksums belong to the segments' size. */
	describe(tx);
	return !is_pending(send_ready(nic));
}

/* Return: false: its frame waits. */
static bool run_desc(struct rtl8139 *nic, const struct rtl8139_desc *d)
{
	struct rtl8139_tx *tx = &nic->tx;

	if (d->flags & RTL_DESC_FS) {
		nic_gather_clear(&tx->frame);
		tx->too_long = false;
		tx->flags = d->flags;
		tx->vlan = d->vlan;
	}
	if (!nic_device_gather(&nic->dev, &tx->frame, d->addr, d->flags & 0xffff))
		tx->too_long = true;
	return !(d->flags & RTL_DESC_LS) || end_of_frame(nic);
}

/*
 * An interrupt for each small frame would cost more than the frame: the cause is there at once, the pin rises when there is nothing more to send, or when
 * so much has been sent that the driver may have use for the room.
 */
static void tell_sent(struct rtl8139 *nic)
{
	nic->tx.has_sent = true;
	nic->tx.n_untold += nic->tx.ready.len;
	rtl8139_set16(nic, RTL_ISR, rtl8139_get16(nic, RTL_ISR) | RTL_INT_TOK);
	if (nic->tx.n_untold < UNTOLD_MAX)
		return;
	nic->tx.n_untold = 0;
	rtl8139_interrupt(nic, 0);
}

/* All descriptors of a frame that has been sent. Until then what they point at is ours. */
static void give_back(struct rtl8139 *nic, struct rtl8139_ring *ring)
{
	struct rtl8139_desc d;

	for (unsigned int n = 0; n < RTL_RING_MAX && (!n || ring->next != ring->fetch); n++) {
		if (!rtl8139_read_desc(nic, ring, ring->next, &d))
			break;
		rtl8139_write_desc(nic, ring, &d, d.flags & ~(uint32_t)RTL_DESC_OWN, d.vlan);
	}
	ring->next = ring->fetch; /* also where the driver has changed its mind meanwhile */
	tell_sent(nic);
}

/* Return: whether there may be more. */
static bool run_ring(struct rtl8139 *nic, struct rtl8139_ring *ring, bool *poll)
{
	uint64_t end = nic->dev.stats.tx_bytes + NIC_BATCH_BYTES;
	struct rtl8139_desc d;

	for (unsigned int n = 0; n < NIC_BATCH_FRAMES && nic->dev.stats.tx_bytes < end; n++) {
		if (nic->dev.is_broken)
			return false;
		if (!rtl8139_read_desc(nic, ring, ring->fetch, &d)) {
			*poll = false;
			/* "Unavailable" is news behind a frame; what has been polled in vain was sent before. */
			if (nic->tx.has_sent)
				rtl8139_interrupt(nic, RTL_INT_TDU);
			return false;
		}
		ring->fetch = rtl8139_desc_after(ring->fetch, &d);
		nic->tx.ring = ring;
		if (!run_desc(nic, &d))
			return false; /* goes on when there is room */
		/* All of the ring, and no end: it goes nowhere. */
		if (d.flags & RTL_DESC_LS || ring->fetch == ring->next)
			give_back(nic, ring);
	}
	return true;
}

static bool transmit_cplus(struct rtl8139 *nic)
{
	nic->tx.n_untold = 0;
	nic->tx.has_sent = false;
	if (nic->dev.tx_blocked) {
		if (is_pending(send_ready(nic)))
			return false;
		if (nic->tx.ring)
			give_back(nic, nic->tx.ring);
	}
	/* A frame is put together from one ring: the other waits until it is complete. */
	if (nic->poll_high && !nic->tx.frame.len && run_ring(nic, &nic->high_ring, &nic->poll_high))
		return true;
	return nic->poll_tx && run_ring(nic, &nic->tx_ring, &nic->poll_tx);
}

bool rtl8139_transmit(struct nic_device *dev)
{
	struct rtl8139 *nic = rtl8139_of(dev);
	bool again;

	if (nic->tx.is_stale) {
		nic_gather_clear(&nic->tx.frame);
		nic->tx.too_long = nic->tx.is_stale = false;
		nic->tx.ring = NULL;
	}
	if (!(nic->regs[RTL_CR] & RTL_CR_TE) || !pci_dma_enabled(&dev->pci) || dev->is_broken)
		return false;
	if (!rtl8139_is_cplus(nic, RTL_CPCR_TX)) {
		while (nic->is_started[nic->next_slot] && !dev->is_broken && send_slot(nic))
			continue;
		return false;
	}
	again = transmit_cplus(nic);
	rtl8139_interrupt(nic, 0); /* what has not been told yet */
	return again;
}
