// SPDX-License-Identifier: Apache-2.0
/*
 * Writes that KVM keeps for later. The ring is the machine's, not a CPU's: `coalesced_lock` has one drain it at a time, and an entry is taken off the ring
 * only when it has taken effect, so that who finds the ring empty need not wait for anybody. Each CPU's mapping shows it.
 */
#include "vmm/core/coalesced.h"

#include <sys/ioctl.h>

#include "vmm/core/bus.h"
#include "vmm/core/vm_impl.h"

#define ADDRESS_PORT 0xcf8
#define PAGE_SIZE 4096u

void coalesced_init(struct vm *vm)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = ADDRESS_PORT, .size = 4, .pio = 1};
	long page = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

	if (page <= 0 || ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) <= 0)
		return;
	if (ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone) == 0)
		vm->coalesced_at = (size_t)page * PAGE_SIZE;
}

static void take_effect(struct vm *vm, struct kvm_coalesced_mmio *entry)
{
	if (entry->len && entry->len <= sizeof entry->data)
		bus_access(entry->pio ? vm->machine.pio : vm->machine.mmio, entry->phys_addr, entry->len, true,
			   entry->data);
}

void coalesced_drain(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_coalesced_mmio_ring *ring = (void *)((char *)vcpu->run + vm->coalesced_at);
	const uint32_t n_entries = (PAGE_SIZE - sizeof *ring) / sizeof ring->coalesced_mmio[0];
	uint32_t first;

	if (!vm->coalesced_at ||
	    __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE) == __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&vm->coalesced_lock);
	first = ring->first;
	while (first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		take_effect(vm, &ring->coalesced_mmio[first]);
		first = (first + 1) % n_entries;
		__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&vm->coalesced_lock);
}
