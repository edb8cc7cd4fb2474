// SPDX-License-Identifier: Apache-2.0
/* 82540EM: PCI function, registers, interrupts, life. */
#include "vmm/dev/e1000.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/dev/e1000_impl.h"

#define REGISTERS_BAR 0
#define IO_BAR 1
#define REGISTERS_SIZE 0x20000
#define IO_SIZE 64
/** How long causes that may wait do at most. */
#define HOLD_NS 250000u

/* ---- interrupts (13.4.17 to 13.4.21) ---- */

static void update_pin(struct e1000 *nic)
{
	nic_device_set_pin(&nic->dev, *e1000_reg(nic, ICR) & *e1000_reg(nic, IMS));
}

/* ITR: so many times 256 ns pass between two interrupts. Return: true when this one must wait for the timer. */
static bool is_throttled(struct e1000 *nic)
{
	uint64_t interval = *e1000_reg(nic, ITR) & 0xffff;

	if (nic->itr_running)
		return true;
	nic->itr_running = interval && nic_device_set_timer(&nic->dev, interval * 256);
	return false;
}

static void let_go(struct e1000 *nic)
{
	*e1000_reg(nic, ICR) |= nic->held;
	nic->held = 0;
}

void e1000_interrupt(struct e1000 *nic, uint32_t causes)
{
	bool is_new;

	*e1000_reg(nic, ICR) |= causes;
	is_new = *e1000_reg(nic, ICR) & *e1000_reg(nic, IMS) && !nic->dev.pci.pin;
	if (is_new && is_throttled(nic))
		return;
	if (is_new)
		let_go(nic);
	update_pin(nic);
}

void e1000_interrupt_later(struct e1000 *nic, uint32_t causes)
{
	bool has_timer = nic->itr_running || nic->held; /* the throttle's does as well */

	nic->held |= causes;
	if (has_timer)
		return;
	if (!nic_device_set_timer(&nic->dev, HOLD_NS)) {
		let_go(nic);
		e1000_interrupt(nic, 0);
	}
}

static void timer_over(struct nic_device *dev)
{
	struct e1000 *nic = e1000_of(dev);

	nic->itr_running = false;
	let_go(nic);
	if (*e1000_reg(nic, ICR) & *e1000_reg(nic, IMS) && !nic->dev.pci.pin)
		e1000_interrupt(nic, 0);
}

/* ---- statistics ---- */

void e1000_count(struct e1000 *nic, enum e1000_reg reg, uint32_t n)
{
	uint32_t *value = e1000_reg(nic, reg);

	*value = *value > UINT32_MAX - n ? UINT32_MAX : *value + n;
}

void e1000_count64(struct e1000 *nic, enum e1000_reg low, uint64_t n)
{
	uint32_t *words = e1000_reg(nic, low);
	uint64_t value = (uint64_t)words[1] << 32 | words[0];

	value = value > UINT64_MAX - n ? UINT64_MAX : value + n;
	words[0] = (uint32_t)value;
	words[1] = (uint32_t)(value >> 32);
}

/* A pair is cleared by reading its upper half. */
static uint32_t read_statistic(struct e1000 *nic, uint32_t reg)
{
	static const uint16_t pairs[] = {GORCL, GOTCL, TORL, TOTL};
	uint32_t value = nic->regs[reg / 4];

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (reg == pairs[i])
			return value;
		if (reg == pairs[i] + 4u)
			nic->regs[pairs[i] / 4] = 0;
	}
	nic->regs[reg / 4] = 0;
	return value;
}

/* ---- registers ---- */

static void reset_registers(struct e1000 *nic)
{
	memset(nic->regs, 0, sizeof nic->regs);
	*e1000_reg(nic, CTRL) = 0x00140240;
	*e1000_reg(nic, STATUS) = STATUS_FD | STATUS_SPEED_1000 | 0x80080000;
	*e1000_reg(nic, PBA) = 0x00100030;
	*e1000_reg(nic, VET) = 0x8100;
	*e1000_reg(nic, LEDCTL) = 0x07068302;
	*e1000_reg(nic, RXCSUM) = RXCSUM_IPOFL | RXCSUM_TUOFL;
	memcpy(e1000_reg(nic, RAL), nic->dev.mac, 4);
	*e1000_reg(nic, RAH) = nic->dev.mac[4] | (uint32_t)nic->dev.mac[5] << 8 | RAH_AV;
	nic->itr_running = nic->dev.is_broken = false;
	nic->held = 0;
	e1000_tx_reset(nic);
	e1000_phy_reset(nic);
	update_pin(nic);
}

static uint32_t read_icr(struct e1000 *nic)
{
	uint32_t value;

	let_go(nic);
	value = *e1000_reg(nic, ICR);
	if (nic->dev.pci.pin)
		value |= 1u << 31; /* INT_ASSERTED */
	*e1000_reg(nic, ICR) = 0;
	update_pin(nic);
	return value;
}

static uint32_t read_register(struct e1000 *nic, uint32_t reg)
{
	switch (reg) {
	case ICR:
		return read_icr(nic);
	case EECD:
		return e1000_eecd_read(nic);
	case ICS:
	case IMC:
		return 0; /* write-only */
	}
	if (reg >= STATS && reg < STATS_END)
		return read_statistic(nic, reg);
	return reg < REGISTERS_END ? nic->regs[reg / 4] : 0;
}

static void write_ctrl(struct e1000 *nic, uint32_t value)
{
	if (value & CTRL_RST) {
		reset_registers(nic);
		return;
	}
	if (value & CTRL_PHY_RST)
		e1000_phy_reset(nic);
	*e1000_reg(nic, CTRL) = value & ~(uint32_t)CTRL_PHY_RST;
}

/* Those that do something. Return: false: it only keeps its value. */
static bool write_special(struct e1000 *nic, uint32_t reg, uint32_t value)
{
	switch (reg) {
	case CTRL:
		write_ctrl(nic, value);
		return true;
	case STATUS:
		return true; /* read-only */
	case EECD:
		e1000_eecd_write(nic, value);
		return true;
	case EERD:
		e1000_eerd_write(nic, value);
		return true;
	case MDIC:
		e1000_mdic_write(nic, value);
		return true;
	case ICR:
		*e1000_reg(nic, ICR) &= ~value;
		update_pin(nic);
		return true;
	case ICS:
		e1000_interrupt(nic, value);
		return true;
	case IMS:
		*e1000_reg(nic, IMS) |= value;
		e1000_interrupt(nic, 0);
		return true;
	case IMC:
		*e1000_reg(nic, IMS) &= ~value;
		update_pin(nic);
		return true;
	}
	return false;
}

static void write_register(struct e1000 *nic, uint32_t reg, uint32_t value)
{
	if (write_special(nic, reg, value) || reg >= REGISTERS_END || (reg >= STATS && reg < STATS_END))
		return;
	nic->regs[reg / 4] = value;
	switch (reg) {
	case TDH: /* the driver begins anew */
		e1000_tx_reset(nic);
		nic->regs[reg / 4] = value & 0xffff;
		break;
	case TDT:
		nic->regs[reg / 4] = value & 0xffff;
		nic_device_wake(&nic->dev);
		break;
	case RDH:
	case RDT:
		nic->regs[reg / 4] = value & 0xffff;
		nic_device_wake_rx(&nic->dev);
		break;
	case RCTL:
		nic_device_wake_rx(&nic->dev);
		break;
	case TCTL:
		nic_device_wake(&nic->dev);
		break;
	}
}

/* Registers are 32 bits wide; anything else is read as part of one, and not written. */
static uint64_t bar_read(void *aux, uint64_t offset, unsigned int size)
{
	uint64_t value = read_register(aux, (uint32_t)offset & ~3u) >> 8 * (offset & 3);

	return size >= 4 ? value : value & ((1ull << 8 * size) - 1);
}

static void bar_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	if (size >= 4 && !(offset & 3))
		write_register(aux, (uint32_t)offset, (uint32_t)value);
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

/* IOADDR and IODATA (13.2.2.1): the same registers by two ports. */
static uint64_t io_read(void *aux, uint64_t offset, unsigned int size)
{
	struct e1000 *nic = aux;

	if (offset == 0)
		return nic->io_address;
	return offset == 4 ? bar_read(nic, nic->io_address, size) : 0;
}

static void io_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct e1000 *nic = aux;

	if (offset == 0)
		nic->io_address = (uint32_t)value % REGISTERS_SIZE;
	else if (offset == 4)
		bar_write(nic, nic->io_address, size, value);
}

static const struct bus_ops io_ops = {io_read, io_write};

/* ---- life ---- */

static void reset(struct nic_device *dev)
{
	reset_registers(e1000_of(dev));
}

static void link_changed(struct nic_device *dev)
{
	e1000_link_changed(e1000_of(dev));
	e1000_interrupt(e1000_of(dev), INT_LSC);
}

static void free_card(struct nic_device *dev)
{
	free(e1000_of(dev));
}

static const struct nic_device_ops device_ops = {
	.transmit = e1000_transmit,
	.receive = e1000_receive,
	.reset = reset,
	.link_changed = link_changed,
	.timer = timer_over,
	.free = free_card,
};

static const struct pci_id pci_id = {
	.vendor = 0x8086,
	.device = 0x100e,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x020000,
	.revision = 3,
};

int e1000_plug(struct machine *machine, const char *name, const uint8_t mac[6], struct net_backend *be, int slot,
	       struct nic_device **result, struct errtext *err)
{
	struct e1000 *nic = xzalloc(sizeof *nic);
	struct nic_device *dev = &nic->dev;
	int error;

	nic_device_init(dev, machine, name, mac, be, &device_ops, &pci_id);
	pci_bar_set(&dev->pci, REGISTERS_BAR, PCI_BAR_MEM32, REGISTERS_SIZE, &bar_ops, nic, &dev->lock);
	pci_bar_set(&dev->pci, IO_BAR, PCI_BAR_IO, IO_SIZE, &io_ops, nic, &dev->lock);
	e1000_eeprom_init(nic);
	error = nic_device_plug(dev, slot, err);
	if (!error)
		*result = dev;
	return error;
}
