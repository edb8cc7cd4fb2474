// SPDX-License-Identifier: Apache-2.0
/* What makes filters, apart from what runs them: the command compiles and never runs, the daemon runs and never compiles. */
#include <errno.h>
#include <stdlib.h>

#include "os/pcap_filter.h"
#include "os/pcap_late.h"

enum { SNAPLEN = 262144 };

static int take_program(struct pcap_filter *filter, const struct bpf_program *program, const char *text,
			struct errtext *err)
{
	if (program->bf_len > PCAP_FILTER_MAX)
		return errtext_set(err, E2BIG, "the filter becomes %u instructions, %d are the limit", program->bf_len,
				   PCAP_FILTER_MAX);
	if (text[0]) {
		filter->n = program->bf_len;
		filter->insns = xmemdup(program->bf_insns, program->bf_len * sizeof *filter->insns);
	}
	return 0;
}

int pcap_filter_compile(struct pcap_filter *filter, const char *text, struct errtext *err)
{
	const struct pcap_late *late;
	struct bpf_program program;
	pcap_t *pcap;
	int error = pcap_late_get(&late, err);

	*filter = (struct pcap_filter){0};
	if (error)
		return error;
	pcap = late->open_dead(DLT_EN10MB, SNAPLEN);
	if (!pcap)
		return errtext_set(err, ENOMEM, "libpcap: no memory");
	if (late->compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		error = errtext_set(err, EINVAL, "'%.120s' is no filter: %s (pcap-filter(7) explains)", text,
				    late->geterr(pcap));
	} else {
		error = take_program(filter, &program, text, err);
		late->freecode(&program);
	}
	late->close(pcap);
	return error;
}

void pcap_filter_fini(struct pcap_filter *filter)
{
	free(filter->insns);
	*filter = (struct pcap_filter){0};
}
