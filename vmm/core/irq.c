// SPDX-License-Identifier: Apache-2.0
/*
 * Interrupts: KVM has the interrupt controllers (two 8259s, an IO-APIC, local APICs); here are the lines, messages and the table of routes.
 *
 * A route's number is its GSI: 0-23 are the pins, as wired on a PC; those behind are messages, one for each eventfd that raises one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "vmm/core/sandbox.h"
#include "vmm/core/vm_impl.h"

LOG_MODULE(irq);

SANDBOX_IOCTLS(THREAD_ALL, KVM_IRQ_LINE, KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING, KVM_IRQFD);

#define MAX_ENTRIES (2 * VM_N_GSIS + VM_MAX_ROUTES)

static void add_pin(struct kvm_irq_routing *r, unsigned int gsi, unsigned int chip, unsigned int pin)
{
	struct kvm_irq_routing_entry *e = &r->entries[r->nr++];

	e->gsi = gsi;
	e->type = KVM_IRQ_ROUTING_IRQCHIP;
	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

/* ISA interrupts go to both kinds of controller; the timer's arrives at the IO-APIC's pin 2 (as the MADT tells), and pin 2 of the first 8259 is the second one. */
static void add_pins(struct kvm_irq_routing *r)
{
	for (unsigned int gsi = 0; gsi < VM_N_GSIS; gsi++) {
		if (gsi < 16 && gsi != 2)
			add_pin(r, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
		if (gsi != 2)
			add_pin(r, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	}
}

/* Tell KVM the whole table. Caller holds irq_lock. */
static int commit(struct vm *vm)
{
	struct kvm_irq_routing *r = xzalloc(sizeof *r + MAX_ENTRIES * sizeof r->entries[0]);
	int error;

	add_pins(r);
	for (unsigned int i = 0; i < vm->n_routes; i++) {
		struct kvm_irq_routing_entry *e;

		if (vm->routes[i].eventfd < 0)
			continue;
		e = &r->entries[r->nr++];
		e->gsi = VM_N_GSIS + i;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = (uint32_t)vm->routes[i].msi.addr;
		e->u.msi.address_hi = (uint32_t)(vm->routes[i].msi.addr >> 32);
		e->u.msi.data = vm->routes[i].msi.data;
	}
	error = ioctl(vm->fd, KVM_SET_GSI_ROUTING, r) < 0 ? -errno : 0;
	free(r);
	return error;
}

int irq_init(struct vm *vm, struct errtext *err)
{
	int error;

	pthread_mutex_lock(&vm->irq_lock);
	error = commit(vm);
	pthread_mutex_unlock(&vm->irq_lock);
	return error ? errtext_set(err, -error, "KVM: interrupt routes: %s", strerror(-error)) : 0;
}

void irq_set_line(struct machine *m, unsigned int gsi, bool level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	if (ioctl(vm_of(m)->fd, KVM_IRQ_LINE, &line) < 0)
		log_warn_rl("GSI %u: %s", gsi, strerror(errno));
}

void irq_send_msi(struct machine *m, const struct machine_msi *msi)
{
	struct kvm_msi message = {
		.address_lo = (uint32_t)msi->addr, .address_hi = (uint32_t)(msi->addr >> 32), .data = msi->data};

	/* 0: the guest has blocked it; an error: it wrote a message that means nothing. Both are its own affair. */
	if (ioctl(vm_of(m)->fd, KVM_SIGNAL_MSI, &message) < 0)
		log_dbg("MSI %#llx %#x: %s", (unsigned long long)msi->addr, msi->data, strerror(errno));
}

static int set_irqfd(struct vm *vm, unsigned int route, int eventfd, bool add)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd, .gsi = VM_N_GSIS + route, .flags = add ? 0 : KVM_IRQFD_FLAG_DEASSIGN};

	return ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

/* The eventfd's route, or a free one; VM_MAX_ROUTES: neither. */
static unsigned int find_route(const struct vm *vm, int eventfd, bool *is_new)
{
	unsigned int free_one = VM_MAX_ROUTES;

	for (unsigned int i = 0; i < vm->n_routes; i++) {
		if (vm->routes[i].eventfd == eventfd) {
			*is_new = false;
			return i;
		}
		if (vm->routes[i].eventfd < 0 && free_one == VM_MAX_ROUTES)
			free_one = i;
	}
	*is_new = true;
	return free_one < VM_MAX_ROUTES ? free_one : vm->n_routes;
}

static int route_locked(struct vm *vm, int eventfd, const struct machine_msi *msi)
{
	bool is_new;
	unsigned int i = find_route(vm, eventfd, &is_new);
	int error;

	if (!msi) {
		if (is_new)
			return 0;
		error = set_irqfd(vm, i, eventfd, false);
		vm->routes[i].eventfd = -1;
		return error;
	}
	if (i == VM_MAX_ROUTES)
		return -ENOSPC;
	if (!is_new && vm->routes[i].msi.addr == msi->addr && vm->routes[i].msi.data == msi->data)
		return 0;
	vm->routes[i] = (struct irq_route){.eventfd = eventfd, .msi = *msi};
	if (i == vm->n_routes)
		vm->n_routes++;
	error = commit(vm);
	if (!error && is_new)
		error = set_irqfd(vm, i, eventfd, true);
	if (error && is_new)
		vm->routes[i].eventfd = -1;
	return error;
}

int irq_irqfd(struct machine *m, int eventfd, const struct machine_msi *msi)
{
	struct vm *vm = vm_of(m);
	int error;

	pthread_mutex_lock(&vm->irq_lock);
	error = route_locked(vm, eventfd, msi);
	pthread_mutex_unlock(&vm->irq_lock);
	return error;
}
