// SPDX-License-Identifier: Apache-2.0
#include "os/pcap_filter.h"

#include <stddef.h>

#include <pcap/pcap.h>

_Static_assert(sizeof(struct pcap_filter_insn) == sizeof(struct bpf_insn) &&
		       offsetof(struct pcap_filter_insn, k) == offsetof(struct bpf_insn, k) &&
		       offsetof(struct pcap_filter_insn, jf) == offsetof(struct bpf_insn, jf),
	       "libpcap's instructions are ours");

bool pcap_filter_is_valid(const struct pcap_filter *filter)
{
	return !filter->n ||
	       (filter->n <= PCAP_FILTER_MAX && bpf_validate((const struct bpf_insn *)filter->insns, (int)filter->n));
}

bool pcap_filter_matches(const struct pcap_filter *filter, const uint8_t *bytes, size_t n_bytes, size_t len)
{
	return !filter->n ||
	       bpf_filter((const struct bpf_insn *)filter->insns, bytes, (unsigned int)len, (unsigned int)n_bytes);
}
