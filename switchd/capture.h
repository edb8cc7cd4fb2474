/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures: packets at ports as pcapng, each with what became of it, down a pipe to whoever asked.
 *
 * While there is a capture, one thread goes round every few milliseconds: it takes what the datapaths have seen at watched ports
 * (switchd/datapath/watch.h), gives each packet to the captures whose ports, direction and filter it fits, and writes what they have
 * collected to their pipes. It never waits for a reader: a capture whose reader is slow loses packets, and counts them.
 *
 * Filters run where the packets are, before anything is spent on them (watch_set_filter()): a packet that is rare is found among all of them.
 *
 * The thread watches its own processor time and what watching takes where the packets are, and narrows what may be handed over and looked at
 * when they come near their shares (CAPTURE_SHARE and WATCH_SHARE percent of a core; the rest of the ten belongs to the client).
 * Packets that were not looked at are counted.
 *
 * A capture ends when its reader has left, when it has as many packets as were asked for, or by capture_stop(). Main thread, all of it.
 */
#ifndef SWITCHD_CAPTURE_H
#define SWITCHD_CAPTURE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "os/pcap_filter.h"

struct bridge;
struct iface;
struct loop;

/** Percent of a core that the thread may take. */
#define CAPTURE_SHARE 3
/** And with what watching takes where the packets are: in the kernel, in forwarding threads. */
#define WATCH_SHARE 7
#define CAPTURE_MAX 16

enum capture_direction { CAPTURE_BOTH, CAPTURE_IN, CAPTURE_OUT };

struct capture_options {
	const char *bridge; /**< all of its ports, also those that come later; or */
	const char *port;   /**< this one */
	enum capture_direction direction;
	bool drops;		   /**< only what comes in and is dropped */
	uint64_t count;		   /**< end after so many; 0: never */
	uint32_t snaplen;	   /**< bytes of each */
	struct pcap_filter filter; /**< valid; taken over, also on failure */
};

struct capture_stats {
	uint64_t n_captured; /**< written */
	uint64_t
		n_unmatched; /**< seen, and not what the filter asks for; those that no capture's filter wanted included */
	uint64_t n_unwatched; /**< not looked at, to spare the processor; of all captures together */
	uint64_t n_slow;      /**< lost because the reader was slow */
};

/**
 * capture_start() - begin one
 * @fd: what the reader reads; the caller's
 *
 * Return: its number, > 0; or -ENOENT, -EINVAL, -EBUSY: there are CAPTURE_MAX, ..., with @err.
 */
int capture_start(const struct capture_options *options, int *fd, struct errtext *err);
/** capture_stop() - what it has collected is written as far as the pipe takes it. Return: 0 or -ENOENT: it is over. */
int capture_stop(int number, struct capture_stats *stats);

/** capture_watch_ns() - what watching has taken where the packets are, so far. From any thread. */
uint64_t capture_watch_ns(void);

void capture_init(struct loop *loop);
/** capture_fini() - end all. */
void capture_fini(void);

#endif
