// SPDX-License-Identifier: Apache-2.0
#include "os/pcap_late.h"

#include "os/late.h"

int pcap_late_get(const struct pcap_late **pcap, struct errtext *err)
{
	/* Debian has kept an old name for what others call version 1. */
	static const char *const names[] = {"libpcap.so.0.8", "libpcap.so.1", NULL};
	static struct pcap_late late;
	static const struct late_function functions[] = {
		{"pcap_open_dead", &late.open_dead},
		{"pcap_open_offline", &late.open_offline},
		{"pcap_compile", &late.compile},
		{"pcap_freecode", &late.freecode},
		{"pcap_next_ex", &late.next_ex},
		{"pcap_datalink", &late.datalink},
		{"pcap_datalink_val_to_name", &late.datalink_val_to_name},
		{"pcap_geterr", &late.geterr},
		{"pcap_close", &late.close},
	};
	int error = late.close ? 0 : late_load(names, functions, ARRAY_SIZE(functions), err);

	*pcap = &late;
	return error;
}
