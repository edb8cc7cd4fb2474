// SPDX-License-Identifier: Apache-2.0
/* What BPF can do here: each "no" comes with a reason, and nothing is left behind. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <string.h>

#include "os/bpf_probe.h"

static int n_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_probe(void **state)
{
	struct bpf_probe probe;
	struct errtext err = {0};
	int before = n_descriptors(), error;

	(void)state;
	bpf_probe_run(&probe);
	bpf_probe_run(&probe);
	assert_int_equal(n_descriptors(), before);
	for (int i = 0; i < BPF_N_ABILITIES; i++) {
		const struct bpf_answer *a = &probe.can[i];

		assert_true(a->error >= 0);
		assert_int_equal(!a->error, !a->why[0]);
		print_message("%s: %s\n", bpf_ability_name((enum bpf_ability)i), a->error ? a->why : "yes");
	}
	error = bpf_probe_obstacle(&probe, &err);
	assert_int_equal(error < 0, err.text[0] != '\0');
}

/* What counts as an obstacle. */
static void test_obstacle(void **state)
{
	static const struct {
		int lacks[3]; /* -1: nothing more */
		const char *says;
	} cases[] = {
		{{-1}, NULL},
		{{BPF_CAN_TCX, -1}, NULL},
		{{BPF_CAN_CLSACT, -1}, NULL},
		{{BPF_CAN_PIN, BPF_CAN_PERF, -1}, NULL},
		{{BPF_CAN_LOAD, -1}, "tc programs: not here"},
		{{BPF_CAN_LOOP, -1}, "bpf_loop(): not here"},
		{{BPF_CAN_CLSACT, BPF_CAN_TCX, -1}, "attaching by tc (clsact): not here"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bpf_probe probe = {0};
		struct errtext err = {0};

		for (size_t k = 0; k < 3 && cases[i].lacks[k] >= 0; k++) {
			probe.can[cases[i].lacks[k]].error = 1;
			strcpy(probe.can[cases[i].lacks[k]].why, "not here");
		}
		assert_int_equal(bpf_probe_obstacle(&probe, &err), cases[i].says ? -1 : 0);
		assert_string_equal(err.text, cases[i].says ? cases[i].says : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_obstacle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
