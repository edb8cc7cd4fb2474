/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes for which KVM does not leave the guest: those to the address port of PCI's mechanism #1. It keeps them in a ring, and they take effect before the next
 * exit of any CPU is dealt with; so the read or write of the data port behind it finds the address that it was meant for. A guest that looks for devices on
 * 256 buses does so tens of thousands of times while it boots.
 *
 * Port 0xcf9 (reset) lies within: one written there comes a little later, with the next exit. ACPI's reset register is another port, for that reason.
 */
#ifndef VMM_CORE_COALESCED_H
#define VMM_CORE_COALESCED_H 1

struct vcpu;
struct vm;

/** coalesced_init() - before the CPUs run. Where KVM has no such thing, everything leaves the guest as ever. */
void coalesced_init(struct vm *vm);
/** coalesced_drain() - let what was kept for any of the CPUs take effect. In the thread of @vcpu, which is registered with liburcu. */
void coalesced_drain(struct vcpu *vcpu);

#endif
