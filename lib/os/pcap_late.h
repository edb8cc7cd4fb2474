/* SPDX-License-Identifier: Apache-2.0 */
/* libpcap, loaded when it is needed (os/late.h): what reading capture files and compiling filters call. */
#ifndef OS_PCAP_LATE_H
#define OS_PCAP_LATE_H 1

#include <pcap/pcap.h>

#include "base/errtext.h"
#include "base/util.h"

/** Each is libpcap's function of that name, with pcap_ in front. */
struct pcap_late {
	typeof(pcap_open_dead) *open_dead;
	typeof(pcap_open_offline) *open_offline;
	typeof(pcap_compile) *compile;
	typeof(pcap_freecode) *freecode;
	typeof(pcap_next_ex) *next_ex;
	typeof(pcap_datalink) *datalink;
	typeof(pcap_datalink_val_to_name) *datalink_val_to_name;
	typeof(pcap_geterr) *geterr;
	typeof(pcap_close) *close;
};

/** pcap_late_get() - Return: 0 with @pcap, or -ENOENT with a sentence. Not for two threads at a time. */
VSW_MUST_USE int pcap_late_get(const struct pcap_late **pcap, struct errtext *err);

#endif
