// SPDX-License-Identifier: Apache-2.0
/* RTL8139: registers, interrupts, MII. */
#include "vmm/dev/rtl8139.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/core/memory.h"
#include "vmm/dev/rtl8139_impl.h"

LOG_MODULE(rtl8139);

#define IO_BAR 0
#define MEMORY_BAR 1
#define BAR_SIZE 256

/* ---- interrupts ---- */

static void update_pin(struct rtl8139 *nic)
{
	nic_device_set_pin(&nic->dev, rtl8139_get16(nic, RTL_ISR) & rtl8139_get16(nic, RTL_IMR));
}

void rtl8139_interrupt(struct rtl8139 *nic, uint16_t causes)
{
	rtl8139_set16(nic, RTL_ISR, rtl8139_get16(nic, RTL_ISR) | causes);
	update_pin(nic);
}

/* ---- descriptors ---- */

bool rtl8139_read_desc(struct rtl8139 *nic, const struct rtl8139_ring *ring, uint32_t at, struct rtl8139_desc *d)
{
	le32 words[4];

	if (!memory_read(nic->dev.pci.machine->memory, ring->base + 16ull * at, words, sizeof words)) {
		nic_device_break(&nic->dev, "a ring of descriptors");
		return false;
	}
	d->flags = le32_to_cpu(words[0]);
	d->vlan = le32_to_cpu(words[1]);
	d->addr = le32_to_cpu(words[2]) | (uint64_t)le32_to_cpu(words[3]) << 32;
	return d->flags & RTL_DESC_OWN;
}

void rtl8139_write_desc(struct rtl8139 *nic, struct rtl8139_ring *ring, const struct rtl8139_desc *d, uint32_t flags,
			uint32_t vlan)
{
	const struct guest_memory *memory = nic->dev.pci.machine->memory;
	uint64_t at = ring->base + 16ull * ring->next;
	le32 words[2] = {cpu_to_le32(flags), cpu_to_le32(vlan)};
	bool ok = memory_write(memory, at + 4, &words[1], 4);

	/* OWN goes last. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ok = ok && memory_write(memory, at, &words[0], 4);
	ring->next = rtl8139_desc_after(ring->next, d);
	if (!ok)
		nic_device_break(&nic->dev, "a ring of descriptors");
}

/* A ring has 64 places at most (6.3), with a mark at its end or without. */
uint32_t rtl8139_desc_after(uint32_t at, const struct rtl8139_desc *d)
{
	return d->flags & RTL_DESC_EOR ? 0 : (at + 1) % RTL_RING_MAX;
}

/* ---- EEPROM and MII ---- */

static void fill_eeprom(struct rtl8139 *nic)
{
	static const uint16_t ids[] = {0x8129, 0x10ec, 0x8139, 0x1af4, 0x1100};

	memcpy(nic->eeprom.words, ids, sizeof ids);
	for (int i = 0; i < 3; i++)
		nic->eeprom.words[7 + i] = (uint16_t)(nic->dev.mac[2 * i] | nic->dev.mac[2 * i + 1] << 8);
}

static void reset_mii(struct rtl8139 *nic)
{
	rtl8139_set16(nic, RTL_BMCR, 0x3100); /* 100 Mbit/s, full duplex, autonegotiation */
	rtl8139_set16(nic, RTL_ANAR, 0x05e1);
	rtl8139_set16(nic, RTL_ANER, 1);
}

static void show_link(struct rtl8139 *nic)
{
	rtl8139_set16(nic, RTL_BMSR, nic->dev.link_up ? 0x782d : 0x7809);
	rtl8139_set16(nic, RTL_ANLPAR, nic->dev.link_up ? 0x45e1 : 0);
	rtl8139_set16(nic, RTL_CSCR, nic->dev.link_up ? RTL_CSCR_LINK_OK : 0);
	nic->regs[RTL_MSR] = nic->dev.link_up ? 0x10 : 0x14; /* LINKB is set when there is none */
}

/* ---- registers ---- */

static void reset_registers(struct rtl8139 *nic)
{
	memset(nic->regs, 0, sizeof nic->regs);
	memcpy(nic->regs + RTL_IDR, nic->dev.mac, 6);
	nic->regs[RTL_CONFIG1] = 0x0c; /* memory and ports are mapped */
	rtl8139_set32(nic, RTL_TCR, nic->has_cplus ? RTL_TCR_VERSION_CPLUS : RTL_TCR_VERSION_C);
	nic->tx_ring = nic->high_ring = nic->rx_ring = (struct rtl8139_ring){0};
	nic->dev.is_broken = false;
	reset_mii(nic);
	show_link(nic);
	rtl8139_tx_reset(nic);
	rtl8139_rx_reset(nic);
	update_pin(nic);
}

/* The bytes of [@reg, @reg + @len) that an access writes; those it leaves out are 0. Return: whether there are any. */
static bool part_of(uint32_t offset, unsigned int size, uint64_t value, uint32_t reg, uint32_t len, uint64_t *part)
{
	bool is_any = false;

	*part = 0;
	for (uint32_t i = 0; i < size; i++) {
		if (offset + i < reg || offset + i >= reg + len)
			continue;
		*part |= (value >> 8 * i & 0xff) << 8 * (offset + i - reg);
		is_any = true;
	}
	return is_any;
}

/* Which bits of a byte keep what is written into them. */
static uint8_t writable(const struct rtl8139 *nic, uint32_t at)
{
	bool unlocked = (nic->regs[RTL_9346CR] & 0xc0) == 0xc0;

	switch (at) {
	case RTL_CONFIG0:
	case RTL_CONFIG1:
	case RTL_CONFIG3:
	case RTL_CONFIG4:
	case RTL_CONFIG5:
		return unlocked ? 0xff : 0;
	case RTL_CR:
	case RTL_CBR:
	case RTL_CBR + 1:
	case RTL_ISR:
	case RTL_ISR + 1:
	case RTL_MSR:
	case RTL_TSAD_ALL:
	case RTL_TSAD_ALL + 1:
	case RTL_BMSR:
	case RTL_BMSR + 1:
	case RTL_ANLPAR:
	case RTL_ANLPAR + 1:
	case RTL_ANER:
	case RTL_ANER + 1:
	case RTL_CSCR:
	case RTL_CSCR + 1:
	case RTL_TPPOLL:
		return 0;
	case RTL_TCR + 2:
		return 0x3f; /* above: the version */
	case RTL_TCR + 3:
		return 0x83;
	}
	/* Transmit status is written by its own rules. */
	if (at >= RTL_TSD && at < RTL_TSD + 16)
		return 0;
	return 0xff;
}

static void write_cr(struct rtl8139 *nic, uint8_t value)
{
	uint8_t raised = value & (uint8_t)~nic->regs[RTL_CR];

	if (value & RTL_CR_RST) {
		reset_registers(nic);
		return;
	}
	nic->regs[RTL_CR] = value & (RTL_CR_TE | RTL_CR_RE);
	if (raised & RTL_CR_TE)
		rtl8139_tx_reset(nic);
	if (raised & RTL_CR_RE)
		rtl8139_rx_reset(nic);
	nic_device_wake(&nic->dev);
}

static void write_9346cr(struct rtl8139 *nic, uint8_t value)
{
	nic->regs[RTL_9346CR] = value;
	/* Its wires are ours in programming mode only. */
	if ((value & 0xc0) == 0x80)
		eeprom_set_wires(&nic->eeprom, value & 8, value & 4, value & 2);
	else
		eeprom_set_wires(&nic->eeprom, false, false, false);
}

static void write_tppoll(struct rtl8139 *nic, uint8_t value)
{
	nic->poll_tx |= !!(value & RTL_TPPOLL_NPQ);
	nic->poll_high |= !!(value & RTL_TPPOLL_HPQ);
	if (value & RTL_TPPOLL_FSWINT)
		rtl8139_interrupt(nic, RTL_INT_SWINT);
	nic_device_wake(&nic->dev);
}

/* Tally counters into 64 bytes of memory (C+, 6.2). */
static void dump_tally(struct rtl8139 *nic, uint64_t addr)
{
	const struct rtl8139_tally *t = &nic->tally;
	struct {
		le64 tx_ok, rx_ok, tx_err;
		le32 rx_err;
		le16 rx_missed, alignment;
		le32 tx_1_collision, tx_collisions;
		le64 rx_unicast, rx_broadcast;
		le32 rx_multicast;
		le16 tx_abort, tx_underrun;
	} wire = {
		.tx_ok = cpu_to_le64(t->tx_ok),
		.rx_ok = cpu_to_le64(t->rx_ok),
		.tx_err = cpu_to_le64(t->tx_err),
		.rx_unicast = cpu_to_le64(t->rx_unicast),
		.rx_broadcast = cpu_to_le64(t->rx_broadcast),
		.rx_multicast = cpu_to_le32(t->rx_multicast),
	};

	_Static_assert(sizeof wire == 64, "C+ 6.2");
	if (pci_dma_enabled(&nic->dev.pci) && !memory_write(nic->dev.pci.machine->memory, addr, &wire, sizeof wire))
		log_warn_rl("%s: counters are wanted where there is no memory", nic->dev.pci.name);
}

/* 0x10 to 0x1f: transmit status, or where tally counters go; whole words only. */
static void write_tsd(struct rtl8139 *nic, uint32_t offset, unsigned int size, uint32_t value)
{
	if (size != 4 || offset % 4)
		return;
	if (!rtl8139_is_cplus(nic, RTL_CPCR_TX)) {
		rtl8139_start_slot(nic, (offset - RTL_TSD) / 4, value);
		nic_device_wake(&nic->dev);
		return;
	}
	rtl8139_set32(nic, offset, offset == RTL_DTCCR ? value & ~RTL_DTCCR_CMD : value);
	if (offset == RTL_DTCCR && value & RTL_DTCCR_CMD)
		dump_tally(nic, (uint64_t)rtl8139_get32(nic, RTL_DTCCR + 4) << 32 | (value & ~63u));
}

static uint64_t ring_base(const struct rtl8139 *nic, uint32_t reg)
{
	return (uint64_t)rtl8139_get32(nic, reg + 4) << 32 | (rtl8139_get32(nic, reg) & ~255u);
}

static bool touches(uint32_t offset, unsigned int size, uint32_t reg, uint32_t len)
{
	return offset < reg + len && offset + size > reg;
}

/* What registers do beside keeping their value. */
static void written(struct rtl8139 *nic, uint32_t offset, unsigned int size, uint64_t value)
{
	uint64_t part;

	if (part_of(offset, size, value, RTL_ISR, 2, &part)) {
		rtl8139_set16(nic, RTL_ISR, rtl8139_get16(nic, RTL_ISR) & (uint16_t)~part);
		if (part & RTL_INT_LINK)
			rtl8139_set16(nic, RTL_CSCR, rtl8139_get16(nic, RTL_CSCR) & (uint16_t)~RTL_CSCR_LINK_CHANGED);
		rtl8139_remind(nic);
		nic_device_wake_rx(&nic->dev);
	}
	if (touches(offset, size, RTL_IMR, 4)) {
		update_pin(nic);
		nic_device_wake_rx(&nic->dev); /* a C+ driver turns interrupts on again when it has given descriptors */
	}
	if (part_of(offset, size, value, RTL_9346CR, 1, &part))
		write_9346cr(nic, (uint8_t)part);
	if (part_of(offset, size, value, RTL_TPPOLL, 1, &part))
		write_tppoll(nic, (uint8_t)part);
	if (touches(offset, size, RTL_TSD, 16))
		write_tsd(nic, offset, size, (uint32_t)value);
	if (touches(offset, size, RTL_RBSTART, 4) || touches(offset, size, RTL_CAPR, 2) ||
	    touches(offset, size, RTL_RCR, 4))
		nic_device_wake_rx(&nic->dev);
	nic->tx_ring.base = ring_base(nic, RTL_TNPDS);
	nic->high_ring.base = ring_base(nic, RTL_THPDS);
	nic->rx_ring.base = ring_base(nic, RTL_RDSAR);
	if (touches(offset, size, RTL_BMCR, 2) && rtl8139_get16(nic, RTL_BMCR) & 0x8200) {
		if (rtl8139_get16(nic, RTL_BMCR) & 0x8000)
			reset_mii(nic);
		rtl8139_set16(nic, RTL_BMCR,
			      rtl8139_get16(nic, RTL_BMCR) & (uint16_t)~0x8200); /* negotiated, at once */
	}
	/* Last: a reset undoes all of the above. */
	if (part_of(offset, size, value, RTL_CR, 1, &part))
		write_cr(nic, (uint8_t)part);
}

static void bar_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct rtl8139 *nic = aux;

	if (offset + size > RTL_REGISTERS_END)
		return;
	for (uint32_t i = 0; i < size; i++) {
		uint8_t mask = writable(nic, (uint32_t)offset + i), *reg = &nic->regs[offset + i];

		*reg = (uint8_t)((*reg & ~mask) | (value >> 8 * i & mask));
	}
	written(nic, (uint32_t)offset, size, value);
}

/* OWN, TABT, TUN and TOK of the four slots, in groups of four (5.23). */
static uint16_t all_slots(const struct rtl8139 *nic)
{
	static const uint8_t from[] = {13, 30, 14, 15};
	unsigned int value = 0;

	for (unsigned int slot = 0; slot < 4; slot++)
		for (unsigned int i = 0; i < 4; i++)
			value |= (rtl8139_get32(nic, RTL_TSD + 4 * slot) >> from[i] & 1) << (4 * i + slot);
	return (uint16_t)value;
}

static uint64_t bar_read(void *aux, uint64_t offset, unsigned int size)
{
	struct rtl8139 *nic = aux;
	uint64_t value = 0;

	if (offset + size > RTL_REGISTERS_END)
		return 0;
	nic->regs[RTL_CR] =
		(uint8_t)((nic->regs[RTL_CR] & ~RTL_CR_BUFE) | (rtl8139_ring_is_empty(nic) ? RTL_CR_BUFE : 0));
	nic->regs[RTL_9346CR] = (uint8_t)((nic->regs[RTL_9346CR] & ~1u) | eeprom_data_out(&nic->eeprom));
	if (!rtl8139_is_cplus(nic, RTL_CPCR_TX))
		rtl8139_set16(nic, RTL_TSAD_ALL, all_slots(nic));
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)nic->regs[offset + i] << 8 * i;
	return value;
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

/* ---- life ---- */

static void reset(struct nic_device *dev)
{
	reset_registers(rtl8139_of(dev));
}

static void link_changed(struct nic_device *dev)
{
	struct rtl8139 *nic = rtl8139_of(dev);

	show_link(nic);
	rtl8139_set16(nic, RTL_CSCR, rtl8139_get16(nic, RTL_CSCR) | RTL_CSCR_LINK_CHANGED);
	rtl8139_interrupt(nic, RTL_INT_LINK);
}

static void free_card(struct nic_device *dev)
{
	free(rtl8139_of(dev));
}

static const struct nic_device_ops device_ops = {
	.transmit = rtl8139_transmit,
	.receive = rtl8139_receive,
	.reset = reset,
	.link_changed = link_changed,
	.timer = rtl8139_look_again,
	.free = free_card,
};

int rtl8139_plug(struct machine *machine, const char *name, const uint8_t mac[6], struct net_backend *be, int slot,
		 uint8_t revision, struct nic_device **result, struct errtext *err)
{
	const struct pci_id id = {
		.vendor = 0x10ec,
		.device = 0x8139,
		.subsystem_vendor = 0x1af4,
		.subsystem = 0x1100,
		.class_code = 0x020000,
		.revision = revision,
	};
	struct rtl8139 *nic = xzalloc(sizeof *nic);
	struct nic_device *dev = &nic->dev;
	int error;

	nic->has_cplus = revision >= RTL8139_REVISION_CPLUS;
	nic_device_init(dev, machine, name, mac, be, &device_ops, &id);
	pci_bar_set(&dev->pci, IO_BAR, PCI_BAR_IO, BAR_SIZE, &bar_ops, nic, &dev->lock);
	pci_bar_set(&dev->pci, MEMORY_BAR, PCI_BAR_MEM32, BAR_SIZE, &bar_ops, nic, &dev->lock);
	fill_eeprom(nic);
	error = nic_device_plug(dev, slot, err);
	if (!error)
		*result = dev;
	return error;
}
