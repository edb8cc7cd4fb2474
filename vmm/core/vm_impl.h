/* SPDX-License-Identifier: Apache-2.0 */
/* What vm.c, vcpu.c and irq.c share; nobody else includes this. */
#ifndef VMM_CORE_VM_IMPL_H
#define VMM_CORE_VM_IMPL_H 1

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vmm/core/bus.h"
#include "vmm/core/vm.h"

#define VM_N_GSIS 24
#define VM_MAX_ROUTES 1024

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	pthread_t thread;
	bool has_thread;
	struct vcpu_initial *initial;
	_Atomic uint64_t exits[VM_N_EXITS];
};

/** An eventfd that raises an MSI. */
struct irq_route {
	int eventfd; /* -1: free */
	struct machine_msi msi;
};

struct vm {
	struct machine machine; /* first: machine_ops get a pointer to it */
	struct vm_config config;
	int kvm_fd, fd;
	struct vm_entry entry;
	unsigned int n_vcpus;
	struct vcpu *vcpus[VM_MAX_CPUS];

	pthread_mutex_t lock; /* guards the next four */
	pthread_cond_t parked, go;
	bool is_paused, is_ending;
	unsigned int n_parked;
	_Atomic bool
		must_park; /* what a CPU looks at before each entry: paused, ending, or something is about to be done */
	bool is_over;	   /* main thread: nothing that the guest asks for happens any more */
	struct bus_range debug_exit;
	_Atomic int exit_code;

	size_t coalesced_at; /* coalesced.h: where the ring is in a CPU's mapping; 0: there is none */
	pthread_mutex_t coalesced_lock;

	pthread_mutex_t irq_lock; /* guards the routes */
	struct irq_route routes[VM_MAX_ROUTES];
	unsigned int n_routes;
};

static inline struct vm *vm_of(struct machine *m)
{
	return (struct vm *)(void *)m;
}

/* ---- vm.c ---- */

/** vm_stop() - it is over, and vm_config.stopped hears why; once. */
void vm_stop(struct vm *vm, enum vm_stop reason);

/* ---- vcpu.c ---- */

VSW_MUST_USE int vcpu_new(struct vm *vm, unsigned int index, struct errtext *err);
void vcpu_free(struct vcpu *vcpu);
/** vcpu_start() - its thread, which parks first. */
VSW_MUST_USE int vcpu_start(struct vcpu *vcpu, struct errtext *err);
/** vcpu_kick() - out of the guest soon; any thread. */
void vcpu_kick(struct vcpu *vcpu);

/* ---- vcpu_state.c ---- */

/** vcpu_save_initial() - what KVM gave it: the state that a reset goes back to. */
VSW_MUST_USE int vcpu_save_initial(struct vcpu *vcpu, struct errtext *err);
/** vcpu_reset() - registers as after INIT, and the first CPU's as vm->entry says. Parked. */
VSW_MUST_USE int vcpu_reset(struct vcpu *vcpu);

/* ---- irq.c ---- */

/** irq_init() - the routes of the GSIs. */
VSW_MUST_USE int irq_init(struct vm *vm, struct errtext *err);
void irq_set_line(struct machine *m, unsigned int gsi, bool level);
void irq_send_msi(struct machine *m, const struct machine_msi *msi);
int irq_irqfd(struct machine *m, int eventfd, const struct machine_msi *msi);

#endif
