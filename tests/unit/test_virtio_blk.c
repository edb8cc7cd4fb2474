// SPDX-License-Identifier: Apache-2.0
/* virtio-blk on a temporary file, through its PCI registers and its own I/O thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/block/block.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm_virtio.h"

#define DISK (1u << 20)
#define SECTORS (DISK / 512)
#define HEADER VPCI_DATA
#define DATA (VPCI_DATA + 0x1000)
#define STATUS (VPCI_DATA + 0x800)
#define F(N) (1ull << (N))

enum { IN, OUT, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK, IOERR, UNSUPP };

struct fixture {
	char path[32];
	int fd;
	struct virtio_blk *blk;
	struct vpci v;
};

static void init(struct fixture *f, bool read_only)
{
	struct block_config config = {.path = f->path, .format = "raw", .serial = "serial-7", .read_only = read_only};
	struct harness *h = harness_new(16 << 20);
	struct block *block;

	strcpy(f->path, "/tmp/vsw-blk-XXXXXX");
	f->fd = mkstemp(f->path);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, DISK), 0);
	assert_int_equal(block_open(&config, 1, &block, NULL), 0);
	assert_int_equal(virtio_blk_new(&h->m, "disk0", block, 1, &f->blk, NULL), 0);
	vpci_init(&f->v, h, virtio_blk_device(f->blk));
}

static void fini(struct fixture *f)
{
	pci_unplug(virtio_pci_device(f->v.dev));
	harness_free(f->v.h);
	close(f->fd);
	unlink(f->path);
}

/* One request, its data (len may be 0) in two pieces. Return: its status. */
static uint8_t request(struct fixture *f, uint32_t type, uint64_t sector, uint32_t len, bool is_in)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header = {type, 0, sector};
	struct buffer bufs[4] = {{HEADER, 16, false}};
	unsigned int n = 1;

	vpci_put(&f->v, HEADER, &header, sizeof header);
	vpci_at(&f->v, STATUS, 1)[0] = 0x55;
	if (len >= 512) {
		bufs[n++] = (struct buffer){DATA, 100, is_in};
		bufs[n++] = (struct buffer){DATA + 100, len - 100, is_in};
	} else if (len) {
		bufs[n++] = (struct buffer){DATA, len, is_in};
	}
	bufs[n++] = (struct buffer){STATUS, 1, true};
	driver_add(&f->v.queues[0], bufs, n);
	vpci_kick(&f->v, 0);
	vpci_wait(&f->v, 0);
	return vpci_at(&f->v, STATUS, 1)[0];
}

static void reads_and_writes(void **state)
{
	uint8_t bytes[1024], got[1024];
	struct fixture f;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		init(&f, false);
		assert_true(vpci_start(&f.v, F(9) | F(13) | F(14) | (packed ? F(VIRTIO_F_RING_PACKED) : 0), 1));
		assert_int_equal(vpci_read(&f.v, f.v.config, 8), SECTORS);
		for (unsigned int i = 0; i < 30; i++) {
			memset(bytes, (int)(i + 1), sizeof bytes);
			vpci_put(&f.v, DATA, bytes, sizeof bytes);
			assert_int_equal(request(&f, OUT, i, sizeof bytes, false), OK);
			assert_int_equal(pread(f.fd, got, sizeof got, 512 * i), sizeof got);
			assert_memory_equal(got, bytes, sizeof got);
			memset(vpci_at(&f.v, DATA, sizeof bytes), 0, sizeof bytes);
			assert_int_equal(request(&f, IN, i, sizeof bytes, true), OK);
			assert_memory_equal(vpci_at(&f.v, DATA, sizeof bytes), bytes, sizeof bytes);
		}
		assert_int_equal(request(&f, FLUSH, 0, 0, false), OK);
		assert_int_equal(request(&f, GET_ID, 0, 20, true), OK);
		assert_string_equal((char *)vpci_at(&f.v, DATA, 20), "serial-7");
		fini(&f);
	}
}

static uint8_t clear(struct fixture *f, uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
	struct {
		uint64_t sector;
		uint32_t n, flags;
	} range = {sector, n, flags};

	vpci_put(&f->v, DATA, &range, sizeof range);
	return request(f, type, 0, sizeof range, false);
}

static void ranges_are_cleared(void **state)
{
	uint8_t bytes[4096], zeroes[4096] = {0};
	struct fixture f;

	(void)state;
	init(&f, false);
	assert_true(vpci_start(&f.v, F(9) | F(13) | F(14), 1));
	memset(bytes, 7, sizeof bytes);
	for (uint32_t type = DISCARD; type <= WRITE_ZEROES; type += 2) {
		assert_int_equal(pwrite(f.fd, bytes, sizeof bytes, 8192), sizeof bytes);
		assert_int_equal(clear(&f, type, 16, 8, 0), OK);
		assert_int_equal(pread(f.fd, bytes, sizeof bytes, 8192), sizeof bytes);
		assert_memory_equal(bytes, zeroes, sizeof bytes);
		memset(bytes, 7, sizeof bytes);
		assert_int_equal(clear(&f, type, SECTORS - 1, 2, 0), IOERR);
		assert_int_equal(clear(&f, type, UINT64_MAX, 2, 0), IOERR);
		assert_int_equal(clear(&f, type, 0, 0, 0), IOERR);
		assert_int_equal(clear(&f, type, 0, 8, 2), UNSUPP);
	}
	fini(&f);
}

static void bounds(void **state)
{
	struct virtio_blk_stats stats;
	struct fixture f;

	(void)state;
	init(&f, true);
	assert_true(vpci_offered(&f.v) & F(5));
	assert_true(vpci_start(&f.v, F(5), 1));
	assert_int_equal(request(&f, IN, SECTORS - 1, 512, true), OK);
	assert_int_equal(request(&f, IN, SECTORS - 1, 1024, true), IOERR);
	assert_int_equal(request(&f, IN, SECTORS, 512, true), IOERR);
	assert_int_equal(request(&f, IN, UINT64_MAX / 512, 512, true), IOERR);
	assert_int_equal(request(&f, IN, UINT64_MAX, 512, true), IOERR);
	assert_int_equal(request(&f, IN, 0, 700, true), IOERR);
	assert_int_equal(request(&f, OUT, 0, 512, false), IOERR); /* read-only */
	assert_int_equal(request(&f, 99, 0, 0, false), UNSUPP);
	assert_int_equal(request(&f, GET_ID, 0, 10, true), IOERR);
	virtio_blk_get_stats(f.blk, &stats);
	assert_int_equal(stats.n_errors, 8);
	fini(&f);
}

/* Requests that are none, each followed by a reset: as many as there are places for requests, and more. */
static void no_request_is_lost_by_lies(void **state)
{
	struct buffer header_only = {HEADER, 16, false};
	struct fixture f;

	(void)state;
	init(&f, false);
	for (unsigned int i = 0; i < 300; i++) {
		assert_true(vpci_start(&f.v, F(9), 1));
		driver_add(&f.v.queues[0], &header_only, 1);
		vpci_kick(&f.v, 0);
		while (!(vpci_status(&f.v) & VIRTIO_NEEDS_RESET))
			sched_yield();
	}
	assert_true(vpci_start(&f.v, F(9), 1));
	assert_int_equal(request(&f, FLUSH, 0, 0, false), OK);
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(ranges_are_cleared),
		cmocka_unit_test(bounds),
		cmocka_unit_test(no_request_is_lost_by_lies),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
