// SPDX-License-Identifier: Apache-2.0
/* ACPI fixed hardware. Registers: PM1_STS 0, PM1_EN 2, PM1_CNT 4, PM_TMR 8, from ACPI_PM_BASE on. */
#include "vmm/dev/acpi_pm.h"

#include <stdlib.h>
#include <time.h>

#include "vmm/core/acpi.h"

enum reg { PM1_STS = 0, PM1_EN = 2, PM1_CNT = 4, PM_TMR = 8, PM_SIZE = 12 };

/** Bits of PM1_STS and PM1_EN. */
#define POWER_BUTTON (1 << 8)
#define ENABLE_BITS (1 << 0 | 1 << 5 | POWER_BUTTON | 1 << 10)

/** Bits of PM1_CNT. */
#define SCI_EN 1
#define SLP_TYP_SHIFT 10
#define SLP_EN (1 << 13)

#define TIMER_HZ 3579545ull

static uint32_t timer_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)((uint64_t)t.tv_sec * TIMER_HZ + (uint64_t)t.tv_nsec * TIMER_HZ / 1000000000);
}

static void update_sci(struct acpi_pm *pm)
{
	bool level = pm->status & pm->enable || pm->gpe_status & pm->gpe_enable;

	if (level != pm->sci)
		machine_set_line(pm->machine, ACPI_SCI, level);
	pm->sci = level;
}

/* All registers as one little-endian string of bytes. */
static uint64_t pm_read(void *aux, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = aux;
	uint64_t low = pm->status | (uint64_t)pm->enable << 16 | (uint64_t)(pm->control | SCI_EN) << 32;
	uint64_t value = offset < PM_TMR ? low >> 8 * offset : (uint64_t)timer_now() >> 8 * (offset - PM_TMR);

	return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static void write_control(struct acpi_pm *pm, uint16_t value)
{
	pm->control = value & (uint16_t)~SLP_EN;
	if (value & SLP_EN && (value >> SLP_TYP_SHIFT & 7) == ACPI_S5)
		machine_event(pm->machine, MACHINE_POWEROFF);
}

static void pm_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = aux;

	switch (offset) {
	case PM1_STS:
		pm->status &= (uint16_t)~value; /* a 1 clears */
		if (size >= 4)
			pm->enable = value >> 16 & ENABLE_BITS;
		break;
	case PM1_EN:
		pm->enable = (uint16_t)value & ENABLE_BITS;
		break;
	case PM1_CNT:
		write_control(pm, (uint16_t)value);
		break;
	}
	update_sci(pm);
}

static const struct bus_ops pm_ops = {pm_read, pm_write};

/* Status, then enable. */
static uint64_t gpe_read(void *aux, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = aux;
	unsigned int both = pm->gpe_status | (unsigned int)pm->gpe_enable << 8;

	return size == 1 ? both >> 8 * offset & 0xff : both;
}

static void gpe_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = aux;

	if (offset == 0)
		pm->gpe_status &= (uint8_t)~value; /* a 1 clears */
	if (offset == 1 || size == 2)
		pm->gpe_enable = (uint8_t)(offset ? value : value >> 8);
	update_sci(pm);
}

static const struct bus_ops gpe_ops = {gpe_read, gpe_write};

static void reset(void *aux)
{
	struct acpi_pm *pm = aux;

	pthread_mutex_lock(&pm->lock);
	pm->status = pm->enable = pm->control = 0;
	pm->gpe_status = pm->gpe_enable = 0;
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
}

void acpi_pm_init(struct acpi_pm *pm, struct machine *machine)
{
	*pm = (struct acpi_pm){.machine = machine};
	pthread_mutex_init(&pm->lock, NULL);
	pm->range = (struct bus_range){
		.base = ACPI_PM_BASE, .size = PM_SIZE, .ops = &pm_ops, .aux = pm, .lock = &pm->lock, .name = "acpi-pm"};
	machine_add_hook(machine, &pm->hook, reset, pm);
	pm->gpe_range = (struct bus_range){
		.base = ACPI_GPE_BASE, .size = 2, .ops = &gpe_ops, .aux = pm, .lock = &pm->lock, .name = "acpi-gpe"};
	if (bus_add(machine->pio, &pm->range) || bus_add(machine->pio, &pm->gpe_range))
		abort(); /* the board's own ports */
}

void acpi_pm_fini(struct acpi_pm *pm)
{
	machine_del_hook(&pm->hook);
	bus_del(pm->machine->pio, &pm->range);
	bus_del(pm->machine->pio, &pm->gpe_range);
	bus_quiesce();
	pthread_mutex_destroy(&pm->lock);
}

bool acpi_pm_press_power(struct acpi_pm *pm)
{
	bool is_heard;

	pthread_mutex_lock(&pm->lock);
	pm->status |= POWER_BUTTON;
	is_heard = pm->enable & POWER_BUTTON;
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
	return is_heard;
}

bool acpi_pm_raise(struct acpi_pm *pm, unsigned int gpe)
{
	bool is_heard;

	pthread_mutex_lock(&pm->lock);
	pm->gpe_status |= (uint8_t)(1u << gpe);
	is_heard = pm->gpe_enable >> gpe & 1;
	update_sci(pm);
	pthread_mutex_unlock(&pm->lock);
	return is_heard;
}
