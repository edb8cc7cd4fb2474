/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps what a network device receives from the host's own stack: a filter on its clsact ingress hook drops everything. Packet
 * sockets see the frames before that hook, so a switch that reads them there is the only one who does.
 *
 * The filter is a two-instruction BPF program, or, where BPF is not allowed, `matchall` with `action drop`. It has a handle and a
 * priority of its own; filters of others on the same hook stay. One left behind by a process that was killed is replaced. Leaving,
 * we take the hook itself along if it was ours and nobody else has put anything there.
 */
#ifndef OS_TC_DROP_H
#define OS_TC_DROP_H 1

#include <stdbool.h>

struct tc_drop {
	int ifindex;
	bool is_egress;		  /**< at the other end of the hook */
	bool is_bpf, is_matchall; /**< which filter is in place; neither: none */
	bool made_hook;		  /**< the clsact qdisc is ours */
};

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
