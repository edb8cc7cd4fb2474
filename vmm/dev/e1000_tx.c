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

/** A frame of so many bytes, or so many descriptors of others, are worth an interrupt of their own. */
#define TOLD_BYTES 4096u
#define TOLD_DESCS 32u

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

/* TXDW, at once or when there is more to tell: if the driver allows it (IDE) and little has been sent, so that nobody waits for the room. */
static void tell_sent(struct e1000 *nic, bool is_delayed, uint32_t n)
{
	struct e1000_tx *tx = &nic->tx;

	tx->n_untold = nic->held ? tx->n_untold + n : n;
	if (is_delayed && tx->frame.len < TOLD_BYTES && tx->n_untold < TOLD_DESCS)
		e1000_interrupt_later(nic, INT_TXDW);
	else
		e1000_interrupt(nic, INT_TXDW);
}

/* All descriptors of a frame that has been sent: those whose driver wants to know (RS) say so. Until then what they point at is ours. */
static void give_back(struct e1000 *nic)
{
	uint32_t *head = e1000_reg(nic, TDH), size = ring_size(nic), n = nic->tx.n_fetched;
	bool is_wanted = false, is_delayed = true;
	struct desc d;

	for (; nic->tx.n_fetched && *head < size && read_desc(nic, *head, &d); nic->tx.n_fetched--) {
		d.raw[12] |= TX_STA_DD;
		if (d.raw[11] & TX_RS) {
			if (!memory_write(nic->dev.pci.machine->memory, ring_base(nic) + 16ull * *head + 12, &d.raw[12],
					  1))
				break;
			is_wanted = true;
			is_delayed &= !!(d.raw[11] & TX_IDE);
		}
		*head = *head + 1 == size ? 0 : *head + 1;
	}
	nic->tx.n_fetched = 0;
	if (is_wanted)
		tell_sent(nic, is_delayed, n);
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

/* The thread may be sending: it forgets what it has by itself. */
void e1000_tx_reset(struct e1000 *nic)
{
	nic_device_forget(&nic->dev);
	nic->tx.is_stale = true;
}

static void forget(struct e1000_tx *tx)
{
	nic_gather_clear(&tx->frame);
	tx->n_fetched = 0;
	tx->is_stale = tx->too_long = tx->has_vlan = false;
	memset(&tx->segment_context, 0, sizeof tx->segment_context);
	memset(&tx->csum_context, 0, sizeof tx->csum_context);
}

/* ---- a complete frame ---- */

/* @moved: 4 when a tag was put in, behind which all offsets of the context lie. */
static void describe(struct e1000_tx *tx, size_t moved, const struct desc *last)
{
	const struct e1000_context *c = tx->segment ? &tx->segment_context : &tx->csum_context;
	struct nic_tx *out = &tx->ready;

	*out = (struct nic_tx){.frame = &tx->frame, .len = tx->frame.len};
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
	const uint8_t *frame = nic->tx.frame.head;
	size_t len = nic->tx.frame.len;

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
	give_back(nic);
	nic_gather_clear(&nic->tx.frame);
	nic->tx.has_vlan = false;
	return true;
}

static bool end_of_packet(struct e1000 *nic, const struct desc *last)
{
	struct e1000_tx *tx = &nic->tx;
	size_t moved = 0;

	if (tx->too_long || !nic->dev.link_up) {
		nic->dev.stats.tx_errors += tx->too_long;
		tx->too_long = false;
		give_back(nic);
		nic_gather_clear(&tx->frame);
		tx->has_vlan = false;
		return true;
	}
	if (tx->has_vlan)
		moved = nic_gather_insert_tag(&tx->frame, (uint16_t)*e1000_reg(nic, VET), tx->vlan);
	describe(tx, moved, last);
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

/* Return: false: no more now. */
static bool run_desc(struct e1000 *nic, const struct desc *d)
{
	bool is_extended = d->raw[11] & TX_DEXT, is_data = is_extended && (d->lower >> 20 & 0xf) == TX_DTYP_DATA;
	struct e1000_tx *tx = &nic->tx;

	if (is_extended && !is_data) {
		set_context(nic, d);
		if (tx->n_fetched == 1)
			give_back(nic);
		return true;
	}
	if (!tx->frame.len && !tx->too_long)
		begin_frame(nic, d, is_data);
	if (!nic_device_gather(&nic->dev, &tx->frame, d->addr, d->lower & (is_data ? 0xfffff : 0xffff)))
		tx->too_long = true;
	if (d->raw[11] & TX_VLE && *e1000_reg(nic, CTRL) & CTRL_VME) {
		tx->has_vlan = true;
		tx->vlan = (uint16_t)(d->upper >> 16);
	}
	return !(d->raw[11] & TX_EOP) || end_of_packet(nic, d);
}

/* Which descriptor is the next; @next: valid then. */
static bool has_more(struct e1000 *nic, uint32_t *next)
{
	uint32_t size = ring_size(nic), head = *e1000_reg(nic, TDH);

	if (nic->dev.is_broken || !(*e1000_reg(nic, TCTL) & TCTL_EN) || !pci_dma_enabled(&nic->dev.pci) ||
	    head >= size || nic->tx.n_fetched >= size)
		return false;
	*next = (head + nic->tx.n_fetched) % size;
	return *next != *e1000_reg(nic, TDT);
}

bool e1000_transmit(struct nic_device *dev)
{
	struct e1000 *nic = e1000_of(dev);
	uint64_t end = dev->stats.tx_bytes + NIC_BATCH_BYTES;
	uint32_t n = 0, next;
	struct desc d;

	if (nic->tx.is_stale)
		forget(&nic->tx);
	if (dev->tx_blocked && !send_ready(nic))
		return false;
	for (; n < NIC_BATCH_FRAMES && dev->stats.tx_bytes < end && has_more(nic, &next); n++) {
		if (!read_desc(nic, next, &d)) {
			nic_device_break(dev, "its transmit ring");
			return false;
		}
		nic->tx.n_fetched++;
		if (!run_desc(nic, &d))
			return false;
	}
	if (n && !has_more(nic, &next))
		e1000_interrupt(nic, INT_TXQE);
	return has_more(nic, &next) && *e1000_reg(nic, TDT) < ring_size(nic);
}
