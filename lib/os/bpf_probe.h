/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host lets us do with BPF, found out by trying: version numbers lie (distributions port things back, containers take them away).
 *
 * Each ability is tried with the smallest thing that needs it: a program of two instructions, a map of one page, a qdisc on the
 * loopback device of a network namespace made for the purpose. Nothing is left behind. All of it takes a few milliseconds.
 */
#ifndef OS_BPF_PROBE_H
#define OS_BPF_PROBE_H 1

#include <stdbool.h>

#include "base/errtext.h"

enum bpf_ability {
	BPF_CAN_LOAD,	/**< tc programs */
	BPF_CAN_MMAP,	/**< arrays that are mapped into memory (5.5) */
	BPF_CAN_LOOP,	/**< bpf_loop() (5.17) */
	BPF_CAN_CLSACT, /**< attaching a program to a device by tc */
	BPF_CAN_TCX,	/**< and by a link (6.6): it survives whoever flushes qdiscs */
	BPF_CAN_PIN,	/**< a BPF file system at /sys/fs/bpf */
	BPF_CAN_NO_KEY, /**< tunnel metadata without a key, for GRE (6.2) */
	BPF_CAN_PERF,	/**< perf events, by which captured packets come up */
	BPF_N_ABILITIES,
};

struct bpf_answer {
	int error;     /**< 0: it works; positive errno */
	char why[200]; /**< when not: a sentence without a full stop */
};

struct bpf_probe {
	struct bpf_answer can[BPF_N_ABILITIES];
	bool is_locked_down; /**< kernel lockdown: confidentiality */
	bool has_jit, has_btf;
};

/** bpf_ability_name() - in a few words. */
const char *bpf_ability_name(enum bpf_ability ability);

/** bpf_probe_run() - try all of it. Needs no privileges: what lacks them is answered with EPERM. Starts a thread for an instant. */
void bpf_probe_run(struct bpf_probe *probe);

/** bpf_probe_tunnel_without_key() - BPF_CAN_NO_KEY alone. */
bool bpf_probe_tunnel_without_key(void);

/**
 * bpf_probe_obstacle() - what keeps the `ebpf` datapath from working here
 * @err: one sentence that says what is missing and what to do
 *
 * Return: 0 when nothing does, or negative errno with @err.
 */
int bpf_probe_obstacle(const struct bpf_probe *probe, struct errtext *err);

#endif
