/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's disks: images of --disk as virtio-blk devices "disk0", "disk1", ..., in this order on the bus, with a queue for each CPU.
 *
 * Images are opened (and locked) by disks_open(), before the process gives up what it may; devices are made by disks_plug().
 */
#ifndef VMM_DISKS_H
#define VMM_DISKS_H 1

#include <stddef.h>
#include <urcu/list.h>

#include "base/errtext.h"
#include "base/util.h"

struct block;
struct disk_options;
struct machine;
struct pci_device;
struct virtio_blk;

struct disk {
	struct cds_list_head node; /* in disks.list */
	char name[16];
	char *path;
	struct block *block;	/**< the device's, once there is one */
	struct virtio_blk *blk; /**< NULL: not plugged */
};

struct disks {
	struct cds_list_head list;
	unsigned int n_queues, next_name;
};

/** disks_init() - none yet. @n_cpus: of the guest. */
void disks_init(struct disks *disks, unsigned int n_cpus);
/**
 * disks_open() - open one image
 * @fd: it is open already, as this descriptor, which is taken over, also on failure; -1: by its name
 *
 * Return: 0 or -errno with the sentence.
 */
VSW_MUST_USE int disks_open(struct disks *disks, const struct disk_options *options, int fd, struct errtext *err);
/** disks_plug() - a device for each image that has none. Return: 0 or -errno with the sentence. */
VSW_MUST_USE int disks_plug(struct disks *disks, struct machine *machine, struct errtext *err);
/** disks_find() - by its name; NULL: there is none. disks_last(): the one that was opened last. */
struct disk *disks_find(const struct disks *disks, const char *name);
struct disk *disks_last(struct disks *disks);
struct pci_device *disk_pci(const struct disk *disk);
/** disk_remove() - take its device away, or forget one that was never plugged. */
void disk_remove(struct disk *disk);
/** disks_fini() - forget them; the bus has freed the devices of those that were plugged. */
void disks_fini(struct disks *disks);

#endif
