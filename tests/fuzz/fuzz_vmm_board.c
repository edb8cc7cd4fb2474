// SPDX-License-Identifier: Apache-2.0
/*
 * What every machine has, under a guest that does anything: serial port, clock, power management, slots that come and go, and the PCI bus with its two ways to
 * configuration space, BARs that are moved onto one another, MSI-X and pins. On the bus is one device of each make: BARs of ports, of 32 and of 64 bits.
 *
 *   0 port 2, value 4           OUT; the size is in the opcode's bits 4 and 5
 *   1 port 2                    IN
 *   2 address 5, value 8        write memory-mapped registers, 1 to 8 bytes
 *   3 address 5                 read them
 *   4 slot 1, offset 2, value 4 write configuration space by ECAM; 5 slot 1, offset 1, value 4: by ports 0xcf8 and 0xcfc
 *   6 n 1, bytes                input for the serial port
 *   7                           reset
 *   8 what 1                    the power button, a slot that something came into, one that is to be given back
 *   9 gpa 4, n 1, bytes         write memory
 *   10                          let the devices and the main loop run
 *   11 slot 1                   plug a device in there, or pull the one that is
 *   12 slot 1, vector 1, how 1  raise a vector, tie it to an eventfd and signal that, raise a pin
 *
 * What must hold: bytes and lines are accounted for; with all devices gone no PCI line is high.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <urcu.h>

#include "base/log.h"
#include "os/loop.h"
#include "tests/unit/vmm_backend.h"
#include "tests/unit/vmm_harness.h"
#include "vmm/core/acpi.h"
#include "vmm/core/pci.h"
#include "vmm/dev/acpi_hotplug.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/e1000.h"
#include "vmm/dev/nic_device.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/rtl8139.h"
#include "vmm/dev/serial.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm/dev/virtio_rng.h"
#include "vmm_script.h"

#define MAX_STEPS 300
#define FIRST_SLOT 1
#define N_SLOTS 8 /* in which something may be */

static struct machine_state {
	struct harness *h;
	struct serial com1;
	struct rtc rtc;
	struct acpi_pm pm;
	struct acpi_hotplug hotplug;
	struct nic_device *e1000;
	struct nic_device *rtl8139;
	struct mem_backend backends[2];
	int eventfd;
	uint32_t gone; /* slots that the guest has let go of */
} g;

/* ---- devices ---- */

static void plug_rng(int slot)
{
	struct virtio_rng *rng;

	if (virtio_rng_new(&g.h->m, "rng0", &rng, NULL) || virtio_pci_plug(virtio_rng_device(rng), slot, NULL))
		abort();
}

static void plug_all(void)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};

	if (e1000_plug(&g.h->m, "net0", mac, mem_backend_init(&g.backends[0]), 1, &g.e1000, NULL) ||
	    rtl8139_plug(&g.h->m, "net1", mac, mem_backend_init(&g.backends[1]), 2, RTL8139_REVISION_CPLUS, &g.rtl8139,
			 NULL))
		abort();
	plug_rng(3);
	plug_rng(4);
}

static void unplug(unsigned int slot)
{
	struct pci_device *dev = pci_device_at(g.h->m.pci, slot);

	if (slot == 1)
		g.e1000 = NULL;
	if (slot == 2)
		g.rtl8139 = NULL;
	if (dev)
		pci_unplug(dev);
}

static void gone(void *aux, unsigned int slot)
{
	(void)aux;
	g.gone |= 1u << slot;
}

static void output(void *aux, uint8_t byte)
{
	(void)aux, (void)byte;
}

static void drained(void *aux)
{
	(void)aux;
}

static void quit(void *aux)
{
	loop_quit(aux);
}

/* What was posted to the main loop. */
static void drain(struct loop *loop)
{
	loop_post(loop, quit, loop);
	if (loop_run(loop))
		abort();
}

static void set_up(struct loop *loop)
{
	memset(&g, 0, sizeof g);
	g.h = harness_new(SCRIPT_RAM);
	g.h->has_irqfd = true;
	g.eventfd = eventfd(0, EFD_NONBLOCK);
	g.com1.output = output;
	g.com1.drained = drained;
	serial_init(&g.com1, &g.h->m, SERIAL_COM1, SERIAL_COM1_IRQ);
	rtc_init(&g.rtc, &g.h->m);
	acpi_pm_init(&g.pm, &g.h->m);
	acpi_hotplug_init(&g.hotplug, &g.h->m, &g.pm);
	g.hotplug.gone = gone;
	plug_all(); /* without a loop, so that they start no threads */
	g.h->m.loop = loop;
}

static void tear_down(struct loop *loop)
{
	drain(loop);
	g.h->m.loop = NULL;
	for (unsigned int slot = FIRST_SLOT; slot < N_SLOTS; slot++)
		unplug(slot);
	for (unsigned int gsi = PCI_GSI_BASE; gsi < PCI_GSI_BASE + PCI_N_GSIS; gsi++)
		if (g.h->lines[gsi])
			abort();
	acpi_hotplug_fini(&g.hotplug);
	acpi_pm_fini(&g.pm);
	rtc_fini(&g.rtc);
	serial_fini(&g.com1);
	harness_free(g.h);
	close(g.eventfd);
}

/* ---- steps ---- */

static uint64_t get64(struct script *s, size_t n)
{
	uint64_t low = script_get(s, MIN(n, 4));

	return n > 4 ? low | (uint64_t)script_get(s, n - 4) << 32 : low;
}

static void reset(void)
{
	struct machine_hook *hook;

	pci_bus_reset(g.h->m.pci);
	cds_list_for_each_entry(hook, &g.h->m.hooks, node)
		hook->reset(hook->aux);
}

static void config_by_ports(struct script *s, uint8_t op)
{
	uint32_t slot = script_get(s, 1) % N_SLOTS, offset = script_get(s, 1), value = script_get(s, 4);

	harness_write(g.h->m.pio, 0xcf8, 4, 1u << 31 | slot << 11 | (offset & 0xfc));
	if (op & 64)
		harness_read(g.h->m.pio, 0xcfc + (offset & 3), 1u << (op >> 4) % 3);
	else
		harness_write(g.h->m.pio, 0xcfc + (offset & 3), 1u << (op >> 4) % 3, value);
}

static void config_by_ecam(struct script *s, uint8_t op)
{
	uint64_t at = PCI_ECAM_BASE + (uint64_t)(script_get(s, 1) % N_SLOTS) * 0x8000 + script_get(s, 2) % 0x1000;

	if (op & 64)
		harness_read(g.h->m.mmio, at, 1u << (op >> 4 & 3));
	else
		harness_write(g.h->m.mmio, at, 1u << (op >> 4 & 3), script_get(s, 4));
}

static void from_outside(unsigned int what)
{
	if (what % 3 == 0)
		acpi_pm_press_power(&g.pm);
	else if (what % 3 == 1)
		acpi_hotplug_came(&g.hotplug, what / 3 % PCI_N_SLOTS);
	else
		acpi_hotplug_ask(&g.hotplug, what / 3 % PCI_N_SLOTS);
}

static void run(void)
{
	if (g.e1000)
		nic_device_run(g.e1000);
	if (g.rtl8139)
		nic_device_run(g.rtl8139);
	drain(g.h->m.loop);
}

static void plug_or_pull(unsigned int slot)
{
	struct loop *loop = g.h->m.loop;

	slot = FIRST_SLOT + slot % (N_SLOTS - FIRST_SLOT);
	g.h->m.loop = NULL;
	if (pci_device_at(g.h->m.pci, slot))
		unplug(slot);
	else
		plug_rng((int)slot);
	g.h->m.loop = loop;
}

static void interrupt(struct script *s)
{
	unsigned int slot = script_get(s, 1) % N_SLOTS, vector = script_get(s, 1), how = script_get(s, 1);
	struct pci_device *dev = pci_device_at(g.h->m.pci, slot);
	const uint64_t one = 1;

	if (!dev || !slot)
		return;
	if (how & 1)
		pci_msix_notify(dev, vector);
	if (how & 2 && pci_msix_irqfd(dev, vector, how & 4 ? -1 : g.eventfd))
		how |= 8;
	if (how & 8 && write(g.eventfd, &one, sizeof one) != sizeof one)
		abort();
	if (how & 16)
		pci_set_pin(dev, how & 32);
}

static void memory(struct script *s)
{
	uint64_t gpa = script_get(s, 4);
	size_t n = script_get(s, 1);
	const uint8_t *bytes = script_bytes(s, &n);

	if (!memory_write(g.h->m.memory, gpa, bytes, n))
		return;
}

static void input(struct script *s)
{
	size_t n = script_get(s, 1);
	const uint8_t *bytes = script_bytes(s, &n);

	if (serial_input(&g.com1, bytes, n) > n || g.com1.fifo_len > SERIAL_FIFO)
		abort();
}

static void registers(struct script *s, uint8_t op)
{
	unsigned int size = 1u << (op >> 4 & 3);
	uint64_t port = script_get(s, 2), addr;

	switch (op & 3) {
	case 0:
		harness_write(g.h->m.pio, port, size, script_get(s, 4));
		break;
	case 1:
		harness_read(g.h->m.pio, port, size);
		break;
	case 2:
		addr = port | get64(s, 3) << 16;
		harness_write(g.h->m.mmio, addr, size, get64(s, 8));
		break;
	case 3:
		harness_read(g.h->m.mmio, port | get64(s, 3) << 16, size);
		break;
	}
}

static void step(struct script *s)
{
	uint8_t op = (uint8_t)script_get(s, 1);

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		registers(s, op);
		break;
	case 4:
		config_by_ecam(s, op);
		break;
	case 5:
		config_by_ports(s, op);
		break;
	case 6:
		input(s);
		break;
	case 7:
		reset();
		break;
	case 8:
		from_outside(script_get(s, 1));
		break;
	case 9:
		memory(s);
		break;
	case 10:
		run();
		break;
	case 11:
		plug_or_pull(script_get(s, 1));
		break;
	case 12:
		interrupt(s);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, data + size};
	static struct loop *loop;

	if (!loop) {
		log_set_level(NULL, LOG_LEVEL_OFF);
		rcu_register_thread();
		loop = loop_new();
	}
	if (!loop)
		abort();
	set_up(loop);
	for (int i = 0; i < MAX_STEPS && s.p < s.end; i++)
		step(&s);
	tear_down(loop);
	return 0;
}
