// SPDX-License-Identifier: Apache-2.0
/* Methods of the control socket that concern disks. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "os/control.h"
#include "vmm/block/block.h"
#include "vmm/commands_impl.h"
#include "vmm/core/vm.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm/guest.h"
#include "vmm/hotplug.h"

static struct guest *guest;

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

static json_t *one_disk(const struct disk *disk)
{
	const struct block *block = disk->block;

	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:s}", "name", disk->name, "file", disk->path, "format",
			 block->ops->format, "bytes", (json_int_t)block->size, "readonly", block->read_only, "serial",
			 block->serial);
}

json_t *commands_list_disks(const struct guest *g)
{
	json_t *disks = json_array();
	const struct disk *disk;

	cds_list_for_each_entry(disk, &g->disks.list, node)
		json_array_append_new(disks, one_disk(disk));
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

json_t *commands_disk_stats(const struct guest *g)
{
	json_t *disks = json_array();
	const struct disk *disk;

	cds_list_for_each_entry(disk, &g->disks.list, node)
		json_array_append_new(disks, one_disk_stats(disk));
	return disks;
}

/* Open and plug what @options and @fd say. */
static int add_disk(const struct disk_options *options, int fd, struct errtext *err)
{
	int error = disks_open(&guest->disks, options, fd, err);

	if (error)
		return error;
	error = disks_plug(&guest->disks, vm_machine(guest->vm), err);
	if (error)
		disk_remove(disks_last(&guest->disks));
	return error;
}

static int attach(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "file,format,readonly,serial", err), fd;
	const char *file = control_str(params, "file", "", &error, err);
	const char *format = control_str(params, "format", "raw", &error, err);
	const char *serial = control_str(params, "serial", NULL, &error, err);
	struct disk_options options = {.read_only = control_bool(params, "readonly", false, &error, err)};

	if (error)
		return error;
	fd = control_take_fd(request);
	if (fd < 0)
		return errtext_set(err, EBADF, "the image's descriptor was expected with the request (SCM_RIGHTS)");
	options.path = xstrdup(*file ? file : "(a descriptor)");
	options.format = xstrdup(format);
	options.serial = serial ? xstrdup(serial) : NULL;
	error = add_disk(&options, fd, err);
	free(options.path);
	free(options.format);
	free(options.serial);
	if (error)
		return error;
	hotplug_came(guest, disk_pci(disks_last(&guest->disks)));
	*result = one_disk(disks_last(&guest->disks));
	return 0;
}

static void remove_disk(void *thing)
{
	disk_remove(thing);
}

static int detach(struct control_request *request, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "name", err);
	const char *name = control_str(params, "name", "", &error, err);
	struct disk *disk;

	if (error)
		return error;
	disk = disks_find(&guest->disks, name);
	if (!disk)
		return errtext_set(err, ENOENT, "no disk named '%.40s'; \"status\" lists them", name);
	return hotplug_remove(guest, request, disk_pci(disk), remove_disk, disk, result, err);
}

void commands_disk_register(struct guest *g)
{
	guest = g;
	control_accept_fds();
	control_register("disk/attach", attach);
	control_register("disk/detach", detach);
}
