// SPDX-License-Identifier: Apache-2.0
/* CPUID leaves of a guest's CPU. */
#include "vmm/core/cpuid.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/core/cpu_model.h"

#define MAX_LEAVES 256

/* Leaf 1, ECX. */
#define HYPERVISOR (1u << 31)
#define TSC_DEADLINE (1u << 24)

static struct kvm_cpuid2 *supported(int kvm_fd, struct errtext *err)
{
	struct kvm_cpuid2 *leaves = xzalloc(sizeof *leaves + MAX_LEAVES * sizeof leaves->entries[0]);

	leaves->nent = MAX_LEAVES;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, leaves) < 0) {
		errtext_set(err, errno, "KVM: what CPUs it supports: %s", strerror(errno));
		free(leaves);
		return NULL;
	}
	return leaves;
}

static unsigned int bits_for(unsigned int n)
{
	unsigned int bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

/* Extended topology: level 0 is threads (one a core), level 1 the cores of the one socket. */
static void set_topology_level(struct kvm_cpuid_entry2 *e, unsigned int index, unsigned int n_cpus)
{
	enum { LEVEL_NONE, LEVEL_THREADS, LEVEL_CORES };
	bool is_cores = e->index == 1;

	e->eax = is_cores ? bits_for(n_cpus) : 0;
	e->ebx = e->index > 1 ? 0 : is_cores ? n_cpus : 1;
	e->ecx = e->index | (e->index > 1 ? LEVEL_NONE : is_cores ? LEVEL_CORES : LEVEL_THREADS) << 8;
	e->edx = index;
}

static void set_identity(struct kvm_cpuid_entry2 *e, unsigned int index, unsigned int n_cpus, bool has_deadline)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0x0000ffff) | n_cpus << 16 | index << 24;
		e->ecx |= HYPERVISOR | (has_deadline ? TSC_DEADLINE : 0);
		e->edx = n_cpus > 1 ? e->edx | 1u << 28
				    : e->edx & ~(1u << 28); /* HTT: more than one id in the package */
		break;
	case 4: /* Intel's caches: the last level is the socket's, others a core's */
		e->eax &= ~0xffffc000u;
		e->eax |= (n_cpus - 1) << 26 | ((e->eax >> 5 & 7) >= 3 ? (n_cpus - 1) << 14 : 0);
		break;
	case 0xb:
	case 0x1f:
		set_topology_level(e, index, n_cpus);
		break;
	case 0x80000008: /* AMD: number of cores and bits of the APIC id that tell them apart */
		e->ecx = (n_cpus - 1) | bits_for(n_cpus) << 12;
		break;
	case 0x8000001e: /* AMD: APIC id, core id, node */
		e->eax = index;
		e->ebx = (e->ebx & ~0xffffu) | index;
		e->ecx = 0;
		break;
	}
}

/* The processor's name, which KVM leaves to us. */
static void set_brand(struct kvm_cpuid_entry2 *e)
{
	if (e->function >= 0x80000002 && e->function <= 0x80000004 &&
	    !__get_cpuid(e->function, &e->eax, &e->ebx, &e->ecx, &e->edx))
		e->eax = e->ebx = e->ecx = e->edx = 0;
}

int cpuid_set(int kvm_fd, int vcpu_fd, const struct cpu_model *model, unsigned int index, unsigned int n_cpus,
	      struct errtext *err)
{
	bool has_deadline = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	struct kvm_cpuid2 *leaves = supported(kvm_fd, err);
	int error = 0;

	if (!leaves)
		return -ENOTSUP;
	for (uint32_t i = 0; i < leaves->nent; i++)
		set_brand(&leaves->entries[i]);
	for (uint32_t i = 0; i < leaves->nent; i++)
		set_identity(&leaves->entries[i], index, n_cpus, has_deadline);
	if (model)
		error = cpu_model_apply(model, leaves, err);
	if (!error && ioctl(vcpu_fd, KVM_SET_CPUID2, leaves) < 0)
		error = errtext_set(err, errno, "KVM: CPUID of CPU %u: %s", index, strerror(errno));
	free(leaves);
	return error;
}
