// SPDX-License-Identifier: Apache-2.0
/* The guest's disks. */
#include "vmm/disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/block/block.h"
#include "vmm/core/pci.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm/options.h"

void disks_init(struct disks *disks, unsigned int n_cpus)
{
	CDS_INIT_LIST_HEAD(&disks->list);
	disks->n_queues = MIN(n_cpus, VIRTIO_BLK_MAX_QUEUES);
	disks->next_name = 0;
}

int disks_open(struct disks *disks, const struct disk_options *options, int fd, struct errtext *err)
{
	struct block_config config = {
		.path = options->path,
		.format = options->format,
		.fd_plus_1 = fd + 1,
		.read_only = options->read_only,
		.serial = options->serial,
	};
	struct disk *disk;
	struct block *block;
	int error = block_open(&config, disks->n_queues, &block, err);

	if (error)
		return error;
	disk = xzalloc(sizeof *disk);
	snprintf(disk->name, sizeof disk->name, "disk%u", disks->next_name++);
	disk->path = xstrdup(options->path);
	disk->block = block;
	cds_list_add_tail(&disk->node, &disks->list);
	return 0;
}

static int plug(struct disks *disks, struct disk *disk, struct machine *machine, struct errtext *err)
{
	struct block *block = disk->block;
	struct virtio_blk *blk;
	int error;

	disk->block = NULL;
	error = virtio_blk_new(machine, disk->name, block, disks->n_queues, &blk, err);
	if (error)
		return error;
	error = virtio_pci_plug(virtio_blk_device(blk), -1, err);
	if (error)
		return error;
	disk->blk = blk;
	disk->block = block;
	return 0;
}

int disks_plug(struct disks *disks, struct machine *machine, struct errtext *err)
{
	struct disk *disk;
	int error = 0;

	cds_list_for_each_entry(disk, &disks->list, node)
		if (!disk->blk && !error)
			error = plug(disks, disk, machine, err);
	return error;
}

static void disk_free(struct disk *disk)
{
	if (!disk->blk)
		block_close(disk->block);
	cds_list_del(&disk->node);
	free(disk->path);
	free(disk);
}

struct disk *disks_find(const struct disks *disks, const char *name)
{
	struct disk *disk;

	cds_list_for_each_entry(disk, &disks->list, node)
		if (!strcmp(disk->name, name))
			return disk;
	return NULL;
}

struct disk *disks_last(struct disks *disks)
{
	return cds_list_empty(&disks->list) ? NULL : cds_list_entry(disks->list.prev, struct disk, node);
}

struct pci_device *disk_pci(const struct disk *disk)
{
	return virtio_pci_device(virtio_blk_device(disk->blk));
}

void disk_remove(struct disk *disk)
{
	if (disk->blk)
		pci_unplug(disk_pci(disk));
	disk_free(disk);
}

void disks_fini(struct disks *disks)
{
	struct disk *disk, *next;

	cds_list_for_each_entry_safe(disk, next, &disks->list, node)
		disk_free(disk);
}
