// SPDX-License-Identifier: Apache-2.0
/* virtio-rng through its PCI registers, with both kinds of ring; and with its thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "os/loop.h"
#include "vmm/dev/virtio_rng.h"
#include "vmm_virtio.h"

struct fixture {
	struct virtio_rng *rng;
	struct vpci v;
};

static void init(struct fixture *f, struct loop *loop)
{
	struct harness *h = harness_new(16 << 20);

	h->m.loop = loop;
	assert_int_equal(virtio_rng_new(&h->m, "rng0", &f->rng, NULL), 0);
	vpci_init(&f->v, h, virtio_rng_device(f->rng));
}

static void fini(struct fixture *f)
{
	pci_unplug(virtio_pci_device(f->v.dev));
	harness_free(f->v.h);
}

static bool is_zero(struct fixture *f, uint64_t gpa, size_t len)
{
	const uint8_t *p = vpci_at(&f->v, gpa, len);

	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void fills_buffers(void **state)
{
	struct fixture f;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		init(&f, NULL);
		assert_int_equal(harness_config_read(f.v.h, VPCI_SLOT, 0, 4), 0x10441af4);
		assert_true(vpci_start(&f.v, packed ? 1ull << VIRTIO_F_RING_PACKED : 0, 1));
		for (unsigned int i = 0; i < 40; i++) { /* more than the ring has */
			struct buffer bufs[] = {
				{VPCI_DATA, 8, false}, {VPCI_DATA + 16, 40, true}, {VPCI_DATA + 64, 24, true}};

			memset(vpci_at(&f.v, VPCI_DATA, 128), 0, 128);
			driver_add(&f.v.queues[0], bufs, 3);
			vpci_run(&f.v, 0);
			assert_int_equal(vpci_take(&f.v, 0), 64);
			assert_true(is_zero(&f, VPCI_DATA, 16));
			assert_false(is_zero(&f, VPCI_DATA + 16, 40));
			assert_false(is_zero(&f, VPCI_DATA + 64, 24));
			assert_true(is_zero(&f, VPCI_DATA + 88, 8));
		}
		assert_int_equal(virtio_rng_bytes(f.rng), 40 * 64);
		fini(&f);
	}
}

static void has_bounds(void **state)
{
	struct fixture f;
	struct buffer large = {VPCI_DATA, 1 << 20, true}, none = {VPCI_DATA, 8, false};

	(void)state;
	init(&f, NULL);
	assert_true(vpci_start(&f.v, 0, 1));
	driver_add(&f.v.queues[0], &large, 1);
	driver_add(&f.v.queues[0], &none, 1);
	vpci_run(&f.v, 0);
	assert_int_equal(vpci_take(&f.v, 0), VIRTIO_RNG_MAX_BYTES);
	assert_int_equal(vpci_take(&f.v, 0), 0);
	assert_true(is_zero(&f, VPCI_DATA + VIRTIO_RNG_MAX_BYTES, 64));
	fini(&f);
}

static void stops_at_a_lie(void **state)
{
	struct buffer bad = {0x10000000, 64, true}, good = {VPCI_DATA, 64, true};
	struct fixture f;

	(void)state;
	init(&f, NULL);
	assert_true(vpci_start(&f.v, 0, 1));
	driver_add(&f.v.queues[0], &bad, 1);
	vpci_run(&f.v, 0);
	assert_true(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	assert_int_equal(vpci_take(&f.v, 0), -1);
	assert_true(vpci_start(&f.v, 0, 1)); /* and is as new after a reset */
	driver_add(&f.v.queues[0], &good, 1);
	vpci_run(&f.v, 0);
	assert_int_equal(vpci_take(&f.v, 0), 64);
	fini(&f);
}

static void works_in_its_thread(void **state)
{
	struct loop *loop = loop_new();
	struct buffer buf = {VPCI_DATA, 64, true};
	struct fixture f;

	(void)state;
	init(&f, loop);
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(vpci_start(&f.v, 0, 1));
		driver_add(&f.v.queues[0], &buf, 1);
		vpci_kick(&f.v, 0);
		assert_int_equal(vpci_wait(&f.v, 0), 64);
	}
	fini(&f);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_buffers),
		cmocka_unit_test(has_bounds),
		cmocka_unit_test(stops_at_a_lie),
		cmocka_unit_test(works_in_its_thread),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
