// SPDX-License-Identifier: Apache-2.0
/* Guest memory, buses and PCI, as a guest and as a device see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <urcu.h>

#include "vmm_harness.h"

#define MIB (1ull << 20)

/* ---- memory ---- */

static void memory_has_a_hole(void **state)
{
	struct memory_config config = {.size = 3500 * MIB, .numa_node = -1};
	struct guest_memory *memory;
	char buffer[16];

	(void)state;
	assert_int_equal(memory_new(&config, &memory, NULL), 0);
	assert_int_equal(memory_top_below_4g(memory), 3072 * MIB);
	assert_int_equal(memory_top(memory), (4096 + 428) * MIB);
	assert_non_null(memory_at(memory, 0, 1));
	assert_non_null(memory_at(memory, MEMORY_HOLE_START - 16, 16));
	assert_null(memory_at(memory, MEMORY_HOLE_START - 16, 17));
	assert_null(memory_at(memory, MEMORY_HOLE_START, 1));
	assert_null(memory_at(memory, MEMORY_HOLE_END - 1, 2));
	assert_non_null(memory_at(memory, MEMORY_HOLE_END, 16));
	assert_null(memory_at(memory, memory_top(memory), 1));
	assert_null(memory_at(memory, 0, 0));
	assert_null(memory_at(memory, 16, UINT64_MAX));
	assert_null(memory_at(memory, UINT64_MAX, 2));
	assert_true(memory_write(memory, MEMORY_HOLE_END, "a guest's words", 16));
	assert_true(memory_read(memory, MEMORY_HOLE_END, buffer, 16));
	assert_string_equal(buffer, "a guest's words");
	assert_false(memory_read(memory, MEMORY_HOLE_START, buffer, 16));
	assert_int_equal(buffer[0], 0);
	memory_free(memory);
}

static void memory_goes_back_to_the_host(void **state)
{
	static const enum memory_backing backings[] = {MEMORY_ANONYMOUS, MEMORY_MEMFD};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(backings); i++) {
		struct memory_config config = {.size = 4 * MIB, .backing = backings[i], .numa_node = -1};
		struct guest_memory *memory;
		uint8_t *p;

		assert_int_equal(memory_new(&config, &memory, NULL), 0);
		p = memory_at(memory, 0, 4 * MIB);
		assert_int_equal((uintptr_t)p % (2 * MIB), 0); /* as the guest's addresses: large pages fit */
		memset(p, 7, 4 * MIB);
		assert_int_equal(memory_discard(memory, 4096 + 1, 3 * 4096), 0);
		assert_int_equal(p[4096 + 1], 7); /* only part of that page was given up */
		assert_int_equal(p[2 * 4096], 0);
		assert_int_equal(p[4 * 4096 - 1], 0);
		assert_int_equal(p[4 * 4096], 7);
		assert_int_equal(memory_discard(memory, 4 * MIB, 4096), -EFAULT);
		memory_free(memory);
	}
}

static void too_much_memory_is_refused(void **state)
{
	struct memory_config config = {.size = 1ull << 50, .numa_node = -1};
	struct guest_memory *memory;
	struct errtext err;

	(void)state;
	assert_int_equal(memory_new(&config, &memory, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "more than this host has"));
	config.size = MIB + 1;
	assert_int_equal(memory_new(&config, &memory, &err), -EINVAL);
	config.size = 0;
	assert_int_equal(memory_new(&config, &memory, &err), -EINVAL);
}

/* ---- bus ---- */

static uint64_t echo_read(void *aux, uint64_t offset, unsigned int size)
{
	return *(uint64_t *)aux + offset * 0x100 + size;
}

static void echo_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)size;
	*(uint64_t *)aux = value + offset;
}

static const struct bus_ops echo_ops = {echo_read, echo_write};

static void bus_dispatches(void **state)
{
	struct bus *bus = bus_new();
	uint64_t a = 0x10000, b = 0x20000;
	struct bus_range ra = {.base = 0x100, .size = 0x10, .ops = &echo_ops, .aux = &a};
	struct bus_range rb = {.base = 0x110, .size = 0x10, .ops = &echo_ops, .aux = &b};
	struct bus_range over = {.base = 0x10f, .size = 2, .ops = &echo_ops, .aux = &b};
	struct bus_range wrap = {.base = UINT64_MAX, .size = 2, .ops = &echo_ops, .aux = &b};

	(void)state;
	assert_int_equal(bus_add(bus, &rb), 0);
	assert_int_equal(bus_add(bus, &ra), 0);
	assert_int_equal(bus_add(bus, &over), -EEXIST);
	assert_int_equal(bus_add(bus, &wrap), -EINVAL);
	assert_int_equal(harness_read(bus, 0x104, 2), 0x0402); /* two bytes of 0x10402 */
	assert_int_equal(harness_read(bus, 0x114, 4), 0x20404);
	assert_int_equal(harness_read(bus, 0x10f, 2), 0xffff); /* begins in one, ends in the next */
	assert_int_equal(harness_read(bus, 0xff, 1), 0xff);
	assert_int_equal(harness_read(bus, 0x120, 8), UINT64_MAX);
	harness_write(bus, 0x101, 4, 5);
	assert_int_equal(a, 6);
	bus_del(bus, &ra);
	assert_int_equal(harness_read(bus, 0x104, 4), 0xffffffff);
	bus_free(bus);
}

/* ---- PCI ---- */

struct toy {
	struct pci_device pci;
	uint64_t value;
	unsigned int n_moved, n_reset, n_freed;
};

static void toy_moved(struct pci_device *dev, unsigned int bar, bool is_mapped)
{
	(void)bar, (void)is_mapped;
	((struct toy *)dev)->n_moved++;
}

static void toy_reset(struct pci_device *dev)
{
	((struct toy *)dev)->n_reset++;
}

static void toy_free(struct pci_device *dev)
{
	((struct toy *)dev)->n_freed++;
	pci_device_fini(dev);
}

static const struct pci_device_ops toy_ops = {.reset = toy_reset, .free = toy_free};
static const struct pci_id toy_id = {.vendor = 0x1af4,
				     .device = 0x10f0,
				     .subsystem_vendor = 0x1111,
				     .subsystem = 0x2222,
				     .class_code = 0x020000,
				     .revision = 3};

static void toy_plug(struct harness *h, struct toy *toy)
{
	memset(toy, 0, sizeof *toy);
	pci_device_init(&toy->pci, &h->m, "toy", &toy_ops, &toy_id, true);
	pci_bar_set(&toy->pci, 0, PCI_BAR_MEM32, 0x1000, &echo_ops, &toy->value, NULL);
	pci_bar_set(&toy->pci, 1, PCI_BAR_IO, 0x20, &echo_ops, &toy->value, NULL);
	pci_msix_set(&toy->pci, 3, 2);
	pci_bar_set(&toy->pci, 4, PCI_BAR_MEM64, 0x4000, &echo_ops, &toy->value, NULL);
	toy->pci.bars[0].moved = toy_moved;
	assert_int_equal(pci_plug(h->m.pci, &toy->pci, 5, NULL), 0);
}

static void pci_config_is_found_both_ways(void **state)
{
	struct harness *h = harness_new(16 * MIB);
	struct toy toy;

	(void)state;
	toy_plug(h, &toy);
	assert_int_equal(harness_config_read(h, 5, 0, 4), 0x10f01af4);
	assert_int_equal(harness_config_read(h, 5, 8, 4), 0x02000003);
	assert_int_equal(harness_config_read(h, 5, 0x2c, 4), 0x22221111);
	assert_int_equal(harness_config_read(h, 6, 0, 4), 0xffffffff);
	assert_int_equal(harness_config_read(h, 0, 0xa, 2), 0x0600);				  /* the host bridge */
	assert_int_equal(harness_config_read(h, 0, harness_config_read(h, 0, 0x34, 1), 1), 0x02); /* which has AGP */
	harness_write(h->m.pio, 0xcf8, 4, 1u << 31 | 5 << 11 | 8);
	assert_int_equal(harness_read(h->m.pio, 0xcfc, 4), 0x02000003);
	assert_int_equal(harness_read(h->m.pio, 0xcfe, 2), 0x0200);
	harness_write(h->m.pio, 0xcf8, 4, 1u << 31 | 1 << 16 | 5 << 11);
	assert_int_equal(harness_read(h->m.pio, 0xcfc, 4), 0xffffffff); /* another bus */
	assert_int_equal(harness_read(h->m.mmio, PCI_ECAM_BASE + (5 << 15), 4), 0x10f01af4);
	assert_int_equal(harness_read(h->m.mmio, PCI_ECAM_BASE + (5 << 15) + 0x1000, 4), 0xffffffff); /* function 1 */
	harness_config_write(h, 5, 0, 4, 0);
	assert_int_equal(harness_config_read(h, 5, 0, 4), 0x10f01af4); /* read-only */
	harness_write(h->m.pio, 0xcf9, 1, 0x06);
	assert_int_equal(h->n_resets, 1);
	harness_free(h);
	assert_int_equal(toy.n_freed, 1);
}

static void pci_bars_size_and_move(void **state)
{
	struct harness *h = harness_new(16 * MIB);
	struct toy toy;

	(void)state;
	toy_plug(h, &toy);
	toy.value = 0x1000000;
	harness_config_write(h, 5, 0x10, 4, 0xffffffff);
	assert_int_equal(harness_config_read(h, 5, 0x10, 4), 0xfffff000);
	harness_config_write(h, 5, 0x14, 4, 0xffffffff);
	assert_int_equal(harness_config_read(h, 5, 0x14, 4), 0xffffffe1);
	harness_config_write(h, 5, 0x20, 4, 0xffffffff);
	harness_config_write(h, 5, 0x24, 4, 0xffffffff);
	assert_int_equal(harness_config_read(h, 5, 0x20, 4), 0xffffc004);
	assert_int_equal(harness_config_read(h, 5, 0x24, 4), 0xffffffff);
	harness_config_write(h, 5, 0x04, 2, 3); /* decoding on, while the BARs still say all ones */
	assert_int_equal(toy.n_moved, 0);
	harness_config_write(h, 5, 0x10, 4, PCI_MMIO32_BASE);
	harness_config_write(h, 5, 0x14, 4, PCI_IO_BASE);
	assert_int_equal(harness_read(h->m.mmio, PCI_MMIO32_BASE + 4, 4), 0x1000404);
	assert_int_equal(harness_read(h->m.pio, PCI_IO_BASE + 4, 4), 0x1000404);
	harness_config_write(h, 5, 0x10, 4, PCI_MMIO32_BASE + 0x1000);
	assert_int_equal(harness_read(h->m.mmio, PCI_MMIO32_BASE + 4, 4), 0xffffffff);
	assert_int_equal(toy.n_moved, 3);
	harness_config_write(h, 5, 0x20, 4, 0);
	harness_config_write(h, 5, 0x24, 4, 0x20);
	assert_int_equal(harness_read(h->m.mmio, 0x2000000004, 4), 0x1000404);
	harness_config_write(h, 5, 0x10, 4, (uint32_t)PCI_ECAM_BASE); /* over the configuration space: not there */
	assert_int_equal(harness_read(h->m.mmio, PCI_ECAM_BASE + (5 << 15), 4), 0x10f01af4);
	pci_bus_reset(h->m.pci);
	assert_int_equal(toy.n_reset, 1);
	assert_int_equal(harness_read(h->m.pio, PCI_IO_BASE + 4, 4), 0xffffffff);
	assert_int_equal(harness_config_read(h, 5, 0x10, 4), 0);
	harness_free(h);
}

static void pci_msix_masks_and_remembers(void **state)
{
	struct harness *h = harness_new(16 * MIB);
	const uint64_t table = PCI_MMIO32_BASE;
	struct toy toy;
	uint8_t cap;

	(void)state;
	toy_plug(h, &toy);
	cap = (uint8_t)harness_config_read(h, 5, 0x34, 1);
	assert_int_equal(harness_config_read(h, 5, cap, 1), 0x11);
	assert_int_equal(harness_config_read(h, 5, cap + 2u, 2), 2); /* N - 1 */
	harness_config_write(h, 5, 0x18, 4, (uint32_t)table);
	harness_config_write(h, 5, 0x04, 2, 6);
	harness_write(h->m.mmio, table + 16, 4, 0xfee00000);
	harness_write(h->m.mmio, table + 24, 4, 0x41);
	pci_msix_notify(&toy.pci, 1); /* MSI-X is off: lost */
	assert_int_equal(h->n_msis, 0);
	harness_config_write(h, 5, cap + 2u, 2, 0x8000);
	pci_msix_notify(&toy.pci, 1); /* masked after reset: remembered */
	assert_int_equal(h->n_msis, 0);
	assert_int_equal(harness_read(h->m.mmio, table + 2048, 8), 2);
	harness_write(h->m.mmio, table + 28, 4, 0);
	assert_int_equal(h->n_msis, 1);
	assert_int_equal(h->last_msi.addr, 0xfee00000);
	assert_int_equal(h->last_msi.data, 0x41);
	assert_int_equal(harness_read(h->m.mmio, table + 2048, 8), 0);
	harness_config_write(h, 5, cap + 2u, 2, 0xc000); /* all masked */
	pci_msix_notify(&toy.pci, 1);
	assert_int_equal(h->n_msis, 1);
	harness_config_write(h, 5, cap + 2u, 2, 0x8000);
	assert_int_equal(h->n_msis, 2);
	pci_msix_notify(&toy.pci, 3); /* no such vector */
	assert_int_equal(h->n_msis, 2);
	harness_free(h);
}

static void pci_msix_binds_eventfds_while_unmasked(void **state)
{
	struct harness *h = harness_new(16 * MIB);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	const uint64_t table = PCI_MMIO32_BASE;
	uint64_t one = 1;
	struct toy toy;
	uint8_t cap;

	(void)state;
	h->has_irqfd = true;
	toy_plug(h, &toy);
	cap = (uint8_t)harness_config_read(h, 5, 0x34, 1);
	harness_config_write(h, 5, 0x18, 4, (uint32_t)table);
	harness_config_write(h, 5, 0x04, 2, 6);
	harness_config_write(h, 5, cap + 2u, 2, 0x8000);
	assert_int_equal(pci_msix_irqfd(&toy.pci, 0, fd), 0);
	assert_false(toy.pci.msix.vectors[0].irqfd_is_bound);
	assert_int_equal(write(fd, &one, sizeof one), sizeof one); /* while masked */
	assert_int_equal(harness_read(h->m.mmio, table + 2048, 8), 1);
	harness_write(h->m.mmio, table + 12, 4, 0);
	assert_int_equal(h->last_irqfd, fd);
	assert_int_equal(h->n_msis, 1);
	harness_write(h->m.mmio, table + 12, 4, 1);
	assert_int_equal(h->last_irqfd, -1);
	harness_free(h);
	close(fd);
}

static void pci_pins_are_shared(void **state)
{
	struct harness *h = harness_new(16 * MIB);
	struct toy a, b;
	unsigned int gsi = PCI_GSI_BASE + 5;

	(void)state;
	toy_plug(h, &a);
	memset(&b, 0, sizeof b);
	pci_device_init(&b.pci, &h->m, "other", &toy_ops, &toy_id, true);
	assert_int_equal(pci_plug(h->m.pci, &b.pci, 5, NULL), -EBUSY);
	assert_int_equal(pci_plug(h->m.pci, &b.pci, 13, NULL), 0);
	pci_set_pin(&a.pci, true);
	pci_set_pin(&b.pci, true);
	assert_true(h->lines[gsi]);
	pci_set_pin(&a.pci, false);
	assert_true(h->lines[gsi]);
	harness_config_write(h, 13, 4, 2, 1 << 10); /* interrupts by pin off */
	assert_false(h->lines[gsi]);
	assert_int_equal(harness_config_read(h, 13, 6, 2) & 8, 8); /* but the status tells */
	harness_config_write(h, 13, 4, 2, 0);
	assert_true(h->lines[gsi]);
	pci_unplug(&b.pci);
	assert_false(h->lines[gsi]);
	assert_int_equal(harness_config_read(h, 13, 0, 4), 0xffffffff);
	harness_free(h);
}

static int register_thread(void **state)
{
	(void)state;
	urcu_memb_register_thread();
	return 0;
}

static int unregister_thread(void **state)
{
	(void)state;
	urcu_memb_barrier();
	urcu_memb_unregister_thread();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_has_a_hole),
		cmocka_unit_test(memory_goes_back_to_the_host),
		cmocka_unit_test(too_much_memory_is_refused),
		cmocka_unit_test(bus_dispatches),
		cmocka_unit_test(pci_config_is_found_both_ways),
		cmocka_unit_test(pci_bars_size_and_move),
		cmocka_unit_test(pci_msix_masks_and_remembers),
		cmocka_unit_test(pci_msix_binds_eventfds_while_unmasked),
		cmocka_unit_test(pci_pins_are_shared),
	};

	return cmocka_run_group_tests(tests, register_thread, unregister_thread);
}
