// SPDX-License-Identifier: Apache-2.0
/*
 * Virtual CPUs: a thread each, in the guest until something there needs us.
 *
 * A CPU is brought out of the guest by a signal (SIGUSR1, whose handler does nothing) together with kvm_run.immediate_exit, which holds also when
 * the signal comes just before the entry. It then parks until the machine resumes. Before it parks, what the last exit left undone (the
 * result of an IN, say) is completed, so that registers may be read and written.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <urcu.h>

#include "base/log.h"
#include "os/loop.h"
#include "vmm/core/bus.h"
#include "vmm/core/coalesced.h"
#include "vmm/core/cpuid.h"
#include "vmm/core/sandbox.h"
#include "vmm/core/vm_impl.h"

LOG_MODULE(vcpu);

#define KICK_SIGNAL SIGUSR1

SANDBOX_IOCTLS(THREAD_VCPU, KVM_RUN, KVM_GET_REGS);

/* ---- exits ---- */

static void count(struct vcpu *vcpu, enum vm_exit reason)
{
	atomic_store_explicit(&vcpu->exits[reason],
			      atomic_load_explicit(&vcpu->exits[reason], memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool is_write = run->io.direction == KVM_EXIT_IO_OUT;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(vcpu->vm->machine.pio, run->io.port, run->io.size, is_write, data);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->mmio.len && run->mmio.len <= 8)
		bus_access(vcpu->vm->machine.mmio, run->mmio.phys_addr, run->mmio.len, run->mmio.is_write,
			   run->mmio.data);
}

static void on_error(void *aux)
{
	vm_stop(aux, VM_STOP_ERROR);
}

static void fail(struct vcpu *vcpu)
{
	atomic_store(&vcpu->vm->must_park, true);
	loop_post(vcpu->vm->config.loop, on_error, vcpu->vm);
}

static void handle_failure(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = {0};

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		log_err("%s: CPU %u at %#llx: KVM cannot go on: internal error %u", vcpu->vm->machine.name, vcpu->index,
			regs.rip, run->internal.suberror);
	else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		log_err("%s: CPU %u at %#llx: the processor refuses to enter the guest: reason %#llx",
			vcpu->vm->machine.name, vcpu->index, regs.rip,
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	else
		log_err("%s: CPU %u at %#llx: exit %u that nobody asked for", vcpu->vm->machine.name, vcpu->index,
			regs.rip, run->exit_reason);
	fail(vcpu);
}

static void handle_exit(struct vcpu *vcpu)
{
	coalesced_drain(vcpu);
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		count(vcpu, VM_EXIT_IO);
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		count(vcpu, VM_EXIT_MMIO);
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_HLT:
		count(vcpu, VM_EXIT_HLT);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		count(vcpu, VM_EXIT_INTR);
		break;
	case KVM_EXIT_SHUTDOWN: /* a triple fault */
		count(vcpu, VM_EXIT_SHUTDOWN);
		log_warn_rl("%s: CPU %u met a triple fault, which resets the machine", vcpu->vm->machine.name,
			    vcpu->index);
		machine_event(&vcpu->vm->machine, MACHINE_RESET);
		break;
	default:
		count(vcpu, VM_EXIT_OTHER);
		handle_failure(vcpu);
	}
}

/* ---- the thread ---- */

/* Let KVM finish what the last exit began, without entering the guest. */
static void complete_exit(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	ioctl(vcpu->fd, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
}

/* Return: false when the machine ends. */
static bool park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool is_ending;

	complete_exit(vcpu);
	coalesced_drain(vcpu);
	pthread_mutex_lock(&vm->lock);
	vm->n_parked++;
	pthread_cond_broadcast(&vm->parked);
	while (atomic_load(&vm->must_park) && !vm->is_ending)
		pthread_cond_wait(&vm->go, &vm->lock);
	is_ending = vm->is_ending;
	vm->n_parked--;
	pthread_mutex_unlock(&vm->lock);
	return !is_ending;
}

static void enter(struct vcpu *vcpu)
{
	if (ioctl(vcpu->fd, KVM_RUN, 0) == 0) {
		handle_exit(vcpu);
	} else if (errno == EINTR || errno == EAGAIN) {
		vcpu->run->immediate_exit = 0;
		count(vcpu, VM_EXIT_INTR);
	} else {
		log_err("%s: CPU %u: KVM: %s", vcpu->vm->machine.name, vcpu->index, strerror(errno));
		fail(vcpu);
	}
}

static void *run_thread(void *aux)
{
	struct vcpu *vcpu = aux;
	sigset_t kick;
	char name[16];

	snprintf(name, sizeof name, "vcpu%u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	urcu_memb_register_thread();
	for (;;) {
		if (atomic_load(&vcpu->vm->must_park) && !park(vcpu))
			break;
		sandbox_thread(THREAD_VCPU);
		if (!atomic_load(&vcpu->vm->must_park))
			enter(vcpu);
	}
	urcu_memb_unregister_thread();
	return NULL;
}

static void on_kick(int signal_number)
{
	(void)signal_number;
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->has_thread)
		return;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELAXED);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

int vcpu_start(struct vcpu *vcpu, struct errtext *err)
{
	struct sigaction action = {.sa_handler = on_kick};
	sigset_t all, before;
	int error;

	sigaction(KICK_SIGNAL, &action, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&vcpu->thread, NULL, run_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return errtext_set(err, error, "CPU %u: thread: %s", vcpu->index, strerror(error));
	vcpu->has_thread = true;
	return 0;
}

/* ---- life ---- */

int vcpu_new(struct vm *vm, unsigned int index, struct errtext *err)
{
	struct vcpu *vcpu = xzalloc(sizeof *vcpu);
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0), error;

	vcpu->vm = vm;
	vcpu->index = index;
	vm->vcpus[vm->n_vcpus++] = vcpu;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0)
		return errtext_set(err, errno, "KVM: CPU %u: %s", index, strerror(errno));
	vcpu->run_size = size > 0 ? (size_t)size : 0;
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return errtext_set(err, errno, "KVM: CPU %u: %s", index, strerror(errno));
	}
	error = cpuid_set(vm->kvm_fd, vcpu->fd, vm->config.cpu, index, vm->config.n_cpus, err);
	return error ? error : vcpu_save_initial(vcpu, err);
}

void vcpu_free(struct vcpu *vcpu)
{
	if (vcpu->has_thread) {
		vcpu_kick(vcpu);
		pthread_join(vcpu->thread, NULL);
	}
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	free(vcpu->initial);
	free(vcpu);
}
