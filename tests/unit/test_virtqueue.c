// SPDX-License-Identifier: Apache-2.0
/* Both kinds of virtqueue against a driver written from the standard, and against one that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "vmm_driver.h"
#include "vmm_harness.h"

#define RAM (16ull << 20)
#define RINGS 0x10000ull
#define DATA 0x100000ull
#define TABLE 0x80000ull

struct fixture {
	struct guest_memory *memory;
	struct driver driver;
	struct virtqueue vq;
	struct vq_chain chain;
};

static void init(struct fixture *f, uint16_t size, bool is_packed, bool event_idx)
{
	struct memory_config config = {.size = RAM, .numa_node = -1};

	assert_int_equal(memory_new(&config, &f->memory, NULL), 0);
	driver_init(&f->driver, f->memory, RINGS, size, is_packed);
	virtqueue_init(&f->vq, f->memory, VQ_MAX_SIZE);
	assert_int_equal(driver_attach(&f->driver, &f->vq, event_idx, true), 0);
}

static void fini(struct fixture *f)
{
	memory_free(f->memory);
}

static void chains_go_there_and_back(void **state)
{
	(void)state;
	for (int variant = 0; variant < 8; variant++) {
		bool is_packed = variant & 1, indirect = variant & 2, event_idx = variant & 4;
		struct fixture f;

		init(&f, 8, is_packed, event_idx);
		/* 100 rounds of chains of 1 to 3 descriptors through a ring of 8: every place, several laps. */
		for (uint32_t round = 0; round < 100; round++) {
			struct buffer bufs[3] = {{DATA, 10, false}, {DATA + 100, 20, true}, {DATA + 200, 30, true}};
			unsigned int n = round % 3 + 1;
			uint16_t id, got;
			uint32_t len;

			memory_write(f.memory, DATA, &round, sizeof round) ? (void)0 : abort();
			id = indirect ? driver_add_indirect(&f.driver, TABLE, bufs, n) : driver_add(&f.driver, bufs, n);
			assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
			assert_int_equal(f.chain.head, id);
			assert_int_equal(f.chain.n_out, 1);
			assert_int_equal(f.chain.n_in, n - 1);
			assert_int_equal(f.chain.out_len, 10);
			assert_int_equal(f.chain.in_len, n == 1 ? 0 : n == 2 ? 20 : 50);
			assert_memory_equal(f.chain.iov[0].iov_base, &round, sizeof round);
			if (round % 7 == 0) { /* given back, it comes again */
				virtqueue_unpop(&f.vq, &f.chain);
				assert_int_equal(virtqueue_pop(&f.vq, &f.chain), 1);
				assert_int_equal(f.chain.head, id);
			}
			assert_int_equal(virtqueue_pop(&f.vq, &f.chain) == 0 && f.vq.n_inflight == 1, 1);
			assert_false(driver_take(&f.driver, &got, &len));
			f.chain.head = id;
			f.chain.n_desc = (uint16_t)(indirect ? 1 : n);
			f.chain.n_in = n - 1;
			virtqueue_push(&f.vq, &f.chain, round);
			assert_true(driver_take(&f.driver, &got, &len));
			assert_int_equal(got, id);
			assert_int_equal(len, round);
			assert_false(driver_take(&f.driver, &got, &len));
		}
		assert_int_equal(f.vq.n_chains, 100);
		assert_int_equal(f.vq.n_inflight, 0);
		fini(&f);
	}
}

static void many_become_visible_together(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct vq_chain chains[3];
		const struct vq_chain *list[3] = {&chains[0], &chains[1], &chains[2]};
		const uint32_t lens[3] = {1, 2, 3};
		struct buffer buf = {DATA, 100, true};
		struct fixture f;
		uint16_t ids[3], id;
		uint32_t len;

		init(&f, 4, packed, false);
		for (int lap = 0; lap < 5; lap++) {
			for (int i = 0; i < 3; i++) {
				ids[i] = driver_add(&f.driver, &buf, 1);
				assert_int_equal(virtqueue_pop(&f.vq, &chains[i]), 1);
			}
			virtqueue_push_many(&f.vq, list, lens, 3);
			for (uint32_t i = 0; i < 3; i++) {
				assert_true(driver_take(&f.driver, &id, &len));
				assert_int_equal(id, ids[i]);
				assert_int_equal(len, i + 1);
			}
		}
		fini(&f);
	}
}

/* ---- who wakes whom ---- */

static void add_and_push(struct fixture *f, int n)
{
	struct buffer buf = {DATA, 100, true};
	uint16_t id;
	uint32_t len;

	while (n--) {
		driver_add(&f->driver, &buf, 1);
		assert_int_equal(virtqueue_pop(&f->vq, &f->chain), 1);
		virtqueue_push(&f->vq, &f->chain, 0);
		assert_true(driver_take(&f->driver, &id, &len));
	}
}

static void interrupts_come_when_wanted(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 8, false, false);
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq));
	put16(&f.driver, f.driver.driver, 1); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
	assert_false(virtqueue_wants_interrupt(&f.vq));
	fini(&f);

	init(&f, 8, false, true);
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq)); /* the first always */
	put16(&f.driver, f.driver.driver + 4 + 16, 3); /* used_event: when entry 3 is used */
	add_and_push(&f, 2);
	assert_false(virtqueue_wants_interrupt(&f.vq));
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq));
	add_and_push(&f, 1);
	assert_false(virtqueue_wants_interrupt(&f.vq));
	fini(&f);

	init(&f, 8, true, false);
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq));
	put16(&f.driver, f.driver.driver + 2, 1); /* RING_EVENT_FLAGS_DISABLE */
	assert_false(virtqueue_wants_interrupt(&f.vq));
	fini(&f);

	init(&f, 8, true, true);
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq));
	put16(&f.driver, f.driver.driver + 2, 2);	/* RING_EVENT_FLAGS_DESC */
	put16(&f.driver, f.driver.driver, 3 | 1 << 15); /* place 3 of the first lap */
	add_and_push(&f, 2);
	assert_false(virtqueue_wants_interrupt(&f.vq));
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq));
	put16(&f.driver, f.driver.driver, 1); /* place 1 of the second */
	add_and_push(&f, 5);
	assert_false(virtqueue_wants_interrupt(&f.vq));
	add_and_push(&f, 1);
	assert_true(virtqueue_wants_interrupt(&f.vq));
	fini(&f);
}

static void no_kick_is_lost(void **state)
{
	struct buffer buf = {DATA, 100, true};

	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		bool is_packed = variant & 1, event_idx = variant & 2;
		struct fixture f;

		init(&f, 8, is_packed, event_idx);
		virtqueue_disable_kicks(&f.vq);
		if (is_packed)
			assert_int_equal(get16(&f.driver, f.driver.device + 2), 1);
		else if (!event_idx)
			assert_int_equal(get16(&f.driver, f.driver.device), 1);
		assert_false(virtqueue_enable_kicks(&f.vq));
		add_and_push(&f, 3);
		virtqueue_disable_kicks(&f.vq);
		driver_add(&f.driver, &buf, 1); /* while nobody listens */
		assert_true(virtqueue_enable_kicks(&f.vq));
		if (is_packed && event_idx) {
			assert_int_equal(get16(&f.driver, f.driver.device), 3 | 1 << 15);
			assert_int_equal(get16(&f.driver, f.driver.device + 2), 2);
		} else if (event_idx) {
			assert_int_equal(get16(&f.driver, f.driver.device + 4 + 8 * 8), 3);
		}
		fini(&f);
	}
}

/* ---- lies ---- */

static void lie_index(struct fixture *f)
{
	put16(&f->driver, f->driver.driver + 2, 9);
}

static void lie_head(struct fixture *f)
{
	put16(&f->driver, f->driver.driver + 4, 8);
	put16(&f->driver, f->driver.driver + 2, 1);
}

static void lie_desc(struct fixture *f, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	if (f->driver.is_packed) {
		put_desc(&f->driver, f->driver.desc, addr, len, next, flags | 1 << 7);
		return;
	}
	put_desc(&f->driver, f->driver.desc, addr, len, flags, next);
	put16(&f->driver, f->driver.driver + 2, 1);
}

static void lie_loop(struct fixture *f)
{
	lie_desc(f, DATA, 1, 1, 0);
}

static void lie_next(struct fixture *f)
{
	lie_desc(f, DATA, 1, 1, 8);
}

static void lie_mmio(struct fixture *f)
{
	lie_desc(f, PCI_ECAM_BASE, 16, 0, 0);
}

static void lie_past_the_end(struct fixture *f)
{
	lie_desc(f, RAM - 15, 16, 0, 0);
}

static void lie_wrap(struct fixture *f)
{
	lie_desc(f, UINT64_MAX - 7, 16, 0, 0);
}

static void lie_empty(struct fixture *f)
{
	lie_desc(f, DATA, 0, 0, 0);
}

static void lie_indirect_size(struct fixture *f)
{
	lie_desc(f, TABLE, 24, 4, 0);
}

static void lie_indirect_place(struct fixture *f)
{
	lie_desc(f, RAM, 16, 4, 0);
}

static void lie_indirect_next(struct fixture *f)
{
	lie_desc(f, TABLE, 16, 4 | 1, 0);
}

static void lie_indirect_nested(struct fixture *f)
{
	put_desc(&f->driver, TABLE, TABLE, 16, 4, 4);
	lie_desc(f, TABLE, 16, 4, 0);
}

static void lie_indirect_loop(struct fixture *f)
{
	put_desc(&f->driver, TABLE, DATA, 16, 1, 1);
	put_desc(&f->driver, TABLE + 16, DATA, 16, 1, 0);
	lie_desc(f, TABLE, 32, 4, 0);
}

static void lie_indirect_out(struct fixture *f)
{
	put_desc(&f->driver, TABLE, DATA, 16, 1, 2);
	lie_desc(f, TABLE, 32, 4, 0);
}

static void lie_order(struct fixture *f)
{
	put_desc(&f->driver, f->driver.desc + 16, DATA, 16, f->driver.is_packed ? 0 : 0,
		 f->driver.is_packed ? 1 << 7 : 0);
	lie_desc(f, DATA, 16, 2 | 1, 1);
}

static void lie_pieces(struct fixture *f)
{
	for (unsigned int i = 0; i < VQ_MAX_IOV + 1; i++)
		put_desc(&f->driver, TABLE + 16ull * i, DATA, 16, f->driver.is_packed ? 0 : 1,
			 f->driver.is_packed ? 0 : (uint16_t)(i + 1));
	lie_desc(f, TABLE, 16 * (VQ_MAX_IOV + 1), 4, 0);
}

static void lies_break_the_queue_and_nothing_else(void **state)
{
	static const struct {
		void (*lie)(struct fixture *f);
		bool split_only;
		const char *why;
	} cases[] = {
		{lie_index, true, "further ahead"},
		{lie_head, true, "a head is out"},
		{lie_loop, true, "loop"},
		{lie_next, true, "leads out"},
		{lie_mmio, false, "not in RAM"},
		{lie_past_the_end, false, "not in RAM"},
		{lie_wrap, false, "not in RAM"},
		{lie_empty, false, "no bytes"},
		{lie_indirect_size, false, "part of an entry"},
		{lie_indirect_place, false, "not in RAM"},
		{lie_indirect_next, false, "within a chain"},
		{lie_indirect_nested, false, "in an indirect table"},
		{lie_indirect_loop, true, "loop"},
		{lie_indirect_out, true, "out of its indirect table"},
		{lie_order, false, "behind one to write"},
		{lie_pieces, false, "too many"},
	};

	(void)state;
	log_set_level("virtqueue", LOG_LEVEL_OFF);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int packed = 0; packed < 2 - cases[i].split_only; packed++) {
			struct fixture f;

			init(&f, 8, packed, false);
			cases[i].lie(&f);
			if (virtqueue_pop(&f.vq, &f.chain) != -EPROTO || !f.vq.broken ||
			    !strstr(f.vq.broken, cases[i].why))
				fail_msg("case %zu (%s), packed %d: %s", i, cases[i].why, packed, f.vq.broken);
			assert_int_equal(virtqueue_pop(&f.vq, &f.chain), -EPROTO);
			assert_false(virtqueue_enable_kicks(&f.vq));
			virtqueue_reset(&f.vq);
			assert_null(f.vq.broken);
			fini(&f);
		}
	}
}

static void rings_must_lie_in_ram(void **state)
{
	static const struct {
		uint64_t desc, driver, device;
		uint16_t size;
	} cases[] = {
		{RINGS + 8, RINGS + 0x8000, RINGS + 0xa000, 8},
		{RINGS, RINGS + 0x8001, RINGS + 0xa000, 8},
		{RINGS, RINGS + 0x8000, RINGS + 0xa002, 8},
		{RAM - 112, RINGS + 0x8000, RINGS + 0xa000, 8},
		{RINGS, RAM, RINGS + 0xa000, 8},
		{RINGS, RINGS + 0x8000, MEMORY_HOLE_START, 8},
		{RINGS, RINGS + 0x8000, RINGS + 0xa000, 0},
		{RINGS, RINGS + 0x8000, RINGS + 0xa000, 2048},
		{RINGS, RINGS + 0x8000, RINGS + 0xa000, 7},
	};
	struct fixture f;

	(void)state;
	log_set_level("virtqueue", LOG_LEVEL_OFF);
	init(&f, 8, false, false);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		virtqueue_reset(&f.vq);
		f.vq.desc_gpa = cases[i].desc;
		f.vq.driver_gpa = cases[i].driver;
		f.vq.device_gpa = cases[i].device;
		f.vq.size = cases[i].size;
		assert_int_equal(virtqueue_start(&f.vq), -EINVAL);
	}
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_go_there_and_back),
		cmocka_unit_test(many_become_visible_together),
		cmocka_unit_test(interrupts_come_when_wanted),
		cmocka_unit_test(no_kick_is_lost),
		cmocka_unit_test(lies_break_the_queue_and_nothing_else),
		cmocka_unit_test(rings_must_lie_in_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
