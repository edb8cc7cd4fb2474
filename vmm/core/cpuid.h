/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's CPUs say of themselves (CPUID; Intel SDM volume 2A, AMD APM volume 3 appendix E).
 *
 * A model begins with what host and KVM can both do, and takes away; nothing is ever added that the host lacks. Topology (leaves 1, 4, 0xb, 0x1f,
 * 0x8000001e) is made from the number of CPUs: one socket, each CPU a core.
 */
#ifndef VMM_CORE_CPUID_H
#define VMM_CORE_CPUID_H 1

#include "base/errtext.h"
#include "base/util.h"

struct cpu_model;

/**
 * cpuid_set() - give a CPU its leaves
 * @model: NULL for all that host and KVM have
 * @index: of this CPU, which is its APIC id, of @n_cpus
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int cpuid_set(int kvm_fd, int vcpu_fd, const struct cpu_model *model, unsigned int index,
			   unsigned int n_cpus, struct errtext *err);

#endif
