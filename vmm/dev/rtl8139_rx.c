// SPDX-License-Identifier: Apache-2.0
/*
 * RTL8139 receive.
 *
 *   classic  a ring of 8, 16, 32 or 64 KiB: {status 2, length with CRC 2, frame, CRC} one behind the other, each at a multiple of 4 (C, 5.7)
 *   C+       a ring of descriptors, one for a frame (C+, 6.4)
 */
#include <errno.h>

#include "vmm/core/memory.h"
#include "vmm/dev/rtl8139_impl.h"
#include "vmm/dev/nic_rx.h"

#define CRC_LEN 4
#define ETH_HEADER 14
#define ETH_MIN 60
#define HEADER_LEN 4
#define CAPR_OFFSET 16
#define FRAME_MAX 8192u
/** How soon an empty ring is looked at again, and how late at most; each time it takes twice as long. */
#define LOOK_FIRST_NS 50000u
#define LOOK_LAST_NS 1600000u
/** Status of a frame in the ring: good, and who it was for. */
enum ring_status { RING_ROK = 1, RING_BAR = 1 << 13, RING_PAM = 1 << 14, RING_MAR = 1 << 15 };

enum verdict { UNWANTED, TO_US, TO_ALL, TO_GROUP, TO_OTHERS };

static uint32_t ring_size(const struct rtl8139 *nic)
{
	return 8192u << (rtl8139_get32(nic, RTL_RCR) >> 11 & 3);
}

/* Where the driver reads next. */
static uint32_t read_position(const struct rtl8139 *nic)
{
	return (rtl8139_get16(nic, RTL_CAPR) + (uint32_t)CAPR_OFFSET) % ring_size(nic);
}

bool rtl8139_ring_is_empty(const struct rtl8139 *nic)
{
	return read_position(nic) == rtl8139_get16(nic, RTL_CBR) % ring_size(nic);
}

void rtl8139_rx_reset(struct rtl8139 *nic)
{
	nic->rx_ring.next = 0;
	rtl8139_set16(nic, RTL_CBR, 0);
	rtl8139_set16(nic, RTL_CAPR, (uint16_t)-CAPR_OFFSET);
	nic->dev.rx_starved = true;
}

/* ---- who is meant ---- */

/* The upper six bits of the frame check sequence over the address are a bit number (5.4). */
static unsigned int hash_of(const uint8_t mac[6])
{
	uint32_t crc = UINT32_MAX;

	for (int i = 0; i < 6; i++)
		for (int bit = 0; bit < 8; bit++) {
			bool feedback = (crc >> 31) ^ (mac[i] >> bit & 1);

			crc = crc << 1 ^ (feedback ? 0x04c11db7u : 0);
		}
	return crc >> 26;
}

static enum verdict judge(const struct rtl8139 *nic, const uint8_t *frame)
{
	uint32_t rcr = rtl8139_get32(nic, RTL_RCR);
	unsigned int hash;

	if (!memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6))
		return rcr & (RTL_RCR_AB | RTL_RCR_AAP) ? TO_ALL : UNWANTED;
	if (frame[0] & 1) {
		hash = hash_of(frame);
		if (rcr & RTL_RCR_AM && nic->regs[RTL_MAR + hash / 8] >> hash % 8 & 1)
			return TO_GROUP;
		return rcr & RTL_RCR_AAP ? TO_GROUP : UNWANTED;
	}
	if (rcr & RTL_RCR_APM && !memcmp(frame, nic->regs + RTL_IDR, 6))
		return TO_US;
	return rcr & RTL_RCR_AAP ? TO_OTHERS : UNWANTED;
}

/* ---- classic ---- */

static uint32_t longest_frame(const struct rtl8139 *nic)
{
	return MIN(nic->dev.be->mtu + 18u, FRAME_MAX);
}

static bool ring_has_room(const struct rtl8139 *nic)
{
	uint32_t size = ring_size(nic), used = (rtl8139_get16(nic, RTL_CBR) + size - read_position(nic)) % size;

	/* Never quite full: that would look empty. */
	return size - used > ROUND_UP(HEADER_LEN + MAX(longest_frame(nic), (uint32_t)ETH_MIN) + CRC_LEN, 4u);
}

/* Into the ring at @at, around its end unless the driver wants it to go on behind it. */
static bool put_ring(struct rtl8139 *nic, uint32_t at, const uint8_t *data, uint32_t len)
{
	const struct guest_memory *memory = nic->dev.pci.machine->memory;
	uint64_t base = rtl8139_get32(nic, RTL_RBSTART);
	uint32_t size = ring_size(nic), first = len;

	if (size == 65536 || !(rtl8139_get32(nic, RTL_RCR) & RTL_RCR_WRAP))
		first = MIN(len, size - at);
	return memory_write(memory, base + at, data, first) && memory_write(memory, base, data + first, len - first);
}

/* @frame has HEADER_LEN bytes before it and CRC_LEN behind. */
static bool deliver_classic(struct rtl8139 *nic, uint8_t *frame, uint32_t len, enum verdict verdict)
{
	static const uint16_t bits[] = {
		[TO_US] = RING_PAM, [TO_ALL] = RING_BAR, [TO_GROUP] = RING_MAR, [TO_OTHERS] = 0};
	le16 header[2] = {cpu_to_le16((uint16_t)(RING_ROK | bits[verdict])), cpu_to_le16((uint16_t)(len + CRC_LEN))};
	uint32_t at = rtl8139_get16(nic, RTL_CBR) % ring_size(nic), total = HEADER_LEN + len + CRC_LEN;

	memcpy(frame - HEADER_LEN, header, sizeof header);
	if (!put_ring(nic, at, frame - HEADER_LEN, total)) {
		nic_device_break(&nic->dev, "its receive ring");
		return false;
	}
	rtl8139_set16(nic, RTL_CBR, (uint16_t)((at + ROUND_UP(total, 4u)) % ring_size(nic)));
	return true;
}

/* ---- C+ ---- */

/* What the frame carries, and what of its checksums is wrong. */
static uint32_t protocol_bits(const struct rtl8139 *nic, const struct nic_frame *frame)
{
	struct nic_rx rx;
	uint32_t bits;

	if (!(rtl8139_get16(nic, RTL_CPCR) & RTL_CPCR_RXCSUM))
		return 0;
	nic_rx_check(frame->data, frame->len, frame->is_right, &rx);
	if (!rx.is_ipv4)
		return 0;
	bits = rx.ip_ok ? 0 : RTL_RX_IPF;
	if (rx.is_tcp)
		return bits | RTL_RX_TCP | (rx.l4_ok ? 0 : RTL_RX_TCPF);
	if (rx.is_udp)
		return bits | RTL_RX_UDP | (rx.l4_ok ? 0 : RTL_RX_UDPF);
	return bits | RTL_RX_IP; /* a fragment, or of another protocol */
}

static uint32_t strip_tag(const struct rtl8139 *nic, struct nic_frame *f)
{
	uint8_t *frame = f->data;
	uint32_t tag;

	if (!(rtl8139_get16(nic, RTL_CPCR) & RTL_CPCR_RXVLAN) || f->len < ETH_HEADER + 4 || frame[12] != 0x81 ||
	    frame[13])
		return 0;
	tag = frame[14] | (uint32_t)frame[15] << 8;
	memmove(frame + 12, frame + 16, f->len - 16);
	f->len -= 4;
	return RTL_RX_TAVA | tag;
}

static bool deliver_cplus(struct rtl8139 *nic, struct nic_frame *f, enum verdict verdict)
{
	static const uint32_t bits[] = {
		[TO_US] = RTL_RX_PAM, [TO_ALL] = RTL_RX_BAR, [TO_GROUP] = RTL_RX_MAR, [TO_OTHERS] = 0};
	struct rtl8139_desc d;
	uint32_t tag, flags, len;

	if (!rtl8139_read_desc(nic, &nic->rx_ring, nic->rx_ring.next, &d))
		return false;
	tag = strip_tag(nic, f);
	if (f->len < ETH_MIN) {
		memset(f->data + f->len, 0, ETH_MIN - f->len + CRC_LEN);
		f->len = ETH_MIN;
	}
	len = (uint32_t)f->len + CRC_LEN;
	/* One that does not fit is dropped; the descriptor stays for the next. */
	if (len > (d.flags & 0x1fff))
		return false;
	if (!memory_write(nic->dev.pci.machine->memory, d.addr, f->data, len)) {
		nic_device_break(&nic->dev, "a buffer of its receive ring");
		return false;
	}
	flags = (d.flags & RTL_DESC_EOR) | RTL_DESC_FS | RTL_DESC_LS | bits[verdict] | protocol_bits(nic, f) | len;
	rtl8139_write_desc(nic, &nic->rx_ring, &d, flags, tag);
	return true;
}

/* ---- both ---- */

static bool can_receive(struct rtl8139 *nic)
{
	struct rtl8139_desc d;

	if (!(nic->regs[RTL_CR] & RTL_CR_RE) || !pci_dma_enabled(&nic->dev.pci) || !nic->dev.link_up ||
	    nic->dev.is_broken)
		return false;
	return rtl8139_is_cplus(nic, RTL_CPCR_RX) ? rtl8139_read_desc(nic, &nic->rx_ring, nic->rx_ring.next, &d)
						  : ring_has_room(nic);
}

static void count(struct rtl8139 *nic, uint32_t len, enum verdict verdict)
{
	nic->dev.stats.rx_packets++;
	nic->dev.stats.rx_bytes += len;
	nic->tally.rx_ok++;
	nic->tally.rx_unicast += verdict == TO_US;
	nic->tally.rx_broadcast += verdict == TO_ALL;
	nic->tally.rx_multicast += verdict == TO_GROUP;
}

/* There is room for a header before it and for padding and CRC behind. Return: whether the guest got it. */
static bool deliver(struct rtl8139 *nic, struct nic_frame *f)
{
	uint32_t n_bytes = (uint32_t)f->len;
	enum verdict verdict = n_bytes < ETH_HEADER || n_bytes > longest_frame(nic) ? UNWANTED : judge(nic, f->data);
	bool done;

	if (verdict == UNWANTED) {
		nic->dev.stats.rx_filtered++;
		return false;
	}
	if (f->len < ETH_MIN) {
		memset(f->data + f->len, 0, ETH_MIN - f->len);
		f->len = ETH_MIN;
	}
	memset(f->data + f->len, 0, CRC_LEN); /* nobody looks at it: it was right */
	done = rtl8139_is_cplus(nic, RTL_CPCR_RX) ? deliver_cplus(nic, f, verdict)
						  : deliver_classic(nic, f->data, (uint32_t)f->len, verdict);
	if (done)
		count(nic, n_bytes, verdict);
	else
		nic->dev.stats.rx_no_buffer++;
	return done;
}

/*
 * A driver that acknowledges a frame after it has read it (8139too) also acknowledges those that came meanwhile, and stops somewhere for others to have
 * their turn: it counts on the next frame to call it. When its ring is full there is none. So "received" stays set while there is something to read.
 */
void rtl8139_remind(struct rtl8139 *nic)
{
	if (!rtl8139_is_cplus(nic, RTL_CPCR_RX) && nic->regs[RTL_CR] & RTL_CR_RE && !rtl8139_ring_is_empty(nic))
		rtl8139_interrupt(nic, RTL_INT_ROK);
}

/*
 * A C+ driver gives descriptors without a word while it works through what it has got; only when it turns its interrupts on again we hear of it. To
 * wait for that would leave the one idle while the other works, so the ring is looked at every now and then, as long as it is likely to have changed.
 */
static void look_in(struct rtl8139 *nic, uint64_t ns)
{
	nic->rx_wait_ns = ns <= LOOK_LAST_NS && nic_device_set_timer(&nic->dev, ns) ? ns : 0;
}

void rtl8139_look_again(struct nic_device *dev)
{
	struct rtl8139 *nic = rtl8139_of(dev);

	if (dev->rx_starved && !can_receive(nic)) {
		look_in(nic, 2 * nic->rx_wait_ns);
		return;
	}
	nic->rx_wait_ns = 0;
	nic_device_wake_rx(dev);
}

void rtl8139_receive(struct nic_device *dev)
{
	struct rtl8139 *nic = rtl8139_of(dev);
	bool was_starved = dev->rx_starved;
	unsigned int n_delivered = 0;
	struct nic_frame frame;

	for (unsigned int n = 0; n < NIC_BATCH_FRAMES && can_receive(nic); n++) {
		int error = nic_device_receive(dev, &frame);

		if (error && error != -EINVAL)
			break;
		if (error)
			dev->stats.rx_filtered++;
		else if (can_receive(nic)) /* the driver may have taken its room back */
			n_delivered += deliver(nic, &frame);
		else
			dev->stats.rx_no_buffer++;
	}
	dev->rx_starved = !can_receive(nic);
	if (n_delivered)
		rtl8139_interrupt(nic, RTL_INT_ROK);
	/* A C+ driver is told that descriptors are wanted. */
	if (dev->rx_starved && (!was_starved || n_delivered) && nic->regs[RTL_CR] & RTL_CR_RE && dev->link_up &&
	    rtl8139_is_cplus(nic, RTL_CPCR_RX)) {
		rtl8139_interrupt(nic, RTL_INT_RXOVW);
		if (!nic->rx_wait_ns)
			look_in(nic, LOOK_FIRST_NS);
	}
}
