// SPDX-License-Identifier: Apache-2.0
/* Libraries loaded late: all functions or none, and a sentence that names what is missing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "os/late.h"
#include "os/pcap_filter.h"
#include "os/pcap_late.h"

static const char *const pcap_names[] = {"libvsw-no-such.so.9", "libpcap.so.0.8", "libpcap.so.1", NULL};

/* The second name serves where the first does not. */
static void test_next_name(void **state)
{
	typeof(pcap_lib_version) *version = NULL;
	const struct late_function functions[] = {{"pcap_lib_version", &version}};
	struct errtext err = {0};

	(void)state;
	assert_int_equal(late_load(pcap_names, functions, 1, &err), 0);
	assert_non_null(strstr(version(), "libpcap"));
}

static void test_no_library(void **state)
{
	static const char *const names[] = {"libvsw-no-such.so.9", NULL};
	struct errtext err = {0};

	(void)state;
	assert_int_equal(late_load(names, NULL, 0, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the library libvsw-no-such.so.9 cannot be loaded"));
}

static void test_no_function(void **state)
{
	typeof(pcap_lib_version) *version = NULL;
	void (*other)(void) = NULL;
	const struct late_function functions[] = {{"pcap_lib_version", &version}, {"pcap_no_such", &other}};
	struct errtext err = {0};

	(void)state;
	assert_int_equal(late_load(pcap_names, functions, 2, &err), -ENOENT);
	assert_non_null(strstr(err.text, "pcap_no_such()"));
	assert_null(version);
}

/* What libpcap compiles, the daemon's half judges and runs. */
static void test_filter(void **state)
{
	static const uint8_t arp[60] = {[12] = 0x08, [13] = 0x06}, ip[60] = {[12] = 0x08, [13] = 0x00};
	struct pcap_filter filter;
	struct errtext err = {0};

	(void)state;
	assert_int_equal(pcap_filter_compile(&filter, "arp", &err), 0);
	assert_true(pcap_filter_is_valid(&filter));
	assert_true(pcap_filter_matches(&filter, arp, sizeof arp, sizeof arp));
	assert_false(pcap_filter_matches(&filter, ip, sizeof ip, sizeof ip));
	pcap_filter_fini(&filter);
	assert_int_equal(pcap_filter_compile(&filter, "arp and", &err), -EINVAL);
	assert_non_null(strstr(err.text, "'arp and' is no filter"));
	assert_int_equal(pcap_filter_compile(&filter, "", &err), 0);
	assert_int_equal(filter.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_name),
		cmocka_unit_test(test_no_library),
		cmocka_unit_test(test_no_function),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
