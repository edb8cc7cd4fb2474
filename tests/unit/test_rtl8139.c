// SPDX-License-Identifier: Apache-2.0
/* The RTL8139 as its two drivers see it, step by step from the data sheets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "vmm/dev/rtl8139.h"
#include "vmm/dev/rtl8139_regs.h"
#include "vmm/dev/nic_device.h"
#include "vmm_backend.h"
#include "vmm_harness.h"

#define SLOT 3
#define BAR 0xe1100000ull
#define LINE (PCI_GSI_BASE + SLOT % PCI_N_GSIS)
#define TX_RING 0x10000ull
#define RX_RING 0x20000ull
#define TX_DATA 0x100000ull
#define RX_DATA 0x200000ull

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

struct fixture {
	struct harness *h;
	struct mem_backend backend;
	struct nic_device *nic;
};

static uint32_t rd(struct fixture *f, uint32_t reg, unsigned int size)
{
	return (uint32_t)harness_read(f->h->m.mmio, BAR + reg, size);
}

static void wr(struct fixture *f, uint32_t reg, unsigned int size, uint32_t value)
{
	harness_write(f->h->m.mmio, BAR + reg, size, value);
}

static uint8_t *at(struct fixture *f, uint64_t gpa, size_t len)
{
	return memory_at(f->h->m.memory, gpa, len);
}

static void init(struct fixture *f, uint8_t revision)
{
	memset(f, 0, sizeof *f);
	f->h = harness_new(16 << 20);
	assert_int_equal(
		rtl8139_plug(&f->h->m, "net0", mac, mem_backend_init(&f->backend), SLOT, revision, &f->nic, NULL), 0);
	harness_config_write(f->h, SLOT, 0x14, 4, (uint32_t)BAR);
	harness_config_write(f->h, SLOT, 0x04, 2, 7);
	wr(f, RTL_CR, 1, RTL_CR_RST);
	assert_false(rd(f, RTL_CR, 1) & RTL_CR_RST);
}

static void fini(struct fixture *f)
{
	pci_unplug(&f->nic->pci);
	assert_true(f->backend.is_freed);
	harness_free(f->h);
}

static void make_frame(uint8_t *frame, size_t len)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)i;
	memcpy(frame, mac, 6);
	memcpy(frame + 12, "\x08\0\x45\0", 4);
}

static uint16_t eeprom_word(struct fixture *f, uint32_t word)
{
	uint32_t bits = 6 << 6 | word;
	uint16_t value = 0;

	wr(f, RTL_9346CR, 1, 0x80);
	for (int i = 8; i >= 0; i--) {
		wr(f, RTL_9346CR, 1, 0x88 | (bits >> i & 1) << 1);
		wr(f, RTL_9346CR, 1, 0x8c | (bits >> i & 1) << 1);
	}
	for (int i = 0; i < 16; i++) {
		wr(f, RTL_9346CR, 1, 0x88);
		wr(f, RTL_9346CR, 1, 0x8c);
		value = (uint16_t)(value << 1 | (rd(f, RTL_9346CR, 1) & 1));
	}
	wr(f, RTL_9346CR, 1, 0);
	return value;
}

static void eeprom_and_link(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, RTL8139_REVISION_CPLUS);
	assert_int_equal(eeprom_word(&f, 0), 0x8129);
	assert_int_equal(eeprom_word(&f, 7), 0x5452);
	assert_int_equal(eeprom_word(&f, 9), 0x5634);
	assert_int_equal(rd(&f, RTL_TCR, 4) & RTL_TCR_VERSION_MASK, RTL_TCR_VERSION_CPLUS);
	wr(&f, RTL_IMR, 2, RTL_INT_LINK);
	nic_device_set_link(f.nic, false);
	assert_true(f.h->lines[LINE]);
	assert_false(rd(&f, RTL_BMSR, 2) & 4);
	assert_true(rd(&f, RTL_MSR, 1) & 4);
	assert_int_equal(rd(&f, RTL_CSCR, 2), RTL_CSCR_LINK_CHANGED);
	wr(&f, RTL_ISR, 2, RTL_INT_LINK);
	assert_false(f.h->lines[LINE]);
	assert_int_equal(rd(&f, RTL_CSCR, 2), 0);
	wr(&f, RTL_CONFIG1, 1, 0x55); /* locked */
	assert_int_equal(rd(&f, RTL_CONFIG1, 1), 0x0c);
	fini(&f);
}

static void classic_mode(void **state)
{
	uint8_t frame[1514];
	uint32_t read = 0;
	struct fixture f;

	(void)state;
	init(&f, RTL8139_REVISION_CLASSIC);
	make_frame(frame, sizeof frame);
	memcpy(at(&f, TX_DATA, 100), frame, 100);
	wr(&f, RTL_RBSTART, 4, RX_DATA);
	wr(&f, RTL_CR, 1, RTL_CR_TE | RTL_CR_RE);
	wr(&f, RTL_RCR, 4, RTL_RCR_APM | RTL_RCR_AB);
	wr(&f, RTL_IMR, 2, RTL_INT_ROK | RTL_INT_TOK);
	for (uint32_t i = 0; i < 9; i++) {
		wr(&f, RTL_TSAD + 4 * (i % 4), 4, TX_DATA);
		wr(&f, RTL_TSD + 4 * (i % 4), 4, 100);
		nic_device_run(f.nic);
		assert_int_equal(f.backend.n_sent, i + 1);
		assert_memory_equal(mem_last(&f.backend)->data + MEM_HEADER, frame, 100);
		assert_int_equal(rd(&f, RTL_TSD + 4 * (i % 4), 4), 100 | RTL_TSD_OWN | RTL_TSD_TOK);
		assert_true(f.h->lines[LINE]);
		wr(&f, RTL_ISR, 2, RTL_INT_TOK);
	}
	/* Several laps of the 8 KiB ring. */
	for (uint32_t i = 0; i < 20; i++) {
		uint8_t *ring = at(&f, RX_DATA, 8192);

		assert_true(rd(&f, RTL_CR, 1) & RTL_CR_BUFE);
		mem_queue(&f.backend, frame, 1514);
		nic_device_run(f.nic);
		assert_false(rd(&f, RTL_CR, 1) & RTL_CR_BUFE);
		assert_int_equal(ring[read] & 1, 1);
		assert_int_equal(ring[read + 2] | ring[read + 3] << 8, 1518);
		for (uint32_t k = 0; k < 1514; k++)
			assert_int_equal(ring[(read + 4 + k) % 8192], frame[k]);
		read = (read + 4 + 1518 + 3) / 4 * 4 % 8192;
		wr(&f, RTL_CAPR, 2, (read - 16) & 0xffff);
	}
	/* Nobody reads: what does not fit waits. */
	for (uint32_t i = 0; i < 8; i++)
		mem_queue(&f.backend, frame, 1514);
	nic_device_run(f.nic);
	assert_int_equal(f.backend.n_queued, 3);
	/* The interrupt stays until there is nothing to read, however often it is acknowledged: a driver may stop half-way. */
	wr(&f, RTL_ISR, 2, 0xffff);
	assert_true(f.h->lines[LINE]);
	for (int i = 0; i < 2; i++) {
		wr(&f, RTL_CAPR, 2, (rd(&f, RTL_CBR, 2) - 16) & 0xffff);
		nic_device_run(f.nic); /* those that waited */
	}
	wr(&f, RTL_ISR, 2, 0xffff);
	assert_false(f.h->lines[LINE]);
	fini(&f);
}

static void put_desc(struct fixture *f, uint64_t gpa, uint32_t flags, uint32_t vlan, uint64_t addr)
{
	memcpy(at(f, gpa, 16), &flags, 4);
	memcpy(at(f, gpa + 4, 4), &vlan, 4);
	memcpy(at(f, gpa + 8, 8), &addr, 8);
}

static void cplus_mode(void **state)
{
	const uint32_t both = RTL_DESC_FS | RTL_DESC_LS;
	const struct mem_packet *p;
	uint8_t frame[4054];
	struct fixture f;
	uint32_t flags;

	(void)state;
	init(&f, RTL8139_REVISION_CPLUS);
	make_frame(frame, sizeof frame);
	memcpy(frame + 16, "\x0f\xc8\0\0\0\0\x40\x06", 8); /* 4040 bytes, TCP */
	frame[46] = 0x50;
	memcpy(at(&f, TX_DATA, sizeof frame), frame, sizeof frame);
	wr(&f, RTL_CPCR, 2, RTL_CPCR_TX | RTL_CPCR_RX | RTL_CPCR_RXVLAN | RTL_CPCR_RXCSUM);
	wr(&f, RTL_TNPDS, 4, TX_RING);
	wr(&f, RTL_RDSAR, 4, RX_RING);
	wr(&f, RTL_CR, 1, RTL_CR_TE | RTL_CR_RE);
	wr(&f, RTL_RCR, 4, RTL_RCR_APM | RTL_RCR_AM);
	put_desc(&f, TX_RING, RTL_DESC_OWN | RTL_DESC_FS | RTL_TX_LGSEN | 1000 << 16 | 54, 0, TX_DATA);
	put_desc(&f, TX_RING + 16, RTL_DESC_OWN | RTL_DESC_LS | RTL_DESC_EOR | 4000, 0, TX_DATA + 54);
	wr(&f, RTL_TPPOLL, 1, RTL_TPPOLL_NPQ);
	nic_device_run(f.nic);
	assert_int_equal(f.backend.n_sent, 1);
	p = mem_last(&f.backend);
	assert_int_equal(p->len, MEM_HEADER + sizeof frame);
	assert_int_equal(p->data[0], 1);
	assert_int_equal(p->data[1], 1);
	assert_int_equal(p->data[2], 54);
	assert_int_equal(p->data[4] | p->data[5] << 8, 1000);
	assert_int_equal(p->data[6], 34);
	assert_int_equal(p->data[8], 16);
	/* Behind the ring's end: its start. With a tag, and a checksum behind it. */
	put_desc(&f, TX_RING, RTL_DESC_OWN | both | RTL_TX_TCPCS | 1000, RTL_TX_TAGC | 0x0500, TX_DATA);
	wr(&f, RTL_TPPOLL, 1, RTL_TPPOLL_NPQ);
	nic_device_run(f.nic);
	p = mem_last(&f.backend);
	assert_memory_equal(p->data + MEM_HEADER + 12, "\x81\0\0\x05\x08\0", 6);
	assert_int_equal(p->data[6], 38);
	assert_true(rd(&f, RTL_ISR, 2) & RTL_INT_TOK);
	/* Receive: stripped of its tag; without descriptor it waits. */
	put_desc(&f, RX_RING, RTL_DESC_OWN | RTL_DESC_EOR | 1536, 0, RX_DATA);
	memcpy(frame + 12, "\x81\0\x20\x64", 4);
	mem_queue(&f.backend, frame, 100);
	mem_queue(&f.backend, frame, 100);
	nic_device_run(f.nic);
	memcpy(&flags, at(&f, RX_RING, 4), 4);
	assert_int_equal(flags & ~RTL_RX_PAM, RTL_DESC_EOR | both | 100);
	assert_memory_equal(at(&f, RX_RING + 4, 3), "\x20\x64\x01", 3);
	assert_int_equal(f.backend.n_queued, 1);
	assert_true(rd(&f, RTL_ISR, 2) & RTL_INT_RXOVW);
	fini(&f);
}

static uint32_t desc_flags(struct fixture *f, uint64_t gpa)
{
	uint32_t flags;

	memcpy(&flags, at(f, gpa, 4), 4);
	return flags;
}

/* A frame of three descriptors, which has to wait: all of them stay the card's until it has gone. */
static void descriptors_stay_until_sent(void **state)
{
	uint8_t frame[1000];
	struct fixture f;

	(void)state;
	init(&f, RTL8139_REVISION_CPLUS);
	make_frame(frame, sizeof frame);
	memcpy(at(&f, TX_DATA, sizeof frame), frame, sizeof frame);
	wr(&f, RTL_CPCR, 2, RTL_CPCR_TX);
	wr(&f, RTL_TNPDS, 4, TX_RING);
	wr(&f, RTL_CR, 1, RTL_CR_TE);
	f.backend.is_full = true;
	for (unsigned int round = 0; round < 2; round++) {
		put_desc(&f, TX_RING, RTL_DESC_OWN | RTL_DESC_FS | 100, 0, TX_DATA);
		put_desc(&f, TX_RING + 16, RTL_DESC_OWN | 400, 0, TX_DATA + 100);
		put_desc(&f, TX_RING + 32, RTL_DESC_OWN | RTL_DESC_LS | RTL_DESC_EOR | 500, 0, TX_DATA + 500);
		wr(&f, RTL_TPPOLL, 1, RTL_TPPOLL_NPQ);
		nic_device_run(f.nic);
		for (unsigned int i = 0; i < 3; i++)
			assert_true(desc_flags(&f, TX_RING + 16 * i) & RTL_DESC_OWN);
		assert_int_equal(rd(&f, RTL_ISR, 2), 0);
		if (round)
			break;
		f.backend.is_full = false;
		nic_device_run(f.nic);
		for (unsigned int i = 0; i < 3; i++)
			assert_false(desc_flags(&f, TX_RING + 16 * i) & RTL_DESC_OWN);
		assert_int_equal(rd(&f, RTL_ISR, 2), RTL_INT_TOK | RTL_INT_TDU);
		assert_int_equal(mem_last(&f.backend)->len, MEM_HEADER + sizeof frame);
		assert_memory_equal(mem_last(&f.backend)->data + MEM_HEADER, frame, sizeof frame);
		/* There is no more, which is no news. */
		wr(&f, RTL_ISR, 2, 0xffff);
		wr(&f, RTL_TPPOLL, 1, RTL_TPPOLL_NPQ);
		nic_device_run(f.nic);
		assert_int_equal(rd(&f, RTL_ISR, 2), 0);
		f.backend.is_full = true;
	}
	/* A reset forgets the second. */
	wr(&f, RTL_CR, 1, RTL_CR_RST);
	f.backend.is_full = false;
	nic_device_run(f.nic);
	assert_int_equal(f.backend.n_sent, 1);
	fini(&f);
}

/* Send 60 bytes, in either mode. @addr: of the buffer; @ring: of C+. */
static void send_60(struct fixture *f, bool is_cplus, uint32_t addr, uint32_t ring)
{
	put_desc(f, TX_RING, RTL_DESC_OWN | RTL_DESC_FS | RTL_DESC_LS | RTL_DESC_EOR | 60, 0, addr);
	if (is_cplus) {
		wr(f, RTL_TNPDS, 4, ring);
		wr(f, RTL_TPPOLL, 1, RTL_TPPOLL_NPQ);
	} else {
		wr(f, RTL_TSAD, 4, addr);
		wr(f, RTL_TSD, 4, 60);
	}
	nic_device_run(f->nic);
}

/* What leads out of RAM stops the card until it is reset. */
static void lies_stop_the_card(void **state)
{
	enum { TX_BUFFER, RX_BUFFER, TX_RING_BASE, N };
	const uint32_t lie = 0xe0000000u;
	uint8_t frame[100];
	struct fixture f;

	(void)state;
	make_frame(frame, sizeof frame);
	for (int i = 0; i < 2 * N; i++) {
		bool is_cplus = i >= N - 1;
		int what = i % N;

		init(&f, is_cplus ? RTL8139_REVISION_CPLUS : RTL8139_REVISION_CLASSIC);
		wr(&f, RTL_CPCR, 2, RTL_CPCR_TX | RTL_CPCR_RX);
		put_desc(&f, RX_RING, RTL_DESC_OWN | RTL_DESC_EOR | 1536, 0, what == RX_BUFFER ? lie : RX_DATA);
		wr(&f, RTL_RDSAR, 4, RX_RING);
		wr(&f, RTL_RBSTART, 4, what == RX_BUFFER ? lie : (uint32_t)RX_DATA);
		wr(&f, RTL_CR, 1, RTL_CR_TE | RTL_CR_RE);
		wr(&f, RTL_RCR, 4, RTL_RCR_APM);
		if (what == RX_BUFFER)
			mem_queue(&f.backend, frame, sizeof frame);
		nic_device_run(f.nic);
		send_60(&f, is_cplus, what == TX_BUFFER ? lie : TX_DATA, what == TX_RING_BASE ? lie : TX_RING);
		send_60(&f, is_cplus, TX_DATA, TX_RING);
		assert_int_equal(f.backend.n_sent, 0);
		wr(&f, RTL_CR, 1, RTL_CR_RST);
		wr(&f, RTL_CPCR, 2, RTL_CPCR_TX);
		wr(&f, RTL_CR, 1, RTL_CR_TE);
		send_60(&f, is_cplus, TX_DATA, TX_RING);
		assert_int_equal(f.backend.n_sent, 1);
		fini(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eeprom_and_link),    cmocka_unit_test(classic_mode),
		cmocka_unit_test(cplus_mode),	      cmocka_unit_test(descriptors_stay_until_sent),
		cmocka_unit_test(lies_stop_the_card),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
