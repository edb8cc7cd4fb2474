// SPDX-License-Identifier: Apache-2.0
/* 82540EM: PCI function, registers, interrupts, life. */
#include "vmm/dev/e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/iothread.h"
#include "vmm/core/sandbox.h"
#include "vmm/dev/e1000_impl.h"

LOG_MODULE(e1000);

SANDBOX_CALLS(THREAD_ALL, SYS_timerfd_settime);
SANDBOX_CALLS(THREAD_MAIN, SYS_timerfd_create);

#define REGISTERS_BAR 0
#define IO_BAR 1
#define REGISTERS_SIZE 0x20000
#define IO_SIZE 64

/* ---- interrupts (13.4.17 to 13.4.21) ---- */

static void update_pin(struct e1000 *nic)
{
	bool level = *e1000_reg(nic, ICR) & *e1000_reg(nic, IMS);

	if (level && !nic->pci.pin)
		nic->stats.n_interrupts++;
	pci_set_pin(&nic->pci, level);
}

/* ITR: so many times 256 ns pass between two interrupts. Return: true when this one must wait for the timer. */
static bool is_throttled(struct e1000 *nic)
{
	uint32_t interval = *e1000_reg(nic, ITR) & 0xffff;
	struct itimerspec timer = {.it_value.tv_nsec = (long)interval * 256};

	if (nic->itr_running)
		return true;
	if (!interval || !nic->thread)
		return false;
	nic->itr_running = timerfd_settime(nic->itr_fd, 0, &timer, NULL) == 0;
	return false;
}

void e1000_interrupt(struct e1000 *nic, uint32_t causes)
{
	bool is_new;

	*e1000_reg(nic, ICR) |= causes;
	is_new = *e1000_reg(nic, ICR) & *e1000_reg(nic, IMS) && !nic->pci.pin;
	if (is_new && is_throttled(nic))
		return;
	update_pin(nic);
}

static void itr_ready(struct loop_fd *self, uint32_t events)
{
	struct e1000 *nic = container_of(self, struct e1000, itr);
	uint64_t n;

	(void)events;
	if (read(nic->itr_fd, &n, sizeof n) != sizeof n)
		return;
	pthread_mutex_lock(&nic->lock);
	nic->itr_running = false;
	if (*e1000_reg(nic, ICR) & *e1000_reg(nic, IMS) && !nic->pci.pin)
		e1000_interrupt(nic, 0);
	pthread_mutex_unlock(&nic->lock);
}

void e1000_break(struct e1000 *nic, const char *what)
{
	if (!nic->is_broken)
		log_warn_rl("%s: %s is not in RAM: the card stops until its driver resets it", nic->pci.name, what);
	nic->is_broken = true;
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
	memcpy(e1000_reg(nic, RAL), nic->mac, 4);
	*e1000_reg(nic, RAH) = nic->mac[4] | (uint32_t)nic->mac[5] << 8 | RAH_AV;
	nic->itr_running = nic->is_broken = false;
	e1000_tx_reset(nic);
	e1000_phy_reset(nic);
	update_pin(nic);
}

static void wake(struct e1000 *nic)
{
	const uint64_t one = 1;

	if (nic->thread && write(nic->kick_fd, &one, sizeof one) != sizeof one)
		return; /* signalled often enough */
}

static uint32_t read_icr(struct e1000 *nic)
{
	uint32_t value = *e1000_reg(nic, ICR);

	if (nic->pci.pin)
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
	case TDH:
	case TDT:
	case RDH:
	case RDT:
		nic->regs[reg / 4] = value & 0xffff;
		wake(nic);
		break;
	case RCTL:
	case TCTL:
		wake(nic);
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

/* ---- the thread ---- */

static void update_events(struct e1000 *nic)
{
	uint32_t events = (nic->rx_starved ? 0 : EPOLLIN) | (nic->tx.is_blocked ? EPOLLOUT : 0);

	if (nic->thread)
		loop_set_events(iothread_loop(nic->thread), &nic->tap, events);
}

void e1000_run(struct e1000 *nic)
{
	pthread_mutex_lock(&nic->lock);
	if (e1000_transmit(nic))
		wake(nic);
	e1000_receive(nic);
	update_events(nic);
	pthread_mutex_unlock(&nic->lock);
}

static void tap_ready(struct loop_fd *self, uint32_t events)
{
	(void)events;
	e1000_run(container_of(self, struct e1000, tap));
}

static void kick_ready(struct loop_fd *self, uint32_t events)
{
	struct e1000 *nic = container_of(self, struct e1000, kick);
	uint64_t n;

	(void)events;
	if (read(nic->kick_fd, &n, sizeof n) == sizeof n)
		e1000_run(nic);
}

/* ---- life ---- */

static void reset(struct pci_device *pci)
{
	struct e1000 *nic = container_of(pci, struct e1000, pci);

	pthread_mutex_lock(&nic->lock);
	reset_registers(nic);
	pthread_mutex_unlock(&nic->lock);
}

static void nic_free(struct e1000 *nic)
{
	iothread_free(nic->thread);
	if (nic->kick_fd >= 0)
		close(nic->kick_fd);
	if (nic->itr_fd >= 0)
		close(nic->itr_fd);
	nic->be->ops->free(nic->be);
	pci_device_fini(&nic->pci);
	pthread_mutex_destroy(&nic->lock);
	free(nic);
}

static void unplugged(struct pci_device *pci)
{
	nic_free(container_of(pci, struct e1000, pci));
}

static const struct pci_device_ops pci_ops = {.reset = reset, .free = unplugged};

static const struct pci_id pci_id = {
	.vendor = 0x8086,
	.device = 0x100e,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x020000,
	.revision = 3,
};

static void watch(void *aux)
{
	struct e1000 *nic = aux;
	struct loop *loop = iothread_loop(nic->thread);

	if (loop_add_fd(loop, &nic->tap, nic->be->fds[0], 0, tap_ready) ||
	    loop_add_fd(loop, &nic->kick, nic->kick_fd, EPOLLIN, kick_ready) ||
	    loop_add_fd(loop, &nic->itr, nic->itr_fd, EPOLLIN, itr_ready))
		log_err("%s: no descriptor is left: it moves nothing", nic->pci.name);
}

/* A backend without descriptors (a test's) is run by hand. */
static int start_thread(struct e1000 *nic, struct errtext *err)
{
	int error;

	if (nic->be->fds[0] < 0)
		return 0;
	nic->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	nic->itr_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (nic->kick_fd < 0 || nic->itr_fd < 0)
		return errtext_set(err, errno, "%s: no descriptor is left", nic->pci.name);
	error = iothread_new(nic->pci.name, &nic->thread, err);
	if (error)
		return error;
	iothread_run(nic->thread, watch, nic);
	return 0;
}

int e1000_plug(struct machine *machine, const char *name, const uint8_t mac[6], struct net_backend *be, int slot,
	       struct e1000 **result, struct errtext *err)
{
	struct e1000 *nic = xzalloc(sizeof *nic);
	int error;

	nic->be = be;
	nic->kick_fd = nic->itr_fd = -1;
	nic->link_up = be->link_up;
	nic->rx_starved = true;
	memcpy(nic->mac, mac, sizeof nic->mac);
	pthread_mutex_init(&nic->lock, NULL);
	pci_device_init(&nic->pci, machine, name, &pci_ops, &pci_id, true);
	pci_bar_set(&nic->pci, REGISTERS_BAR, PCI_BAR_MEM32, REGISTERS_SIZE, &bar_ops, nic, &nic->lock);
	pci_bar_set(&nic->pci, IO_BAR, PCI_BAR_IO, IO_SIZE, &io_ops, nic, &nic->lock);
	e1000_eeprom_init(nic);
	reset_registers(nic);
	error = be->ops->set_offloads(be, 0);
	if (error)
		errtext_set(err, -error, "%s: the port's offloads cannot be turned off: %s", name, strerror(-error));
	else
		error = start_thread(nic, err);
	if (!error)
		error = pci_plug(machine->pci, &nic->pci, slot, err);
	if (error) {
		nic_free(nic);
		return error;
	}
	*result = nic;
	return 0;
}

struct pci_device *e1000_pci(struct e1000 *nic)
{
	return &nic->pci;
}

void e1000_set_link(struct e1000 *nic, bool up)
{
	pthread_mutex_lock(&nic->lock);
	if (nic->link_up != up) {
		nic->link_up = up;
		e1000_link_changed(nic);
		e1000_interrupt(nic, INT_LSC);
		wake(nic);
	}
	pthread_mutex_unlock(&nic->lock);
}

void e1000_get_stats(struct e1000 *nic, struct nic_stats *stats)
{
	pthread_mutex_lock(&nic->lock);
	*stats = nic->stats;
	pthread_mutex_unlock(&nic->lock);
}
