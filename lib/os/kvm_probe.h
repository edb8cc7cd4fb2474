/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there a KVM, and does it run guests? Some machines have a /dev/kvm that emulates: small programs run, stock kernels do not. So two guests of
 * a few instructions are run: one in real mode, one in 64-bit mode behind page tables that uses what every distribution's kernel uses.
 */
#ifndef OS_KVM_PROBE_H
#define OS_KVM_PROBE_H 1

#include <stdbool.h>

struct kvm_probe {
	int error;	   /**< of /dev/kvm; 0: it can be opened and makes VMs */
	bool runs_real;	   /**< real-mode code */
	bool runs_long;	   /**< 64-bit code with paging, and an instruction of SSE4's time */
	const char *which; /**< "Intel VMX", "AMD SVM", "PVM, by software", or "of an unknown kind" */
	int nested;	   /**< guests can have guests: 1, 0, -1: unknown */
	int max_vcpus;
};

/** kvm_probe_run() - a few milliseconds. */
void kvm_probe_run(struct kvm_probe *probe);

#endif
