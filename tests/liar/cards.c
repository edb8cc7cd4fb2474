// SPDX-License-Identifier: Apache-2.0
/* The network cards, as their data sheets tell a driver to use them: a question goes out, its answer comes in, a pin says so. */
#include "liar.h"

#define N_DESC 8
#define PIN_VECTOR 0x60

static struct {
	uint64_t addr;
	uint32_t lower, upper;
} tx_ring[N_DESC] __attribute__((aligned(256))), rx_ring[N_DESC] __attribute__((aligned(256)));

static uint8_t tx_frame[2048] __attribute__((aligned(16))), rx_frames[N_DESC][2048] __attribute__((aligned(16)));
static uint8_t classic_ring[8192 + 16 + 2048] __attribute__((aligned(16)));

/* An interrupt by pin comes again until its cause is gone; routed to nothing it does not disturb. */
static void mask_pin(const struct pci_dev *d)
{
	write32(0xfec00000, 0x10 + 2 * (16 + d->slot % 8));
	write32(0xfec00010, 1 << 16);
}

/* ---- 82540EM ---- */

enum e1000_reg {
	CTRL = 0x0000,
	ICR = 0x00c0,
	IMS = 0x00d0,
	IMC = 0x00d8,
	RCTL = 0x0100,
	TCTL = 0x0400,
	RDBAL = 0x2800,
	RDLEN = 0x2808,
	RDH = 0x2810,
	RDT = 0x2818,
	TDBAL = 0x3800,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
	RAL = 0x5400,
	RAH = 0x5404,
};

static void e1000_start(uint64_t bar)
{
	write32(bar + CTRL, 1 << 26); /* reset */
	write32(bar + TDBAL, (uint32_t)address(tx_ring));
	write32(bar + TDLEN, sizeof tx_ring);
	write32(bar + TCTL, 1 << 1);
	for (unsigned int i = 0; i < N_DESC; i++) {
		rx_ring[i].addr = address(rx_frames[i]);
		rx_ring[i].lower = rx_ring[i].upper = 0;
	}
	write32(bar + RDBAL, (uint32_t)address(rx_ring));
	write32(bar + RDLEN, sizeof rx_ring);
	write32(bar + RDT, N_DESC - 1);
	write32(bar + RCTL, 1 << 1 | 1 << 15); /* on, broadcasts */
}

/* The neighbours' frames may come first, any number of them: descriptors are given back. */
static bool e1000_answered(uint64_t bar, const uint8_t *mac)
{
	uint32_t deadline = timeout(20000);
	unsigned int i = 0;

	while (!timed_out(deadline)) {
		volatile uint32_t *status = &rx_ring[i].upper;

		barrier();
		if (!(*status & 1))
			continue;
		if (is_arp_reply(rx_frames[i], mac))
			return true;
		*status = 0;
		write32(bar + RDT, i);
		i = (i + 1) % N_DESC;
	}
	return false;
}

void test_e1000(void)
{
	struct pci_dev *d = pci_find(0x8086, 0x100e, 0);
	uint32_t before = n_interrupts[PIN_VECTOR], low, high;
	uint8_t mac[6];

	if (!check(d, "e1000: it is there", "it is not"))
		return;
	low = read32(d->bars[0] + RAL);
	high = read32(d->bars[0] + RAH);
	outl((uint16_t)d->bars[1], RAL);
	check(inl((uint16_t)(d->bars[1] + 4)) == low, "e1000: registers by ports as by memory", "they differ");
	memcpy(mac, &low, 4);
	memcpy(mac + 4, &high, 2);
	e1000_start(d->bars[0]);
	pin_route(16 + d->slot % 8, PIN_VECTOR);
	arp_request(tx_frame, mac, 102);
	tx_ring[0].addr = address(tx_frame);
	tx_ring[0].lower = FRAME | 0x09u << 24; /* end of packet, report status */
	tx_ring[0].upper = 0;
	barrier();
	write32(d->bars[0] + TDT, 1);
	check(wait_change16((volatile uint16_t *)&tx_ring[0].upper, 0), "e1000: a frame goes out", "it does not");
	check(e1000_answered(d->bars[0], mac), "e1000: and its answer comes", "none comes");
	write32(d->bars[0] + IMS, 1 << 7 | 1); /* received, sent */
	check(wait_interrupt(PIN_VECTOR, before), "e1000: and an interrupt", "none comes");
	mask_pin(d);
	write32(d->bars[0] + CTRL, 1 << 26);
}

/* ---- RTL8139 ---- */

enum rtl_reg {
	IDR = 0x00,
	TSD = 0x10,
	TSAD = 0x20,
	TNPDS = 0x20,
	RBSTART = 0x30,
	CR = 0x37,
	CAPR = 0x38,
	CBR = 0x3a,
	IMR = 0x3c,
	ISR = 0x3e,
	RCR = 0x44,
	CPCR = 0xe0,
	TPPOLL = 0xd9,
	RDSAR = 0xe4,
};

static void rtl_reset(uint64_t bar)
{
	write8(bar + CR, 0x10);
	while (read8(bar + CR) & 0x10)
		continue;
}

/* Classic: a slot, and a ring of bytes. */
static bool rtl_classic(uint64_t bar, const uint8_t *mac)
{
	uint32_t deadline = timeout(20000);
	unsigned int at = 0;

	memset(classic_ring, 0, sizeof classic_ring);
	write32(bar + RBSTART, (uint32_t)address(classic_ring));
	write8(bar + CR, 0x0c);
	write32(bar + RCR, 0x8a); /* to us, to all; the ring goes on behind its end */
	write32(bar + TSAD, (uint32_t)address(tx_frame));
	write32(bar + TSD, FRAME);
	while (!timed_out(deadline)) {
		if (read8(bar + CR) & 1) /* the ring is empty */
			continue;
		barrier();
		if (is_arp_reply(classic_ring + at + 4, mac))
			return true;
		at = (at + (classic_ring[at + 2] | classic_ring[at + 3] << 8) + 4 + 3) & 0x1ffc;
		write16(bar + CAPR, (uint16_t)(at - 16));
	}
	return false;
}

/* C+: descriptors, whose first word says whose they are. */
static bool rtl_cplus(uint64_t bar, const uint8_t *mac)
{
	uint32_t(*tx)[4] = (void *)tx_ring, deadline = timeout(20000);
	volatile uint32_t(*rx)[4] = (void *)rx_ring;
	unsigned int i;

	memset(rx_ring, 0, sizeof rx_ring);
	for (i = 0; i < N_DESC; i++) {
		rx[i][0] = 1u << 31 | (i == N_DESC - 1 ? 1u << 30 : 0) | 2048;
		rx[i][2] = (uint32_t)address(rx_frames[i]);
	}
	tx[0][1] = tx[0][3] = 0;
	tx[0][2] = (uint32_t)address(tx_frame);
	tx[0][0] = 0xf0000000u | FRAME; /* ours, end of ring, first and last */
	write16(bar + CPCR, 3);
	write8(bar + CR, 0x0c);
	write32(bar + TNPDS, (uint32_t)address(tx));
	write32(bar + TNPDS + 4, 0);
	write32(bar + RDSAR, (uint32_t)address(rx_ring));
	write32(bar + RDSAR + 4, 0);
	write32(bar + RCR, 0x0a);
	write8(bar + TPPOLL, 0x40);
	for (i = 0; !timed_out(deadline);) {
		barrier();
		if (rx[i][0] >> 31)
			continue;
		if (is_arp_reply(rx_frames[i], mac))
			return true;
		rx[i][0] = 1u << 31 | (i == N_DESC - 1 ? 1u << 30 : 0) | 2048;
		write16(bar + IMR, 0); /* by which the card sees that it may go on */
		i = (i + 1) % N_DESC;
	}
	return false;
}

static void test_one(struct pci_dev *d, uint8_t host)
{
	bool is_cplus = d->revision >= 0x20;
	uint32_t before = n_interrupts[PIN_VECTOR];
	uint64_t bar = d->bars[1];
	uint8_t mac[6];

	for (unsigned int i = 0; i < 6; i++)
		mac[i] = read8(bar + IDR + i);
	check(inb((uint16_t)d->bars[0]) == mac[0], "rtl8139: registers by ports as by memory", "they differ");
	rtl_reset(bar);
	pin_route(16 + d->slot % 8, PIN_VECTOR);
	arp_request(tx_frame, mac, host);
	if (is_cplus)
		check(rtl_cplus(bar, mac), "rtl8139: C+: a frame goes out, and its answer comes", "none comes");
	else
		check(rtl_classic(bar, mac), "rtl8139: classic: a frame goes out, and its answer comes", "none comes");
	write16(bar + IMR, 5);
	check(wait_interrupt(PIN_VECTOR, before), "rtl8139: and an interrupt", "none comes");
	mask_pin(d);
	rtl_reset(bar);
}

void test_rtl8139(void)
{
	struct pci_dev *d;
	uint8_t n = 0;

	for (; (d = pci_find(0x10ec, 0x8139, n)); n++)
		test_one(d, (uint8_t)(103 + n));
	check(n, "rtl8139: it is there", "it is not");
}
