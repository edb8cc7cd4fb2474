// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a guest is to be booted from: bzImage, or ELF with a PVH entry. The first byte is the initial RAM disk's length in pages, the second that of
 * the command line; the rest is the kernel. It ends where a page ends that nobody may read behind, and RAM has such a page, too.
 *
 * What must hold: a kernel that is taken is entered within the first 4 GiB, and one that is refused has a sentence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "tests/unit/vmm_harness.h"
#include "vmm/core/boot.h"
#include "vmm/core/vm.h"

#define RAM (17ull << 20)
#define LONGEST (64u << 10)
#define PAGE 4096u

/* @len bytes whose last is the last before a page that is not there. */
static uint8_t *against_the_wall(size_t len)
{
	size_t room = ROUND_UP(len, PAGE);
	uint8_t *area = mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED || mprotect(area + room, PAGE, PROT_NONE))
		abort();
	return area + (room - len);
}

static void tear_down(uint8_t *p, size_t len)
{
	size_t room = ROUND_UP(len, PAGE);

	munmap(p - (room - len), room + PAGE);
}

static void load(const struct boot_image *image)
{
	static struct harness *h;
	struct vm_entry entry = {0};
	struct errtext err = {0};

	if (!h)
		h = harness_new(RAM);
	if (boot_load(image, h->m.memory, 0xe0000, &entry, &err)) {
		if (!*err.text || strchr(err.text, '\n'))
			abort();
	} else if (entry.rip >> 32 || entry.rsp >> 32 || !entry.rip) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t initrd[256 * PAGE];
	char cmdline[257];
	struct boot_image image = {.kernel_path = "kernel", .initrd_path = "initrd", .initrd = initrd};

	if (size < 3 || size > LONGEST)
		return -1;
	log_set_level(NULL, LOG_LEVEL_OFF);
	image.initrd_len = (size_t)data[0] * PAGE;
	memset(cmdline, 'x', sizeof cmdline);
	cmdline[data[1]] = '\0';
	image.cmdline = cmdline;
	image.kernel_len = size - 2;
	image.kernel = against_the_wall(image.kernel_len);
	memcpy((uint8_t *)(uintptr_t)image.kernel, data + 2, image.kernel_len);
	load(&image);
	tear_down((uint8_t *)(uintptr_t)image.kernel, image.kernel_len);
	return 0;
}
