// SPDX-License-Identifier: Apache-2.0
/* virtio-balloon through its PCI registers: pages that go are zero when they come back, statistics, free page reporting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/dev/virtio_balloon.h"
#include "vmm_virtio.h"

#define RAM (16u << 20)
#define F(N) (1ull << (N))

enum { STATS = 1, OOM = 2, POISON = 4, REPORTING = 5 };
enum { INFLATE, DEFLATE };

struct fixture {
	struct virtio_balloon *balloon;
	struct vpci v;
};

static void init(struct fixture *f, const struct virtio_balloon_config *config)
{
	static const struct virtio_balloon_config plain = {.name = "balloon0"};
	struct harness *h = harness_new(RAM);

	assert_int_equal(virtio_balloon_new(&h->m, config ? config : &plain, &f->balloon, NULL), 0);
	vpci_init(&f->v, h, virtio_balloon_device(f->balloon));
}

static void fini(struct fixture *f)
{
	pci_unplug(virtio_pci_device(f->v.dev));
	harness_free(f->v.h);
}

static struct virtio_balloon_info info_of(struct fixture *f)
{
	struct virtio_balloon_info info;

	virtio_balloon_get(f->balloon, &info);
	return info;
}

/* One request with these page numbers, in two pieces that do not end at a number. */
static void send_pfns(struct fixture *f, unsigned int queue, const uint32_t *pfns, uint32_t n)
{
	struct buffer bufs[] = {{VPCI_DATA, 6, false}, {VPCI_DATA + 6, 4 * n - 6, false}};

	vpci_put(&f->v, VPCI_DATA, pfns, 4 * n);
	driver_add(&f->v.queues[queue], bufs, 2);
	vpci_run(&f->v, queue);
}

static void pages_go_and_come(void **state)
{
	/* a run up, a run down, one alone */
	static const uint32_t pfns[] = {0xa00, 0xa01, 0xa02, 0xb10, 0xb0f, 0xb0e, 0xc00};
	struct fixture f;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		init(&f, NULL);
		assert_true(vpci_start(&f.v, F(STATS) | (packed ? F(VIRTIO_F_RING_PACKED) : 0), 3));
		for (uint32_t pfn = 0x9ff; pfn <= 0xc01; pfn++)
			memset(vpci_at(&f.v, pfn << 12, 4096), 0x5a, 4096);
		send_pfns(&f, INFLATE, pfns, ARRAY_SIZE(pfns));
		assert_int_equal(vpci_take(&f.v, INFLATE), 0);
		for (uint32_t pfn = 0x9ff; pfn <= 0xc01; pfn++) {
			bool gone = false;

			for (size_t i = 0; i < ARRAY_SIZE(pfns); i++)
				gone |= pfns[i] == pfn;
			assert_int_equal(vpci_at(&f.v, pfn << 12, 4096)[77], gone ? 0 : 0x5a);
		}
		send_pfns(&f, DEFLATE, pfns, 4);
		assert_int_equal(vpci_take(&f.v, DEFLATE), 0);
		assert_int_equal(info_of(&f).n_inflated, ARRAY_SIZE(pfns));
		assert_int_equal(info_of(&f).n_deflated, 4);
		fini(&f);
	}
}

static void target_and_actual(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, NULL);
	assert_true(vpci_start(&f.v, 0, 2));
	assert_true(info_of(&f).has_driver);
	assert_int_equal(info_of(&f).target, RAM);
	assert_int_equal(virtio_balloon_set_target(f.balloon, 10 << 20, NULL), 0);
	assert_true(vpci_read(&f.v, f.v.isr, 1) & 2);
	assert_int_equal(vpci_read(&f.v, f.v.config, 4), 6 << 8);
	assert_int_equal(info_of(&f).target, 10 << 20);
	assert_int_equal(info_of(&f).actual, RAM);
	vpci_write(&f.v, f.v.config + 4, 4, 3 << 8);
	assert_int_equal(info_of(&f).actual, 13 << 20);
	vpci_write(&f.v, f.v.config + 4, 4, UINT32_MAX);
	assert_int_equal(info_of(&f).actual, 0);
	vpci_write(&f.v, f.v.config, 4, 77); /* not the driver's to say */
	assert_int_equal(vpci_read(&f.v, f.v.config, 4), 6 << 8);
	assert_int_equal(virtio_balloon_set_target(f.balloon, RAM + 4096, NULL), -ERANGE);
	assert_int_equal(virtio_balloon_set_target(f.balloon, 1000, NULL), -ERANGE);
	vpci_write(&f.v, f.v.common + 20, 1, 0);
	assert_false(info_of(&f).has_driver);
	assert_int_equal(info_of(&f).actual, RAM);
	assert_int_equal(vpci_read(&f.v, f.v.config, 4), 6 << 8); /* what is wanted holds */
	fini(&f);
}

static void put_stats(struct fixture *f, uint64_t free_bytes)
{
	uint8_t bytes[30] = {4, 0};
	uint64_t total = RAM;
	struct buffer buf = {VPCI_DATA, sizeof bytes, false};

	memcpy(bytes + 2, &free_bytes, 8);
	bytes[10] = 5;
	memcpy(bytes + 12, &total, 8);
	bytes[20] = 200; /* none that is known */
	vpci_put(&f->v, VPCI_DATA, bytes, sizeof bytes);
	driver_add(&f->v.queues[2], &buf, 1);
	vpci_run(&f->v, 2);
}

static void statistics(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, NULL);
	assert_true(vpci_start(&f.v, F(STATS), 3));
	assert_int_equal(info_of(&f).known, 0);
	virtio_balloon_ask(f.balloon); /* there is no buffer yet */
	put_stats(&f, 1000);
	assert_int_equal(vpci_take(&f.v, 2), -1); /* it is held */
	assert_int_equal(info_of(&f).known, 1 << BALLOON_FREE | 1 << BALLOON_TOTAL);
	assert_int_equal(info_of(&f).stats[BALLOON_FREE], 1000);
	assert_int_equal(info_of(&f).stats[BALLOON_TOTAL], RAM);
	virtio_balloon_ask(f.balloon);
	assert_int_equal(vpci_take(&f.v, 2), 0);
	virtio_balloon_ask(f.balloon);
	assert_int_equal(vpci_take(&f.v, 2), -1);
	put_stats(&f, 2000);
	assert_int_equal(info_of(&f).stats[BALLOON_FREE], 2000);
	assert_true(vpci_start(&f.v, F(STATS), 3));
	assert_int_equal(info_of(&f).known, 0);
	virtio_balloon_ask(f.balloon); /* the buffer of the driver before is nobody's */
	assert_int_equal(vpci_take(&f.v, 2), -1);
	assert_false(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	fini(&f);
}

static void free_pages(void **state)
{
	static const struct {
		uint64_t features;
		unsigned int queue;
		uint32_t poison;
		bool kept;
	} cases[] = {
		{F(STATS) | F(REPORTING), 3, 0, false},
		{F(REPORTING), 2, 0, false},
		{F(STATS) | F(REPORTING) | F(POISON), 3, 0, false},
		{F(STATS) | F(REPORTING) | F(POISON), 3, 0xaaaaaaaa, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buffer bufs[] = {{0xa00000, 0x2000, true}, {0xb00000, 0x1000, true}};
		struct fixture f;

		init(&f, NULL);
		assert_true(vpci_start(&f.v, cases[i].features, (uint16_t)(cases[i].queue + 1)));
		vpci_write(&f.v, f.v.config + 12, 4, cases[i].poison);
		memset(vpci_at(&f.v, 0xa00000, 0x3000), 0x5a, 0x3000);
		memset(vpci_at(&f.v, 0xb00000, 0x2000), 0x5a, 0x2000);
		driver_add(&f.v.queues[cases[i].queue], bufs, 2);
		vpci_run(&f.v, cases[i].queue);
		assert_int_equal(vpci_take(&f.v, cases[i].queue), 0);
		assert_int_equal(vpci_at(&f.v, 0xa01000, 1)[0], cases[i].kept ? 0x5a : 0);
		assert_int_equal(vpci_at(&f.v, 0xb00000, 1)[0], cases[i].kept ? 0x5a : 0);
		assert_int_equal(vpci_at(&f.v, 0xa02000, 1)[0], 0x5a);
		assert_int_equal(vpci_at(&f.v, 0xb01000, 1)[0], 0x5a);
		assert_int_equal(info_of(&f).reported, cases[i].kept ? 0 : 0x3000);
		fini(&f);
	}
}

static void what_is_offered(void **state)
{
	const struct virtio_balloon_config none = {.name = "b", .no_deflate_on_oom = true, .no_reporting = true};
	const uint64_t all = F(STATS) | F(OOM) | F(POISON) | F(REPORTING);
	struct fixture f;

	(void)state;
	init(&f, NULL);
	assert_int_equal(vpci_offered(&f.v) & 0xffff, all);
	fini(&f);
	init(&f, &none);
	assert_int_equal(vpci_offered(&f.v) & 0xffff, F(STATS));
	fini(&f);
}

static void lies(void **state)
{
	static const uint32_t outside[] = {0xa00, 0xfff, 0x1000}, beyond[] = {0xffffffff, 0xfffffffe, 0xa00};
	struct buffer large = {VPCI_DATA, 4 * 16384 + 4, false};
	struct fixture f;

	(void)state;
	init(&f, NULL);
	for (int i = 0; i < 3; i++) {
		assert_true(vpci_start(&f.v, 0, 2));
		if (i < 2)
			send_pfns(&f, INFLATE, i ? beyond : outside, 3);
		else
			driver_add(&f.v.queues[INFLATE], &large, 1);
		vpci_run(&f.v, INFLATE);
		assert_true(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
	}
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_go_and_come), cmocka_unit_test(target_and_actual), cmocka_unit_test(statistics),
		cmocka_unit_test(free_pages),	     cmocka_unit_test(what_is_offered),	  cmocka_unit_test(lies),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
