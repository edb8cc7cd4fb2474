// SPDX-License-Identifier: Apache-2.0
#include "os/kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"

/* Guest-physical layout. */
enum {
	PML4 = 0x1000,
	PDPT = 0x2000,
	PD = 0x3000,
	CODE = 0x4000,
	MEMORY = 0x10000,
};

enum {
	PTE_PRESENT_WRITABLE = 3,
	PDE_LARGE = 0x80,
	CR0_PE = 1,
	CR0_PG = 1u << 31,
	CR4_PAE = 1 << 5,
	EFER_LME_LMA = 1 << 8 | 1 << 10,
};

struct vm {
	int vm, vcpu;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
};

static void vm_close(struct vm *v)
{
	if (v->run && v->run != MAP_FAILED)
		munmap(v->run, v->run_size);
	if (v->memory && v->memory != MAP_FAILED)
		munmap(v->memory, MEMORY);
	if (v->vcpu >= 0)
		close(v->vcpu);
	if (v->vm >= 0)
		close(v->vm);
}

/* A VM with one vCPU and a little memory from address 0. */
static bool vm_open(struct vm *v, int kvm)
{
	struct kvm_userspace_memory_region region = {.memory_size = MEMORY};

	*v = (struct vm){.vm = ioctl(kvm, KVM_CREATE_VM, 0), .vcpu = -1};
	if (v->vm < 0)
		return false;
	v->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (v->memory == MAP_FAILED)
		return false;
	region.userspace_addr = (uintptr_t)v->memory;
	if (ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return false;
	v->vcpu = ioctl(v->vm, KVM_CREATE_VCPU, 0);
	v->run_size = (size_t)MAX(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), 0);
	if (v->vcpu < 0 || !v->run_size)
		return false;
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->vcpu, 0);
	return v->run != MAP_FAILED;
}

static void put64(uint8_t *memory, size_t at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof value);
}

static void enter_long_mode(const struct vm *v, struct kvm_sregs *s)
{
	struct kvm_segment data = {
		.limit = 0xffffffff, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1, .selector = 16};
	struct kvm_segment code = data;

	put64(v->memory, PML4, PDPT | PTE_PRESENT_WRITABLE);
	put64(v->memory, PDPT, PD | PTE_PRESENT_WRITABLE);
	put64(v->memory, PD, PDE_LARGE | PTE_PRESENT_WRITABLE);
	code.type = 11;
	code.db = 0;
	code.l = 1;
	code.selector = 8;
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->cr3 = PML4;
	s->cr4 |= CR4_PAE;
	s->cr0 |= CR0_PE | CR0_PG;
	s->efer |= EFER_LME_LMA;
}

/* Run code that ends in HLT with 7 in the accumulator. Return: whether it did. */
static bool runs(int kvm, bool long_mode)
{
	static const uint8_t real_code[] = {0xb8, 7, 0, 0xf4};					/* mov $7, %ax; hlt */
	static const uint8_t long_code[] = {0xb9, 0x7f, 0, 0, 0, 0xf3, 0x0f, 0xb8, 0xc1, 0xf4}; /* popcnt of 0x7f */
	struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rsp = MEMORY - 16};
	struct kvm_sregs sregs;
	struct vm v;
	bool ok = vm_open(&v, kvm) && !ioctl(v.vcpu, KVM_GET_SREGS, &sregs);

	if (ok) {
		memcpy(v.memory + CODE, long_mode ? long_code : real_code,
		       long_mode ? sizeof long_code : sizeof real_code);
		sregs.cs.base = sregs.cs.selector = 0;
		if (long_mode)
			enter_long_mode(&v, &sregs);
		ok = !ioctl(v.vcpu, KVM_SET_SREGS, &sregs) && !ioctl(v.vcpu, KVM_SET_REGS, &regs) &&
		     !ioctl(v.vcpu, KVM_RUN, 0) && v.run->exit_reason == KVM_EXIT_HLT &&
		     !ioctl(v.vcpu, KVM_GET_REGS, &regs) && (regs.rax & 0xffff) == 7;
	}
	vm_close(&v);
	return ok;
}

/* A module's parameter "nested": 1, 0, -1 when there is none. */
static int nested_of(const char *module)
{
	char path[96];
	FILE *f;
	int c;

	snprintf(path, sizeof path, "/sys/module/%s/parameters/nested", module);
	f = fopen(path, "re");
	if (!f)
		return -1;
	c = fgetc(f);
	fclose(f);
	return c == 'Y' || c == '1';
}

static void find_kind(struct kvm_probe *p)
{
	static const struct {
		const char *module, *which;
	} kinds[] = {{"kvm_intel", "Intel VMX"}, {"kvm_amd", "AMD SVM"}, {"kvm_pvm", "PVM, by software"}};

	p->which = "of an unknown kind";
	p->nested = -1;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];

		snprintf(path, sizeof path, "/sys/module/%s", kinds[i].module);
		if (access(path, F_OK))
			continue;
		p->which = kinds[i].which;
		p->nested = nested_of(kinds[i].module);
	}
}

void kvm_probe_run(struct kvm_probe *p)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	*p = (struct kvm_probe){0};
	find_kind(p);
	if (kvm < 0) {
		p->error = errno;
		return;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		p->error = errno;
	else
		close(vm);
	p->max_vcpus = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (!p->error) {
		p->runs_real = runs(kvm, false);
		p->runs_long = runs(kvm, true);
	}
	close(kvm);
}
