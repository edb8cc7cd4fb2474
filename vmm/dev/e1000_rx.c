// SPDX-License-Identifier: Apache-2.0
/*
 * 82540EM receive (data sheet 3.2): which frames are for us, and where they go.
 *
 *   descriptor  address 8, length 2, checksum 2, status 1, errors 1, special 2
 */
#include <errno.h>
#include <string.h>

#include "packet/csum.h"
#include "vmm/core/memory.h"
#include "vmm/dev/e1000_impl.h"
#include "vmm/dev/nic_rx.h"

#define CRC_LEN 4
#define ETH_HEADER 14
#define ETH_MIN 60
/** Longest frame without RCTL.LPE, CRC aside. */
#define ETH_MAX 1518
#define N_RAL 16

/* ---- rings ---- */

static uint64_t ring_base(struct e1000 *nic)
{
	return (uint64_t)*e1000_reg(nic, RDBAH) << 32 | (*e1000_reg(nic, RDBAL) & ~0xfu);
}

static uint32_t ring_size(struct e1000 *nic)
{
	return (*e1000_reg(nic, RDLEN) & 0xfff80) / 16;
}

/* Bytes of a buffer: RCTL.BSIZE, sixteen times as much with BSEX (13.4.22). */
static uint32_t buffer_size(struct e1000 *nic)
{
	uint32_t rctl = *e1000_reg(nic, RCTL), size = 2048u >> (rctl >> 16 & 3);

	return rctl & RCTL_BSEX ? size * 16 : size;
}

/* Descriptors that the driver has given and we not used: from head to tail. */
static uint32_t n_available(struct e1000 *nic)
{
	uint32_t head = *e1000_reg(nic, RDH), tail = *e1000_reg(nic, RDT), size = ring_size(nic);

	if (!size || head >= size || tail >= size)
		return 0;
	return tail >= head ? tail - head : size - head + tail;
}

static uint32_t longest_frame(struct e1000 *nic)
{
	return MIN(*e1000_reg(nic, RCTL) & RCTL_LPE ? 16384u : ETH_MAX + 4u, nic->dev.be->mtu + 18u);
}

/* On, with descriptors for the longest frame that may come. */
static bool can_receive(struct e1000 *nic)
{
	return *e1000_reg(nic, RCTL) & RCTL_EN && pci_dma_enabled(&nic->dev.pci) && nic->dev.link_up &&
	       !nic->dev.is_broken && (uint64_t)n_available(nic) * buffer_size(nic) >= longest_frame(nic) + CRC_LEN;
}

/* ---- filters (13.4.22, 13.5) ---- */

static bool is_in_ral(struct e1000 *nic, const uint8_t *mac)
{
	uint32_t low, high;

	memcpy(&low, mac, 4);
	high = mac[4] | (uint32_t)mac[5] << 8;
	for (int i = 0; i < N_RAL; i++) {
		uint32_t rah = nic->regs[RAH / 4 + 2 * i];

		if (rah & RAH_AV && nic->regs[RAL / 4 + 2 * i] == low && (rah & 0xffff) == high)
			return true;
	}
	return false;
}

/* Twelve bits of the address, chosen by RCTL.MO, are a bit number of the table. */
static bool is_in_mta(struct e1000 *nic, const uint8_t *mac)
{
	static const unsigned int shifts[4] = {4, 3, 2, 0};
	uint32_t hash = ((uint32_t)mac[5] << 8 | mac[4]) >> shifts[*e1000_reg(nic, RCTL) >> 12 & 3] & 0xfff;

	return nic->regs[MTA / 4 + (hash >> 5)] >> (hash & 31) & 1;
}

static bool is_vlan_wanted(struct e1000 *nic, const uint8_t *frame)
{
	uint32_t vid = (uint32_t)(frame[14] << 8 | frame[15]) & 0xfff;

	return nic->regs[VFTA / 4 + (vid >> 5)] >> (vid & 31) & 1;
}

static bool is_tagged(struct e1000 *nic, const uint8_t *frame, size_t len)
{
	return len >= ETH_HEADER + 4 && (uint32_t)(frame[12] << 8 | frame[13]) == (*e1000_reg(nic, VET) & 0xffff);
}

static bool is_wanted(struct e1000 *nic, const uint8_t *frame, size_t len)
{
	uint32_t rctl = *e1000_reg(nic, RCTL);

	if (len < ETH_HEADER || len > longest_frame(nic))
		return false;
	if (rctl & RCTL_VFE && is_tagged(nic, frame, len) && !is_vlan_wanted(nic, frame))
		return false;
	if (!(frame[0] & 1))
		return rctl & RCTL_UPE || is_in_ral(nic, frame);
	if (!memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6))
		return rctl & (RCTL_BAM | RCTL_MPE);
	return rctl & RCTL_MPE || is_in_mta(nic, frame) || is_in_ral(nic, frame);
}

/* ---- a frame into descriptors ---- */

/** What is said in the last descriptor of a frame. */
struct verdict {
	uint8_t status;
	uint16_t csum, vlan;
};

static void fill_desc(struct e1000 *nic, const uint8_t *data, size_t len, const struct verdict *v)
{
	const struct guest_memory *memory = nic->dev.pci.machine->memory;
	uint32_t *head = e1000_reg(nic, RDH);
	uint64_t at = ring_base(nic) + 16ull * *head, addr;
	uint8_t rest[8] = {
		(uint8_t)len,	  (uint8_t)(len >> 8),	  (uint8_t)v->csum, (uint8_t)(v->csum >> 8), v->status, 0,
		(uint8_t)v->vlan, (uint8_t)(v->vlan >> 8)};
	bool ok;

	/* Descriptor done is written last. */
	ok = memory_read(memory, at, &addr, sizeof addr) && memory_write(memory, addr, data, len) &&
	     memory_write(memory, at + 8, rest, 4) && memory_write(memory, at + 13, rest + 5, 3);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ok = ok && memory_write(memory, at + 12, rest + 4, 1);
	*head = *head + 1 == ring_size(nic) ? 0 : *head + 1;
	if (!ok)
		nic_device_break(&nic->dev, "its receive ring, or a buffer in it,");
}

/* Packet checksum (RXCSUM.PCSS): the sum from byte @start on, for software to use. Most of it is known when the frame ends with TCP or UDP. */
static uint16_t packet_sum(const uint8_t *frame, size_t len, size_t start, const struct nic_rx *rx)
{
	uint32_t sum;

	if (start >= len)
		return 0;
	if ((rx->is_tcp || rx->is_udp) && rx->l4_end == len && start <= rx->l4_start && !((rx->l4_start - start) & 1))
		sum = csum_add(rx->l4_sum, frame + start, rx->l4_start - start);
	else
		sum = csum_add(0, frame + start, len - start);
	return be16_to_cpu(csum_fold(sum));
}

/* Checksums that are wrong, and those that there are none of, are the driver's to judge. */
static struct verdict judge(struct e1000 *nic, const struct nic_frame *frame)
{
	uint32_t rxcsum = *e1000_reg(nic, RXCSUM);
	struct verdict v = {.status = RX_DD | RX_EOP | RX_IXSM};
	struct nic_rx rx;

	nic_rx_check(frame->data, frame->len, frame->is_right, &rx);
	v.csum = packet_sum(frame->data, frame->len, rxcsum & 0xff, &rx);
	if (rx.ip_ok && rxcsum & RXCSUM_IPOFL)
		v.status = RX_DD | RX_EOP | RX_IPCS;
	if (rx.ip_ok && rx.l4_ok && rxcsum & RXCSUM_TUOFL)
		v.status = (uint8_t)((v.status & ~RX_IXSM) | RX_TCPCS);
	return v;
}

static void count_received(struct e1000 *nic, const uint8_t *frame, size_t len)
{
	nic->dev.stats.rx_packets++;
	nic->dev.stats.rx_bytes += len;
	e1000_count(nic, GPRC, 1);
	e1000_count(nic, TPR, 1);
	e1000_count64(nic, GORCL, len + CRC_LEN);
	e1000_count64(nic, TORL, len + CRC_LEN);
	if (frame[0] & 1)
		e1000_count(nic, memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6) ? MPRC : BPRC, 1);
}

static size_t strip_tag(struct e1000 *nic, uint8_t *frame, size_t len, struct verdict *v)
{
	if (!(*e1000_reg(nic, CTRL) & CTRL_VME) || !is_tagged(nic, frame, len))
		return len;
	v->status |= RX_VP;
	v->vlan = (uint16_t)(frame[14] << 8 | frame[15]);
	memmove(frame + 12, frame + 16, len - 16);
	return len - 4;
}

/* There is room for padding and a CRC behind it. */
static void deliver(struct e1000 *nic, const struct nic_frame *received)
{
	struct verdict v = judge(nic, received), more = {.status = RX_DD};
	uint8_t *frame = received->data;
	size_t len = received->len, done = 0;
	uint32_t size = buffer_size(nic);

	count_received(nic, frame, len);
	len = strip_tag(nic, frame, len, &v);
	if (len < ETH_MIN) {
		memset(frame + len, 0, ETH_MIN - len);
		len = ETH_MIN;
	}
	if (!(*e1000_reg(nic, RCTL) & RCTL_SECRC)) {
		memset(frame + len, 0, CRC_LEN); /* nobody looks at it: it was right */
		len += CRC_LEN;
	}
	while (done < len && !nic->dev.is_broken) {
		size_t part = MIN(len - done, size);
		bool is_last = done + part == len;

		more.vlan = v.vlan;
		fill_desc(nic, frame + done, part, is_last ? &v : &more);
		done += part;
	}
}

/* RCTL.RDMTS: interrupt when the driver's descriptors run low: a half, a quarter, an eighth of them are left. */
static void check_low(struct e1000 *nic)
{
	uint32_t shift = (*e1000_reg(nic, RCTL) >> 8 & 3) + 1;

	if (n_available(nic) <= ring_size(nic) >> MIN(shift, 3u))
		e1000_interrupt(nic, INT_RXDMT0);
}

void e1000_receive(struct nic_device *dev)
{
	struct e1000 *nic = e1000_of(dev);
	unsigned int n_delivered = 0;
	struct nic_frame frame;

	for (unsigned int n = 0; n < NIC_BATCH_FRAMES && can_receive(nic); n++) {
		int error = nic_device_receive(dev, &frame);

		if (error == -EINVAL) {
			dev->stats.rx_filtered++;
			continue;
		}
		if (error)
			break;
		/* Meanwhile the driver may have taken its descriptors back. */
		if (!can_receive(nic)) {
			dev->stats.rx_no_buffer++;
		} else if (is_wanted(nic, frame.data, frame.len)) {
			deliver(nic, &frame);
			n_delivered++;
		} else {
			dev->stats.rx_filtered++;
		}
	}
	dev->rx_starved = !can_receive(nic);
	if (!n_delivered)
		return;
	e1000_interrupt(nic, INT_RXT0);
	check_low(nic);
}
