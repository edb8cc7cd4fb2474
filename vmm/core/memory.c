// SPDX-License-Identifier: Apache-2.0
/* Guest RAM; memory.h says how it lies. */
#include "vmm/core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/log.h"

LOG_MODULE(memory);

#define MIB (1ull << 20)
#define HUGE (2 * MIB)

static uint64_t page_size(enum memory_backing backing)
{
	switch (backing) {
	case MEMORY_HUGE_2M:
		return 2 * MIB;
	case MEMORY_HUGE_1G:
		return 1024 * MIB;
	case MEMORY_ANONYMOUS:
	case MEMORY_MEMFD:
		break;
	}
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static int check_config(const struct memory_config *config, struct errtext *err)
{
	uint64_t unit = MAX(page_size(config->backing), MIB);
	struct sysinfo info;
	uint64_t host;

	if (!config->size || config->size % unit)
		return errtext_set(err, EINVAL, "guest memory of %llu bytes: a multiple of %llu MiB was expected",
				   (unsigned long long)config->size, (unsigned long long)(unit / MIB));
	if (sysinfo(&info) < 0)
		return 0;
	host = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
	if (config->size > host)
		return errtext_set(err, ENOMEM,
				   "guest memory of %llu MiB is more than this host has (%llu MiB with swap); give it "
				   "less with --memory",
				   (unsigned long long)(config->size / MIB), (unsigned long long)(host / MIB));
	return 0;
}

/* A memfd of the whole size; -1 for anonymous memory. */
static int make_memfd(const struct memory_config *config, struct errtext *err)
{
	unsigned int flags = MFD_CLOEXEC;
	int fd;

	if (config->backing == MEMORY_HUGE_2M)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	if (config->backing == MEMORY_HUGE_1G)
		flags |= MFD_HUGETLB | MFD_HUGE_1GB;
	fd = memfd_create("vsw-guest", flags);
	if (fd < 0)
		return errtext_set(err, errno, "guest memory: memfd: %s%s", strerror(errno),
				   flags & MFD_HUGETLB ? "; this host may have no huge pages of that size" : "");
	if (ftruncate(fd, (off_t)config->size) < 0) {
		int error = errno;

		close(fd);
		return errtext_set(err, error, "guest memory: %llu MiB of memfd: %s",
				   (unsigned long long)(config->size / MIB), strerror(error));
	}
	return fd;
}

static int bind_node(const struct memory_region *region, int node, struct errtext *err)
{
	unsigned long mask[16] = {0};
	const size_t bits = sizeof mask * 8;

	if (node < 0)
		return 0;
	if ((size_t)node >= bits)
		return errtext_set(err, EINVAL, "guest memory: NUMA node %d: no host has so many", node);
	mask[(size_t)node / (8 * sizeof *mask)] = 1ul << ((size_t)node % (8 * sizeof *mask));
	if (syscall(SYS_mbind, region->host, region->size, MPOL_BIND, mask, bits, 0) < 0)
		return errtext_set(err, errno, "guest memory: NUMA node %d: %s; `numactl -H` lists the nodes", node,
				   strerror(errno));
	return 0;
}

static int lock_region(const struct memory_region *region, struct errtext *err)
{
	struct rlimit limit = {0};

	if (mlock(region->host, region->size) == 0)
		return 0;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	return errtext_set(err, errno,
			   "guest memory: locking %llu MiB: %s; the limit is %llu KiB (ulimit -l), unlimited is needed",
			   (unsigned long long)(region->size / MIB), strerror(errno),
			   (unsigned long long)(limit.rlim_cur / 1024));
}

/*
 * Map a region at an address whose last 21 bits are those of the guest's (all regions begin at a multiple of 2 MiB): only then can the
 * kernel, and the guest's page tables in it, use large pages. The kernel chooses any page: what it gave too much goes back.
 */
static uint8_t *map_aligned(const struct memory_region *region, int flags)
{
	uint8_t *area = mmap(NULL, region->size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *start, *end;

	if (area == MAP_FAILED)
		return MAP_FAILED;
	start = area + (ROUND_UP((uintptr_t)area, HUGE) - (uintptr_t)area);
	end = start + region->size;
	if (mmap(start, region->size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, region->fd,
		 (off_t)region->fd_offset) == MAP_FAILED) {
		int error = errno;

		munmap(area, region->size + HUGE);
		errno = error;
		return MAP_FAILED;
	}
	if (start > area)
		munmap(area, (size_t)(start - area));
	if (end < area + region->size + HUGE)
		munmap(end, (size_t)(area + region->size + HUGE - end));
	return start;
}

static int map_region(struct memory_region *region, const struct memory_config *config, struct errtext *err)
{
	int flags = region->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	bool is_huge = config->backing == MEMORY_HUGE_2M || config->backing == MEMORY_HUGE_1G;
	int error;

	/* Huge pages of their own file lie as they must anyway. */
	region->host =
		is_huge ? mmap(NULL, region->size, PROT_READ | PROT_WRITE, flags, region->fd, (off_t)region->fd_offset)
			: map_aligned(region, flags);
	if (region->host == MAP_FAILED) {
		region->host = NULL;
		return errtext_set(err, errno, "guest memory: mapping %llu MiB: %s%s",
				   (unsigned long long)(region->size / MIB), strerror(errno),
				   is_huge ? "; /proc/sys/vm/nr_hugepages (2 MiB) or hugepages= on the kernel's "
					     "command line gives huge pages"
					   : "");
	}
	madvise(region->host, region->size, MADV_DONTDUMP);
	if (!is_huge && !config->no_thp)
		madvise(region->host, region->size, MADV_HUGEPAGE);
	if (config->mergeable && madvise(region->host, region->size, MADV_MERGEABLE) < 0)
		log_warn("guest memory is not mergeable: %s; the kernel may lack KSM", strerror(errno));
	error = bind_node(region, config->numa_node, err);
	if (!error && config->locked)
		error = lock_region(region, err);
	return error;
}

int memory_new(const struct memory_config *config, struct guest_memory **result, struct errtext *err)
{
	struct guest_memory *memory;
	uint64_t low = MIN(config->size, MEMORY_HOLE_START);
	int fd = -1, error = check_config(config, err);

	if (error)
		return error;
	if (config->backing != MEMORY_ANONYMOUS) {
		fd = make_memfd(config, err);
		if (fd < 0)
			return fd;
	}
	memory = xzalloc(sizeof *memory);
	memory->config = *config;
	memory->size = config->size;
	memory->regions[0] = (struct memory_region){.gpa = 0, .size = low, .fd = fd};
	memory->n_regions = 1;
	if (config->size > low) {
		memory->regions[1] = (struct memory_region){
			.gpa = MEMORY_HOLE_END, .size = config->size - low, .fd = fd, .fd_offset = low};
		memory->n_regions = 2;
	}
	for (size_t i = 0; !error && i < memory->n_regions; i++)
		error = map_region(&memory->regions[i], config, err);
	if (error) {
		memory_free(memory);
		return error;
	}
	*result = memory;
	return 0;
}

void memory_free(struct guest_memory *memory)
{
	if (!memory)
		return;
	for (size_t i = 0; i < memory->n_regions; i++)
		if (memory->regions[i].host)
			munmap(memory->regions[i].host, memory->regions[i].size);
	if (memory->regions[0].fd >= 0)
		close(memory->regions[0].fd);
	free(memory);
}

/* Return: the region that @gpa is in, or NULL. */
static const struct memory_region *region_at(const struct guest_memory *memory, uint64_t gpa)
{
	for (size_t i = 0; i < memory->n_regions; i++)
		if (gpa >= memory->regions[i].gpa && gpa - memory->regions[i].gpa < memory->regions[i].size)
			return &memory->regions[i];
	return NULL;
}

void *memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t len)
{
	const struct memory_region *region = region_at(memory, gpa);

	if (!region || !len || len > region->size - (gpa - region->gpa))
		return NULL;
	return region->host + (gpa - region->gpa);
}

bool memory_read(const struct guest_memory *memory, uint64_t gpa, void *dst, size_t len)
{
	const void *src = memory_at(memory, gpa, len);

	if (src)
		memcpy(dst, src, len);
	else if (len)
		memset(dst, 0, len);
	return src || !len;
}

bool memory_write(const struct guest_memory *memory, uint64_t gpa, const void *src, size_t len)
{
	void *dst = memory_at(memory, gpa, len);

	if (dst)
		memcpy(dst, src, len);
	return dst || !len;
}

int memory_discard(const struct guest_memory *memory, uint64_t gpa, uint64_t len)
{
	uint64_t page = page_size(memory->config.backing);
	const struct memory_region *region = region_at(memory, gpa);
	uint64_t start, end;

	if (!memory_at(memory, gpa, len))
		return -EFAULT;
	start = ROUND_UP(gpa - region->gpa, page);
	end = (gpa - region->gpa + len) / page * page;
	if (start >= end)
		return 0;
	/* A hole in a memfd frees the page for every process that has it mapped. */
	if (madvise(region->host + start, end - start, region->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED) < 0)
		return -errno;
	return 0;
}

int memory_discard_at(const struct guest_memory *memory, const void *host, uint64_t len)
{
	for (size_t i = 0; i < memory->n_regions; i++) {
		const struct memory_region *region = &memory->regions[i];
		uintptr_t offset = (uintptr_t)host - (uintptr_t)region->host;

		if ((uintptr_t)host >= (uintptr_t)region->host && offset < region->size)
			return memory_discard(memory, region->gpa + offset, len);
	}
	return -EFAULT;
}

uint64_t memory_top_below_4g(const struct guest_memory *memory)
{
	return memory->regions[0].size;
}

uint64_t memory_top(const struct guest_memory *memory)
{
	const struct memory_region *last = &memory->regions[memory->n_regions - 1];

	return last->gpa + last->size;
}
