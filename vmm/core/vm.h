/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine under KVM: the one implementation of struct machine that has CPUs.
 *
 *   vm.c    KVM's side: memory slots, interrupt controllers in the kernel, routes, eventfds; pause, resume, reset, end
 *   vcpu.c  one thread for each virtual CPU, and what makes it leave the guest
 *   irq.c   GSI routes and irqfds
 *
 * The machine begins paused: with its devices plugged the caller loads what is to boot (boot.h), and calls vm_resume(). All functions come from
 * the main thread, but for those of struct machine_ops.
 *
 * What the guest asks for (reset, power off) and what goes wrong arrives at vm_config.stopped or is done here (reset: every
 * device, the CPUs, then vm_config.booted loads the boot image again).
 */
#ifndef VMM_CORE_VM_H
#define VMM_CORE_VM_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "vmm/core/machine.h"
#include "vmm/core/memory.h"

struct cpu_model;
struct vm;

#define VM_MAX_CPUS 64

enum vm_stop {
	VM_STOP_POWEROFF,
	VM_STOP_PANIC, /**< the guest says that it crashed; vm_exit_code() */
	VM_STOP_ERROR, /**< KVM cannot go on; it has been logged */
};

/** How a CPU begins; made by boot.c. */
struct vm_entry {
	enum { VM_ENTRY_LONG, VM_ENTRY_PROTECTED, VM_ENTRY_REAL } mode;
	uint64_t rip, rsp;
	uint64_t rsi; /**< Linux: its boot parameters */
	uint64_t rbx; /**< PVH: its start info */
	uint64_t cr3; /**< VM_ENTRY_LONG */
};

struct vm_config {
	const char *name;
	unsigned int n_cpus;
	struct memory_config memory;
	const struct cpu_model *cpu; /**< NULL: all that host and KVM have */
	struct loop *loop;
	bool no_reboot;			       /**< a reset ends the machine, as power off does */
	int (*boot)(void *aux, struct vm *vm); /**< load the boot image, vm_set_entry(). Return: 0 or -errno, logged. */
	void (*stopped)(void *aux, struct vm *vm, enum vm_stop reason);
	void *aux;
};

/** vm_new() - Return: 0, or -errno with the sentence: no /dev/kvm, no permission, what KVM here lacks. */
VSW_MUST_USE int vm_new(const struct vm_config *config, struct vm **vm, struct errtext *err);
/** vm_free() - ends the CPUs; devices are unplugged. */
void vm_free(struct vm *vm);

struct machine *vm_machine(struct vm *vm);
void vm_set_entry(struct vm *vm, const struct vm_entry *entry);

/** vm_start() - boot image, then the CPUs. Return: 0 or -errno (logged). */
VSW_MUST_USE int vm_start(struct vm *vm);
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);
bool vm_is_running(const struct vm *vm);
/** vm_reset() - as the reset button; one that was paused stays so. */
void vm_reset(struct vm *vm);
/** vm_end() - pause for good: nothing that the guest still asked for, or that commands ask for, is done any more. Before vm_free(). */
void vm_end(struct vm *vm);

/** Exits of all CPUs since the start, by reason. */
enum vm_exit { VM_EXIT_IO, VM_EXIT_MMIO, VM_EXIT_HLT, VM_EXIT_INTR, VM_EXIT_SHUTDOWN, VM_EXIT_OTHER, VM_N_EXITS };
extern const char *const vm_exit_names[VM_N_EXITS];
void vm_exits(const struct vm *vm, uint64_t counts[VM_N_EXITS]);
/** vm_exit_code() - what the guest wrote to the debug exit port. */
int vm_exit_code(const struct vm *vm);

#endif
