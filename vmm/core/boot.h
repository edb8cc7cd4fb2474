/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting a Linux kernel without firmware: a bzImage by its 64-bit entry, or an ELF vmlinux by its PVH entry.
 *
 * Sources: Linux Documentation/arch/x86/boot.rst (protocol 2.12 and later, XLF_KERNEL_64), zero-page.rst; Xen public/arch-x86/hvm/start_info.h;
 * ELF-64 object file format.
 *
 * What lies below 1 MiB at the start (boot.c writes it, the kernel copies what it needs and then takes it as RAM):
 *   0x06000 PVH start info and module list   0x07000 zero page   0x09000 page tables   0x20000 command line   0xe0000 ACPI tables (acpi.h)
 */
#ifndef VMM_CORE_BOOT_H
#define VMM_CORE_BOOT_H 1

#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct guest_memory;
struct vm_entry;

/** Files in memory (mmap), so that a reset loads them again. */
struct boot_image {
	const char *kernel_path, *initrd_path;
	const uint8_t *kernel, *initrd; /**< initrd may be NULL */
	size_t kernel_len, initrd_len;
	char *cmdline;
};

/**
 * boot_image_open() - map the files
 * @initrd: or NULL
 * @cmdline: or NULL
 *
 * Return: 0, or -errno with the sentence: which file, and what is wrong with it.
 */
VSW_MUST_USE int boot_image_open(struct boot_image *image, const char *kernel, const char *initrd, const char *cmdline,
				 struct errtext *err);
void boot_image_close(struct boot_image *image);

/**
 * boot_load() - put kernel, initrd, command line and parameters into RAM
 * @rsdp: where acpi_build() put the ACPI root pointer
 * @entry: how the first CPU begins
 *
 * Return: 0, or -EINVAL (no kernel that can be booted), -E2BIG (initrd or kernel does not fit), with the sentence.
 */
VSW_MUST_USE int boot_load(const struct boot_image *image, struct guest_memory *memory, uint64_t rsdp,
			   struct vm_entry *entry, struct errtext *err);

#endif
