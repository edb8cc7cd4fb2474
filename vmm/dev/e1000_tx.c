// SPDX-License-Identifier: Apache-2.0
/*
 * 82540EM transmit (data sheet 3.3 to 3.5): three kinds of 16-byte descriptors become frames.
 *
 *   legacy   address 8, length 2, CSO 1, CMD 1, STA 1, CSS 1, special 2
 *   context  IPCSS 1, IPCSO 1, IPCSE 2, TUCSS 1, TUCSO 1, TUCSE 2, PAYLEN 20 bits, DTYP 4, TUCMD 8, STA 1, HDRLEN 1, MSS 2
 *   data     address 8, DTALEN 20 bits, DTYP 4, DCMD 8, STA 1, POPTS 1, special 2
 *
 * What a frame is to become (checksums, segments) is said by the first descriptor of the frame and by a context: there are two, one for frames to be
 * segmented and one for those that only get checksums, and drivers set each once and refer to it as long as it fits.
 */
#include <errno.h>
#include <string.h>

#include "vmm/core/memory.h"
#include "vmm/dev/e1000_impl.h"

#define BATCH 64
#define VLAN_ETH_TYPE_AT 12

/** A descriptor, copied out of the guest's memory. */
struct desc {
	uint64_t addr;
	uint32_t lower, upper; /* bytes 8 to 11, and 12 to 15 */
	uint8_t raw[16];
};

static uint64_t ring_base(struct e1000 *nic)
{
	return (uint64_t)*e1000_reg(nic, TDBAH) << 32 | (*e1000_reg(nic, TDBAL) & ~0xfu);
}

static uint32_t ring_size(struct e1000 *nic)
{
	return (*e1000_reg(nic, TDLEN) & 0xfff80) / 16;
}

static bool read_desc(struct e1000 *nic, uint32_t index, struct desc *d)
{
	if (!memory_read(nic->dev.pci.machine->memory, ring_base(nic) + 16ull * index, d->raw, sizeof d->raw))
		return false;
	memcpy(&d->addr, d->raw, 8);
	memcpy(&d->lower, d->raw + 8, 4);
	memcpy(&d->upper, d->raw + 12, 4);
	return true;
}

/* RS: say that it is done. */
static void write_back(struct e1000 *nic, uint32_t index, const struct desc *d)
{
	uint8_t status = d->raw[12] | TX_STA_DD;

	if (!(d->raw[11] & TX_RS))
		return;
	if (memory_write(nic->dev.pci.machine->memory, ring_base(nic) + 16ull * index + 12, &status, 1))
		e1000_interrupt(nic, INT_TXDW);
	else
		nic_device_break(&nic->dev, "its transmit ring");
}

static void set_context(struct e1000 *nic, const struct desc *d)
{
	struct e1000_tx *tx = &nic->tx;

	*(d->raw[11] & TX_TSE ? &tx->segment_context : &tx->csum_context) = (struct e1000_context){
		.ipcss = d->raw[0],
		.ipcso = d->raw[1],
		.tucss = d->raw[4],
		.tucso = d->raw[5],
		.tucmd = d->raw[11],
		.hdrlen = d->raw[13],
		.mss = (uint16_t)(d->raw[14] | d->raw[15] << 8),
	};
}

void e1000_tx_reset(struct e1000 *nic)
{
	nic->tx.len = 0;
	nic_device_forget(&nic->dev);
	nic->tx.too_long = nic->tx.has_vlan = false;
	memset(&nic->tx.segment_context, 0, sizeof nic->tx.segment_context);
	memset(&nic->tx.csum_context, 0, sizeof nic->tx.csum_context);
}

/* ---- a complete frame ---- */

static void insert_tag(struct e1000_tx *tx, uint16_t tpid)
{
	uint8_t *at = tx->frame + VLAN_ETH_TYPE_AT;

	if (tx->len < VLAN_ETH_TYPE_AT || tx->len + 4 > sizeof tx->frame)
		return;
	memmove(at + 4, at, tx->len - VLAN_ETH_TYPE_AT);
	at[0] = (uint8_t)(tpid >> 8);
	at[1] = (uint8_t)tpid;
	at[2] = (uint8_t)(tx->vlan >> 8);
	at[3] = (uint8_t)tx->vlan;
	tx->len += 4;
}

/* @moved: 4 when a tag was put in, behind which all offsets of the context lie. */
static void describe(struct e1000_tx *tx, size_t moved, const struct desc *last)
{
	const struct e1000_context *c = tx->segment ? &tx->segment_context : &tx->csum_context;
	struct nic_tx *out = &tx->ready;

	*out = (struct nic_tx){.frame = tx->frame, .len = tx->len};
	if (!tx->is_data) {
		if (last->raw[11] & TX_IC) {
			out->l4_csum = true;
			out->l4_start = last->raw[13] + moved;
			out->l4_csum_at = last->raw[10] + moved;
		}
		return;
	}
	out->ip_csum = tx->popts & TX_POPTS_IXSM && c->tucmd & TX_TUCMD_IPV4;
	out->l4_csum = tx->popts & TX_POPTS_TXSM;
	out->ip_start = c->ipcss + moved;
	out->ip_csum_at = c->ipcso + moved;
	out->l4_start = c->tucss + moved;
	out->l4_csum_at = c->tucso + moved;
	out->segment = tx->segment;
	out->is_tcp = c->tucmd & TX_TUCMD_TCP;
	out->is_ipv4 = c->tucmd & TX_TUCMD_IPV4;
	out->header_len = c->hdrlen + moved;
	out->mss = c->mss;
}

static void count_sent(struct e1000 *nic)
{
	const uint8_t *frame = nic->tx.frame;
	size_t len = nic->tx.len;

	nic->dev.stats.tx_packets++;
	nic->dev.stats.tx_bytes += len;
	e1000_count(nic, GPTC, 1);
	e1000_count(nic, TPT, 1);
	e1000_count64(nic, GOTCL, len + 4);
	e1000_count64(nic, TOTL, len + 4);
	if (frame[0] & 1)
		e1000_count(nic, memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6) ? MPTC : BPTC, 1);
	if (nic->tx.segment)
		e1000_count(nic, TSCTC, 1);
}

/* Return: false when the frame waits for room, or nothing of what was under way counts any more. */
static bool send_ready(struct e1000 *nic)
{
	int error = nic_device_send(&nic->dev, &nic->tx.ready);

	if (error == -EAGAIN || error == -ECANCELED)
		return false;
	if (error)
		nic->dev.stats.tx_errors++;
	else
		count_sent(nic);
	nic->tx.len = 0;
	nic->tx.has_vlan = false;
	return true;
}

static bool end_of_packet(struct e1000 *nic, const struct desc *last)
{
	struct e1000_tx *tx = &nic->tx;
	size_t before = tx->len;

	if (tx->too_long || !nic->dev.link_up) {
		nic->dev.stats.tx_errors += tx->too_long;
		tx->too_long = false;
		tx->len = 0;
		tx->has_vlan = false;
		return true;
	}
	if (tx->has_vlan)
		insert_tag(tx, (uint16_t)*e1000_reg(nic, VET));
	describe(tx, tx->len - before, last);
	return send_ready(nic);
}

/* ---- descriptors ---- */

/* The first descriptor of a frame says what it is to become. */
static void begin_frame(struct e1000 *nic, const struct desc *d, bool is_data)
{
	struct e1000_tx *tx = &nic->tx;

	tx->is_data = is_data;
	tx->popts = is_data ? d->raw[13] : 0;
	tx->segment = is_data && d->raw[11] & TX_TSE;
}

static void add_bytes(struct e1000 *nic, const struct desc *d, uint32_t len)
{
	struct e1000_tx *tx = &nic->tx;

	if (len > sizeof tx->frame - 4 - tx->len) {
		tx->too_long = true;
	} else if (!memory_read(nic->dev.pci.machine->memory, d->addr, tx->frame + tx->len, len)) {
		tx->too_long = true;
		nic_device_break(&nic->dev, "a buffer to send");
	} else {
		tx->len += len;
	}
}

/* Return: false: the frame is complete, but waits. */
static bool run_desc(struct e1000 *nic, const struct desc *d)
{
	bool is_extended = d->raw[11] & TX_DEXT, is_data = is_extended && (d->lower >> 20 & 0xf) == TX_DTYP_DATA;
	struct e1000_tx *tx = &nic->tx;

	if (is_extended && !is_data) {
		set_context(nic, d);
		return true;
	}
	if (!tx->len && !tx->too_long)
		begin_frame(nic, d, is_data);
	add_bytes(nic, d, is_data ? d->lower & 0xfffff : d->lower & 0xffff);
	if (d->raw[11] & TX_VLE && *e1000_reg(nic, CTRL) & CTRL_VME) {
		tx->has_vlan = true;
		tx->vlan = (uint16_t)(d->upper >> 16);
	}
	return !(d->raw[11] & TX_EOP) || end_of_packet(nic, d);
}

/* The descriptor at the head. Return: false: no more now. */
static bool run_head(struct e1000 *nic)
{
	uint32_t *head = e1000_reg(nic, TDH), at = *head;
	struct desc d;

	if (!read_desc(nic, at, &d)) {
		nic_device_break(&nic->dev, "its transmit ring");
		return false;
	}
	/* What is blocked goes on when there is room. */
	if (!(nic->dev.tx_blocked ? send_ready(nic) : run_desc(nic, &d)))
		return false;
	/* The driver may have moved the ring while the frame was sent. */
	if (*head != at)
		return true;
	write_back(nic, at, &d);
	*head = at + 1 >= ring_size(nic) ? 0 : at + 1;
	return true;
}

static bool has_more(struct e1000 *nic)
{
	uint32_t size = ring_size(nic), head = *e1000_reg(nic, TDH), tail = *e1000_reg(nic, TDT);

	return !nic->dev.is_broken && *e1000_reg(nic, TCTL) & TCTL_EN && pci_dma_enabled(&nic->dev.pci) &&
	       head < size && head != tail;
}

bool e1000_transmit(struct nic_device *dev)
{
	struct e1000 *nic = e1000_of(dev);
	uint32_t n = 0;

	for (; n < BATCH && has_more(nic); n++)
		if (!run_head(nic))
			return false;
	if (n && *e1000_reg(nic, TDH) == *e1000_reg(nic, TDT))
		e1000_interrupt(nic, INT_TXQE);
	return has_more(nic) && *e1000_reg(nic, TDT) < ring_size(nic);
}
