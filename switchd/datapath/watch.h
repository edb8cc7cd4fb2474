/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that are being captured, on their way from a datapath to whoever captures (switchd/capture.h).
 *
 * A datapath that watches a port (datapath_ops.port_watch) hands each packet that it sees there to this module: a sight. Sights of forwarding
 * threads go through a ring of bounded size, in the order in which they were reserved; what does not fit is counted and lost. Sights that the
 * kernel made come straight to the reader, in datapath_ops.watch_poll().
 *
 * Filters come first: what nobody wants costs a look and no more, so that what is rare is found among all packets.
 *
 * Watching must not cost more than it may: in each window of time only so much is spent on it (watch_set_budget()); packets beyond that
 * are counted and not looked at.
 *
 * Threads: watch_reserve() and watch_commit() from any, the rest from the one that captures.
 */
#ifndef SWITCHD_DATAPATH_WATCH_H
#define SWITCHD_DATAPATH_WATCH_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct datapath;

/** The longest capture; longer packets are cut. */
#define WATCH_MAX_LEN 65280
/** Windows are so many nanoseconds (as in vsw/bpf_abi.h). */
#define WATCH_WINDOW_NS (1ull << 23)
/** What a packet costs of which so many bytes are captured. */
#define WATCH_COST(LEN) (256 + (LEN))

/** What datapath_ops.port_watch() is asked for, or'ed. */
enum watch_what {
	WATCH_IN = 1,	 /**< what comes in, and what becomes of it */
	WATCH_OUT = 2,	 /**< what is sent */
	WATCH_DROPS = 4, /**< of what comes in that which is dropped; as it is then */
	WATCH_EVERYTHING = 7,
};

/** Beside them: of the packets only those that a filter wants, see watch_set_filter(). Without any of these bits: all. */
#define WATCH_FILTER(SLOT) (1u << (16 + (SLOT)))
#define WATCH_N_FILTERS 16

/** One packet at one port. */
struct sight {
	const struct datapath *dp; /**< whose port numbers these are */
	uint64_t ts_ns;		   /**< since 1970 */
	uint64_t flow_id;	   /**< of the flow that it had; 0: unknown, or none */
	uint32_t port;		   /**< where it was seen */
	uint32_t in_port;	   /**< where it came in; DP_PORT_NONE: it is the daemon's own */
	uint32_t len;		   /**< on the wire */
	uint32_t n_bytes;	   /**< of @bytes */
	uint32_t gso_size;
	uint16_t reason; /**< enum drop_reason; DROP_NONE: it was forwarded */
	bool is_out;	 /**< it was sent; else it came in */
	uint8_t bytes[];
};

struct pcap_filter;

/**
 * watch_set_filter() - from the main thread, outside of read-side sections, while no port has the slot's bit
 * @filter: stays the caller's until another one, or NULL, is set
 */
void watch_set_filter(unsigned int slot, const struct pcap_filter *filter);
/** watch_filter() - that of a slot, or NULL. @serial: another one with each that is set. From the main thread. */
const struct pcap_filter *watch_filter(unsigned int slot, uint64_t *serial);
/** watch_wants() - is there a filter among those of @what (of a port) that wants the frame? Counts those that nobody wants. */
bool watch_wants(unsigned int what, const void *bytes, uint32_t len);

/** watch_start() - Return: 0 or -ENOMEM. */
int watch_start(void);
/** watch_stop() - no port is watched any more. */
void watch_stop(void);

void watch_set_len(uint32_t len);
uint32_t watch_len(void);
/** watch_set_budget() - units of WATCH_COST() per window, of each CPU in the kernel and of the daemon's threads together. */
void watch_set_budget(uint32_t units);
uint32_t watch_budget(void);
/** watch_set_ns() - likewise: nanoseconds that may be spent where the packets are. */
void watch_set_ns(uint32_t ns);
uint32_t watch_ns(void);

/**
 * watch_reserve() - room for a sight of a packet of @len bytes
 *
 * Return: the sight with len, n_bytes, ts_ns set and the rest zero: fill it, and give it to watch_commit() soon; or NULL: not this packet.
 */
struct sight *watch_reserve(uint32_t len);
/** watch_commit() - @keep: false: it was nothing. */
void watch_commit(struct sight *sight, bool keep);

/** watch_put() - a whole sight at once. @flow_id and the others as in struct sight. */
void watch_put(const struct sight *head, const void *bytes);

/** watch_read() - what has been committed, in order. */
void watch_read(void (*fn)(void *aux, const struct sight *sight), void *aux);

struct watch_counts {
	uint64_t n_unwatched; /**< not looked at, for want of budget */
	uint64_t n_unmatched; /**< that no filter wanted */
	uint64_t ns;	      /**< that all of it took, where the packets are */
	uint64_t n_lost;      /**< because the reader was slow */
};
/** watch_get_counts() - of forwarding threads, since the start of the program. */
void watch_get_counts(struct watch_counts *counts);

#endif
