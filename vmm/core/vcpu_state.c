// SPDX-License-Identifier: Apache-2.0
/*
 * A CPU's registers at its beginning, and again at each reset: what KVM gave it at first, and for the first CPU what the boot protocol wants.
 *
 * Sources: Intel SDM volume 3, 9.1.1 (state after INIT) and 4.5 (paging); Linux Documentation/arch/x86/boot.rst, "64-bit boot protocol"; Xen's PVH
 * start-of-day (docs/misc/pvh).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "vmm/core/sandbox.h"
#include "vmm/core/vm_impl.h"

LOG_MODULE(vcpu_state);

/* A reset. */
SANDBOX_IOCTLS(THREAD_MAIN, KVM_SET_SREGS, KVM_SET_REGS, KVM_SET_FPU, KVM_SET_LAPIC, KVM_SET_VCPU_EVENTS,
	       KVM_SET_MP_STATE, KVM_SET_MSRS);

enum control_bits {
	CR0_PE = 1 << 0,
	CR0_ET = 1 << 4,
	CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
};
#define CR0_PG (1u << 31)

enum msr {
	MSR_TSC = 0x10,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_MTRR_DEF_TYPE = 0x2ff,
	MSR_KVM_WALL_CLOCK = 0x4b564d00,
	MSR_KVM_SYSTEM_TIME = 0x4b564d01,
	MSR_KVM_ASYNC_PF = 0x4b564d02,
	MSR_KVM_STEAL_TIME = 0x4b564d03,
	MSR_KVM_PV_EOI = 0x4b564d04,
};

#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_MODE_NMI (4u << 8)
#define APIC_MODE_EXTINT (7u << 8)

struct vcpu_initial {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_vcpu_events events;
};

static int failed(const struct vcpu *vcpu, const char *what, struct errtext *err)
{
	return errtext_set(err, errno, "KVM: CPU %u: %s: %s", vcpu->index, what, strerror(errno));
}

/* As a PC's BIOS leaves it: the 8259s come in by LINT0 of the first CPU, NMIs by LINT1 of each. */
static void wire_lapic(struct kvm_lapic_state *lapic, bool is_first)
{
	uint32_t lint0 = APIC_MODE_EXTINT, lint1 = APIC_MODE_NMI;

	if (is_first)
		memcpy(lapic->regs + APIC_LVT_LINT0, &lint0, sizeof lint0);
	memcpy(lapic->regs + APIC_LVT_LINT1, &lint1, sizeof lint1);
}

int vcpu_save_initial(struct vcpu *vcpu, struct errtext *err)
{
	struct vcpu_initial *s = vcpu->initial = xzalloc(sizeof *s);

	if (ioctl(vcpu->fd, KVM_GET_REGS, &s->regs) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &s->sregs) < 0 ||
	    ioctl(vcpu->fd, KVM_GET_FPU, &s->fpu) < 0 || ioctl(vcpu->fd, KVM_GET_LAPIC, &s->lapic) < 0 ||
	    ioctl(vcpu->fd, KVM_GET_MP_STATE, &s->mp) < 0 || ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &s->events) < 0)
		return failed(vcpu, "reading its registers", err);
	wire_lapic(&s->lapic, vcpu->index == 0);
	return 0;
}

/* Values of a CPU that has just been reset. One that this KVM does not know is left out: KVM takes them in order and stops there. */
static void reset_msrs(struct vcpu *vcpu)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} values[] = {
		{MSR_TSC, 0},
		{MSR_MISC_ENABLE, 1},		  /* fast strings */
		{MSR_MTRR_DEF_TYPE, 1 << 11 | 6}, /* all memory is write-back but where the guest says otherwise */
		{MSR_KVM_WALL_CLOCK, 0},
		{MSR_KVM_SYSTEM_TIME, 0},
		{MSR_KVM_ASYNC_PF, 0},
		{MSR_KVM_STEAL_TIME, 0},
		{MSR_KVM_PV_EOI, 0},
	};

	struct kvm_msrs *one = xzalloc(sizeof *one + sizeof one->entries[0]);

	one->nmsrs = 1;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		one->entries[0] = (struct kvm_msr_entry){.index = values[i].index, .data = values[i].value};
		if (ioctl(vcpu->fd, KVM_SET_MSRS, one) != 1)
			log_dbg("CPU %u: MSR %#x cannot be set", vcpu->index, values[i].index);
	}
	free(one);
}

static struct kvm_segment flat_segment(bool is_code, bool is_long)
{
	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffff,
		.selector = is_code ? 0x10 : 0x18,
		.type = is_code ? 11 : 3, /* execute and read, or read and write; accessed */
		.present = 1,
		.s = 1,
		.g = 1,
		.l = is_long,
		.db = !is_long,
	};
}

static void protected_mode(struct kvm_sregs *sregs, bool is_long)
{
	struct kvm_segment data = flat_segment(false, false);

	sregs->cs = flat_segment(true, is_long);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){.limit = 0x67, .type = 11, .present = 1};
	sregs->cr0 = CR0_PE | CR0_ET;
	sregs->cr4 = 0;
	sregs->efer = 0;
}

static void enter_at(const struct vm_entry *entry, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	regs->rip = entry->rip;
	regs->rsp = regs->rbp = entry->rsp;
	regs->rsi = entry->rsi;
	regs->rbx = entry->rbx;
	regs->rflags = 2;
	switch (entry->mode) {
	case VM_ENTRY_LONG:
		protected_mode(sregs, true);
		sregs->cr0 |= CR0_PG;
		sregs->cr3 = entry->cr3;
		sregs->cr4 = CR4_PAE;
		sregs->efer = EFER_LME | EFER_LMA;
		break;
	case VM_ENTRY_PROTECTED:
		protected_mode(sregs, false);
		break;
	case VM_ENTRY_REAL:
		sregs->cs.selector = (uint16_t)(entry->rip >> 4 & 0xf000);
		sregs->cs.base = (uint64_t)sregs->cs.selector << 4;
		regs->rip = entry->rip - sregs->cs.base;
		break;
	}
}

int vcpu_reset(struct vcpu *vcpu)
{
	struct vcpu_initial s = *vcpu->initial;

	if (vcpu->index == 0)
		enter_at(&vcpu->vm->entry, &s.regs, &s.sregs);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &s.sregs) < 0 || ioctl(vcpu->fd, KVM_SET_REGS, &s.regs) < 0 ||
	    ioctl(vcpu->fd, KVM_SET_FPU, &s.fpu) < 0 || ioctl(vcpu->fd, KVM_SET_LAPIC, &s.lapic) < 0 ||
	    ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &s.events) < 0 || ioctl(vcpu->fd, KVM_SET_MP_STATE, &s.mp) < 0) {
		int error = errno;

		log_err("CPU %u: setting its registers: %s", vcpu->index, strerror(error));
		return -error;
	}
	reset_msrs(vcpu);
	return 0;
}
