// SPDX-License-Identifier: Apache-2.0
/* ACPI tables; acpi.h says where and why. */
#include "vmm/core/acpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "vmm/core/aml.h"
#include "vmm/core/memory.h"
#include "vmm/core/pci.h"

#define LAPIC_ADDR 0xfee00000
#define IOAPIC_ADDR 0xfec00000

struct gas {
	uint8_t space, width, offset, access;
	uint64_t address;
} __attribute__((packed));

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct fadt {
	struct header h;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1, sleep_ctl,
		sleep_sts;
	uint64_t hypervisor;
} __attribute__((packed));

_Static_assert(sizeof(struct fadt) == 276, "ACPI 6.4 table 5.9");
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.4 table 5.3");

enum fadt_flag {
	FADT_WBINVD = 1 << 0,
	FADT_C1 = 1 << 2,
	FADT_NO_SLEEP_BUTTON = 1 << 5,
	FADT_TIMER_32 = 1 << 8,
	FADT_RESET_REG = 1 << 10,
};

enum boot_arch { BOOT_LEGACY = 1 << 0, BOOT_NO_VGA = 1 << 2 };

/** Tables are put one behind another, each on 16 bytes. */
struct writer {
	struct guest_memory *memory;
	uint64_t next;
};

static uint8_t sum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t total = 0;

	while (len--)
		total = (uint8_t)(total + *p++);
	return total;
}

static uint64_t put(struct writer *w, const void *data, size_t len)
{
	uint64_t at = w->next;

	if (at + len > ACPI_END || !memory_write(w->memory, at, data, len))
		abort(); /* our own tables, of bounded size */
	w->next = ROUND_UP(at + len, 16);
	return at;
}

static void set_header(struct header *h, const char *signature, uint8_t revision, size_t length)
{
	memcpy(h->signature, signature, 4);
	h->length = (uint32_t)length;
	h->revision = revision;
	memcpy(h->oem_id, "VSW   ", 6);
	memcpy(h->oem_table_id, "VSWVMM  ", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "VSW ", 4);
	h->creator_revision = 1;
}

/* Header and body, with the checksum. Return: where it lies. */
static uint64_t put_table(struct writer *w, const char *signature, uint8_t revision, const struct ds *body)
{
	struct ds table = DS_INIT;
	struct header h = {0};
	uint64_t at;

	set_header(&h, signature, revision, sizeof h + body->len);
	ds_put_mem(&table, &h, sizeof h);
	ds_put_mem(&table, body->s, body->len);
	((struct header *)(void *)table.s)->checksum = (uint8_t)-sum(table.s, table.len);
	at = put(w, table.s, table.len);
	ds_fini(&table);
	return at;
}

/* ---- DSDT ---- */

static void add_pci_resources(struct ds *dsdt, const struct guest_memory *memory)
{
	uint64_t high = ROUND_UP(memory_top(memory), PCI_MMIO64_SIZE);
	struct ds res = DS_INIT;

	aml_res_bus(&res, 0, 0);
	aml_res_io(&res, 0xcf8, 8);
	aml_res_io_window(&res, PCI_IO_BASE, PCI_IO_END - 1);
	aml_res_mem32_window(&res, PCI_MMIO32_BASE, PCI_MMIO32_END - 1);
	aml_res_mem64_window(&res, high, high + PCI_MMIO64_SIZE - 1);
	aml_name(dsdt, "_CRS");
	aml_resources(dsdt, &res);
	ds_fini(&res);
}

/* Pin INTA of each slot: a line of the IO-APIC, hard-wired. */
static void add_pci_routes(struct ds *dsdt)
{
	struct aml_mark all, one;

	aml_name(dsdt, "_PRT");
	all = aml_begin_package(dsdt, PCI_N_SLOTS - 1);
	for (unsigned int slot = 1; slot < PCI_N_SLOTS; slot++) {
		one = aml_begin_package(dsdt, 4);
		aml_integer(dsdt, slot << 16 | 0xffff);
		aml_integer(dsdt, 0);
		aml_integer(dsdt, 0);
		aml_integer(dsdt, PCI_GSI_BASE + slot % PCI_N_GSIS);
		aml_end(dsdt, one);
	}
	aml_end(dsdt, all);
}

/* A device for each slot that can be ejected: this is how a guest knows that things may come and go there. */
static void add_slots(struct ds *dsdt)
{
	for (unsigned int slot = 1; slot < PCI_N_SLOTS; slot++) {
		struct aml_mark device, method;
		char name[5];

		snprintf(name, sizeof name, "S%02u_", slot);
		device = aml_begin_device(dsdt, name);
		aml_name(dsdt, "_ADR");
		aml_integer(dsdt, slot << 16);
		aml_name(dsdt, "_SUN");
		aml_integer(dsdt, slot);
		method = aml_begin_method(dsdt, "_EJ0", 1);
		aml_store_integer(dsdt, 1u << slot, "HPEJ");
		aml_end(dsdt, method);
		aml_end(dsdt, device);
	}
}

/* What to do about the slots in a register: tell their drivers, and acknowledge. */
static void add_notices(struct ds *dsdt, const char *field, unsigned int what)
{
	aml_load(dsdt, field);
	aml_store(dsdt, field);
	for (unsigned int slot = 1; slot < PCI_N_SLOTS; slot++) {
		struct aml_mark mark = aml_begin_if(dsdt, 1u << slot);
		char path[20];

		snprintf(path, sizeof path, "\\_SB_.PCI0.S%02u_", slot);
		aml_notify(dsdt, path, what);
		aml_end(dsdt, mark);
	}
}

static void add_hotplug_event(struct ds *dsdt)
{
	enum { DEVICE_CHECK = 1, EJECT_REQUEST = 3 };
	struct aml_mark scope = aml_begin_scope(dsdt, "\\_GPE"), method;

	method = aml_begin_method(dsdt, "_E01", 0); /* ACPI_GPE_HOTPLUG, an edge */
	add_notices(dsdt, "HPUP", DEVICE_CHECK);
	add_notices(dsdt, "HPDN", EJECT_REQUEST);
	aml_end(dsdt, method);
	aml_end(dsdt, scope);
}

static void add_pci(struct ds *dsdt, const struct guest_memory *memory)
{
	struct aml_mark device = aml_begin_device(dsdt, "PCI0");

	aml_name(dsdt, "_HID");
	aml_eisa_id(dsdt, "PNP0A08");
	aml_name(dsdt, "_CID");
	aml_eisa_id(dsdt, "PNP0A03");
	aml_name(dsdt, "_UID");
	aml_integer(dsdt, 0);
	aml_name(dsdt, "_BBN");
	aml_integer(dsdt, 0);
	add_pci_resources(dsdt, memory);
	add_pci_routes(dsdt);
	add_slots(dsdt);
	aml_end(dsdt, device);
}

/* A device at fixed ports with an ISA interrupt; @irq 0: none. */
/* A device of the board that has nothing but resources, which are used up. */
static void add_board_device(struct ds *dsdt, const char *name, const char *id, struct ds *resources)
{
	struct aml_mark device = aml_begin_device(dsdt, name);

	aml_name(dsdt, "_HID");
	aml_eisa_id(dsdt, id);
	aml_name(dsdt, "_UID");
	aml_integer(dsdt, 1);
	aml_name(dsdt, "_CRS");
	aml_resources(dsdt, resources);
	aml_end(dsdt, device);
	ds_fini(resources);
}

static void add_isa(struct ds *dsdt, const char *name, const char *id, uint16_t port, uint8_t len, unsigned int irq)
{
	struct ds res = DS_INIT;

	aml_res_io(&res, port, len);
	if (irq)
		aml_res_irq(&res, irq);
	add_board_device(dsdt, name, id, &res);
}

/* What belongs to the board: nobody may put anything there, and ECAM is believed because of it. */
static void add_motherboard(struct ds *dsdt)
{
	struct ds res = DS_INIT;

	aml_res_mem32_fixed(&res, (uint32_t)PCI_ECAM_BASE, (uint32_t)PCI_ECAM_SIZE);
	aml_res_io(&res, ACPI_PM_BASE, 16);
	aml_res_io(&res, ACPI_GPE_BASE, 32);
	add_board_device(dsdt, "MB00", "PNP0C02", &res);
}

static void add_sleep_state(struct ds *dsdt)
{
	struct aml_mark package;

	aml_name(dsdt, "_S5_");
	package = aml_begin_package(dsdt, 4);
	aml_integer(dsdt, ACPI_S5);
	aml_integer(dsdt, ACPI_S5);
	aml_integer(dsdt, 0);
	aml_integer(dsdt, 0);
	aml_end(dsdt, package);
}

static uint64_t put_dsdt(struct writer *w)
{
	struct ds dsdt = DS_INIT;
	struct aml_mark scope;
	uint64_t at;

	static const char *const hotplug[] = {"HPUP", "HPDN", "HPEJ"};

	add_sleep_state(&dsdt);
	aml_io_fields(&dsdt, "HPIO", ACPI_HOTPLUG_BASE, hotplug, ARRAY_SIZE(hotplug));
	scope = aml_begin_scope(&dsdt, "\\_SB_");
	add_pci(&dsdt, w->memory);
	add_motherboard(&dsdt);
	add_isa(&dsdt, "COM1", "PNP0501", 0x3f8, 8, 4);
	add_isa(&dsdt, "RTC0", "PNP0B00", 0x70, 2, 8);
	aml_end(&dsdt, scope);
	add_hotplug_event(&dsdt);
	at = put_table(w, "DSDT", 2, &dsdt);
	ds_fini(&dsdt);
	return at;
}

/* ---- the other tables ---- */

static uint64_t put_facs(struct writer *w)
{
	uint8_t facs[64] = "FACS";

	facs[4] = sizeof facs;
	facs[32] = 2; /* version */
	w->next = ROUND_UP(w->next, 64);
	return put(w, facs, sizeof facs);
}

static struct gas port(uint16_t address, uint8_t bytes)
{
	return (struct gas){
		.space = 1, .width = (uint8_t)(8 * bytes), .access = bytes == 4 ? 3 : bytes, .address = address};
}

static uint64_t put_fadt(struct writer *w, uint64_t facs, uint64_t dsdt)
{
	struct fadt fadt = {
		.firmware_ctrl = (uint32_t)facs,
		.dsdt = (uint32_t)dsdt,
		.sci = ACPI_SCI,
		.pm1a_evt = ACPI_PM_BASE,
		.pm1a_cnt = ACPI_PM_BASE + 4,
		.pm_tmr = ACPI_PM_BASE + 8,
		.gpe0 = ACPI_GPE_BASE,
		.gpe0_len = 2,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.pm_tmr_len = 4,
		.c2_latency = 0xfff, /* above 100: no such state */
		.c3_latency = 0xfff,
		.century = 0x32,
		.boot_arch = BOOT_LEGACY | BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_C1 | FADT_NO_SLEEP_BUTTON | FADT_TIMER_32 | FADT_RESET_REG,
		.reset_reg = port(0x64, 1), /* the keyboard controller's reset line */
		.reset_value = 0xfe,
		.minor = 4,
		.x_firmware_ctrl = facs,
		.x_dsdt = dsdt,
		.x_pm1a_evt = port(ACPI_PM_BASE, 4),
		.x_pm1a_cnt = port(ACPI_PM_BASE + 4, 2),
		.x_pm_tmr = port(ACPI_PM_BASE + 8, 4),
		.x_gpe0 = port(ACPI_GPE_BASE, 2),
	};

	memcpy(&fadt.hypervisor, "VSWVMM\0", 8);
	set_header(&fadt.h, "FACP", 6, sizeof fadt);
	fadt.h.checksum = (uint8_t)-sum(&fadt, sizeof fadt);
	return put(w, &fadt, sizeof fadt);
}

static void add_bytes(struct ds *ds, const uint8_t *bytes, size_t n)
{
	ds_put_mem(ds, bytes, n);
}

static uint64_t put_madt(struct writer *w, unsigned int n_cpus)
{
	const uint32_t head[2] = {LAPIC_ADDR, 1 /* there are 8259s, too */};
	const uint8_t ioapic[12] = {1, 12, 0, 0, 0, 0, IOAPIC_ADDR >> 16 & 0xff, IOAPIC_ADDR >> 24};
	const uint8_t timer[10] = {2, 10, 0, 0, 2};			       /* IRQ 0 arrives at pin 2 */
	const uint8_t sci[10] = {2, 10, 0, ACPI_SCI, ACPI_SCI, 0, 0, 0, 0x0d}; /* level, active high */
	const uint8_t nmi[6] = {4, 6, 0xff, 0, 0, 1};			       /* LINT1 of all */
	struct ds madt = DS_INIT;
	uint64_t at;

	ds_put_mem(&madt, head, sizeof head);
	for (unsigned int i = 0; i < n_cpus; i++) {
		const uint8_t lapic[8] = {0, 8, (uint8_t)i, (uint8_t)i, 1};

		add_bytes(&madt, lapic, sizeof lapic);
	}
	add_bytes(&madt, ioapic, sizeof ioapic);
	add_bytes(&madt, timer, sizeof timer);
	add_bytes(&madt, sci, sizeof sci);
	add_bytes(&madt, nmi, sizeof nmi);
	at = put_table(w, "APIC", 5, &madt);
	ds_fini(&madt);
	return at;
}

static uint64_t put_mcfg(struct writer *w)
{
	const struct {
		uint64_t reserved, base;
		uint16_t segment;
		uint8_t first_bus, last_bus;
		uint32_t reserved2;
	} __attribute__((packed)) body = {.base = PCI_ECAM_BASE};
	struct ds mcfg = DS_INIT;
	uint64_t at;

	ds_put_mem(&mcfg, &body, sizeof body);
	at = put_table(w, "MCFG", 1, &mcfg);
	ds_fini(&mcfg);
	return at;
}

uint64_t acpi_build(struct guest_memory *memory, unsigned int n_cpus)
{
	/* The root pointer comes first: who looks for it from 0xe0000 on finds it at once. */
	struct writer w = {memory, ACPI_BASE + 64};
	struct rsdp rsdp = {.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
			    .oem_id = {'V', 'S', 'W', ' ', ' ', ' '},
			    .revision = 2,
			    .length = sizeof rsdp};
	struct ds xsdt = DS_INIT;
	uint64_t tables[3];

	tables[2] = put_dsdt(&w);
	tables[0] = put_fadt(&w, put_facs(&w), tables[2]);
	tables[1] = put_madt(&w, n_cpus);
	tables[2] = put_mcfg(&w);
	ds_put_mem(&xsdt, tables, sizeof tables);
	rsdp.xsdt = put_table(&w, "XSDT", 1, &xsdt);
	ds_fini(&xsdt);
	rsdp.checksum = (uint8_t)-sum(&rsdp, 20); /* of the part that ACPI 1.0 knew */
	rsdp.extended_checksum = (uint8_t)-sum(&rsdp, sizeof rsdp);
	w.next = ACPI_BASE;
	return put(&w, &rsdp, sizeof rsdp);
}
