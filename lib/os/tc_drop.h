/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps what a network device receives from the host's own stack: a filter on its clsact ingress hook drops everything. Packet
 * sockets see the frames before that hook, so a switch that reads them there is the only one who does.
 *
 * The filter is a two-instruction BPF program, or, where BPF is not allowed, `matchall` with `action drop`. It has a handle and a
 * priority of its own; filters of others on the same hook stay. One left behind by a process that was killed is replaced, in one step.
 * Leaving, we take the hook itself along if it was ours and nobody else has put anything there: the handle of a filter says whether
 * the hook came with it, also to a later process. The program's name ends in a number that says who it is that drops.
 */
#ifndef OS_TC_DROP_H
#define OS_TC_DROP_H 1

#include <stdbool.h>
#include <stdint.h>

struct tc_drop {
	int ifindex;
	bool is_egress;		  /**< at the other end of the hook */
	bool is_bpf, is_matchall; /**< which filter is in place; neither: none */
	bool made_hook;		  /**< the clsact qdisc is ours */
};

/** tc_drop_set_owner() - for programs loaded from now on. @owner: its low 24 bits tell one process' filters from another's. */
void tc_drop_set_owner(uint64_t owner);
/** tc_drop_is_owner() - does a program's name say that it is the drop filter of this owner? */
bool tc_drop_is_owner(const char *program_name, uint64_t owner);

/**
 * tc_drop_find() - the BPF filter in our place on a device
 * @program_id: the kernel's number of its program
 *
 * Return: 0 and @td, good for tc_drop_detach(); -ENOENT, or another negative errno.
 */
int tc_drop_find(struct tc_drop *td, int ifindex, uint32_t *program_id);

/**
 * tc_drop_attach() - put the filter in place
 *
 * Return: 0, or -errno when the host can do neither (-ENOENT: kernel without clsact; -EPERM). @td is then good for tc_drop_detach().
 */
int tc_drop_attach(struct tc_drop *td, int ifindex);
/**
 * tc_drop_attach_program() - a BPF program of the caller's in the same place, under the same handle and priority
 * @fd: of a loaded program of type BPF_PROG_TYPE_SCHED_CLS; stays the caller's
 *
 * Return: 0 or -errno. @td is then good for tc_drop_detach().
 */
int tc_drop_attach_program(struct tc_drop *td, int ifindex, int fd);
/** tc_drop_attach_egress() - likewise, for what the device is to send. */
int tc_drop_attach_egress(struct tc_drop *td, int ifindex, int fd);
/** tc_drop_detach() - no effect when nothing is attached, or the device is gone. */
void tc_drop_detach(struct tc_drop *td);

#endif
