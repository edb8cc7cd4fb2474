// SPDX-License-Identifier: Apache-2.0
/* Segments and relocations of an unpacked kernel. */
#include "vmm/core/vmlinux.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { MAX_SEGMENTS = 16 };

/* Where the kernel's virtual addresses begin, and how much of them it has when it can be relocated. */
#define MAP_BASE 0xffffffff80000000ull
#define MAP_SIZE 0x40000000ull

/** What is read from the file before it is overwritten. */
struct layout {
	Elf64_Ehdr elf;
	Elf64_Phdr segments[MAX_SEGMENTS];
	size_t relocs; /* offset of the relocations: the end of everything that the ELF file knows of */
	size_t top;    /* end of the kernel in memory, from its first byte */
};

/* ---- segments ---- */

static bool is_inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}

static int check_segment(const struct vmlinux *k, const Elf64_Phdr *s, struct layout *l)
{
	uint64_t at = s->p_paddr - k->linked;

	if (s->p_type != PT_LOAD)
		return 0;
	if (s->p_paddr < k->linked || s->p_filesz > s->p_memsz || !is_inside(s->p_offset, s->p_filesz, k->len) ||
	    !is_inside(at, s->p_memsz, k->room) || s->p_offset < at)
		return -ENOEXEC;
	l->top = MAX(l->top, (size_t)(at + s->p_memsz));
	l->relocs = MAX(l->relocs, (size_t)(s->p_offset + s->p_filesz));
	return 0;
}

static int read_layout(const struct vmlinux *k, struct layout *l)
{
	int error = 0;

	memset(l, 0, sizeof *l);
	if (k->len < sizeof l->elf || k->room < k->len)
		return -ENOEXEC;
	memcpy(&l->elf, k->data, sizeof l->elf);
	if (memcmp(l->elf.e_ident, ELFMAG, SELFMAG) || l->elf.e_ident[EI_CLASS] != ELFCLASS64 ||
	    l->elf.e_machine != EM_X86_64 || l->elf.e_phentsize != sizeof l->segments[0] || !l->elf.e_phnum ||
	    l->elf.e_phnum > MAX_SEGMENTS || !is_inside(l->elf.e_phoff, l->elf.e_phnum * sizeof l->segments[0], k->len))
		return -ENOEXEC;
	memcpy(l->segments, k->data + l->elf.e_phoff, l->elf.e_phnum * sizeof l->segments[0]);
	for (unsigned int i = 0; i < l->elf.e_phnum && !error; i++)
		error = check_segment(k, &l->segments[i], l);
	if (l->elf.e_shnum) {
		uint64_t size = (uint64_t)l->elf.e_shnum * l->elf.e_shentsize;

		if (!is_inside(l->elf.e_shoff, size, k->len))
			return -ENOEXEC;
		l->relocs = MAX(l->relocs, (size_t)(l->elf.e_shoff + size));
	}
	if (l->elf.e_entry < k->linked || l->elf.e_entry - k->linked >= l->top)
		return -ENOEXEC;
	return error;
}

/*
 * Downwards, in the file's order: nothing is overwritten that is still needed. The rest of a segment that has less contents than memory is left as it
 * is: the kernel clears its bss itself, and the relocations may lie there.
 */
static int move_segments(const struct vmlinux *k, const struct layout *l)
{
	uint64_t next = 0;

	for (unsigned int i = 0; i < l->elf.e_phnum; i++) {
		const Elf64_Phdr *s = &l->segments[i];

		if (s->p_type != PT_LOAD)
			continue;
		if (s->p_offset < next)
			return -ENOEXEC;
		next = s->p_offset + s->p_filesz;
		memmove(k->data + (s->p_paddr - k->linked), k->data + s->p_offset, s->p_filesz);
	}
	return 0;
}

/* ---- relocations ---- */

enum list { LIST_64, LIST_32_LESS, LIST_32 };

static uint32_t word_at(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

static int apply(const struct vmlinux *k, enum list list, uint32_t word, uint64_t delta)
{
	uint64_t at = (uint64_t)(int64_t)(int32_t)word - MAP_BASE - k->linked, value64;
	uint32_t value32;

	if (!is_inside(at, list == LIST_64 ? 8 : 4, k->room))
		return -ENOEXEC;
	if (list == LIST_64) {
		memcpy(&value64, k->data + at, sizeof value64);
		value64 += delta;
		memcpy(k->data + at, &value64, sizeof value64);
	} else {
		memcpy(&value32, k->data + at, sizeof value32);
		value32 = list == LIST_32 ? value32 + (uint32_t)delta : value32 - (uint32_t)delta;
		memcpy(k->data + at, &value32, sizeof value32);
	}
	return 0;
}

static int relocate(const struct vmlinux *k, const uint8_t *words, size_t n, uint64_t delta)
{
	unsigned int n_lists = 0, nth = 0;
	int error = 0;

	for (size_t i = 0; i < n; i++)
		n_lists += !word_at(words + 4 * i);
	if (word_at(words) || n_lists < 2 || n_lists > 3)
		return -ENOEXEC;
	for (size_t i = 0; i < n && !error; i++) {
		uint32_t word = word_at(words + 4 * i);

		if (!word)
			nth++;
		else
			error = apply(k, nth == n_lists ? LIST_32 : nth == 1 ? LIST_64 : LIST_32_LESS, word, delta);
	}
	return error;
}

/* How far the kernel is moved in virtual memory. */
static uint64_t choose_delta(const struct vmlinux *k)
{
	uint64_t slots = (MAP_SIZE - k->linked - k->room) / k->align + 1, random = 0;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return 0;
	return random % slots * k->align;
}

int vmlinux_place(struct vmlinux *k)
{
	struct layout l;
	int error = read_layout(k, &l);
	size_t n;

	if (!error)
		error = move_segments(k, &l);
	if (error)
		return error;
	k->entry = l.elf.e_entry - k->linked;
	n = (k->len - l.relocs) / 4;
	/* One that was built without relocations stays where it is. */
	k->is_random = k->is_random && n && k->room <= MAP_SIZE && k->linked <= MAP_SIZE - k->room;
	return k->is_random ? relocate(k, k->data + l.relocs, n, choose_delta(k)) : 0;
}
