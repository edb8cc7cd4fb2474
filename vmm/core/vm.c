// SPDX-License-Identifier: Apache-2.0
/* The machine: KVM's file descriptors, memory slots, its life. */
#include "vmm/core/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "os/loop.h"
#include "vmm/core/bus.h"
#include "vmm/core/coalesced.h"
#include "vmm/core/pci.h"
#include "vmm/core/sandbox.h"
#include "vmm/core/vm_impl.h"

LOG_MODULE(vm);

SANDBOX_IOCTLS(THREAD_VCPU | THREAD_MAIN, KVM_IOEVENTFD);

/* Three pages that KVM on Intel needs for itself, and one more; below the BIOS area, told to the guest as reserved. */
#define TSS_ADDR 0xfffbd000ull
#define IDENTITY_MAP_ADDR 0xfffbc000ull

const char *const vm_exit_names[VM_N_EXITS] = {"io", "mmio", "hlt", "interrupted", "shutdown", "other"};

/* ---- what KVM must have ---- */

static const struct {
	int cap;
	const char *what;
} needed[] = {
	{KVM_CAP_IRQCHIP, "interrupt controllers in the kernel"},
	{KVM_CAP_USER_MEMORY, "memory of ours"},
	{KVM_CAP_PIT2, "a timer in the kernel"},
	{KVM_CAP_IRQ_ROUTING, "interrupt routes"},
	{KVM_CAP_SIGNAL_MSI, "MSI"},
	{KVM_CAP_IRQFD, "irqfd"},
	{KVM_CAP_IOEVENTFD, "ioeventfd"},
	{KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
};

static int open_kvm(struct vm *vm, struct errtext *err)
{
	int version;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0 && errno == ENOENT)
		return errtext_set(err, ENOENT,
				   "/dev/kvm: there is none; load kvm_intel or kvm_amd, and turn virtualisation on in "
				   "the firmware");
	if (vm->kvm_fd < 0 && errno == EACCES)
		return errtext_set(err, EACCES, "/dev/kvm: no permission; run as root, or join the group `kvm`");
	if (vm->kvm_fd < 0)
		return errtext_set(err, errno, "/dev/kvm: %s", strerror(errno));
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return errtext_set(err, ENOTSUP, "/dev/kvm: API version %d, %d was expected", version, KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return errtext_set(err, ENOTSUP, "/dev/kvm: this kernel's KVM lacks %s", needed[i].what);
	return 0;
}

static int create(struct vm *vm, struct errtext *err)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	uint64_t identity = IDENTITY_MAP_ADDR;

	do
		vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return errtext_set(err, errno, "KVM: making a machine: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 || ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0 ||
	    ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 || ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0)
		return errtext_set(err, errno, "KVM: interrupt controllers and timer: %s", strerror(errno));
	return 0;
}

static int map_memory(struct vm *vm, struct errtext *err)
{
	const struct guest_memory *memory = vm->machine.memory;

	for (size_t i = 0; i < memory->n_regions; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = (uint32_t)i,
			.guest_phys_addr = memory->regions[i].gpa,
			.memory_size = memory->regions[i].size,
			.userspace_addr = (uintptr_t)memory->regions[i].host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return errtext_set(err, errno, "KVM: %llu bytes of memory: %s",
					   (unsigned long long)slot.memory_size, strerror(errno));
	}
	return 0;
}

/* ---- struct machine_ops ---- */

static int set_ioeventfd(struct machine *m, bool is_pio, uint64_t addr, unsigned int size, int eventfd, bool add)
{
	struct kvm_ioeventfd ioevent = {
		.addr = addr,
		.len = size,
		.fd = eventfd,
		.flags = (is_pio ? KVM_IOEVENTFD_FLAG_PIO : 0) | (add ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return ioctl(vm_of(m)->fd, KVM_IOEVENTFD, &ioevent) < 0 ? -errno : 0;
}

void vm_stop(struct vm *vm, enum vm_stop reason)
{
	if (vm->is_over)
		return;
	vm_end(vm);
	vm->config.stopped(vm->config.aux, vm, reason);
}

static void on_reset(void *aux)
{
	struct vm *vm = aux;

	if (vm->is_over)
		return;
	log_info_rl("%s: the guest asks for a reset", vm->machine.name);
	if (vm->config.no_reboot)
		vm_stop(vm, VM_STOP_POWEROFF);
	else
		vm_reset(vm);
}

static void on_poweroff(void *aux)
{
	struct vm *vm = aux;

	if (vm->is_over)
		return;
	log_info("%s: the guest has switched itself off", vm->machine.name);
	vm_stop(vm, VM_STOP_POWEROFF);
}

static void on_panic(void *aux)
{
	vm_stop(aux, VM_STOP_PANIC);
}

static void on_event(struct machine *m, enum machine_event event)
{
	static void (*const handlers[])(void *aux) = {on_reset, on_poweroff, on_panic};

	/* The CPU that asked must not run on: it is stopped at its next entry, and the main thread does the rest. */
	atomic_store(&vm_of(m)->must_park, true);
	loop_post(m->loop, handlers[event], vm_of(m));
}

static const struct machine_ops machine_ops = {irq_set_line, irq_send_msi, irq_irqfd, set_ioeventfd, on_event};

/* ---- debug exit: a byte written to port 0xf4 ends the machine with it as code ---- */

static uint64_t debug_exit_read(void *aux, uint64_t offset, unsigned int size)
{
	(void)aux, (void)offset, (void)size;
	return 0;
}

static void debug_exit_write(void *aux, uint64_t offset, unsigned int size, uint64_t value)
{
	struct vm *vm = aux;

	(void)offset, (void)size;
	atomic_store(&vm->exit_code, (int)(value & 0xff));
	machine_event(&vm->machine, MACHINE_PANIC);
}

static const struct bus_ops debug_exit_ops = {debug_exit_read, debug_exit_write};

/* ---- life ---- */

static int build(struct vm *vm, struct errtext *err)
{
	struct machine *m = &vm->machine;
	struct bus_range *debug_exit = &vm->debug_exit;
	int error = open_kvm(vm, err);

	if (!error)
		error = create(vm, err);
	if (!error)
		error = memory_new(&vm->config.memory, &m->memory, err);
	if (!error)
		error = map_memory(vm, err);
	if (!error)
		error = irq_init(vm, err);
	if (error)
		return error;
	m->pio = bus_new();
	m->mmio = bus_new();
	m->pci = pci_bus_new(m);
	*debug_exit =
		(struct bus_range){.base = 0xf4, .size = 1, .ops = &debug_exit_ops, .aux = vm, .name = "debug-exit"};
	error = bus_add(m->pio, debug_exit);
	for (unsigned int i = 0; i < vm->config.n_cpus && !error; i++)
		error = vcpu_new(vm, i, err);
	if (!error)
		coalesced_init(vm);
	for (unsigned int i = 0; i < vm->config.n_cpus && !error; i++)
		error = vcpu_start(vm->vcpus[i], err);
	return error;
}

int vm_new(const struct vm_config *config, struct vm **result, struct errtext *err)
{
	struct vm *vm = xzalloc(sizeof *vm);
	int error;

	vm->config = *config;
	vm->kvm_fd = vm->fd = -1;
	vm->is_paused = true;
	atomic_store(&vm->must_park, true);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->irq_lock, NULL);
	pthread_mutex_init(&vm->coalesced_lock, NULL);
	pthread_cond_init(&vm->parked, NULL);
	pthread_cond_init(&vm->go, NULL);
	vm->machine.ops = &machine_ops;
	vm->machine.loop = config->loop;
	vm->machine.name = config->name;
	CDS_INIT_LIST_HEAD(&vm->machine.hooks);
	error = build(vm, err);
	if (error) {
		vm_free(vm);
		return error;
	}
	*result = vm;
	return 0;
}

static void end_vcpus(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->is_ending = true;
	atomic_store(&vm->must_park, true);
	pthread_cond_broadcast(&vm->go);
	pthread_mutex_unlock(&vm->lock);
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		vcpu_free(vm->vcpus[i]);
	vm->n_vcpus = 0;
}

void vm_free(struct vm *vm)
{
	struct machine *m = &vm->machine;

	end_vcpus(vm);
	if (m->pci)
		pci_bus_free(m->pci);
	bus_free(m->pio);
	bus_free(m->mmio);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	memory_free(m->memory);
	pthread_cond_destroy(&vm->go);
	pthread_cond_destroy(&vm->parked);
	pthread_mutex_destroy(&vm->irq_lock);
	pthread_mutex_destroy(&vm->coalesced_lock);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

struct machine *vm_machine(struct vm *vm)
{
	return &vm->machine;
}

void vm_set_entry(struct vm *vm, const struct vm_entry *entry)
{
	vm->entry = *entry;
}

void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->is_paused = true;
	atomic_store(&vm->must_park, true);
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		vcpu_kick(vm->vcpus[i]);
	while (vm->n_parked < vm->n_vcpus)
		pthread_cond_wait(&vm->parked, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

void vm_resume(struct vm *vm)
{
	if (vm->is_over)
		return;
	pthread_mutex_lock(&vm->lock);
	vm->is_paused = false;
	atomic_store(&vm->must_park, vm->is_ending);
	pthread_cond_broadcast(&vm->go);
	pthread_mutex_unlock(&vm->lock);
}

bool vm_is_running(const struct vm *vm)
{
	return !vm->is_paused;
}

/* Memory and CPUs as at the beginning. */
static int boot(struct vm *vm)
{
	int error = vm->config.boot(vm->config.aux, vm);

	for (unsigned int i = 0; i < vm->n_vcpus && !error; i++)
		error = vcpu_reset(vm->vcpus[i]);
	return error;
}

int vm_start(struct vm *vm)
{
	int error = boot(vm);

	if (!error)
		vm_resume(vm);
	return error;
}

void vm_reset(struct vm *vm)
{
	bool was_running = vm_is_running(vm);
	struct machine_hook *hook;

	if (vm->is_over)
		return;
	vm_pause(vm);
	pci_bus_reset(vm->machine.pci);
	cds_list_for_each_entry(hook, &vm->machine.hooks, node)
		hook->reset(hook->aux);
	if (boot(vm))
		vm_stop(vm, VM_STOP_ERROR);
	else if (was_running)
		vm_resume(vm);
}

void vm_end(struct vm *vm)
{
	vm->is_over = true;
	vm_pause(vm);
}

void vm_exits(const struct vm *vm, uint64_t counts[VM_N_EXITS])
{
	memset(counts, 0, VM_N_EXITS * sizeof *counts);
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		for (unsigned int k = 0; k < VM_N_EXITS; k++)
			counts[k] += atomic_load_explicit(&vm->vcpus[i]->exits[k], memory_order_relaxed);
}

int vm_exit_code(const struct vm *vm)
{
	return atomic_load(&vm->exit_code);
}
