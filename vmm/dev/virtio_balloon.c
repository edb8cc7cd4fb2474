// SPDX-License-Identifier: Apache-2.0
/*
 * virtio-balloon.
 *
 * Queues: 0 pages into the balloon, 1 pages out of it, then one for statistics and one for free page reporting, each only when its feature was negotiated.
 * The standard gives the last the number 4 in any case; drivers count without the queues that are not there, and so do we.
 *
 * All work is the I/O thread's; `lock` guards what others ask about.
 */
#include "vmm/dev/virtio_balloon.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/core/machine.h"
#include "vmm/core/memory.h"
#include "vmm/dev/virtio.h"
#include "vmm/dev/virtio_worker.h"
#include "vsw/types.h"

LOG_MODULE(virtio_balloon);

/** Feature bits (5.5.3). */
enum balloon_feature {
	BALLOON_F_MUST_TELL_HOST = 0,
	BALLOON_F_STATS_VQ = 1,
	BALLOON_F_DEFLATE_ON_OOM = 2,
	BALLOON_F_FREE_PAGE_HINT = 3,
	BALLOON_F_PAGE_POISON = 4,
	BALLOON_F_PAGE_REPORTING = 5,
};

/** struct virtio_balloon_config (5.5.4), little-endian. */
struct config_space {
	le32 num_pages, actual;
	le32 free_page_hint_cmd_id;
	le32 poison_val;
};

/** One entry of the statistics' buffer (5.5.6.3). */
struct stat_entry {
	le16 tag;
	le64 value;
} __attribute__((packed));

enum { QUEUE_INFLATE, QUEUE_DEFLATE, N_QUEUES = 4, NO_QUEUE = N_QUEUES };

#define QUEUE_SIZE 128
#define PAGE_SHIFT 12
#define PCI_CLASS_OTHER 0x00ff00
/** Page numbers in one buffer; drivers send 256 or 1024. */
#define MAX_PFNS 16384
#define MAX_STATS 64
#define MIN_TARGET (1ull << 20)

const char *const virtio_balloon_stat_names[BALLOON_N_STATS] = {
	"swap_in_bytes", "swap_out_bytes",  "major_faults", "minor_faults",	     "free_bytes",
	"total_bytes",	 "available_bytes", "cache_bytes",  "huge_page_allocations", "huge_page_failures",
};

struct virtio_balloon {
	struct virtio_device dev;
	struct virtio_worker worker;
	pthread_mutex_t lock;
	struct virtio_balloon_info info;    /* lock */
	uint32_t num_pages, actual, poison; /* as in configuration space; atomic */
	/* The buffer that the driver has lent for statistics, until we want some. */
	struct vq_chain stats_chain;
	bool has_stats_chain;
	le32 pfns[MAX_PFNS];
};

static struct virtio_balloon *balloon_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_balloon, dev);
}

static unsigned int stats_queue(const struct virtio_balloon *b)
{
	return virtio_has(&b->dev, BALLOON_F_STATS_VQ) ? 2 : NO_QUEUE;
}

static unsigned int reporting_queue(const struct virtio_balloon *b)
{
	return virtio_has(&b->dev, BALLOON_F_PAGE_REPORTING) ? 2 + virtio_has(&b->dev, BALLOON_F_STATS_VQ) : NO_QUEUE;
}

static void count(struct virtio_balloon *b, uint64_t *counter, uint64_t n)
{
	pthread_mutex_lock(&b->lock);
	*counter += n;
	pthread_mutex_unlock(&b->lock);
}

/* ---- pages ---- */

/* What the host does not take back stays where it is: the guest is no worse off. */
static void warn_kept(const struct virtio_balloon *b, int error)
{
	log_warn_rl("%s: the host does not take the guest's pages back: %s", b->dev.name, strerror(-error));
}

/* Return: false when not all of it is RAM. */
static bool discard(struct virtio_balloon *b, uint64_t first_pfn, uint64_t n)
{
	int error = memory_discard(b->dev.machine->memory, first_pfn << PAGE_SHIFT, n << PAGE_SHIFT);

	if (error && error != -EFAULT)
		warn_kept(b, error);
	return error != -EFAULT;
}

/* Runs of page numbers, rising or falling, are discarded in one go. Return: false when one is no RAM. */
static bool discard_all(struct virtio_balloon *b, size_t n)
{
	uint64_t first = 0, end = 0; /* of the run; empty */

	for (size_t i = 0; i < n; i++) {
		uint64_t pfn = le32_to_cpu(b->pfns[i]);

		if (first < end && pfn == end) {
			end++;
		} else if (first < end && pfn + 1 == first) {
			first--;
		} else {
			if (first < end && !discard(b, first, end - first))
				return false;
			first = pfn;
			end = pfn + 1;
		}
	}
	return first == end || discard(b, first, end - first);
}

static int64_t inflate(struct virtio_device *dev, const struct vq_chain *chain, const char **why)
{
	struct virtio_balloon *b = balloon_of(dev);
	size_t n = vq_chain_read(chain, 0, b->pfns, sizeof b->pfns) / sizeof b->pfns[0];

	if (chain->out_len > sizeof b->pfns) {
		*why = "too many pages in one buffer";
		return -1;
	}
	if (!discard_all(b, n)) {
		*why = "a page for the balloon is not in RAM";
		return -1;
	}
	count(b, &b->info.n_inflated, n);
	return 0;
}

/* Pages that are touched again are there again: there is nothing to be done. */
static int64_t deflate(struct virtio_device *dev, const struct vq_chain *chain, const char **why)
{
	struct virtio_balloon *b = balloon_of(dev);

	(void)why;
	count(b, &b->info.n_deflated, chain->out_len / sizeof(le32));
	return 0;
}

/* Each piece is a run of free pages. A guest that wants to find a pattern in them would not. */
static int64_t report(struct virtio_device *dev, const struct vq_chain *chain, const char **why)
{
	struct virtio_balloon *b = balloon_of(dev);

	(void)why;
	if (__atomic_load_n(&b->poison, __ATOMIC_RELAXED))
		return 0;
	for (unsigned int i = chain->n_out; i < chain->n_out + chain->n_in; i++) {
		int error = memory_discard_at(dev->machine->memory, chain->iov[i].iov_base, chain->iov[i].iov_len);

		if (error)
			warn_kept(b, error);
	}
	count(b, &b->info.reported, chain->in_len);
	return 0;
}

/* ---- statistics ---- */

static void give_stats_back(struct virtio_balloon *b)
{
	unsigned int queue = stats_queue(b);

	if (!b->has_stats_chain || queue == NO_QUEUE)
		return;
	b->has_stats_chain = false;
	virtqueue_push(&b->dev.queues[queue], &b->stats_chain, 0);
	virtio_interrupt(&b->dev, queue);
}

static void take_stats(struct virtio_balloon *b)
{
	struct stat_entry entries[MAX_STATS];
	size_t n = vq_chain_read(&b->stats_chain, 0, entries, sizeof entries) / sizeof entries[0];

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < n; i++) {
		uint16_t tag = le16_to_cpu(entries[i].tag);

		if (tag >= BALLOON_N_STATS)
			continue; /* of a later driver */
		b->info.stats[tag] = le64_to_cpu(entries[i].value);
		b->info.known |= 1u << tag;
	}
	b->info.stats_ms = clock_now_ms();
	pthread_mutex_unlock(&b->lock);
}

/* The driver lends one buffer, with news in it; it is held until more are wanted. */
static void kick_stats(struct virtio_balloon *b, unsigned int queue)
{
	struct virtqueue *vq = &b->dev.queues[queue];
	struct vq_chain chain;
	unsigned int n = 0;
	int result;

	while ((result = virtqueue_pop(vq, &chain)) > 0) {
		give_stats_back(b);
		b->stats_chain = chain;
		b->has_stats_chain = true;
		take_stats(b);
		if (++n == VIRTIO_WORKER_BATCH) {
			virtio_worker_again(&b->worker, queue);
			return;
		}
	}
	if (result < 0)
		virtio_broken(&b->dev, "its statistics queue is broken");
	else if (virtqueue_enable_kicks(vq))
		virtio_worker_again(&b->worker, queue);
}

static void ask(void *aux)
{
	give_stats_back(aux);
}

static void forget(void *aux)
{
	struct virtio_balloon *b = aux;

	b->has_stats_chain = false;
}

/* ---- configuration space ---- */

static void config_read(struct virtio_device *dev, uint32_t offset, void *data, uint32_t len)
{
	struct virtio_balloon *b = balloon_of(dev);
	struct config_space space = {
		.num_pages = cpu_to_le32(__atomic_load_n(&b->num_pages, __ATOMIC_RELAXED)),
		.actual = cpu_to_le32(__atomic_load_n(&b->actual, __ATOMIC_RELAXED)),
		.poison_val = cpu_to_le32(__atomic_load_n(&b->poison, __ATOMIC_RELAXED)),
	};

	memcpy(data, (const char *)&space + offset, len);
}

static void config_write(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct virtio_balloon *b = balloon_of(dev);
	struct config_space space;

	config_read(dev, 0, &space, sizeof space);
	memcpy((char *)&space + offset, data, len);
	__atomic_store_n(&b->actual, le32_to_cpu(space.actual), __ATOMIC_RELAXED);
	if (virtio_has(dev, BALLOON_F_PAGE_POISON))
		__atomic_store_n(&b->poison, le32_to_cpu(space.poison_val), __ATOMIC_RELAXED);
}

/* ---- life ---- */

static void kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_balloon *b = balloon_of(dev);

	if (queue == QUEUE_INFLATE)
		virtio_worker_serve(&b->worker, queue, inflate);
	else if (queue == QUEUE_DEFLATE)
		virtio_worker_serve(&b->worker, queue, deflate);
	else if (queue == stats_queue(b))
		kick_stats(b, queue);
	else if (queue == reporting_queue(b))
		virtio_worker_serve(&b->worker, queue, report);
}

static void set_driver(struct virtio_balloon *b, bool has_driver)
{
	pthread_mutex_lock(&b->lock);
	b->info.has_driver = has_driver;
	b->info.known = 0;
	b->info.stats_ms = 0;
	pthread_mutex_unlock(&b->lock);
}

static int activate(struct virtio_device *dev)
{
	struct virtio_balloon *b = balloon_of(dev);
	int error = virtio_worker_start(&b->worker);

	if (!error)
		set_driver(b, true);
	return error;
}

static void reset(struct virtio_device *dev)
{
	struct virtio_balloon *b = balloon_of(dev);

	virtio_worker_stop(&b->worker);
	virtio_worker_run(&b->worker, forget, b);
	__atomic_store_n(&b->actual, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&b->poison, 0, __ATOMIC_RELAXED);
	set_driver(b, false);
}

static void balloon_free(struct virtio_device *dev)
{
	struct virtio_balloon *b = balloon_of(dev);

	virtio_worker_fini(&b->worker);
	virtio_device_fini(dev);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static const struct virtio_class balloon_class = {
	.type = VIRTIO_BALLOON,
	.pci_class = PCI_CLASS_OTHER,
	.config_read = config_read,
	.config_write = config_write,
	.activate = activate,
	.reset = reset,
	.kick = kick,
	.free = balloon_free,
};

static uint64_t offered(const struct virtio_balloon_config *config)
{
	uint64_t features = 1ull << BALLOON_F_STATS_VQ;

	if (!config->no_deflate_on_oom)
		features |= 1ull << BALLOON_F_DEFLATE_ON_OOM;
	/* A driver that fills free pages reports them only to a device that knows of it. */
	if (!config->no_reporting)
		features |= 1ull << BALLOON_F_PAGE_REPORTING | 1ull << BALLOON_F_PAGE_POISON;
	return features;
}

int virtio_balloon_new(struct machine *machine, const struct virtio_balloon_config *config,
		       struct virtio_balloon **result, struct errtext *err)
{
	struct virtio_balloon *b = xzalloc(sizeof *b);
	int error;

	pthread_mutex_init(&b->lock, NULL);
	b->info.ram = machine->memory->size;
	virtio_device_init(&b->dev, &balloon_class, machine, config->name, N_QUEUES, QUEUE_SIZE, offered(config),
			   sizeof(struct config_space));
	error = virtio_worker_init(&b->worker, &b->dev, err);
	if (error)
		balloon_free(&b->dev);
	else
		*result = b;
	return error;
}

struct virtio_device *virtio_balloon_device(struct virtio_balloon *b)
{
	return &b->dev;
}

/* ---- from outside ---- */

int virtio_balloon_set_target(struct virtio_balloon *b, uint64_t bytes, struct errtext *err)
{
	uint64_t ram = b->info.ram;

	if (bytes < MIN(MIN_TARGET, ram) || bytes > ram)
		return errtext_set(err, ERANGE,
				   "balloon target of %llu bytes: 1 MiB to the guest's %llu MiB were expected",
				   (unsigned long long)bytes, (unsigned long long)(ram >> 20));
	__atomic_store_n(&b->num_pages, (uint32_t)((ram - bytes) >> PAGE_SHIFT), __ATOMIC_RELAXED);
	virtio_config_changed(&b->dev);
	return 0;
}

void virtio_balloon_ask(struct virtio_balloon *b)
{
	virtio_worker_run(&b->worker, ask, b);
}

void virtio_balloon_get(struct virtio_balloon *b, struct virtio_balloon_info *info)
{
	uint64_t gone = (uint64_t)__atomic_load_n(&b->actual, __ATOMIC_RELAXED) << PAGE_SHIFT;

	pthread_mutex_lock(&b->lock);
	*info = b->info;
	pthread_mutex_unlock(&b->lock);
	info->target = info->ram - ((uint64_t)__atomic_load_n(&b->num_pages, __ATOMIC_RELAXED) << PAGE_SHIFT);
	info->actual = info->ram - MIN(gone, info->ram);
}
