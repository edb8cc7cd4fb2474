/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: where it comes from, where the guest sees it, and the only way device code gets at it.
 *
 * Layout (as on every PC): RAM from 0, a hole from 3 GiB to 4 GiB for devices, the rest from 4 GiB. Below 1 MiB, 0xa0000-0xfffff is no hole
 * for KVM's sake: it is RAM that nothing uses but the boot code.
 *
 * A guest's address is never trusted: memory_at() answers NULL for anything that is not wholly inside one region of RAM, so what
 * points at a device's registers, across the hole or past the end is simply no memory. Guest memory changes under our hands (the
 * guest's other CPUs run): copy what is to be judged, then judge the copy.
 *
 * Regions never move or go while the machine lives; all functions but new and free come from any thread.
 */
#ifndef VMM_CORE_MEMORY_H
#define VMM_CORE_MEMORY_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/errtext.h"
#include "base/util.h"

#define MEMORY_HOLE_START 0xc0000000ull /**< 3 GiB */
#define MEMORY_HOLE_END 0x100000000ull	/**< 4 GiB */
#define MEMORY_MAX_REGIONS 4

enum memory_backing {
	MEMORY_ANONYMOUS, /**< private pages */
	MEMORY_MEMFD,	  /**< a memfd that other processes (vhost-user) may map */
	MEMORY_HUGE_2M,	  /**< memfd of 2 MiB pages */
	MEMORY_HUGE_1G,
};

struct memory_config {
	uint64_t size; /**< bytes, a multiple of 1 MiB (of the page size for huge pages) */
	enum memory_backing backing;
	bool no_thp;	/**< no transparent huge pages; else they are asked for */
	bool mergeable; /**< MADV_MERGEABLE: the host may share equal pages (KSM) */
	bool locked;	/**< mlock(): never swapped, all of it there from the start */
	int numa_node;	/**< memory comes from this host node only; -1: from anywhere */
};

struct memory_region {
	uint64_t gpa, size; /**< where the guest sees it, bytes */
	uint8_t *host;
	int fd; /**< of the memfd, -1: anonymous */
	uint64_t fd_offset;
};

struct guest_memory {
	size_t n_regions;
	struct memory_region regions[MEMORY_MAX_REGIONS];
	uint64_t size;
	struct memory_config config;
};

/**
 * memory_new() - get the RAM
 * Return: 0, or -errno with the sentence: size, what the host lacks (huge pages, node, limit of locked memory), what to do.
 */
VSW_MUST_USE int memory_new(const struct memory_config *config, struct guest_memory **memory, struct errtext *err);
void memory_free(struct guest_memory *memory);

/** memory_at() - @len bytes of RAM at @gpa, or NULL when they are not all in one region; @len 0 is NULL, too. */
void *memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t len);

/** memory_read() - copy out of RAM. Return: false, and @dst all zero, when not all of it is RAM. */
VSW_MUST_USE bool memory_read(const struct guest_memory *memory, uint64_t gpa, void *dst, size_t len);
/** memory_write() - copy into RAM. Return: false, and nothing written, when not all of it is RAM. */
VSW_MUST_USE bool memory_write(const struct guest_memory *memory, uint64_t gpa, const void *src, size_t len);

/**
 * memory_discard() - the guest has no use for these pages any more (balloon, free page reporting): the host gets them back; they read
 * as zero afterwards. Partial pages at either end stay. Return: 0, -EFAULT when not all of it is RAM, or -errno of madvise().
 */
VSW_MUST_USE int memory_discard(const struct guest_memory *memory, uint64_t gpa, uint64_t len);

/** memory_discard_at() - the same for @len bytes at @host, which memory_at() has given. */
VSW_MUST_USE int memory_discard_at(const struct guest_memory *memory, const void *host, uint64_t len);

/** memory_top_below_4g() - first address above the RAM that lies below the hole. */
uint64_t memory_top_below_4g(const struct guest_memory *memory);
/** memory_top() - first address above all RAM. */
uint64_t memory_top(const struct guest_memory *memory);

#endif
