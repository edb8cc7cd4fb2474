/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture files: write pcapng, read pcapng and pcap.
 *
 * Neither side opens a file or allocates. The writer makes one block at a time in a buffer of the caller; the reader walks over
 * a whole file in memory and points into it. Sources: draft-ietf-opsawg-pcapng (block and option codes), draft-ietf-opsawg-pcap.
 *
 * The writer makes blocks in this CPU's byte order (the format says which that is), one section, timestamps in nanoseconds.
 */
#ifndef PACKET_PCAPNG_H
#define PACKET_PCAPNG_H 1

#include "vsw/types.h"

struct errtext;

/** LINKTYPE_ETHERNET; the only one that packet_parse() understands. */
#define PCAP_LINK_ETHERNET 1

/** Interfaces per section that the reader keeps apart. */
#define PCAP_MAX_INTERFACES 256

enum pcap_direction {
	PCAP_DIR_UNKNOWN = 0,
	PCAP_DIR_IN = 1,
	PCAP_DIR_OUT = 2,
};

struct pcap_frame {
	const uint8_t *data;
	uint32_t len;	     /**< bytes at data */
	uint32_t orig_len;   /**< bytes on the wire; more than len when the frame was cut */
	uint64_t ts_ns;	     /**< since 1970-01-01 UTC */
	uint32_t if_id;	     /**< number of the interface description in the section, from 0 */
	uint16_t link_type;  /**< of the interface; reader only */
	uint8_t direction;   /**< enum pcap_direction */
	const char *comment; /**< UTF-8, not terminated; NULL without */
	size_t comment_len;
};

/**
 * pcapng_put_section() - section header block, the start of a file
 * @buf: room for the block, of @cap bytes; NULL when @cap is 0
 * @application: name of the program that writes
 *
 * Return: bytes of the block (a multiple of 4). When that is more than @cap, what is in @buf is of no use.
 */
size_t pcapng_put_section(void *buf, size_t cap, const char *application);

/** pcapng_put_interface() - interface description block; the first one describes if_id 0. @snaplen: 0 is no limit. */
size_t pcapng_put_interface(void *buf, size_t cap, const char *name, uint16_t link_type, uint32_t snaplen);

/** pcapng_put_frame() - enhanced packet block. @f: link_type is not looked at. */
size_t pcapng_put_frame(void *buf, size_t cap, const struct pcap_frame *f);

struct pcap_interface {
	uint16_t link_type;
	uint8_t ts_resolution; /**< if_tsresol: 10^-n, or 2^-(n & 0x7f) with the top bit */
	uint32_t snaplen;
	uint64_t ts_offset_s;
};

/** Where the reader is; all fields are its own. Owned by the caller, no clean-up needed. */
struct pcap_reader {
	const uint8_t *data;
	size_t len, pos;
	bool ng;      /**< pcapng, else pcap */
	bool swapped; /**< the other byte order */
	uint32_t n_interfaces;
	struct pcap_interface interfaces[PCAP_MAX_INTERFACES];
};

/**
 * pcap_reader_init() - recognise a capture file
 * @data: the whole file, of @len bytes; stays the caller's and must outlive the reader
 *
 * Return: 0, or -EINVAL with a sentence in @err.
 */
int pcap_reader_init(struct pcap_reader *r, const void *data, size_t len, struct errtext *err);

/**
 * pcap_reader_next() - the next frame
 * @f: points into the file
 *
 * Return: 1, 0 at the end of the file, or -EINVAL when the file is damaged (the offset is in the sentence).
 */
int pcap_reader_next(struct pcap_reader *r, struct pcap_frame *f, struct errtext *err);

#endif
