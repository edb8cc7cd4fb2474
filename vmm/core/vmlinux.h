/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unpacked kernel (an ELF vmlinux with its relocations behind it) in the guest's memory, put where it runs: what the program inside of a bzImage does
 * after it has unpacked the kernel (arch/x86/boot/compressed of Linux), with the same randomness.
 *
 * The file has been unpacked at the physical address where the kernel's first byte is to be. Its segments move down from there, for each lies
 * at least as far into the file as into memory. Two random numbers make it hard to guess where things are (KASLR): the physical address, which is the
 * caller's choice and which the kernel finds out itself, and the virtual one, which takes relocations: behind the ELF file there are lists of 32-bit words,
 * a 0 before each list: addresses of 64-bit values, of 32-bit values that are to become less (up to Linux 6.14), of 32-bit values that are
 * to become more by what the kernel is moved; each address is sign-extended and as linked.
 */
#ifndef VMM_CORE_VMLINUX_H
#define VMM_CORE_VMLINUX_H 1

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/** struct vmlinux - one that lies in memory as a file */
struct vmlinux {
	uint8_t *data;	 /**< in: the file's first byte; the kernel's, too, when it is placed */
	size_t len;	 /**< in: of the file with its relocations */
	size_t room;	 /**< in: bytes that the kernel may take from data on; >= len */
	uint64_t linked; /**< in: physical address that it was linked for (pref_address) */
	uint64_t align;	 /**< in: of addresses, a power of two (kernel_alignment) */
	bool is_random;	 /**< in: move it in virtual memory; out: it has been moved */
	uint64_t entry;	 /**< out: offset of the 64-bit entry from data */
};

/**
 * vmlinux_place() - move the segments to where they belong, and relocate
 *
 * Return: 0, or -ENOEXEC when it is not what is expected here: the memory has anything in it then.
 */
VSW_MUST_USE int vmlinux_place(struct vmlinux *kernel);

#endif
