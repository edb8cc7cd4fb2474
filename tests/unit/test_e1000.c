// SPDX-License-Identifier: Apache-2.0
/* The 82540EM as a driver sees it, step by step from the data sheet; descriptors are written here by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "vmm/dev/e1000.h"
#include "vmm/dev/e1000_regs.h"
#include "vmm/dev/nic_device.h"
#include "vmm_backend.h"
#include "vmm_harness.h"

#define SLOT 3
#define BAR 0xe1100000ull
#define IO 0xc100u
#define LINE (PCI_GSI_BASE + SLOT % PCI_N_GSIS)
#define TX_RING 0x10000ull
#define RX_RING 0x20000ull
#define TX_DATA 0x100000ull
#define RX_DATA 0x200000ull
#define RX_BUFFER 2048u
#define N_DESC 8u

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

struct fixture {
	struct harness *h;
	struct mem_backend backend;
	struct nic_device *nic;
	uint32_t tx_tail, rx_seen;
};

static uint32_t rd(struct fixture *f, uint32_t reg)
{
	return (uint32_t)harness_read(f->h->m.mmio, BAR + reg, 4);
}

static void wr(struct fixture *f, uint32_t reg, uint32_t value)
{
	harness_write(f->h->m.mmio, BAR + reg, 4, value);
}

static void put(struct fixture *f, uint64_t gpa, const void *data, size_t len)
{
	assert_true(memory_write(f->h->m.memory, gpa, data, len));
}

static uint8_t *at(struct fixture *f, uint64_t gpa, size_t len)
{
	uint8_t *p = memory_at(f->h->m.memory, gpa, len);

	assert_non_null(p);
	return p;
}

/* As a driver starts it: rings, filters, interrupts. */
static void start(struct fixture *f)
{
	wr(f, TDBAL, TX_RING);
	wr(f, TDLEN, N_DESC * 16);
	wr(f, TCTL, TCTL_EN);
	for (uint32_t i = 0; i < N_DESC; i++) {
		uint64_t addr = RX_DATA + i * RX_BUFFER;

		put(f, RX_RING + 16 * i, &addr, 8);
	}
	wr(f, RDBAL, RX_RING);
	wr(f, RDLEN, N_DESC * 16);
	wr(f, RDT, N_DESC - 1);
	wr(f, RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
	wr(f, IMS, INT_RXT0 | INT_TXDW | INT_LSC);
}

static void init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->h = harness_new(16 << 20);
	assert_int_equal(e1000_plug(&f->h->m, "net0", mac, mem_backend_init(&f->backend), SLOT, &f->nic, NULL), 0);
	harness_config_write(f->h, SLOT, 0x10, 4, (uint32_t)BAR);
	harness_config_write(f->h, SLOT, 0x14, 4, IO);
	harness_config_write(f->h, SLOT, 0x04, 2, 7);
	start(f);
}

static void fini(struct fixture *f)
{
	pci_unplug(&f->nic->pci);
	assert_true(f->backend.is_freed);
	harness_free(f->h);
}

/* ---- EEPROM, PHY ---- */

static uint16_t eerd(struct fixture *f, uint32_t word)
{
	wr(f, EERD, word << 8 | EERD_START);
	assert_true(rd(f, EERD) & EERD_DONE);
	return (uint16_t)(rd(f, EERD) >> 16);
}

static void clock_bit(struct fixture *f, bool bit)
{
	uint32_t value = EECD_REQ | EECD_CS | (bit ? EECD_DI : 0);

	wr(f, EECD, value);
	wr(f, EECD, value | EECD_SK);
	wr(f, EECD, value);
}

static void microwire_command(struct fixture *f, uint32_t bits)
{
	wr(f, EECD, EECD_REQ);
	wr(f, EECD, EECD_REQ | EECD_CS);
	for (int i = 8; i >= 0; i--)
		clock_bit(f, bits >> i & 1);
}

static uint16_t microwire_word(struct fixture *f)
{
	uint16_t value = 0;

	for (int i = 0; i < 16; i++) {
		clock_bit(f, false);
		value = (uint16_t)(value << 1 | !!(rd(f, EECD) & EECD_DO));
	}
	return value;
}

static void eeprom_is_read_both_ways(void **state)
{
	struct fixture f;
	uint16_t sum = 0;

	(void)state;
	init(&f);
	assert_int_equal(eerd(&f, 0), 0x5452);
	assert_int_equal(eerd(&f, 1), 0x1200);
	assert_int_equal(eerd(&f, 2), 0x5634);
	for (uint32_t i = 0; i < 64; i++)
		sum = (uint16_t)(sum + eerd(&f, i));
	assert_int_equal(sum, 0xbaba);
	wr(&f, EECD, EECD_REQ);
	assert_true(rd(&f, EECD) & EECD_GNT);
	/* "Write disable" is none of ours, and a read without deselecting works behind it. */
	microwire_command(&f, 0x100);
	for (uint32_t i = 0; i < 64; i++) {
		microwire_command(&f, 6 << 6 | i);
		assert_int_equal(microwire_word(&f), eerd(&f, i));
		assert_int_equal(microwire_word(&f), eerd(&f, (i + 1) % 64));
	}
	fini(&f);
}

static uint32_t mdic(struct fixture *f, uint32_t value)
{
	wr(f, MDIC, value);
	assert_true(rd(f, MDIC) & MDIC_READY);
	return rd(f, MDIC);
}

static void phy_and_link(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	assert_int_equal(mdic(&f, MDIC_READ | 1 << 21 | 2 << 16) & 0xffff, 0x0141);
	assert_true(mdic(&f, MDIC_READ | 2 << 21 | 2 << 16) & MDIC_ERROR);
	assert_true(mdic(&f, MDIC_READ | 1 << 21 | 1 << 16) & 1 << 2);
	assert_true(rd(&f, STATUS) & STATUS_LU);
	mdic(&f, MDIC_WRITE | 1 << 21 | 4 << 16 | 0x1234);
	assert_int_equal(mdic(&f, MDIC_READ | 1 << 21 | 4 << 16) & 0xffff, 0x1234);
	rd(&f, ICR);
	nic_device_set_link(f.nic, false);
	assert_false(rd(&f, STATUS) & STATUS_LU);
	assert_false(mdic(&f, MDIC_READ | 1 << 21 | 1 << 16) & 1 << 2);
	assert_true(f.h->lines[LINE]);
	assert_true(rd(&f, ICR) & INT_LSC);
	assert_false(f.h->lines[LINE]);
	nic_device_set_link(f.nic, true);
	assert_true(rd(&f, STATUS) & STATUS_LU);
	/* The same registers through IOADDR and IODATA. */
	harness_write(f.h->m.pio, IO, 4, STATUS);
	assert_int_equal(harness_read(f.h->m.pio, IO + 4, 4), rd(&f, STATUS));
	fini(&f);
}

static void interrupts_follow_their_mask(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	wr(&f, IMC, ~0u);
	wr(&f, ICS, INT_RXO);
	assert_false(f.h->lines[LINE]);
	wr(&f, IMS, INT_RXO);
	assert_true(f.h->lines[LINE]);
	wr(&f, IMC, INT_RXO);
	assert_false(f.h->lines[LINE]);
	wr(&f, IMS, INT_RXO);
	wr(&f, ICR, INT_RXO); /* writing ones clears */
	assert_false(f.h->lines[LINE]);
	wr(&f, ICS, INT_RXO);
	wr(&f, CTRL, CTRL_RST);
	assert_false(f.h->lines[LINE]);
	assert_int_equal(rd(&f, IMS), 0);
	fini(&f);
}

/* ---- transmit ---- */

static void tx_desc(struct fixture *f, uint64_t low, uint64_t high)
{
	put(f, TX_RING + 16 * f->tx_tail, &low, 8);
	put(f, TX_RING + 16 * f->tx_tail + 8, &high, 8);
	f->tx_tail = (f->tx_tail + 1) % N_DESC;
}

static void tx_go(struct fixture *f)
{
	wr(f, TDT, f->tx_tail);
	nic_device_run(f->nic);
	assert_int_equal(rd(f, TDH), f->tx_tail);
}

static void make_frame(uint8_t *frame, size_t len)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)i;
	memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\x45\0", 16);
}

static void legacy_transmit(void **state)
{
	const struct mem_packet *p;
	struct fixture f;
	uint8_t frame[100];

	(void)state;
	init(&f);
	make_frame(frame, sizeof frame);
	put(&f, TX_DATA, frame, sizeof frame);
	/* Twice around the ring, in two pieces each. */
	for (uint32_t i = 0; i < 9; i++) {
		tx_desc(&f, TX_DATA, 60);
		tx_desc(&f, TX_DATA + 60, 40 | (uint64_t)(TX_EOP | TX_RS) << 24);
		tx_go(&f);
		p = mem_last(&f.backend);
		assert_int_equal(p->len, MEM_HEADER + 100);
		assert_memory_equal(p->data + MEM_HEADER, frame, 100);
		assert_int_equal(p->data[0], 0);
		assert_true(at(&f, TX_RING + 16 * ((f.tx_tail + N_DESC - 1) % N_DESC) + 12, 1)[0] & TX_STA_DD);
		assert_true(f.h->lines[LINE]);
		assert_true(rd(&f, ICR) & INT_TXDW);
	}
	assert_int_equal(f.backend.n_sent, 9);
	/* Insert a checksum: CSO 50, CSS 34. And a tag, with CTRL.VME. */
	wr(&f, CTRL, rd(&f, CTRL) | CTRL_VME);
	tx_desc(&f, TX_DATA, 100 | 50u << 16 | (uint64_t)(TX_EOP | TX_IC | TX_VLE) << 24 | 34ull << 40 | 5ull << 48);
	tx_go(&f);
	p = mem_last(&f.backend);
	assert_int_equal(p->len, MEM_HEADER + 104);
	assert_memory_equal(p->data + MEM_HEADER + 12, "\x81\0\0\x05\x08\0", 6);
	assert_int_equal(p->data[0], 1);  /* NEEDS_CSUM */
	assert_int_equal(p->data[6], 38); /* csum_start, moved by the tag */
	assert_int_equal(p->data[8], 16); /* csum_offset */
	assert_int_equal(rd(&f, GPTC), 10);
	assert_int_equal(rd(&f, GPTC), 0); /* cleared by reading */
	assert_int_equal(rd(&f, GOTCL), 9 * 104 + 108);
	fini(&f);
}

static void context(struct fixture *f, uint8_t l4, uint8_t hdrlen, uint16_t mss, uint8_t tucmd)
{
	tx_desc(f, 14 | 24 << 8 | (uint64_t)34 << 32 | (uint64_t)l4 << 40,
		(uint64_t)(TX_DEXT | tucmd) << 24 | (uint64_t)hdrlen << 40 | (uint64_t)mss << 48);
}

static void data(struct fixture *f, uint64_t gpa, uint32_t len, uint8_t cmd, uint8_t popts)
{
	tx_desc(f, gpa, len | (uint64_t)TX_DTYP_DATA << 20 | (uint64_t)(TX_DEXT | cmd) << 24 | (uint64_t)popts << 40);
}

static void segmentation_and_checksums(void **state)
{
	const struct mem_packet *p;
	struct fixture f;
	uint8_t frame[4054];

	(void)state;
	init(&f);
	make_frame(frame, sizeof frame);
	frame[23] = 6;
	memset(frame + 16, 0, 2);
	put(&f, TX_DATA, frame, sizeof frame);
	/* The context of segmentation, that of checksums, and frames of both: each finds its own (3.3.6, TSE). */
	context(&f, 50, 54, 1000, TX_TSE | TX_TUCMD_TCP | TX_TUCMD_IPV4);
	context(&f, 40, 0, 0, 0);
	data(&f, TX_DATA, 54, TX_TSE, TX_POPTS_IXSM | TX_POPTS_TXSM);
	data(&f, TX_DATA + 54, 4000, TX_TSE | TX_EOP, 0);
	tx_go(&f);
	p = mem_last(&f.backend);
	assert_int_equal(p->len, MEM_HEADER + sizeof frame);
	assert_int_equal(p->data[0], 1);
	assert_int_equal(p->data[1], 1); /* TCPv4 */
	assert_int_equal(p->data[2], 54);
	assert_int_equal(p->data[4] | p->data[5] << 8, 1000);
	assert_int_equal(p->data[6], 34);
	assert_int_equal(p->data[8], 16);
	assert_int_equal(p->data[MEM_HEADER + 16] << 8 | p->data[MEM_HEADER + 17], 4040); /* IP length */
	assert_int_equal(rd(&f, TSCTC), 1);
	data(&f, TX_DATA, 100, TX_EOP, TX_POPTS_TXSM);
	tx_go(&f);
	p = mem_last(&f.backend);
	assert_int_equal(p->data[1], 0);
	assert_int_equal(p->data[6], 34);
	assert_int_equal(p->data[8], 6);
	fini(&f);
}

static void transmit_waits_for_room(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	f.backend.is_full = true;
	tx_desc(&f, TX_DATA, 60 | (uint64_t)(TX_EOP | TX_RS) << 24);
	wr(&f, TDT, f.tx_tail);
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, TDH), 0);
	f.backend.is_full = false;
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, TDH), 1);
	assert_int_equal(f.backend.n_sent, 1);
	/* Without bus mastering nothing moves. */
	harness_config_write(f.h, SLOT, 0x04, 2, 3);
	tx_desc(&f, TX_DATA, 60 | (uint64_t)TX_EOP << 24);
	wr(&f, TDT, f.tx_tail);
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, TDH), 1);
	harness_config_write(f.h, SLOT, 0x04, 2, 7);
	tx_go(&f);
	assert_int_equal(f.backend.n_sent, 2);
	fini(&f);
}

/* What leads out of RAM stops the card until it is reset; both directions. */
static void lies_stop_the_card(void **state)
{
	static const uint64_t lies[] = {0xe0000000ull, 16ull << 20, (16ull << 20) - 30, 1ull << 63};
	uint8_t frame[100] = {0};
	struct fixture f;

	(void)state;
	memcpy(frame, mac, sizeof mac);
	for (unsigned int i = 0; i < 3 * ARRAY_SIZE(lies); i++) {
		uint64_t lie = lies[i / 3];

		init(&f);
		if (i % 3 == 0) {
			tx_desc(&f, lie, 60 | (uint64_t)TX_EOP << 24);
		} else if (i % 3 == 1) {
			wr(&f, TDBAL, (uint32_t)lie);
			wr(&f, TDBAH, (uint32_t)(lie >> 32));
			f.tx_tail++;
		} else {
			memcpy(at(&f, RX_RING, 8), &lie, 8);
			mem_queue(&f.backend, frame, sizeof frame);
			nic_device_run(f.nic);
			mem_queue(&f.backend, frame, sizeof frame);
			tx_desc(&f, TX_DATA, 60 | (uint64_t)TX_EOP << 24);
		}
		wr(&f, TDT, f.tx_tail);
		nic_device_run(f.nic);
		assert_int_equal(f.backend.n_sent, 0);
		assert_int_equal(f.backend.n_queued, i % 3 == 2);
		wr(&f, CTRL, CTRL_RST);
		wr(&f, TDBAL, TX_RING);
		wr(&f, TDLEN, N_DESC * 16);
		wr(&f, TCTL, TCTL_EN);
		f.tx_tail = 0;
		tx_desc(&f, TX_DATA, 60 | (uint64_t)TX_EOP << 24);
		tx_go(&f);
		assert_int_equal(f.backend.n_sent, 1);
		fini(&f);
	}
}

/* ---- receive ---- */

/* Hand a frame in. Return: its bytes in the guest, over as many descriptors as it takes; 0: it was not for us. */
static size_t receive(struct fixture *f, const uint8_t *frame, size_t len, uint8_t *status, uint16_t *vlan)
{
	size_t total = 0;

	mem_queue(&f->backend, frame, len);
	nic_device_run(f->nic);
	*status = 0;
	while (f->rx_seen != rd(f, RDH)) {
		uint8_t *d = at(f, RX_RING + 16 * f->rx_seen, 16);

		assert_true(d[12] & RX_DD);
		total += (size_t)(d[8] | d[9] << 8);
		*status = d[12];
		*vlan = (uint16_t)(d[14] | d[15] << 8);
		f->rx_seen = (f->rx_seen + 1) % N_DESC;
		wr(f, RDT, (f->rx_seen + N_DESC - 1) % N_DESC);
	}
	return total;
}

static void receive_filters(void **state)
{
	static const struct {
		const char *dst;
		uint32_t rctl;
		bool wanted;
	} cases[] = {
		{"\x52\x54\x00\x12\x34\x56", 0, true},
		{"\x52\x54\x00\x12\x34\x57", 0, false},
		{"\x52\x54\x00\x12\x34\x57", RCTL_UPE, true},
		{"\xff\xff\xff\xff\xff\xff", 0, false},
		{"\xff\xff\xff\xff\xff\xff", RCTL_BAM, true},
		{"\x01\x00\x5e\x00\x00\x01", RCTL_BAM, false},
		{"\x01\x00\x5e\x00\x00\x01", RCTL_MPE, true},
		{"\x01\x00\x5e\x00\x00\xfb", 0, true}, /* in the table: 0xfb00 >> 4 is bit 0xfb0 */
	};
	uint8_t frame[80], status;
	struct fixture f;
	uint16_t vlan;

	(void)state;
	init(&f);
	wr(&f, MTA + 4 * (0xfb0 >> 5), 1u << (0xfb0 & 31));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_frame(frame, sizeof frame);
		memcpy(frame, cases[i].dst, 6);
		wr(&f, RCTL, RCTL_EN | RCTL_SECRC | cases[i].rctl);
		assert_int_equal(receive(&f, frame, sizeof frame, &status, &vlan), cases[i].wanted ? 80 : 0);
	}
	assert_int_equal(rd(&f, GPRC), 5);
	assert_int_equal(rd(&f, BPRC), 1);
	assert_int_equal(rd(&f, MPRC), 2);
	fini(&f);
}

static void receive_tags_and_pieces(void **state)
{
	uint8_t frame[1514], status;
	struct fixture f;
	uint16_t vlan;

	(void)state;
	init(&f);
	make_frame(frame, sizeof frame);
	memcpy(frame, mac, 6);
	/* Pieces of 256 bytes, with CRC; a short frame is padded. */
	wr(&f, RCTL, RCTL_EN | 3 << 16);
	assert_int_equal(receive(&f, frame, 1514, &status, &vlan), 1518);
	assert_true(status & RX_EOP);
	assert_memory_equal(at(&f, RX_DATA + RX_BUFFER, 256), frame + 256, 256);
	assert_true(f.h->lines[LINE]);
	assert_true(rd(&f, ICR) & INT_RXT0);
	assert_int_equal(receive(&f, frame, 30, &status, &vlan), 64);
	/* Tags: filtered by the table, stripped with CTRL.VME. */
	memcpy(frame + 12, "\x81\0\x20\x64", 4);
	wr(&f, RCTL, RCTL_EN | RCTL_SECRC | RCTL_VFE);
	assert_int_equal(receive(&f, frame, 100, &status, &vlan), 0);
	wr(&f, VFTA + 4 * (100 >> 5), 1u << (100 & 31));
	assert_int_equal(receive(&f, frame, 100, &status, &vlan), 100);
	assert_false(status & RX_VP);
	wr(&f, CTRL, rd(&f, CTRL) | CTRL_VME);
	assert_int_equal(receive(&f, frame, 100, &status, &vlan), 96);
	assert_true(status & RX_VP);
	assert_int_equal(vlan, 0x2064);
	/* Longer than a frame may be; no descriptors left: it stays with the backend. */
	assert_int_equal(receive(&f, frame, 1514, &status, &vlan), 1510);
	wr(&f, RDT, rd(&f, RDH));
	mem_queue(&f.backend, frame, 100);
	nic_device_run(f.nic);
	assert_int_equal(f.backend.n_queued, 1);
	fini(&f);
}

/* ---- offloads of the backend's side ---- */

/* The sum of 16-bit words, folded: 0xffff when a checksum is among them and right. */
static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* 54 bytes of headers and @n of payload, as the kernel hands TCP over: the checksum is begun, not made. */
static void make_tcp(uint8_t *frame, size_t n)
{
	static const uint8_t headers[54] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 2,  0, 0,    0, 0,    2,
					    0x08, 0x00, 0x45, 0,    0,	  0,	0,  7, 0x40, 0, 64,   6,
					    0,	  0,	10,   0,    0,	  1,	10, 0, 0,    2, 0x04, 0,
					    0,	  80,	0xff, 0xff, 0xff, 0xf0, 0,  0, 0,    1, 0x50, 0x18};
	uint32_t sum;

	memcpy(frame, headers, sizeof headers);
	for (size_t i = 0; i < n; i++)
		frame[54 + i] = (uint8_t)(i * 7);
	frame[16] = (uint8_t)((40 + n) >> 8);
	frame[17] = (uint8_t)(40 + n);
	sum = ~sum16(frame + 14, 20, 0);
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	sum = sum16(frame + 26, 8, (uint32_t)(6 + 20 + n));
	frame[50] = (uint8_t)(sum >> 8);
	frame[51] = (uint8_t)sum;
}

/* The frame that descriptor @i has: number @n of the packet that make_tcp() made. */
static void is_segment(struct fixture *f, uint32_t i, uint32_t n, size_t payload, bool is_last)
{
	const uint8_t *d = at(f, RX_RING + 16 * i, 16), *p = at(f, RX_DATA + i * RX_BUFFER, 54 + payload);
	uint32_t seq = 0xfffffff0u + n * 1000;

	assert_int_equal(d[12], RX_DD | RX_EOP | RX_IPCS | RX_TCPCS);
	assert_int_equal(d[8] | d[9] << 8, 54 + payload);
	assert_int_equal(p[16] << 8 | p[17], 40 + payload);
	assert_int_equal(p[18] << 8 | p[19], 7 + n);
	assert_int_equal((uint32_t)p[38] << 24 | (uint32_t)p[39] << 16 | (uint32_t)p[40] << 8 | p[41], seq);
	assert_int_equal(p[47], is_last ? 0x18 : 0x10);
	assert_int_equal(sum16(p + 14, 20, 0), 0xffff);
	assert_int_equal(sum16(p + 34, 20 + payload, sum16(p + 26, 8, (uint32_t)(6 + 20 + payload))), 0xffff);
	for (size_t k = 0; k < payload; k++)
		assert_int_equal(p[54 + k], (uint8_t)((n * 1000 + k) * 7));
}

/* 4500 bytes of TCP in one packet become five frames, the last two when the driver has given more descriptors. */
static void big_packets_are_cut(void **state)
{
	static const uint8_t gso[MEM_HEADER] = {1, 1, 54, 0, 1000 & 0xff, 1000 >> 8, 34, 0, 16, 0},
			     partial[MEM_HEADER] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0};
	uint8_t frame[54 + 4500], status;
	struct fixture f;
	uint16_t vlan;

	(void)state;
	init(&f);
	assert_int_equal(f.backend.offloads, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN);
	make_tcp(frame, 4500);
	wr(&f, RDT, 3);
	mem_queue_packet(&f.backend, gso, frame, sizeof frame);
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, RDH), 3);
	wr(&f, RDT, 2);
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, RDH), 5);
	for (uint32_t i = 0; i < 5; i++)
		is_segment(&f, i, i, i < 4 ? 1000 : 500, i == 4);
	/* A checksum that is begun, alone; one that is begun wrong is made, and wrong, and nobody says otherwise. */
	f.rx_seen = 5;
	make_tcp(frame, 1000);
	mem_queue_packet(&f.backend, partial, frame, 1054);
	nic_device_run(f.nic);
	is_segment(&f, 5, 0, 1000, true);
	make_tcp(frame, 1000);
	frame[50] ^= 1;
	mem_queue_packet(&f.backend, partial, frame, 1054);
	nic_device_run(f.nic);
	assert_int_equal(at(&f, RX_RING + 16 * 6, 16)[12], RX_DD | RX_EOP | RX_IPCS);
	/* What says that it is TCP, and is not, is thrown away. */
	f.rx_seen = 7;
	wr(&f, RDT, 6);
	make_frame(frame, 100);
	mem_queue_packet(&f.backend, gso, frame, 100);
	make_tcp(frame, 100);
	assert_int_equal(receive(&f, frame, 154, &status, &vlan), 154);
	fini(&f);
}

/* What descriptors point at is sent from there: they stay ours until all of the frame has gone. */
static void descriptors_stay_until_sent(void **state)
{
	const struct mem_packet *p;
	uint8_t frame[3000];
	struct fixture f;

	(void)state;
	init(&f);
	make_frame(frame, sizeof frame);
	put(&f, TX_DATA, frame, sizeof frame);
	f.backend.is_full = true;
	tx_desc(&f, TX_DATA, 100 | (uint64_t)TX_RS << 24);
	tx_desc(&f, TX_DATA + 100, 1400 | (uint64_t)TX_RS << 24);
	tx_desc(&f, TX_DATA + 1500, 1500 | (uint64_t)(TX_EOP | TX_RS) << 24);
	wr(&f, TDT, f.tx_tail);
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, TDH), 0);
	assert_false(at(&f, TX_RING + 12, 1)[0] & TX_STA_DD);
	put(&f, TX_DATA + 2000, "changed", 7);
	memcpy(frame + 2000, "changed", 7);
	f.backend.is_full = false;
	nic_device_run(f.nic);
	assert_int_equal(rd(&f, TDH), 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(at(&f, TX_RING + 16 * i + 12, 1)[0] & TX_STA_DD);
	p = mem_last(&f.backend);
	assert_int_equal(p->len, MEM_HEADER + sizeof frame);
	assert_memory_equal(p->data + MEM_HEADER, frame, sizeof frame);
	/* A reset in the middle of a frame forgets it. */
	tx_desc(&f, TX_DATA, 100);
	wr(&f, TDT, f.tx_tail);
	nic_device_run(f.nic);
	wr(&f, CTRL, CTRL_RST);
	start(&f);
	f.tx_tail = 0;
	tx_desc(&f, TX_DATA, 60 | (uint64_t)(TX_EOP | TX_RS) << 24);
	tx_go(&f);
	assert_int_equal(mem_last(&f.backend)->len, MEM_HEADER + 60);
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eeprom_is_read_both_ways),	cmocka_unit_test(phy_and_link),
		cmocka_unit_test(interrupts_follow_their_mask), cmocka_unit_test(legacy_transmit),
		cmocka_unit_test(segmentation_and_checksums),	cmocka_unit_test(transmit_waits_for_room),
		cmocka_unit_test(lies_stop_the_card),		cmocka_unit_test(receive_filters),
		cmocka_unit_test(receive_tags_and_pieces),	cmocka_unit_test(big_packets_are_cut),
		cmocka_unit_test(descriptors_stay_until_sent),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
