// SPDX-License-Identifier: Apache-2.0
/* Booting Linux directly; boot.h says how. */
#include "vmm/core/boot.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/core/memory.h"
#include "vmm/core/unpack.h"
#include "vmm/core/vm.h"
#include "vmm/core/vmlinux.h"
#include "vsw/types.h"

LOG_MODULE(boot);

enum layout {
	PVH_INFO = 0x6000,
	PVH_MODULES = 0x6100,
	PVH_MEMMAP = 0x6200,
	ZERO_PAGE = 0x7000,
	PAGE_TABLES = 0x9000, /* one page of level 4, one of level 3, four of level 2: the first 4 GiB */
	STACK = 0x1f000,
	CMDLINE = 0x20000,
	CMDLINE_MAX = 0x10000,
	LOW_RAM_END = 0x9fc00, /* the extended BIOS data area would begin here */
	HIGH_RAM = 0x100000,
};

#define MIN_PROTOCOL 0x020c
#define DEFAULT_KERNEL_ADDR 0x1000000ull
#define LOADER_UNDEFINED 0xff

/* ---- files ---- */

static int map_file(const char *path, const char *what, const uint8_t **data, size_t *len, struct errtext *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	struct stat st;
	void *p;

	if (fd < 0)
		return errtext_set(err, errno, "%s %s: %s", what, path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !st.st_size) {
		error = errtext_set(err, EINVAL, "%s %s: a file with something in it was expected", what, path);
	} else {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			error = errtext_set(err, errno, "%s %s: %s", what, path, strerror(errno));
		} else {
			*data = p;
			*len = (size_t)st.st_size;
		}
	}
	close(fd);
	return error;
}

int boot_image_open(struct boot_image *image, const char *kernel, const char *initrd, const char *cmdline,
		    struct errtext *err)
{
	int error;

	memset(image, 0, sizeof *image);
	image->kernel_path = kernel;
	image->initrd_path = initrd;
	if (cmdline && strlen(cmdline) >= CMDLINE_MAX)
		return errtext_set(err, E2BIG, "kernel command line: %zu bytes, %d at most were expected",
				   strlen(cmdline), CMDLINE_MAX - 1);
	error = map_file(kernel, "kernel", &image->kernel, &image->kernel_len, err);
	if (!error && initrd)
		error = map_file(initrd, "initrd", &image->initrd, &image->initrd_len, err);
	image->cmdline = xstrdup(cmdline ? cmdline : "");
	if (error)
		boot_image_close(image);
	return error;
}

void boot_image_close(struct boot_image *image)
{
	if (image->kernel)
		munmap((void *)(uintptr_t)image->kernel, image->kernel_len);
	if (image->initrd)
		munmap((void *)(uintptr_t)image->initrd, image->initrd_len);
	free(image->cmdline);
	memset(image, 0, sizeof *image);
}

/* ---- what both ways need ---- */

static int put(struct guest_memory *memory, uint64_t gpa, const void *data, size_t len, const char *what,
	       struct errtext *err)
{
	if (memory_write(memory, gpa, data, len))
		return 0;
	return errtext_set(err, E2BIG,
			   "%s: %zu bytes at %#llx do not fit the guest's memory of %llu MiB; --memory gives it more",
			   what, len, (unsigned long long)gpa, (unsigned long long)(memory->size >> 20));
}

static void zero(struct guest_memory *memory, uint64_t gpa, uint64_t len)
{
	void *p = memory_at(memory, gpa, len);

	if (p)
		memset(p, 0, len);
}

/* As high as it may lie, above the kernel, on a page of its own. */
static int load_initrd(const struct boot_image *image, struct guest_memory *memory, uint64_t kernel_end, uint64_t max,
		       uint64_t *addr, struct errtext *err)
{
	uint64_t top = MIN(memory_top_below_4g(memory), max + 1), len = image->initrd_len;

	*addr = 0;
	if (!len)
		return 0;
	if (len > top || ((top - len) & ~0xfffull) < kernel_end)
		return errtext_set(err, E2BIG,
				   "initrd %s: its %llu MiB and the kernel do not fit the guest's memory of %llu MiB; "
				   "--memory gives it more",
				   image->initrd_path, (unsigned long long)(len >> 20),
				   (unsigned long long)(memory->size >> 20));
	*addr = (top - len) & ~0xfffull;
	return put(memory, *addr, image->initrd, len, "initrd", err);
}

/** One entry of the memory map, the same in both protocols. */
struct range {
	uint64_t start, size;
	uint32_t type; /* 1: RAM, 2: reserved */
};

static size_t memory_map(const struct guest_memory *memory, struct range map[8])
{
	size_t n = 0;

	map[n++] = (struct range){0, LOW_RAM_END, 1};
	map[n++] = (struct range){LOW_RAM_END, HIGH_RAM - LOW_RAM_END, 2};
	map[n++] = (struct range){HIGH_RAM, memory_top_below_4g(memory) - HIGH_RAM, 1};
	map[n++] = (struct range){0xe0000000, 0x100000, 2};   /* ECAM */
	map[n++] = (struct range){0xfeffc000, 0x01004000, 2}; /* interrupt controllers, and what KVM needs on Intel */
	if (memory_top(memory) > MEMORY_HOLE_END)
		map[n++] = (struct range){MEMORY_HOLE_END, memory_top(memory) - MEMORY_HOLE_END, 1};
	return n;
}

/* ---- bzImage ---- */

static bool is_bzimage(const struct boot_image *image)
{
	return image->kernel_len >= 0x268 && !memcmp(image->kernel + 0x202, "HdrS", 4) &&
	       image->kernel[0x1fe] == 0x55 && image->kernel[0x1ff] == 0xaa;
}

/* The first 4 GiB, one to one, in pages of 2 MiB. */
static void make_page_tables(struct guest_memory *memory)
{
	uint64_t *table = memory_at(memory, PAGE_TABLES, 6 * 4096);

	memset(table, 0, 6 * 4096);
	table[0] = (PAGE_TABLES + 0x1000) | 3; /* present, writable */
	for (uint64_t i = 0; i < 4; i++)
		table[512 + i] = (PAGE_TABLES + 0x2000 + i * 0x1000) | 3;
	for (uint64_t i = 0; i < 2048; i++)
		table[1024 + i] = i << 21 | 0x83; /* and large */
}

static int check_header(const struct boot_image *image, const struct setup_header *header, struct errtext *err)
{
	if (header->version < MIN_PROTOCOL)
		return errtext_set(err, EINVAL,
				   "kernel %s: boot protocol %u.%02u, 2.12 (Linux 3.8) or later was expected",
				   image->kernel_path, header->version >> 8, header->version & 0xff);
	if (!(header->xloadflags & XLF_KERNEL_64))
		return errtext_set(err, EINVAL, "kernel %s: a 64-bit kernel was expected", image->kernel_path);
	return 0;
}

static void fill_zero_page(struct boot_params *params, const struct guest_memory *memory, uint64_t rsdp,
			   uint64_t initrd, uint64_t initrd_len, size_t cmdline_len)
{
	struct range map[8];

	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = CMDLINE;
	params->hdr.cmdline_size = (uint32_t)cmdline_len;
	params->hdr.ramdisk_image = (uint32_t)initrd;
	params->hdr.ramdisk_size = (uint32_t)initrd_len;
	params->acpi_rsdp_addr = rsdp;
	params->e820_entries = (uint8_t)memory_map(memory, map);
	for (size_t i = 0; i < params->e820_entries; i++) {
		params->e820_table[i].addr = map[i].start;
		params->e820_table[i].size = map[i].size;
		params->e820_table[i].type = map[i].type;
	}
}

/* "nokaslr" among the words of the command line: whoever debugs the kernel wants it where it was linked. */
static bool wants_random(const char *cmdline)
{
	static const char word[] = "nokaslr";
	const size_t len = sizeof word - 1;

	for (const char *p = cmdline; (p = strstr(p, word)); p += len)
		if ((p == cmdline || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return false;
	return true;
}

/* Where the kernel shall lie, of the places between that which it prefers and @end. */
static uint64_t choose_place(uint64_t preferred, uint64_t end, uint64_t room, uint64_t align)
{
	uint64_t slots = (end - preferred - room) / align + 1, random = 0;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return preferred;
	return preferred + random % slots * align;
}

/*
 * Unpack the kernel and put it where it runs, up to @end, instead of having the guest do so.
 * @entry_addr: out
 *
 * Return: 0, or -errno: the guest must do it itself, which knows what is not known here.
 */
static int load_unpacked(const struct boot_image *image, struct guest_memory *memory, struct setup_header *header,
			 size_t setup_len, uint64_t end, uint64_t *entry_addr)
{
	uint64_t offset = (uint64_t)setup_len + header->payload_offset, place;
	const uint8_t *payload = image->kernel + offset;
	struct vmlinux kernel = {.linked = header->pref_address, .align = header->kernel_alignment};
	int error;

	if (offset > image->kernel_len || header->payload_length > image->kernel_len - offset ||
	    kernel.linked < DEFAULT_KERNEL_ADDR || !kernel.align || kernel.align & (kernel.align - 1))
		return -EINVAL;
	kernel.len = unpack_length(payload, header->payload_length);
	kernel.room = MAX(kernel.len, (size_t)header->init_size);
	if (!kernel.len || kernel.linked > end || kernel.room > end - kernel.linked)
		return -ENOTSUP;
	kernel.is_random = header->relocatable_kernel && wants_random(image->cmdline);
	place = kernel.is_random ? choose_place(kernel.linked, end, kernel.room, kernel.align) : kernel.linked;
	kernel.data = memory_at(memory, place, kernel.room);
	if (!kernel.data)
		return -EFAULT;
	error = unpack(payload, header->payload_length, kernel.data, kernel.len);
	if (!error)
		error = vmlinux_place(&kernel);
	if (error)
		return error;
	if (kernel.is_random)
		header->loadflags |= KASLR_FLAG;
	*entry_addr = place + kernel.entry;
	return 0;
}

static int load_bzimage(const struct boot_image *image, struct guest_memory *memory, uint64_t rsdp,
			struct vm_entry *entry, struct errtext *err)
{
	struct boot_params params;
	struct setup_header *header = &params.hdr;
	size_t setup_len, header_len;
	uint64_t addr, initrd, start;
	int error;

	memset(&params, 0, sizeof params);
	/* The header ends where the jump at 0x200 leads to. */
	header_len = MIN((size_t)image->kernel[0x201] + 0x202 - 0x1f1, sizeof *header);
	header_len = MIN(header_len, image->kernel_len - 0x1f1);
	memcpy(header, image->kernel + 0x1f1, header_len);
	error = check_header(image, header, err);
	if (error)
		return error;
	setup_len = ((header->setup_sects ? header->setup_sects : 4u) + 1) * 512u;
	if (setup_len >= image->kernel_len)
		return errtext_set(err, EINVAL, "kernel %s: it is cut off", image->kernel_path);
	addr = header->pref_address ? header->pref_address : DEFAULT_KERNEL_ADDR;
	if (!memory_at(memory, addr, MAX(header->init_size, image->kernel_len - setup_len)))
		return errtext_set(err, E2BIG,
				   "kernel %s: it needs %llu MiB of memory, the guest has %llu; --memory gives it more",
				   image->kernel_path, (unsigned long long)((addr + header->init_size) >> 20),
				   (unsigned long long)(memory->size >> 20));
	error = load_initrd(image, memory, addr + header->init_size, header->initrd_addr_max, &initrd, err);
	if (error)
		return error;
	if (load_unpacked(image, memory, header, setup_len, initrd ? initrd : memory_top_below_4g(memory), &start)) {
		log_dbg("kernel %s: the guest unpacks it itself", image->kernel_path);
		error = put(memory, addr, image->kernel + setup_len, image->kernel_len - setup_len, "kernel", err);
		start = addr + 0x200;
	}
	fill_zero_page(&params, memory, rsdp, initrd, image->initrd_len, strlen(image->cmdline));
	if (!error)
		error = put(memory, ZERO_PAGE, &params, sizeof params, "boot parameters", err);
	make_page_tables(memory);
	*entry = (struct vm_entry){
		.mode = VM_ENTRY_LONG, .rip = start, .rsp = STACK, .rsi = ZERO_PAGE, .cr3 = PAGE_TABLES};
	return error;
}

/* ---- ELF with a PVH entry ---- */

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define PVH_MAGIC 0x336ec578u

struct pvh_info {
	uint32_t magic, version, flags, n_modules;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t n_memmap, reserved;
};

struct pvh_module {
	uint64_t addr, size, cmdline, reserved;
};

struct pvh_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

static bool is_elf(const struct boot_image *image)
{
	return image->kernel_len >= sizeof(Elf64_Ehdr) && !memcmp(image->kernel, ELFMAG, SELFMAG) &&
	       image->kernel[EI_CLASS] == ELFCLASS64;
}

/* @len bytes of the file at @ofs, or NULL. */
static const uint8_t *file_at(const struct boot_image *image, uint64_t ofs, uint64_t len)
{
	if (ofs > image->kernel_len || len > image->kernel_len - ofs)
		return NULL;
	return image->kernel + ofs;
}

/* Return: the PVH entry among the notes of a segment, or 0. */
static uint64_t find_entry(const uint8_t *notes, uint64_t len)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name_len, desc_len;
		uint32_t value;

		memcpy(&note, notes, sizeof note);
		name_len = ROUND_UP((uint64_t)note.n_namesz, 4);
		desc_len = ROUND_UP((uint64_t)note.n_descsz, 4);
		notes += sizeof note;
		len -= sizeof note;
		if (name_len > len || desc_len > len - name_len)
			return 0;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == 4 && !memcmp(notes, "Xen", 4) &&
		    note.n_descsz >= 4) {
			memcpy(&value, notes + name_len, sizeof value);
			return value;
		}
		notes += name_len + desc_len;
		len -= name_len + desc_len;
	}
	return 0;
}

static int load_segment(const struct boot_image *image, struct guest_memory *memory, const Elf64_Phdr *segment,
			uint64_t *end, struct errtext *err)
{
	const uint8_t *data = file_at(image, segment->p_offset, segment->p_filesz);
	uint8_t *host = memory_at(memory, segment->p_paddr, segment->p_memsz);

	if (!segment->p_memsz)
		return 0;
	if (!data || segment->p_filesz > segment->p_memsz)
		return errtext_set(err, EINVAL, "kernel %s: a segment is cut off", image->kernel_path);
	if (!host || segment->p_paddr < HIGH_RAM)
		return errtext_set(err, E2BIG,
				   "kernel %s: %llu bytes at %#llx do not fit the guest's memory of %llu MiB",
				   image->kernel_path, (unsigned long long)segment->p_memsz,
				   (unsigned long long)segment->p_paddr, (unsigned long long)(memory->size >> 20));
	memcpy(host, data, segment->p_filesz);
	memset(host + segment->p_filesz, 0, segment->p_memsz - segment->p_filesz);
	*end = MAX(*end, segment->p_paddr + segment->p_memsz);
	return 0;
}

static int load_segments(const struct boot_image *image, struct guest_memory *memory, uint64_t *entry, uint64_t *end,
			 struct errtext *err)
{
	Elf64_Ehdr elf;
	int error = 0;

	memcpy(&elf, image->kernel, sizeof elf);
	*entry = *end = 0;
	for (unsigned int i = 0; i < elf.e_phnum && !error; i++) {
		const uint8_t *p = file_at(image, elf.e_phoff + (uint64_t)i * elf.e_phentsize, sizeof(Elf64_Phdr));
		Elf64_Phdr segment;

		if (!p || elf.e_phentsize < sizeof segment)
			return errtext_set(err, EINVAL, "kernel %s: its program headers are cut off",
					   image->kernel_path);
		memcpy(&segment, p, sizeof segment);
		if (segment.p_type == PT_LOAD)
			error = load_segment(image, memory, &segment, end, err);
		if (segment.p_type == PT_NOTE && file_at(image, segment.p_offset, segment.p_filesz) && !*entry)
			*entry = find_entry(image->kernel + segment.p_offset, segment.p_filesz);
	}
	if (!error && !*entry)
		error = errtext_set(err, EINVAL, "kernel %s: it has no PVH entry (CONFIG_PVH); its bzImage boots, too",
				    image->kernel_path);
	return error;
}

static void write_pvh_info(const struct boot_image *image, struct guest_memory *memory, uint64_t rsdp, uint64_t initrd)
{
	struct pvh_info info = {
		.magic = PVH_MAGIC, .version = 1, .cmdline = CMDLINE, .rsdp = rsdp, .memmap = PVH_MEMMAP};
	struct pvh_module module = {.addr = initrd, .size = image->initrd_len};
	struct range map[8];

	zero(memory, PVH_INFO, 0x1000);
	info.n_memmap = (uint32_t)memory_map(memory, map);
	if (initrd) {
		info.n_modules = 1;
		info.modules = PVH_MODULES;
		memcpy(memory_at(memory, PVH_MODULES, sizeof module), &module, sizeof module);
	}
	for (uint32_t i = 0; i < info.n_memmap; i++) {
		struct pvh_memmap e = {map[i].start, map[i].size, map[i].type, 0};

		memcpy(memory_at(memory, PVH_MEMMAP + i * sizeof e, sizeof e), &e, sizeof e);
	}
	memcpy(memory_at(memory, PVH_INFO, sizeof info), &info, sizeof info);
}

static int load_elf(const struct boot_image *image, struct guest_memory *memory, uint64_t rsdp, struct vm_entry *entry,
		    struct errtext *err)
{
	uint64_t start, end, initrd;
	int error = load_segments(image, memory, &start, &end, err);

	if (!error)
		error = load_initrd(image, memory, end, 0xffffffff, &initrd, err);
	if (error)
		return error;
	write_pvh_info(image, memory, rsdp, initrd);
	*entry = (struct vm_entry){.mode = VM_ENTRY_PROTECTED, .rip = start, .rsp = STACK, .rbx = PVH_INFO};
	return 0;
}

/* The guest has its copy: ours need not be resident until the next reset. */
static void forget_pages(const uint8_t *data, size_t len)
{
	if (data)
		madvise((void *)(uintptr_t)data, len, MADV_DONTNEED);
}

static int load(const struct boot_image *image, struct guest_memory *memory, uint64_t rsdp, struct vm_entry *entry,
		struct errtext *err)
{
	int error;

	if (memory->size < 16ull << 20)
		return errtext_set(err, E2BIG, "guest memory of %llu MiB: 16 MiB at least were expected",
				   (unsigned long long)(memory->size >> 20));
	error = put(memory, CMDLINE, image->cmdline, strlen(image->cmdline) + 1, "command line", err);
	if (error)
		return error;
	if (is_bzimage(image))
		return load_bzimage(image, memory, rsdp, entry, err);
	if (is_elf(image))
		return load_elf(image, memory, rsdp, entry, err);
	return errtext_set(err, EINVAL, "kernel %s: neither a bzImage nor an ELF vmlinux of 64 bits",
			   image->kernel_path);
}

int boot_load(const struct boot_image *image, struct guest_memory *memory, uint64_t rsdp, struct vm_entry *entry,
	      struct errtext *err)
{
	int error = load(image, memory, rsdp, entry, err);

	forget_pages(image->kernel, image->kernel_len);
	forget_pages(image->initrd, image->initrd_len);
	return error;
}
