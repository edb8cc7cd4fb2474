// SPDX-License-Identifier: Apache-2.0
/* Raw images by io_uring; a ring for each I/O thread, whose completions signal an eventfd. */
#include "vmm/block/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/core/sandbox.h"

#define RING_SIZE 256

SANDBOX_CALLS(THREAD_IO | THREAD_VCPU, SYS_io_uring_enter);
/* An image that comes later, as a descriptor. */
SANDBOX_CALLS(THREAD_MAIN, SYS_io_uring_setup, SYS_io_uring_register);
SANDBOX_IOCTLS(THREAD_MAIN, BLKGETSIZE64);

struct raw_ring {
	struct io_uring uring;
	bool is_ready;
	int event_fd;
	unsigned int n_inflight;
};

struct raw {
	struct block block;
	int fd;
	struct raw_ring *rings;
};

static struct raw *raw_of(struct block *block)
{
	return container_of(block, struct raw, block);
}

/* ---- opening ---- */

/* Who holds the lock that we did not get, as far as the kernel says. */
static void tell_holder(const char *path, int fd, struct flock *lock, struct errtext *err)
{
	lock->l_pid = 0;
	if (fcntl(fd, F_OFD_GETLK, lock) == 0 && lock->l_type != F_UNLCK && lock->l_pid > 0)
		errtext_set(err, EBUSY, "disk %s: process %d has it open; one guest at a time may write to an image",
			    path, lock->l_pid);
	else
		errtext_set(err, EBUSY,
			    "disk %s: another process has it open; one guest at a time may write to an image", path);
}

static int lock_image(const struct block_config *config, int fd, struct errtext *err)
{
	struct flock lock = {.l_type = config->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return errtext_set(err, errno, "disk %s: locking it: %s", config->path, strerror(errno));
	tell_holder(config->path, fd, &lock, err);
	return -EBUSY;
}

static int open_image(const struct block_config *config, int *fd, struct errtext *err)
{
	int mode;

	*fd = config->fd_plus_1 ? config->fd_plus_1 - 1
				: open(config->path, (config->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (*fd < 0)
		return errtext_set(err, errno, "disk %s: %s", config->path, strerror(errno));
	mode = fcntl(*fd, F_GETFL);
	if (mode < 0 || mode & O_PATH || (mode & O_ACCMODE) == O_WRONLY ||
	    (!config->read_only && (mode & O_ACCMODE) != O_RDWR))
		return errtext_set(err, EBADF, "disk %s: its descriptor is not open for %s", config->path,
				   config->read_only ? "reading" : "reading and writing");
	return 0;
}

static int find_size(struct raw *raw, const char *path, struct errtext *err)
{
	struct stat st;
	uint64_t size = 0;

	if (fstat(raw->fd, &st) < 0)
		return errtext_set(err, errno, "disk %s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode))
		size = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return errtext_set(err, EINVAL, "disk %s: a file or a block device was expected", path);
	else if (ioctl(raw->fd, BLKGETSIZE64, &size) < 0)
		return errtext_set(err, errno, "disk %s: its size: %s", path, strerror(errno));
	if (size < BLOCK_SECTOR)
		return errtext_set(err, EINVAL, "disk %s: it is empty; `truncate -s 10G %s` makes it 10 GiB", path,
				   path);
	raw->block.size = size / BLOCK_SECTOR * BLOCK_SECTOR;
	raw->block.block_size = (uint32_t)st.st_blksize;
	return 0;
}

static int open_rings(struct raw *raw, unsigned int n, struct errtext *err)
{
	raw->rings = xcalloc(n, sizeof *raw->rings);
	raw->block.n_rings = n;
	for (unsigned int i = 0; i < n; i++)
		raw->rings[i].event_fd = -1;
	for (unsigned int i = 0; i < n; i++) {
		struct raw_ring *ring = &raw->rings[i];
		int error = io_uring_queue_init(RING_SIZE, &ring->uring, 0);

		if (error)
			return errtext_set(err, -error, "disk: io_uring: %s%s", strerror(-error),
					   error == -EPERM ? "; sysctl kernel.io_uring_disabled=0 allows it" : "");
		ring->is_ready = true;
		ring->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		error = ring->event_fd < 0 ? -errno : io_uring_register_eventfd(&ring->uring, ring->event_fd);
		if (error)
			return errtext_set(err, -error, "disk: io_uring: %s", strerror(-error));
	}
	return 0;
}

static void raw_close(struct block *block)
{
	struct raw *raw = raw_of(block);

	for (unsigned int i = 0; raw->rings && i < block->n_rings; i++) {
		if (raw->rings[i].is_ready)
			io_uring_queue_exit(&raw->rings[i].uring);
		if (raw->rings[i].event_fd >= 0)
			close(raw->rings[i].event_fd);
	}
	if (raw->fd >= 0)
		close(raw->fd);
	free(raw->rings);
	free(raw);
}

static int raw_open(const struct block_config *config, unsigned int n_rings, struct block **block, struct errtext *err)
{
	struct raw *raw = xzalloc(sizeof *raw);
	int error;

	raw->block.ops = &block_raw;
	raw->block.read_only = config->read_only;
	raw->block.can_discard = raw->block.can_write_zeroes = !config->read_only;
	error = open_image(config, &raw->fd, err);
	if (!error)
		error = lock_image(config, raw->fd, err);
	if (!error)
		error = find_size(raw, config->path, err);
	if (!error)
		error = open_rings(raw, n_rings, err);
	if (error) {
		raw_close(&raw->block);
		return error;
	}
	*block = &raw->block;
	return 0;
}

/* ---- requests ---- */

static bool is_within(const struct raw *raw, const struct block_request *r)
{
	return r->offset <= raw->block.size && r->len <= raw->block.size - r->offset;
}

static void prepare(const struct raw *raw, struct io_uring_sqe *sqe, struct block_request *r)
{
	const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, zero = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;

	switch (r->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, raw->fd, r->iov, (unsigned int)r->n_iov, r->offset);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev(sqe, raw->fd, r->iov, (unsigned int)r->n_iov, r->offset);
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(sqe, raw->fd, IORING_FSYNC_DATASYNC);
		break;
	case BLOCK_DISCARD:
		io_uring_prep_fallocate(sqe, raw->fd, hole, (off_t)r->offset, (off_t)r->len);
		break;
	case BLOCK_WRITE_ZEROES:
		io_uring_prep_fallocate(sqe, raw->fd, r->may_unmap ? hole : zero, (off_t)r->offset, (off_t)r->len);
		break;
	}
	io_uring_sqe_set_data(sqe, r);
}

static int raw_submit(struct block *block, unsigned int index, struct block_request *r)
{
	struct raw *raw = raw_of(block);
	struct raw_ring *ring = &raw->rings[index];
	struct io_uring_sqe *sqe;

	if (!is_within(raw, r))
		return -EINVAL;
	if (block->read_only && r->op != BLOCK_READ && r->op != BLOCK_FLUSH)
		return -EROFS;
	if (ring->n_inflight == RING_SIZE)
		return -EAGAIN;
	sqe = io_uring_get_sqe(&ring->uring);
	if (!sqe)
		return -EAGAIN;
	prepare(raw, sqe, r);
	ring->n_inflight++;
	return 0;
}

static void raw_kick(struct block *block, unsigned int index)
{
	io_uring_submit(&raw_of(block)->rings[index].uring);
}

static int raw_ring_fd(struct block *block, unsigned int index)
{
	return raw_of(block)->rings[index].event_fd;
}

/* A read or write of fewer bytes than asked for: the file has become shorter, or the disk is full. */
static int result_of(const struct block_request *r, int32_t result)
{
	if (result < 0)
		return result;
	if ((r->op == BLOCK_READ || r->op == BLOCK_WRITE) && (uint64_t)result != r->len)
		return r->op == BLOCK_WRITE ? -ENOSPC : -EIO;
	return 0;
}

static void raw_reap(struct block *block, unsigned int index)
{
	struct raw_ring *ring = &raw_of(block)->rings[index];
	struct io_uring_cqe *cqe;
	uint64_t n;

	if (read(ring->event_fd, &n, sizeof n) < 0 && errno != EAGAIN)
		return;
	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		struct block_request *r = io_uring_cqe_get_data(cqe);
		int error = result_of(r, cqe->res);

		io_uring_cqe_seen(&ring->uring, cqe);
		ring->n_inflight--;
		r->done(r, error);
	}
}

const struct block_ops block_raw = {"raw", raw_open, raw_close, raw_submit, raw_kick, raw_ring_fd, raw_reap};
