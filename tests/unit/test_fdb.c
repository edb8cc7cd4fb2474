// SPDX-License-Identifier: Apache-2.0
/* The forwarding database: learning, ageing, eviction, static entries, its file, and threads. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ds.h"
#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/fdb.h"

static struct port ports[3] = {{.name = (char *)"p1"}, {.name = (char *)"p2"}, {.name = (char *)"a port"}};
static struct fdb *fdb;
static unsigned int n_changes;
static uint8_t last_mac;

static void changed(void *aux VSW_UNUSED, const struct fdb_change *change)
{
	n_changes++;
	last_mac = change->mac ? change->mac[5] : 0;
}

static int setup(void **state VSW_UNUSED)
{
	fdb = fdb_new(changed, NULL);
	n_changes = 0;
	return 0;
}

static int teardown(void **state VSW_UNUSED)
{
	fdb_free(fdb);
	return 0;
}

static struct fdb_source source(uint32_t mac, uint16_t vlan, struct port *port)
{
	struct fdb_source s = {.vlan = vlan, .port = port};

	for (int i = 0; i < 4; i++)
		s.mac[5 - i] = (uint8_t)(mac >> (8 * i));
	return s;
}

static enum fdb_event learn(uint32_t mac, uint16_t vlan, struct port *port, int64_t now_ms)
{
	struct fdb_source s = source(mac, vlan, port);

	return fdb_learn(fdb, &s, now_ms);
}

static struct port *lookup(uint32_t mac, uint16_t vlan)
{
	struct fdb_source s = source(mac, vlan, NULL);

	return fdb_lookup(fdb, vlan, s.mac);
}

static struct fdb_stats stats(void)
{
	struct fdb_stats s;

	fdb_get_stats(fdb, &s);
	return s;
}

static void test_learn_move(void **state VSW_UNUSED)
{
	assert_int_equal(learn(1, 0, &ports[0], 0), FDB_LEARNT);
	assert_int_equal(n_changes, 1);
	assert_int_equal(last_mac, 1);
	assert_int_equal(learn(1, 0, &ports[0], 10), FDB_REFRESHED);
	assert_int_equal(n_changes, 1);
	assert_int_equal(learn(1, 0, &ports[1], 20), FDB_MOVED);
	assert_int_equal(n_changes, 2);
	assert_ptr_equal(lookup(1, 0), &ports[1]);
	assert_null(lookup(1, 5));
	assert_int_equal(stats().n_moved, 1);
	assert_int_equal(stats().n_learnt, 1);
}

/* Counters of a cached flow arrive late: what was seen since then is newer. */
static void test_old_news(void **state VSW_UNUSED)
{
	learn(1, 0, &ports[0], 1000);
	assert_int_equal(learn(1, 0, &ports[1], 900), FDB_REFUSED);
	assert_ptr_equal(lookup(1, 0), &ports[0]);
}

static void test_ageing(void **state VSW_UNUSED)
{
	learn(1, 0, &ports[0], 0);
	learn(2, 0, &ports[0], 0);
	learn(2, 0, &ports[0], 500); /* less than a second later: not put in order again */
	fdb_expire(fdb, 299999);
	assert_non_null(lookup(1, 0));
	assert_int_equal(fdb_expire(fdb, 300000), 500);
	assert_null(lookup(1, 0));
	assert_non_null(lookup(2, 0));
	fdb_expire(fdb, 300500);
	assert_null(lookup(2, 0));
	assert_int_equal(stats().n_expired, 2);
	fdb_set_ageing(fdb, 1000);
	learn(3, 0, &ports[0], 400000);
	fdb_expire(fdb, 401000);
	assert_null(lookup(3, 0));
}

/* The port with most entries gives up its oldest; the quiet host on the other one stays. */
static void test_eviction_is_fair(void **state VSW_UNUSED)
{
	fdb_set_max_entries(fdb, 10);
	learn(1, 0, &ports[0], 0);
	for (uint32_t i = 0; i < 1000; i++)
		learn(1000 + i, 0, &ports[1], 2000 * (int64_t)i);
	assert_int_equal(stats().n_entries, 10);
	assert_int_equal(stats().n_evicted, 991);
	assert_non_null(lookup(1, 0));
	assert_non_null(lookup(1999, 0));
	assert_non_null(lookup(1991, 0));
	assert_null(lookup(1990, 0));
	fdb_set_max_entries(fdb, 1); /* 10 is the least */
	assert_int_equal(stats().max_entries, 10);
}

static void test_eviction_is_lru(void **state VSW_UNUSED)
{
	fdb_set_max_entries(fdb, 10);
	for (uint32_t i = 0; i < 10; i++)
		learn(i, 0, &ports[0], i);
	learn(0, 0, &ports[0], 5000);
	learn(99, 0, &ports[0], 6000);
	assert_non_null(lookup(0, 0));
	assert_null(lookup(1, 0));
}

static void test_shrinking(void **state VSW_UNUSED)
{
	for (uint32_t i = 0; i < 100; i++)
		learn(i, 0, &ports[i % 2], i);
	fdb_set_max_entries(fdb, 20);
	assert_int_equal(stats().n_entries, 20);
	learn(1000, 0, &ports[2], 1000);
	assert_int_equal(stats().n_entries, 20);
}

static void test_static(void **state VSW_UNUSED)
{
	struct fdb_source s = source(1, 7, &ports[0]);

	learn(1, 7, &ports[1], 0);
	assert_int_equal(fdb_add_static(fdb, 7, s.mac, &ports[0], 0), 0);
	assert_int_equal(learn(1, 7, &ports[1], 10), FDB_REFUSED);
	assert_int_equal(learn(1, 7, &ports[0], 10), FDB_REFRESHED);
	fdb_expire(fdb, 10000000);
	fdb_flush(fdb, NULL, -1);
	assert_ptr_equal(lookup(1, 7), &ports[0]);
	assert_int_equal(stats().n_static, 1);
	assert_int_equal(fdb_del(fdb, 7, s.mac), 0);
	assert_int_equal(fdb_del(fdb, 7, s.mac), -ENOENT);
	assert_int_equal(stats().n_static, 0);
}

static void test_full_of_static(void **state VSW_UNUSED)
{
	fdb_set_max_entries(fdb, 10);
	for (uint32_t i = 0; i < 10; i++) {
		struct fdb_source s = source(i, 0, &ports[0]);

		assert_int_equal(fdb_add_static(fdb, 0, s.mac, &ports[0], 0), 0);
	}
	assert_int_equal(learn(100, 0, &ports[0], 0), FDB_REFUSED);
	assert_int_equal(fdb_add_static(fdb, 1, source(1, 1, NULL).mac, &ports[0], 0), -ENOSPC);
}

static void test_flush(void **state VSW_UNUSED)
{
	learn(1, 1, &ports[0], 0);
	learn(2, 1, &ports[1], 0);
	learn(3, 2, &ports[1], 0);
	assert_int_equal(fdb_flush(fdb, &ports[1], 2), 1);
	assert_null(lookup(3, 2));
	assert_int_equal(fdb_flush(fdb, NULL, 1), 2);
	learn(1, 1, &ports[0], 0);
	fdb_add_static(fdb, 1, source(9, 1, NULL).mac, &ports[0], 0);
	learn(2, 1, &ports[1], 0);
	fdb_flush_port(fdb, &ports[0]);
	assert_int_equal(stats().n_entries, 1);
	assert_int_equal(fdb_flush(fdb, NULL, -1), 1);
}

/* A switch that a bond leads to sends our own broadcast back over another member: that must not move the host. */
static void test_gratuitous_arp_lock(void **state VSW_UNUSED)
{
	struct fdb_source s = source(1, 0, &ports[0]), bond = source(1, 0, &ports[1]);

	s.is_gratuitous_arp = true;
	bond.is_bond = true;
	fdb_learn(fdb, &s, 0);
	assert_int_equal(fdb_learn(fdb, &bond, 4999), FDB_REFUSED);
	assert_int_equal(fdb_learn(fdb, &bond, 5000), FDB_MOVED);
}

static struct port *find_port(void *aux VSW_UNUSED, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		if (!strcmp(ports[i].name, name))
			return &ports[i];
	return NULL;
}

static char path[64];

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_file(void **state VSW_UNUSED)
{
	struct errtext err;

	snprintf(path, sizeof path, "/tmp/test_fdb.%d", (int)getpid());
	learn(1, 0, &ports[0], 0);
	learn(2, 5, &ports[2], 50000);
	fdb_add_static(fdb, 6, source(3, 6, NULL).mac, &ports[1], 0);
	assert_int_equal(fdb_save(fdb, path, 100000, 1000000, &err), 0);
	fdb_free(fdb);
	/* A new process 200 s later, with a clock of its own: the first entry is too old now. */
	fdb = fdb_new(changed, NULL);
	assert_int_equal(fdb_load(fdb, path, find_port, NULL, 7000, 1200000, &err), 2);
	assert_null(lookup(1, 0));
	assert_ptr_equal(lookup(2, 5), &ports[2]);
	assert_ptr_equal(lookup(3, 6), &ports[1]);
	fdb_expire(fdb, 7000 + 50000);
	assert_null(lookup(2, 5));
	assert_int_equal(stats().n_static, 1);
	unlink(path);
	assert_int_equal(fdb_load(fdb, path, find_port, NULL, 0, 0, &err), -ENOENT);
	assert_int_equal(fdb_save(fdb, "/nonexistent/x", 0, 0, &err), -ENOENT);
	assert_true(strstr(err.text, "/nonexistent/x") != NULL);
}

static void test_damaged_file(void **state VSW_UNUSED)
{
	struct errtext err;

	snprintf(path, sizeof path, "/tmp/test_fdb.%d", (int)getpid());
	write_file("something else\n");
	assert_int_equal(fdb_load(fdb, path, find_port, NULL, 0, 0, &err), -EINVAL);
	write_file("vsw-fdb 1 0\n"
		   "1 00:00:00:00:00:01 5 p1\n"
		   "9999 00:00:00:00:00:02 5 p1\n"
		   "1 00:00:00:00:00:zz 5 p1\n"
		   "1 00:00:00:00:00:03 -5 p1\n"
		   "1 00:00:00:00:00:04 5 gone\n"
		   "1 00:00:00:00:00:05\n"
		   "1 00:00:00:00:00:06 5 p");
	assert_int_equal(fdb_load(fdb, path, find_port, NULL, 0, 0, &err), 1);
	assert_ptr_equal(lookup(1, 1), &ports[0]);
	unlink(path);
}

static void test_text(void **state VSW_UNUSED)
{
	struct iface iface = {.ofp_port = 3};
	struct port port = {.name = (char *)"p3", .n_ifaces = 1};
	struct ds text = DS_INIT;
	json_t *json;

	CDS_INIT_LIST_HEAD(&port.ifaces);
	cds_list_add_tail(&iface.port_node, &port.ifaces);
	learn(0xabcdef, 10, &port, 0);
	fdb_add_static(fdb, 0, source(1, 0, NULL).mac, &port, 0);
	fdb_format(fdb, 12345, &text);
	assert_string_equal(ds_cstr(&text), " port  VLAN  MAC                Age\n"
					    "    3     0  00:00:00:00:00:01  static\n"
					    "    3    10  00:00:00:ab:cd:ef   12\n");
	json = fdb_to_json(fdb, 12345);
	assert_int_equal(json_array_size(json), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 1), "age_s")), 12);
	json_decref(json);
	ds_fini(&text);
	fdb_flush_port(fdb, &port);
}

/* Readers, refreshers, movers and an expirer at once; the sanitizers judge. */
static void *hammer(void *aux)
{
	uint32_t seed = (uint32_t)(uintptr_t)aux;

	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		learn(seed >> 24, 0, &ports[seed >> 20 & 1], i);
		lookup(seed >> 16 & 0xff, 0);
		if (i % 1000 == 0)
			fdb_expire(fdb, i);
		if (i % 5000 == 0)
			fdb_flush(fdb, &ports[0], -1);
	}
	return NULL;
}

static void test_threads(void **state VSW_UNUSED)
{
	pthread_t threads[4];
	struct fdb_stats s;

	fdb_set_max_entries(fdb, 100);
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	s = stats();
	assert_true(s.n_entries <= 100);
	fdb_flush_port(fdb, &ports[0]);
	fdb_flush_port(fdb, &ports[1]);
	assert_int_equal(stats().n_entries, 0);
}

#define T(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_learn_move),
		T(test_old_news),
		T(test_ageing),
		T(test_eviction_is_fair),
		T(test_eviction_is_lru),
		T(test_shrinking),
		T(test_static),
		T(test_full_of_static),
		T(test_flush),
		T(test_gratuitous_arp_lock),
		T(test_file),
		T(test_damaged_file),
		T(test_text),
		T(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
