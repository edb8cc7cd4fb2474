// SPDX-License-Identifier: Apache-2.0
/* Slots that come and go. */
#include "vmm/dev/acpi_hotplug.h"

#include <stdlib.h>

#include "os/loop.h"
#include "vmm/core/acpi.h"
#include "vmm/core/pci.h"
#include "vmm/dev/acpi_pm.h"

enum reg { CAME = 0, TO_GO = 4, EJECT = 8, HOTPLUG_SIZE = 12 };

static uint64_t hotplug_read(void *aux, uint64_t offset, unsigned int size)
{
	const struct acpi_hotplug *h = aux;

	if (size != 4)
		return 0;
	return offset == CAME ? h->came : offset == TO_GO ? h->to_go : 0;
}

/* In the main thread, where devices may be taken away. */
static void tell_ejected(void *aux)
{
	struct acpi_hotplug *h = aux;
	uint32_t ejected;

	pthread_mutex_lock(&h->lock);
	ejected = h->ejected;
	h->ejected = 0;
	pthread_mutex_unlock(&h->lock);
	for (unsigned int slot = 1; slot < PCI_N_SLOTS; slot++)
		if (ejected >> slot & 1 && h->gone)
			h->gone(h->aux, slot);
}

static void hotplug_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_hotplug *h = aux;

	if (size != 4)
		return;
	if (offset == CAME)
		h->came &= (uint32_t)~value;
	if (offset == TO_GO)
		h->to_go &= (uint32_t)~value;
	if (offset != EJECT)
		return;
	/* One message is on its way as long as there is something to tell. */
	if (!h->ejected && value)
		loop_post(h->machine->loop, tell_ejected, h);
	h->ejected |= (uint32_t)value;
}

static const struct bus_ops hotplug_ops = {hotplug_read, hotplug_write};

static void reset(void *aux)
{
	struct acpi_hotplug *h = aux;

	pthread_mutex_lock(&h->lock);
	h->came = h->to_go = 0;
	pthread_mutex_unlock(&h->lock);
}

void acpi_hotplug_init(struct acpi_hotplug *h, struct machine *machine, struct acpi_pm *pm)
{
	h->machine = machine;
	h->pm = pm;
	pthread_mutex_init(&h->lock, NULL);
	h->range = (struct bus_range){.base = ACPI_HOTPLUG_BASE,
				      .size = HOTPLUG_SIZE,
				      .ops = &hotplug_ops,
				      .aux = h,
				      .lock = &h->lock,
				      .name = "acpi-hotplug"};
	machine_add_hook(machine, &h->hook, reset, h);
	if (bus_add(machine->pio, &h->range))
		abort(); /* the board's own ports */
}

void acpi_hotplug_fini(struct acpi_hotplug *h)
{
	machine_del_hook(&h->hook);
	bus_del(h->machine->pio, &h->range);
	bus_quiesce();
	pthread_mutex_destroy(&h->lock);
}

static bool tell(struct acpi_hotplug *h, uint32_t *reg, unsigned int slot)
{
	pthread_mutex_lock(&h->lock);
	*reg |= 1u << slot;
	pthread_mutex_unlock(&h->lock);
	return acpi_pm_raise(h->pm, ACPI_GPE_HOTPLUG);
}

bool acpi_hotplug_came(struct acpi_hotplug *h, unsigned int slot)
{
	return tell(h, &h->came, slot);
}

bool acpi_hotplug_ask(struct acpi_hotplug *h, unsigned int slot)
{
	return tell(h, &h->to_go, slot);
}
