// SPDX-License-Identifier: Apache-2.0
/* Slots that come and go: the registers as the DSDT's code uses them, and the interrupt. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <urcu.h>

#include "os/loop.h"
#include "vmm/core/acpi.h"
#include "vmm/dev/acpi_hotplug.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm_harness.h"

#define MIB (1ull << 20)
#define EVENT (1u << ACPI_GPE_HOTPLUG)

struct fixture {
	struct harness *h;
	struct acpi_pm pm;
	struct acpi_hotplug hotplug;
	uint32_t gone;
};

static void gone(void *aux, unsigned int slot)
{
	((struct fixture *)aux)->gone |= 1u << slot;
}

static void quit(void *aux)
{
	loop_quit(aux);
}

static void run_posts(struct fixture *f)
{
	loop_post(f->h->m.loop, quit, f->h->m.loop);
	assert_int_equal(loop_run(f->h->m.loop), 0);
}

static int setup(void **state)
{
	struct fixture *f = xzalloc(sizeof *f);

	urcu_memb_register_thread();
	f->h = harness_new(16 * MIB);
	f->h->m.loop = loop_new();
	acpi_pm_init(&f->pm, &f->h->m);
	f->hotplug.gone = gone;
	f->hotplug.aux = f;
	acpi_hotplug_init(&f->hotplug, &f->h->m, &f->pm);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	acpi_hotplug_fini(&f->hotplug);
	acpi_pm_fini(&f->pm);
	loop_free(f->h->m.loop);
	harness_free(f->h);
	free(f);
	urcu_memb_barrier();
	urcu_memb_unregister_thread();
	return 0;
}

static void nobody_listens_at_first(void **state)
{
	struct fixture *f = *state;

	assert_false(acpi_hotplug_came(&f->hotplug, 3));
	assert_false(f->h->lines[ACPI_SCI]);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_GPE_BASE, 1), EVENT);
	harness_write(f->h->m.pio, ACPI_GPE_BASE + 1, 1, EVENT); /* enabled afterwards: it is still due */
	assert_true(f->h->lines[ACPI_SCI]);
}

static void a_slot_comes(void **state)
{
	struct fixture *f = *state;

	harness_write(f->h->m.pio, ACPI_GPE_BASE + 1, 1, EVENT);
	assert_true(acpi_hotplug_came(&f->hotplug, 3));
	assert_true(acpi_hotplug_came(&f->hotplug, 31));
	assert_true(f->h->lines[ACPI_SCI]);
	harness_write(f->h->m.pio, ACPI_GPE_BASE, 1, EVENT); /* a 1 clears, and leaves the enable bit alone */
	assert_false(f->h->lines[ACPI_SCI]);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_GPE_BASE, 2), EVENT << 8);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE, 4), 1u << 3 | 1u << 31);
	harness_write(f->h->m.pio, ACPI_HOTPLUG_BASE, 4, 1u << 3);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE, 4), 1u << 31);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE + 4, 4), 0);
}

static void a_slot_goes(void **state)
{
	struct fixture *f = *state;

	harness_write(f->h->m.pio, ACPI_GPE_BASE + 1, 1, EVENT);
	assert_true(acpi_hotplug_ask(&f->hotplug, 5));
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE + 4, 4), 1u << 5);
	run_posts(f);
	assert_int_equal(f->gone, 0);
	harness_write(f->h->m.pio, ACPI_HOTPLUG_BASE + 8, 4, 1u << 5);
	harness_write(f->h->m.pio, ACPI_HOTPLUG_BASE + 8, 4,
		      1u << 7 | 1);   /* of its own accord; slot 0 has no ejection */
	assert_int_equal(f->gone, 0); /* not in the vCPU */
	run_posts(f);
	assert_int_equal(f->gone, 1u << 5 | 1u << 7);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE + 8, 4), 0);
}

static void odd_accesses_do_nothing(void **state)
{
	struct fixture *f = *state;

	acpi_hotplug_came(&f->hotplug, 3);
	harness_write(f->h->m.pio, ACPI_HOTPLUG_BASE, 1, 0xff);
	harness_write(f->h->m.pio, ACPI_HOTPLUG_BASE + 8, 2, 0xffff);
	harness_write(f->h->m.pio, ACPI_HOTPLUG_BASE + 6, 4, UINT32_MAX);
	run_posts(f);
	assert_int_equal(f->gone, 0);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE, 4), 1u << 3);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE, 2), 0);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE + 2, 4), 0);
}

static void a_reset_forgets(void **state)
{
	struct fixture *f = *state;
	struct machine_hook *hook;

	harness_write(f->h->m.pio, ACPI_GPE_BASE + 1, 1, EVENT);
	acpi_hotplug_came(&f->hotplug, 3);
	cds_list_for_each_entry(hook, &f->h->m.hooks, node)
		hook->reset(hook->aux);
	assert_false(f->h->lines[ACPI_SCI]);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_GPE_BASE, 2), 0);
	assert_int_equal(harness_read(f->h->m.pio, ACPI_HOTPLUG_BASE, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_listens_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slot_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slot_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_accesses_do_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_forgets, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
