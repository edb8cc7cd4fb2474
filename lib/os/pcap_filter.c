// SPDX-License-Identifier: Apache-2.0
#include "os/pcap_filter.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

_Static_assert(sizeof(struct pcap_filter_insn) == sizeof(struct bpf_insn) &&
		       offsetof(struct pcap_filter_insn, k) == offsetof(struct bpf_insn, k) &&
		       offsetof(struct pcap_filter_insn, jf) == offsetof(struct bpf_insn, jf),
	       "libpcap's instructions are ours");

enum { SNAPLEN = 262144 };

int pcap_filter_compile(struct pcap_filter *filter, const char *text, struct errtext *err)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct bpf_program program;
	int error = 0;

	*filter = (struct pcap_filter){0};
	if (!pcap)
		return errtext_set(err, ENOMEM, "libpcap: no memory");
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		error = errtext_set(err, EINVAL, "'%.120s' is no filter: %s (pcap-filter(7) explains)", text,
				    pcap_geterr(pcap));
	} else {
		if (program.bf_len > PCAP_FILTER_MAX)
			error = errtext_set(err, E2BIG, "the filter becomes %u instructions, %d are the limit",
					    program.bf_len, PCAP_FILTER_MAX);
		else if (text[0]) {
			filter->n = program.bf_len;
			filter->insns = xmemdup(program.bf_insns, program.bf_len * sizeof *filter->insns);
		}
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	return error;
}

void pcap_filter_fini(struct pcap_filter *filter)
{
	free(filter->insns);
	*filter = (struct pcap_filter){0};
}

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
