// SPDX-License-Identifier: Apache-2.0
/*
 * RTL8139 transmit. Classic: four slots, each an address and a status, sent in their order. C+: rings of descriptors (C+ data sheet,
 * chapter 6.3), whose checksums and segments are for IPv4 only, and found in the frame: the descriptors do not say where its headers are.
 */
#include <errno.h>

#include "packet/csum.h"
#include "vmm/core/memory.h"
#include "vmm/dev/rtl8139_impl.h"

#define BATCH 64
#define N_SLOTS 4
#define CLASSIC_MAX 1792 /* bytes of a slot */
#define ETH_HEADER 14
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17

void rtl8139_tx_reset(struct rtl8139 *nic)
{
	nic_device_forget(&nic->dev);
	nic->tx.len = 0;
	nic->tx.too_long = false;
	nic->tx_ring.next = nic->high_ring.next = 0;
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
	nic->tx.len = 0;
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

	if (len > CLASSIC_MAX)
		return false;
	if (!memory_read(nic->dev.pci.machine->memory, rtl8139_get32(nic, RTL_TSAD + 4 * slot), tx->frame, len)) {
		nic_device_break(&nic->dev, "a buffer to send");
		return false;
	}
	tx->ready = (struct nic_tx){.frame = tx->frame, .len = len};
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

static void insert_tag(struct rtl8139_tx *tx)
{
	uint8_t *at = tx->frame + 12;

	if (tx->len < ETH_HEADER)
		return;
	memmove(at + 4, at, tx->len - 12);
	at[0] = 0x81;
	at[1] = 0x00;
	at[2] = (uint8_t)tx->vlan; /* the descriptor has the tag in network order */
	at[3] = (uint8_t)(tx->vlan >> 8);
	tx->len += 4;
}

/* The pseudo header's sum in place of the checksum, as the kernel wants it for what is left undone. @len: of it; 0: comes later. */
static void put_pseudo_sum(const struct nic_tx *out, uint8_t proto, uint32_t len)
{
	const uint8_t *ip = out->frame + out->ip_start;
	be32 addrs[2];
	be16 sum;

	memcpy(addrs, ip + 12, sizeof addrs);
	sum = csum_fold(csum_pseudo_ipv4(addrs[0], addrs[1], proto, len));
	memcpy(out->frame + out->l4_csum_at, &sum, sizeof sum);
}

static void describe_l4(struct rtl8139_tx *tx, size_t ip_len)
{
	struct nic_tx *out = &tx->ready;
	uint8_t proto = tx->frame[out->ip_start + 9];
	size_t l4_len = out->l4_start < out->ip_start + ip_len ? out->ip_start + ip_len - out->l4_start : 0;

	out->is_tcp = proto == IP_PROTO_TCP;
	out->l4_csum_at = out->l4_start + (out->is_tcp ? 16 : 6);
	if (out->l4_csum_at + 2 > tx->len)
		return;
	if (tx->flags & RTL_TX_LGSEN) {
		size_t doff = out->is_tcp ? (tx->frame[out->l4_start + 12] >> 4) * 4u : 0;

		if (!out->is_tcp)
			return;
		out->segment = true;
		out->mss = tx->flags >> 16 & 0x7ff;
		out->header_len = out->l4_start + MAX(doff, 20u);
		put_pseudo_sum(out, proto, 0);
	} else if ((out->is_tcp && tx->flags & RTL_TX_TCPCS) || (proto == IP_PROTO_UDP && tx->flags & RTL_TX_UDPCS)) {
		out->len = MIN(tx->len, out->ip_start + ip_len); /* padding is no part of the sum */
		out->l4_csum = true;
		put_pseudo_sum(out, proto, (uint32_t)l4_len);
	}
}

/* Find the IPv4 header, behind one tag at most, and say what is to be done. */
static void describe(struct rtl8139_tx *tx)
{
	struct nic_tx *out = &tx->ready;
	size_t at = ETH_HEADER, header, ip_len;

	*out = (struct nic_tx){.frame = tx->frame, .len = tx->len};
	if (tx->len >= ETH_HEADER + 4 && tx->frame[12] == 0x81 && !tx->frame[13])
		at += 4;
	if (tx->len < at + 20 || tx->frame[at - 2] != 0x08 || tx->frame[at - 1] || tx->frame[at] >> 4 != 4)
		return;
	header = (tx->frame[at] & 0xfu) * 4;
	ip_len = (size_t)(tx->frame[at + 2] << 8 | tx->frame[at + 3]);
	if (header < 20 || tx->len < at + header)
		return;
	out->is_ipv4 = true;
	out->ip_start = at;
	out->ip_csum_at = at + 10;
	out->l4_start = at + header;
	out->ip_csum = tx->flags & (RTL_TX_LGSEN | RTL_TX_IPCS);
	/* Only the first fragment has the header, and its checksum is over all of them. */
	if (!((tx->frame[at + 6] & 0x3f) | tx->frame[at + 7]))
		describe_l4(tx, ip_len);
}

static void add_bytes(struct rtl8139 *nic, const struct rtl8139_desc *d)
{
	struct rtl8139_tx *tx = &nic->tx;
	uint32_t len = d->flags & 0xffff;

	if (len > sizeof tx->frame - 4 - tx->len) {
		tx->too_long = true;
	} else if (!memory_read(nic->dev.pci.machine->memory, d->addr, tx->frame + tx->len, len)) {
		tx->too_long = true;
		nic_device_break(&nic->dev, "a buffer to send");
	} else {
		tx->len += len;
	}
}

/* The last descriptor of a frame. Return: false: the frame waits. */
static bool end_of_frame(struct rtl8139 *nic)
{
	struct rtl8139_tx *tx = &nic->tx;

	if (tx->too_long) {
		nic->dev.stats.tx_errors++;
		nic->tally.tx_err++;
		tx->too_long = false;
		tx->len = 0;
		return true;
	}
	if (tx->vlan & RTL_TX_TAGC)
		insert_tag(tx);
	/* With large send the bits of the checksums belong to the segments' size. */
	describe(tx);
	return !is_pending(send_ready(nic));
}

/* Return: whether the descriptor is done with. */
static bool run_desc(struct rtl8139 *nic, const struct rtl8139_desc *d)
{
	struct rtl8139_tx *tx = &nic->tx;

	if (nic->dev.tx_blocked)
		return !is_pending(send_ready(nic));
	if (d->flags & RTL_DESC_FS) {
		tx->len = 0;
		tx->too_long = false;
		tx->flags = d->flags;
		tx->vlan = d->vlan;
	}
	add_bytes(nic, d);
	return !(d->flags & RTL_DESC_LS) || end_of_frame(nic);
}

/* Return: whether there may be more. */
static bool run_ring(struct rtl8139 *nic, struct rtl8139_ring *ring, bool *poll)
{
	struct rtl8139_desc d;

	for (unsigned int n = 0; n < BATCH; n++) {
		if (nic->dev.is_broken)
			return false;
		if (!rtl8139_read_desc(nic, ring, &d)) {
			*poll = false;
			rtl8139_interrupt(nic, RTL_INT_TDU);
			return false;
		}
		if (!run_desc(nic, &d))
			return false; /* goes on when there is room */
		rtl8139_write_desc(nic, ring, &d, d.flags & ~(uint32_t)RTL_DESC_OWN, d.vlan);
		if (d.flags & RTL_DESC_LS)
			rtl8139_interrupt(nic, RTL_INT_TOK);
	}
	return true;
}

bool rtl8139_transmit(struct nic_device *dev)
{
	struct rtl8139 *nic = rtl8139_of(dev);

	if (!(nic->regs[RTL_CR] & RTL_CR_TE) || !pci_dma_enabled(&dev->pci) || dev->is_broken)
		return false;
	if (!rtl8139_is_cplus(nic, RTL_CPCR_TX)) {
		while (nic->is_started[nic->next_slot] && !dev->is_broken && send_slot(nic))
			continue;
		return false;
	}
	/* A frame is put together from one ring: the other waits until it is complete. */
	if (nic->poll_high && !dev->tx_blocked && !nic->tx.len && run_ring(nic, &nic->high_ring, &nic->poll_high))
		return true;
	return nic->poll_tx && run_ring(nic, &nic->tx_ring, &nic->poll_tx);
}
