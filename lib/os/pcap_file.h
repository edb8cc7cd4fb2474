/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files, pcap and pcapng, read packet by packet with libpcap. */
#ifndef OS_PCAP_FILE_H
#define OS_PCAP_FILE_H 1

#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct pcap_file;

struct pcap_file_packet {
	const uint8_t *data; /**< valid until the next call */
	size_t len;	     /**< bytes at data */
	size_t wire_len;     /**< bytes of the packet; more than len where the capture was cut */
};

/** pcap_file_open() - "-" is standard input. Return: 0, or -errno with a sentence: no such file, no capture, no Ethernet frames in it. */
VSW_MUST_USE int pcap_file_open(const char *path, struct pcap_file **file, struct errtext *err);
/** pcap_file_next() - Return: 1 with a packet, 0 at the end, -EINVAL with a sentence where the file is damaged. */
VSW_MUST_USE int pcap_file_next(struct pcap_file *file, struct pcap_file_packet *packet, struct errtext *err);
/** pcap_file_close() - takes NULL. */
void pcap_file_close(struct pcap_file *file);

#endif
