/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters in libpcap's language ("tcp port 80 and not host 10.0.0.1", pcap-filter(7)) as classic BPF programs.
 *
 * Whoever typed one compiles it (names of hosts may be asked of a server, and hostile text may take its time); whoever runs it checks it, and runs it
 * on frames in memory: jumps go forward only, so it ends.
 */
#ifndef OS_PCAP_FILTER_H
#define OS_PCAP_FILTER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

/** The longest program, as in the kernel. */
#define PCAP_FILTER_MAX 4096

struct pcap_filter_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct pcap_filter {
	size_t n; /**< 0: everything matches */
	struct pcap_filter_insn *insns;
};

/** pcap_filter_compile() - for Ethernet frames. "" matches everything. Return: 0, or -EINVAL with libpcap's message. pcap_filter_fini() after success. */
VSW_MUST_USE int pcap_filter_compile(struct pcap_filter *filter, const char *text, struct errtext *err);
void pcap_filter_fini(struct pcap_filter *filter);

/** pcap_filter_is_valid() - may it be run? */
bool pcap_filter_is_valid(const struct pcap_filter *filter);
/** pcap_filter_matches() - @n_bytes of a frame of @len bytes are there. */
bool pcap_filter_matches(const struct pcap_filter *filter, const uint8_t *bytes, size_t n_bytes, size_t len);

#endif
