// SPDX-License-Identifier: Apache-2.0
/* Methods of the control socket that concern disks. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "os/control.h"
#include "vmm/block/block.h"
#include "vmm/commands_impl.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm/guest.h"

json_t *commands_queues(const struct virtio_device *dev)
{
	json_t *queues = json_array();

	for (unsigned int i = 0; i < dev->n_queues; i++) {
		const struct virtqueue *vq = &dev->queues[i];

		json_array_append_new(queues,
				      json_pack("{s:b, s:i, s:I, s:I, s:I}", "enabled", vq->is_enabled, "size",
						(int)vq->size, "kicks", (json_int_t)vq->n_kicks, "interrupts",
						(json_int_t)vq->n_interrupts, "chains", (json_int_t)vq->n_chains));
	}
	return queues;
}

json_t *commands_list_disks(const struct guest *guest)
{
	json_t *disks = json_array();
	const struct disk *disk;

	cds_list_for_each_entry(disk, &guest->disks.list, node)
		json_array_append_new(disks, json_pack("{s:s, s:s, s:s, s:I, s:b, s:s}", "name", disk->name, "file",
						       disk->path, "format", disk->block->ops->format, "bytes",
						       (json_int_t)disk->block->size, "readonly",
						       disk->block->read_only, "serial", disk->block->serial));
	return disks;
}

static json_t *one_disk_stats(const struct disk *disk)
{
	struct virtio_blk_stats s;

	virtio_blk_get_stats(disk->blk, &s);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name", disk->name, "reads",
			 (json_int_t)s.n_reads, "writes", (json_int_t)s.n_writes, "flushes", (json_int_t)s.n_flushes,
			 "discards", (json_int_t)s.n_discards, "errors", (json_int_t)s.n_errors, "bytes_read",
			 (json_int_t)s.bytes_read, "bytes_written", (json_int_t)s.bytes_written, "queues",
			 commands_queues(virtio_blk_device(disk->blk)));
}

json_t *commands_disk_stats(const struct guest *guest)
{
	json_t *disks = json_array();
	const struct disk *disk;

	cds_list_for_each_entry(disk, &guest->disks.list, node)
		json_array_append_new(disks, one_disk_stats(disk));
	return disks;
}

void commands_disk_register(struct guest *guest)
{
	(void)guest;
}
