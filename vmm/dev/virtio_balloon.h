/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-balloon (virtio 1.2 5.5): the guest gives memory back to its host, because it is asked to (the balloon), or because it has no use for it (free page
 * reporting); and says how it is doing (statistics).
 *
 * The target is what the guest is to keep. Its driver takes pages from its own kernel until so much is left, and names them in a queue: they are
 * discarded, and read as zero when the guest has them back. Nothing is held against a guest that touches a page in the balloon: it gets it.
 */
#ifndef VMM_DEV_VIRTIO_BALLOON_H
#define VMM_DEV_VIRTIO_BALLOON_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct machine;
struct virtio_balloon;
struct virtio_device;

/** Tags of statistics (5.5.6.4). */
enum virtio_balloon_stat {
	BALLOON_SWAP_IN,
	BALLOON_SWAP_OUT,
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE,
	BALLOON_TOTAL,
	BALLOON_AVAILABLE,
	BALLOON_CACHES,
	BALLOON_HUGE_ALLOCATED,
	BALLOON_HUGE_FAILED,
	BALLOON_N_STATS,
};

/** By tag, as commands show them: "swap_in_bytes", ... */
extern const char *const virtio_balloon_stat_names[BALLOON_N_STATS];

struct virtio_balloon_config {
	const char *name;	/**< "balloon0"; stays */
	bool no_deflate_on_oom; /**< a guest out of memory is to kill, rather than take pages back */
	bool no_reporting;	/**< no free page reporting */
};

struct virtio_balloon_info {
	uint64_t ram, target, actual;	 /**< bytes: all; what the guest is to keep; what it says it has */
	uint64_t n_inflated, n_deflated; /**< pages of 4 KiB, since the start */
	uint64_t reported;		 /**< bytes given back by free page reporting, since the start */
	bool has_driver;		 /**< somebody is there to do it */
	uint32_t known;			 /**< 1 << enum virtio_balloon_stat: which statistics there are */
	int64_t stats_ms;		 /**< clock_now_ms() when they came; 0: never */
	uint64_t stats[BALLOON_N_STATS];
};

/** virtio_balloon_new() - Return: 0 or -errno with the sentence. */
VSW_MUST_USE int virtio_balloon_new(struct machine *machine, const struct virtio_balloon_config *config,
				    struct virtio_balloon **balloon, struct errtext *err);
/** virtio_balloon_device() - for virtio_pci_plug(), which owns it from then on. */
struct virtio_device *virtio_balloon_device(struct virtio_balloon *balloon);

/**
 * virtio_balloon_set_target() - how much the guest is to keep
 * @bytes: 1 MiB to all of its RAM; a part of a page is rounded up. Holds over resets. Any thread.
 *
 * Return: 0, or -ERANGE with the sentence.
 */
VSW_MUST_USE int virtio_balloon_set_target(struct virtio_balloon *balloon, uint64_t bytes, struct errtext *err);
/** virtio_balloon_ask() - have the guest send statistics; they arrive when it likes (`stats_ms`). Main thread. */
void virtio_balloon_ask(struct virtio_balloon *balloon);
/** virtio_balloon_get() - how things are; any thread. */
void virtio_balloon_get(struct virtio_balloon *balloon, struct virtio_balloon_info *info);

#endif
