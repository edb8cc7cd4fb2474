// SPDX-License-Identifier: Apache-2.0
/* Keeping the process small. */
#include "vmm/core/footprint.h"

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"

enum { STACK_SIZE = 512 << 10, MMAP_THRESHOLD = 128 << 10 };

void footprint_init(void)
{
#ifndef __SANITIZE_ADDRESS__ /* whose frames are larger, and whose heap is its own */
	pthread_attr_t attr;

	/* No thread allocates for each packet, so one heap is enough; a threshold that is set does not grow. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	if (pthread_attr_init(&attr))
		return;
	if (pthread_attr_setstacksize(&attr, STACK_SIZE) == 0)
		(void)pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
#endif
}

/* Segments that cannot be written to are as in the file. */
static int forget_object(struct dl_phdr_info *info, size_t size, void *aux)
{
	const uintptr_t page = *(const uintptr_t *)aux;

	(void)size;
	for (unsigned int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + p->p_vaddr) & ~(page - 1);
		uintptr_t end = ROUND_UP(info->dlpi_addr + p->p_vaddr + p->p_memsz, page);

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void footprint_release(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	malloc_trim(0);
	dl_iterate_phdr(forget_object, &page);
}
