// SPDX-License-Identifier: Apache-2.0
/*
 * virtio-blk. Each queue has an I/O thread and a ring of the image's; a request's buffers are the guest's own memory.
 *
 * A request is a chain: a header of 16 bytes to read, data, and one byte for the status. What a header says is judged once, from a copy.
 */
#include "vmm/dev/virtio_blk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "os/loop.h"
#include "vmm/block/block.h"
#include "vmm/core/iothread.h"
#include "vmm/core/machine.h"
#include "vmm/dev/virtio.h"
#include "vsw/types.h"

LOG_MODULE(virtio_blk);

/** Feature bits (5.2.3). */
enum blk_feature {
	BLK_F_SIZE_MAX = 1,
	BLK_F_SEG_MAX = 2,
	BLK_F_RO = 5,
	BLK_F_BLK_SIZE = 6,
	BLK_F_FLUSH = 9,
	BLK_F_TOPOLOGY = 10,
	BLK_F_MQ = 12,
	BLK_F_DISCARD = 13,
	BLK_F_WRITE_ZEROES = 14,
};

enum blk_type {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13
};
enum blk_status { BLK_S_OK, BLK_S_IOERR, BLK_S_UNSUPP };

/** struct virtio_blk_config (5.2.4), little-endian. */
struct config_space {
	le64 capacity;
	le32 size_max, seg_max;
	struct {
		le16 cylinders;
		uint8_t heads, sectors;
	} geometry;
	le32 blk_size;
	struct {
		uint8_t physical_block_exp, alignment_offset;
		le16 min_io_size;
		le32 opt_io_size;
	} topology;
	uint8_t writeback, unused0;
	le16 num_queues;
	le32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
	le32 max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));

/** In front of each request (5.2.6). */
struct header {
	le32 type, reserved;
	le64 sector;
};

/** What a discard or write-zeroes request says; one of them a request. */
struct range {
	le64 sector;
	le32 n_sectors, flags;
};

#define QUEUE_SIZE 256
#define MAX_SEGMENTS (VQ_MAX_IOV - 2)
#define MAX_RANGE_SECTORS (1u << 22) /* 2 GiB */
#define ID_LEN 20
#define MAX_ROUNDS 64 /* of looking for requests before others have their turn */
#define PCI_CLASS_SCSI_STORAGE 0x010000

struct blk_queue;

/** A request in flight, with its chain. */
struct request {
	struct block_request block;
	struct blk_queue *queue;
	struct request *next_free, *next_made;
	struct vq_chain chain;
	struct iovec data[VQ_MAX_IOV]; /* its pieces without header and status */
	uint32_t in_len;	       /* bytes that the device has written when it succeeds */
};

struct blk_queue {
	struct virtio_blk *blk;
	unsigned int index;
	struct iothread *thread;
	struct loop_fd kick, done;
	struct request *made, *free; /* all that there are, made when they are first wanted; those in no use */
	unsigned int n_made;	     /* up to QUEUE_SIZE */
	unsigned int n_inflight;
	struct virtio_blk_stats stats;
};

struct virtio_blk {
	struct virtio_device dev;
	struct block *block;
	unsigned int n_queues;
	struct blk_queue *queues;
	int last_error; /* of the image, told once and not again until a write succeeds; atomic, relaxed */
};

static struct virtio_blk *blk_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_blk, dev);
}

/* ---- the end of a request ---- */

static void finish(struct request *r, enum blk_status status)
{
	struct blk_queue *q = r->queue;
	struct vq_chain *chain = &r->chain;
	const struct iovec *last = &chain->iov[chain->n_out + chain->n_in - 1];

	((uint8_t *)last->iov_base)[last->iov_len - 1] = (uint8_t)status;
	virtqueue_push(&q->blk->dev.queues[q->index], chain, status == BLK_S_OK ? r->in_len + 1 : 1);
	if (status != BLK_S_OK)
		q->stats.n_errors++;
	r->next_free = q->free;
	q->free = r;
}

/* A disk that is full, or breaks, is worth one line, however often the guest tries. */
static void tell_error(struct virtio_blk *blk, const struct block_request *block, int error)
{
	if (!error && block->op != BLOCK_WRITE)
		return;
	if (__atomic_load_n(&blk->last_error, __ATOMIC_RELAXED) == error ||
	    __atomic_exchange_n(&blk->last_error, error, __ATOMIC_RELAXED) == error || !error || error == -EOPNOTSUPP)
		return;
	log_warn_rl("%s: %s at byte %llu: %s; the guest gets an I/O error", blk->dev.name,
		    block->op == BLOCK_READ    ? "reading"
		    : block->op == BLOCK_FLUSH ? "flushing"
					       : "writing",
		    (unsigned long long)block->offset, strerror(-error));
}

static void done(struct block_request *block, int error)
{
	struct request *r = container_of(block, struct request, block);
	struct blk_queue *q = r->queue;

	q->n_inflight--;
	tell_error(q->blk, block, error);
	finish(r, error ? error == -EOPNOTSUPP ? BLK_S_UNSUPP : BLK_S_IOERR : BLK_S_OK);
}

/* ---- the beginning ---- */

/* Cut the status byte off the last writable piece and the header off the first; what is left is data. Return: false: it is no request. */
static bool split_chain(struct vq_chain *chain, struct header *header)
{
	size_t got = 0;

	if (!chain->in_len || chain->out_len < sizeof *header)
		return false;
	for (unsigned int i = 0; i < chain->n_out && got < sizeof *header; i++) {
		size_t part = MIN(chain->iov[i].iov_len, sizeof *header - got);

		memcpy((char *)header + got, chain->iov[i].iov_base, part);
		got += part;
	}
	return true;
}

/* The pieces of @iov without the first @skip bytes and the last @cut. Return: how many are in @out. */
static size_t data_pieces(const struct iovec *iov, size_t n, size_t skip, size_t cut, struct iovec *out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < n; i++) {
		size_t from = MIN(skip, iov[i].iov_len);

		skip -= from;
		if (from < iov[i].iov_len)
			out[n_out++] = (struct iovec){(char *)iov[i].iov_base + from, iov[i].iov_len - from};
	}
	for (; n_out && cut; n_out--) {
		size_t part = MIN(cut, out[n_out - 1].iov_len);

		cut -= part;
		out[n_out - 1].iov_len -= part;
		if (out[n_out - 1].iov_len)
			break;
	}
	return n_out;
}

static void put_id(struct request *r)
{
	struct vq_chain *chain = &r->chain;
	char id[ID_LEN + 1] = "";
	struct iovec *first = &chain->iov[chain->n_out];

	if (chain->in_len < ID_LEN + 1 || first->iov_len < ID_LEN) {
		finish(r, BLK_S_IOERR);
		return;
	}
	memcpy(id, r->queue->blk->block->serial, ID_LEN);
	memcpy(first->iov_base, id, ID_LEN);
	r->in_len = ID_LEN;
	finish(r, BLK_S_OK);
}

static void submit(struct request *r)
{
	struct blk_queue *q = r->queue;
	int error;

	r->block.done = done;
	error = q->blk->block->ops->submit(q->blk->block, q->index, &r->block);
	if (!error)
		q->n_inflight++;
	else
		finish(r, error == -EOPNOTSUPP ? BLK_S_UNSUPP : BLK_S_IOERR);
}

static void transfer(struct request *r, bool is_read, uint64_t sector)
{
	struct virtio_blk_stats *stats = &r->queue->stats;
	const struct vq_chain *chain = &r->chain;
	size_t total = is_read ? chain->in_len - 1 : chain->out_len - sizeof(struct header);

	if (!total || total % BLOCK_SECTOR || sector > UINT64_MAX / BLOCK_SECTOR) {
		finish(r, BLK_S_IOERR);
		return;
	}
	if (is_read)
		r->block.n_iov = data_pieces(chain->iov + chain->n_out, chain->n_in, 0, 1, r->data);
	else
		r->block.n_iov = data_pieces(chain->iov, chain->n_out, sizeof(struct header), 0, r->data);
	r->block.iov = r->data;
	r->block.op = is_read ? BLOCK_READ : BLOCK_WRITE;
	r->block.offset = sector * BLOCK_SECTOR;
	r->block.len = total;
	r->in_len = is_read ? (uint32_t)total : 0;
	stats->n_reads += is_read;
	stats->n_writes += !is_read;
	stats->bytes_read += is_read ? total : 0;
	stats->bytes_written += is_read ? 0 : total;
	submit(r);
}

static void clear_range(struct request *r, enum blk_type type)
{
	struct vq_chain *chain = &r->chain;
	struct range range;
	uint8_t bytes[sizeof(struct header) + sizeof range];
	uint32_t n_sectors;
	size_t got = 0;

	if (chain->out_len != sizeof bytes) {
		finish(r, BLK_S_UNSUPP); /* more than one segment is not offered */
		return;
	}
	for (unsigned int i = 0; i < chain->n_out; i++) {
		memcpy(bytes + got, chain->iov[i].iov_base, chain->iov[i].iov_len);
		got += chain->iov[i].iov_len;
	}
	memcpy(&range, bytes + sizeof(struct header), sizeof range);
	n_sectors = le32_to_cpu(range.n_sectors);
	r->block.op = type == BLK_T_DISCARD ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES;
	r->block.offset = le64_to_cpu(range.sector) * BLOCK_SECTOR;
	r->block.len = (uint64_t)n_sectors * BLOCK_SECTOR;
	r->block.may_unmap = le32_to_cpu(range.flags) & 1;
	r->in_len = 0;
	r->queue->stats.n_discards++;
	if (!n_sectors || n_sectors > MAX_RANGE_SECTORS || le64_to_cpu(range.sector) > UINT64_MAX / BLOCK_SECTOR)
		finish(r, BLK_S_IOERR);
	else if (le32_to_cpu(range.flags) & ~(type == BLK_T_WRITE_ZEROES ? 1u : 0u))
		finish(r, BLK_S_UNSUPP);
	else
		submit(r);
}

static void flush(struct request *r)
{
	r->block = (struct block_request){.op = BLOCK_FLUSH};
	r->in_len = 0;
	r->queue->stats.n_flushes++;
	submit(r);
}

static void begin(struct request *r)
{
	struct header header = {0};
	uint32_t type;

	if (!split_chain(&r->chain, &header)) {
		r->queue->blk->dev.queues[r->queue->index].broken = "a request without header or status";
		r->next_free = r->queue->free;
		r->queue->free = r;
		return;
	}
	type = le32_to_cpu(header.type);
	switch (type) {
	case BLK_T_IN:
		transfer(r, true, le64_to_cpu(header.sector));
		break;
	case BLK_T_OUT:
		transfer(r, false, le64_to_cpu(header.sector));
		break;
	case BLK_T_FLUSH:
		flush(r);
		break;
	case BLK_T_GET_ID:
		put_id(r);
		break;
	case BLK_T_DISCARD:
	case BLK_T_WRITE_ZEROES:
		clear_range(r, (enum blk_type)type);
		break;
	default:
		finish(r, BLK_S_UNSUPP);
	}
}

/* ---- queues ---- */

/* Most disks never have as many requests in flight as a queue has room for, and one takes 10 KiB. */
static bool has_free(struct blk_queue *q)
{
	struct request *r;

	if (q->free || q->n_made == QUEUE_SIZE)
		return q->free;
	r = xzalloc(sizeof *r);
	r->queue = q;
	r->next_made = q->made;
	q->made = q->free = r;
	q->n_made++;
	return true;
}

static void free_requests(struct blk_queue *q)
{
	struct request *next;

	for (struct request *r = q->made; r; r = next) {
		next = r->next_made;
		free(r);
	}
}

static void run_queue(struct blk_queue *q)
{
	struct virtio_device *dev = &q->blk->dev;
	struct virtqueue *vq = &dev->queues[q->index];
	unsigned int n_rounds = 0;
	const uint64_t one = 1;
	int result = 0;

	do {
		if (n_rounds++ == MAX_ROUNDS) {
			/* Others first: a guest whose rings overlap makes work without end out of our own writes. */
			if (write(dev->kick_fds[q->index], &one, sizeof one) != sizeof one)
				break; /* signalled already */
			break;
		}
		virtqueue_disable_kicks(vq);
		while (has_free(q) && (result = virtqueue_pop(vq, &q->free->chain)) > 0) {
			struct request *r = q->free;

			q->free = r->next_free;
			begin(r);
		}
	} while (has_free(q) && !result && virtqueue_enable_kicks(vq));
	q->blk->block->ops->kick(q->blk->block, q->index);
	if (result < 0 || vq->broken)
		virtio_broken(dev, "a queue is broken");
	virtio_interrupt(dev, q->index);
}

static void kick_ready(struct loop_fd *self, uint32_t events)
{
	struct blk_queue *q = container_of(self, struct blk_queue, kick);
	uint64_t n;

	(void)events;
	if (read(q->blk->dev.kick_fds[q->index], &n, sizeof n) != sizeof n)
		return;
	q->blk->dev.queues[q->index].n_kicks++;
	run_queue(q);
}

static void done_ready(struct loop_fd *self, uint32_t events)
{
	struct blk_queue *q = container_of(self, struct blk_queue, done);

	(void)events;
	q->blk->block->ops->reap(q->blk->block, q->index);
	run_queue(q); /* there is room again, and interrupts are due */
}

static void watch(void *aux)
{
	struct blk_queue *q = aux;
	struct loop *loop = iothread_loop(q->thread);

	if (loop_add_fd(loop, &q->kick, q->blk->dev.kick_fds[q->index], EPOLLIN, kick_ready) ||
	    loop_add_fd(loop, &q->done, q->blk->block->ops->ring_fd(q->blk->block, q->index), EPOLLIN, done_ready))
		virtio_broken(&q->blk->dev, "no descriptor is left for its queues");
}

/* What is in flight has the guest's memory: it must be over before the ring is forgotten. */
static void drain(void *aux)
{
	struct blk_queue *q = aux;
	struct pollfd ready = {.fd = q->blk->block->ops->ring_fd(q->blk->block, q->index), .events = POLLIN};

	if (q->thread) {
		loop_del_fd(iothread_loop(q->thread), &q->kick);
		loop_del_fd(iothread_loop(q->thread), &q->done);
	}
	q->blk->block->ops->kick(q->blk->block, q->index);
	while (q->n_inflight) {
		poll(&ready, 1, q->thread ? -1 : 0);
		q->blk->block->ops->reap(q->blk->block, q->index);
	}
}

/* ---- the device ---- */

static void config_read(struct virtio_device *dev, uint32_t offset, void *data, uint32_t len)
{
	const struct block *block = blk_of(dev)->block;
	struct config_space space = {
		.capacity = cpu_to_le64(block->size / BLOCK_SECTOR),
		.seg_max = cpu_to_le32(MAX_SEGMENTS),
		.blk_size = cpu_to_le32(BLOCK_SECTOR),
		.topology.physical_block_exp = (uint8_t)(block->block_size >= 4096 ? 3 : 0),
		.topology.min_io_size = cpu_to_le16(1),
		.writeback = 1,
		.num_queues = cpu_to_le16((uint16_t)blk_of(dev)->n_queues),
		.max_discard_sectors = cpu_to_le32(MAX_RANGE_SECTORS),
		.max_discard_seg = cpu_to_le32(1),
		.discard_sector_alignment = cpu_to_le32(block->block_size / BLOCK_SECTOR),
		.max_write_zeroes_sectors = cpu_to_le32(MAX_RANGE_SECTORS),
		.max_write_zeroes_seg = cpu_to_le32(1),
		.write_zeroes_may_unmap = 1,
	};

	memcpy(data, (const char *)&space + offset, len);
}

static int activate(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	for (unsigned int i = 0; i < blk->n_queues; i++)
		if (dev->queues[i].is_enabled && blk->queues[i].thread)
			iothread_run(blk->queues[i].thread, watch, &blk->queues[i]);
	return 0;
}

static void reset(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	for (unsigned int i = 0; i < blk->n_queues; i++)
		if (blk->queues[i].thread)
			iothread_run(blk->queues[i].thread, drain, &blk->queues[i]);
		else
			drain(&blk->queues[i]);
}

static void kick(struct virtio_device *dev, unsigned int queue)
{
	run_queue(&blk_of(dev)->queues[queue]);
}

static void blk_free(struct virtio_device *dev)
{
	struct virtio_blk *blk = blk_of(dev);

	for (unsigned int i = 0; i < blk->n_queues; i++) {
		iothread_free(blk->queues[i].thread);
		free_requests(&blk->queues[i]);
	}
	block_close(blk->block);
	virtio_device_fini(dev);
	free(blk->queues);
	free(blk);
}

static const struct virtio_class blk_class = {
	.type = VIRTIO_BLK,
	.pci_class = PCI_CLASS_SCSI_STORAGE,
	.config_read = config_read,
	.activate = activate,
	.reset = reset,
	.kick = kick,
	.free = blk_free,
};

static uint64_t offered(const struct block *block, unsigned int n_queues)
{
	uint64_t features =
		1ull << BLK_F_SEG_MAX | 1ull << BLK_F_BLK_SIZE | 1ull << BLK_F_FLUSH | 1ull << BLK_F_TOPOLOGY;

	if (block->read_only)
		features |= 1ull << BLK_F_RO;
	if (n_queues > 1)
		features |= 1ull << BLK_F_MQ;
	if (block->can_discard)
		features |= 1ull << BLK_F_DISCARD;
	if (block->can_write_zeroes)
		features |= 1ull << BLK_F_WRITE_ZEROES;
	return features;
}

static int init_queue(struct virtio_blk *blk, unsigned int index, struct errtext *err)
{
	struct blk_queue *q = &blk->queues[index];
	char name[16];

	q->blk = blk;
	q->index = index;
	/* An image without a descriptor (a test's) has nothing to watch: the test kicks. */
	if (blk->block->ops->ring_fd(blk->block, index) < 0)
		return 0;
	snprintf(name, sizeof name, "%.10s-%u", blk->dev.name, index);
	return iothread_new(name, &q->thread, err);
}

int virtio_blk_new(struct machine *machine, const char *name, struct block *block, unsigned int n_queues,
		   struct virtio_blk **result, struct errtext *err)
{
	struct virtio_blk *blk = xzalloc(sizeof *blk);
	int error = 0;

	blk->block = block;
	blk->n_queues = n_queues;
	blk->queues = xcalloc(n_queues, sizeof *blk->queues);
	virtio_device_init(&blk->dev, &blk_class, machine, name, n_queues, QUEUE_SIZE, offered(block, n_queues),
			   sizeof(struct config_space));
	for (unsigned int i = 0; i < n_queues && !error; i++)
		error = init_queue(blk, i, err);
	if (error) {
		blk_free(&blk->dev);
		return error;
	}
	*result = blk;
	return 0;
}

struct virtio_device *virtio_blk_device(struct virtio_blk *blk)
{
	return &blk->dev;
}

void virtio_blk_get_stats(const struct virtio_blk *blk, struct virtio_blk_stats *sum)
{
	memset(sum, 0, sizeof *sum);
	for (unsigned int i = 0; i < blk->n_queues; i++) {
		const struct virtio_blk_stats *s = &blk->queues[i].stats;

		sum->n_reads += s->n_reads;
		sum->n_writes += s->n_writes;
		sum->n_flushes += s->n_flushes;
		sum->n_discards += s->n_discards;
		sum->n_errors += s->n_errors;
		sum->bytes_read += s->bytes_read;
		sum->bytes_written += s->bytes_written;
	}
}
