// SPDX-License-Identifier: Apache-2.0
/* The flow table: agreement with a plain search, the exact cache's hints, invalidation, errors, and exact counters under threads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include "base/util.h"
#include "switchd/datapath/cache.h"

static struct cache *cache;
static struct cache_exact exact;

static int setup(void **state)
{
	(void)state;
	cache = cache_new(20000);
	memset(&exact, 0, sizeof exact);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cache_free(cache);
	return 0;
}

static struct pkt_key masked(const struct pkt_key *key, const struct pkt_key *mask)
{
	struct pkt_key result;

	for (size_t i = 0; i < PKT_KEY_WORDS; i++)
		((uint64_t *)(void *)&result)[i] =
			((const uint64_t *)(const void *)key)[i] & ((const uint64_t *)(const void *)mask)[i];
	return result;
}

static int put(uint64_t id, const struct pkt_key *key, const struct pkt_key *mask, uint64_t action)
{
	struct pkt_key under = masked(key, mask);

	return cache_put(cache, &(struct dp_flow_put){id, &under, mask, &action, sizeof action});
}

/* The first action of the flow found, 0 without one. */
static uint64_t find(const struct pkt_key *key, struct cache_exact *with)
{
	const struct cache_flow *flow;
	uint64_t action = 0;

	rcu_read_lock();
	flow = cache_lookup(cache, with, key, cache_hash(key));
	if (flow)
		action = cache_flow_actions(flow)->data[0];
	rcu_read_unlock();
	return action;
}

/* Disjoint by in_port: mask number m serves the ports with in_port % N_MASKS == m. */
enum { N_MASKS = 12, N_KEYS = 5000 };

static struct pkt_key mask_number(uint32_t m)
{
	struct pkt_key mask = {.in_port = UINT32_MAX, .recirc_id = UINT32_MAX, .eth_type = UINT16_MAX};

	if (m & 1)
		memset(mask.eth_dst, 0xff, 6);
	if (m & 2)
		mask.nw_src = BE32_C(0xffffff00);
	if (m & 4)
		mask.tp_dst = UINT16_MAX;
	if (m & 8)
		memset(mask.ipv6_dst, 0xff, 8);
	return mask;
}

static struct pkt_key key_number(uint32_t n)
{
	struct pkt_key key = {.in_port = n % 100, .eth_type = BE16_C(0x0800), .nw_ttl = (uint8_t)(n * 7)};
	uint32_t r = hash_u64(n % 700, 3);

	key.eth_dst[5] = (uint8_t)r;
	key.nw_src = r;
	key.nw_dst = n;
	key.tp_dst = (be16)(r >> 8);
	key.ipv6_dst[3] = (uint8_t)(r >> 16);
	return key;
}

static struct {
	struct pkt_key key, mask;
	uint64_t id;
} model[N_KEYS];
static size_t n_model;

static uint64_t find_in_model(const struct pkt_key *key)
{
	for (size_t i = 0; i < n_model; i++) {
		struct pkt_key under = masked(key, &model[i].mask);

		if (model[i].id && !memcmp(&under, &model[i].key, sizeof under))
			return model[i].id;
	}
	return 0;
}

static void compare_with_model(void)
{
	for (uint32_t n = 0; n < N_KEYS; n += 2) {
		struct pkt_key key = key_number(n);
		uint64_t expected = find_in_model(&key);

		assert_int_equal(find(&key, NULL), expected);
		assert_int_equal(find(&key, &exact), expected);
		assert_int_equal(find(&key, &exact), expected);
	}
}

static size_t n_dumped(void)
{
	struct dp_flow flow;
	uint64_t cursor = 0;
	size_t n = 0;

	rcu_read_lock();
	while (cache_dump(cache, &cursor, &flow, 1))
		n++;
	rcu_read_unlock();
	return n;
}

static void agrees_with_plain_search(void **state)
{
	size_t n_alive = 0;

	(void)state;
	n_model = 0;
	for (uint32_t n = 0; n < N_KEYS; n += 3) {
		struct pkt_key key = key_number(n), mask = mask_number(key.in_port % N_MASKS);
		int error = put(n + 1, &key, &mask, n + 1);

		if (find_in_model(&key)) {
			assert_int_equal(error, -EEXIST);
			continue;
		}
		assert_int_equal(error, 0);
		model[n_model].key = masked(&key, &mask);
		model[n_model].mask = mask;
		model[n_model++].id = n + 1;
	}
	assert_int_equal(cache_n_flows(cache), n_model);
	assert_int_equal(cache_n_masks(cache), N_MASKS);
	compare_with_model();
	cache_sort_masks(cache);
	compare_with_model();
	for (size_t i = 0; i < n_model; i++) {
		if (i % 3) {
			assert_int_equal(cache_del(cache, model[i].id, NULL), 0);
			assert_int_equal(cache_del(cache, model[i].id, NULL), -ENOENT);
			model[i].id = 0;
		}
		n_alive += model[i].id != 0;
	}
	assert_int_equal(cache_n_flows(cache), n_alive);
	assert_int_equal(n_dumped(), n_alive);
	compare_with_model();
	for (size_t i = 0; i < n_model; i++)
		if (model[i].id)
			assert_int_equal(cache_del(cache, model[i].id, NULL), 0);
	assert_int_equal(cache_n_flows(cache), 0);
	assert_int_equal(cache_n_masks(cache), 0);
}

/* Its entry points to an index that is given to another flow: the hint must not be believed. */
static void stale_hints(void **state)
{
	struct pkt_key mask = mask_number(0), a = {.in_port = 1}, b = {.in_port = 2};

	(void)state;
	assert_int_equal(put(1, &a, &mask, 11), 0);
	assert_int_equal(find(&a, &exact), 11);
	assert_int_equal(find(&a, &exact), 11);
	assert_int_equal(exact.exact_hits, 1);
	assert_int_equal(exact.mega_hits, 1);
	assert_int_equal(cache_del(cache, 1, NULL), 0);
	assert_int_equal(find(&a, &exact), 0);
	assert_int_equal(put(2, &b, &mask, 22), 0); /* takes the index of the first */
	assert_int_equal(find(&a, &exact), 0);
	assert_int_equal(find(&b, &exact), 22);
}

/* Packets of one connection share a hash; flows that tell them apart by TTL or flags share its two places. */
static void hash_of_a_connection(void **state)
{
	struct pkt_key mask = {.in_port = UINT32_MAX, .tcp_flags = UINT16_MAX};
	struct pkt_key key = {.in_port = 1, .eth_type = BE16_C(0x0800), .nw_proto = 6, .nw_src = 5, .tp_src = 7},
		       other = key;

	(void)state;
	other.nw_ttl = 7;
	other.nw_tos = 4;
	other.tcp_flags = BE16_C(2);
	assert_int_equal(cache_hash(&key), cache_hash(&other));
	assert_int_equal(put(1, &key, &mask, 11), 0);
	assert_int_equal(put(2, &other, &mask, 22), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(find(&key, &exact), 11);
		assert_int_equal(find(&other, &exact), 22);
	}
	assert_int_equal(exact.mega_hits, 2);

	/* What tells connections apart changes it. */
	static const size_t offsets[] = {offsetof(struct pkt_key, in_port),  offsetof(struct pkt_key, eth_src),
					 offsetof(struct pkt_key, eth_dst),  offsetof(struct pkt_key, vlan),
					 offsetof(struct pkt_key, nw_src),   offsetof(struct pkt_key, nw_dst),
					 offsetof(struct pkt_key, nw_proto), offsetof(struct pkt_key, tp_src),
					 offsetof(struct pkt_key, tp_dst),   offsetof(struct pkt_key, tun_id),
					 offsetof(struct pkt_key, recirc_id)};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		other = key;
		((uint8_t *)&other)[offsets[i]] ^= 0x10;
		assert_int_not_equal(cache_hash(&key), cache_hash(&other));
	}
}

static void invalidation(void **state)
{
	struct pkt_key mask = mask_number(0), key = {.in_port = 1};
	struct dp_flow flow;
	uint64_t cursor = 0;

	(void)state;
	assert_int_equal(put(1, &key, &mask, 11), 0);
	assert_int_equal(find(&key, &exact), 11);
	cache_invalidate_all(cache);
	assert_int_equal(find(&key, &exact), 0);
	assert_int_equal(find(&key, NULL), 0);
	rcu_read_lock();
	assert_int_equal(cache_dump(cache, &cursor, &flow, 1), 1);
	assert_int_equal(flow.id, 1);
	rcu_read_unlock();
	assert_int_equal(put(2, &key, &mask, 22), -EEXIST);
	assert_int_equal(put(1, &key, &mask, 33), 0);
	assert_int_equal(find(&key, &exact), 33);
	assert_int_equal(cache_n_flows(cache), 1);
}

static void errors(void **state)
{
	struct pkt_key mask = mask_number(0), key = {.in_port = 1}, other = {.in_port = 2}, outside = {.nw_src = 1};
	struct dp_flow_stats stats;
	uint64_t action = 1;

	(void)state;
	assert_int_equal(put(0, &key, &mask, 1), -EINVAL);
	assert_int_equal(cache_put(cache, &(struct dp_flow_put){1, &outside, &mask, &action, sizeof action}), -EINVAL);
	assert_int_equal(cache_put(cache, &(struct dp_flow_put){1, &key, &mask, &action, DP_ACTIONS_MAX + 8}), -EINVAL);
	assert_int_equal(put(1, &key, &mask, 1), 0);
	assert_int_equal(put(1, &other, &mask, 1), -EINVAL);
	assert_int_equal(put(2, &key, &mask, 1), -EEXIST);
	assert_int_equal(cache_stats(cache, 2, &stats), -ENOENT);
	cache_free(cache);
	cache = cache_new(2);
	assert_int_equal(put(1, &key, &mask, 1), 0);
	assert_int_equal(put(2, &other, &mask, 1), 0);
	key.in_port = 3;
	assert_int_equal(put(3, &key, &mask, 1), -ENOSPC);
	assert_int_equal(put(2, &other, &mask, 2), 0);
	assert_int_equal(cache_del(cache, 1, NULL), 0);
	assert_int_equal(put(3, &key, &mask, 1), 0);
}

/* A flow that is there during the whole walk is shown once, whatever comes and goes meanwhile. */
static void dump_while_changing(void **state)
{
	struct pkt_key mask = mask_number(0), key = {0};
	uint64_t cursor = 0, n_seen = 0, next_id = 3001;
	static bool seen[3001];
	struct dp_flow flows[16];
	size_t n;

	(void)state;
	memset(seen, 0, sizeof seen);
	for (uint32_t i = 1; i <= 3000; i++) {
		key.in_port = i;
		assert_int_equal(put(i, &key, &mask, i), 0);
	}
	do {
		rcu_read_lock();
		n = cache_dump(cache, &cursor, flows, ARRAY_SIZE(flows));
		for (size_t i = 0; i < n; i++)
			if (flows[i].id % 2 && flows[i].id <= 3000) {
				assert_false(seen[flows[i].id]);
				seen[flows[i].id] = true;
				n_seen++;
			}
		rcu_read_unlock();
		/* Even ones go, new ones take their places. */
		if (next_id < 4500) {
			cache_del(cache, 3000 - 2 * (next_id - 3001), NULL);
			key.in_port = (uint32_t)next_id;
			assert_int_equal(put(next_id, &key, &mask, next_id), 0);
			next_id++;
		}
	} while (n);
	assert_int_equal(n_seen, 1500);
}

/* Threads credit flows while the main thread deletes, replaces and invalidates them: nothing is lost, nothing counted twice. */
enum { N_THREADS = 3, N_HOT = 8 };
static _Atomic bool stop, has_begun;
static uint64_t credited[N_THREADS], credited_bytes[N_THREADS];

static void *creditor(void *index_)
{
	size_t index = (size_t)(uintptr_t)index_;
	struct cache_exact *mine = xzalloc(sizeof *mine);
	uint64_t n = 0, bytes = 0;

	rcu_register_thread();
	for (uint32_t i = 0; !stop; i++) {
		struct pkt_key key = {.in_port = 1 + i % N_HOT};
		struct cache_flow *flow;

		rcu_read_lock();
		flow = cache_lookup(cache, mine, &key, cache_hash(&key));
		if (flow && cache_credit(flow, i % 5 + 1, 100, 0x10, 1)) {
			n += i % 5 + 1;
			bytes += 100;
			has_begun = true;
			assert_true(cache_flow_actions(flow)->data[0] % 100 == key.in_port);
		}
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	credited[index] = n;
	credited_bytes[index] = bytes;
	free(mine);
	return NULL;
}

static void exact_counters(void **state)
{
	struct pkt_key mask = mask_number(0);
	uint64_t ids[N_HOT] = {0}, next_id = 1, n_packets = 0, n_bytes = 0, n = 0, bytes = 0;
	struct dp_flow_stats stats;
	pthread_t threads[N_THREADS];

	(void)state;
	stop = has_begun = false;
	for (size_t i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, creditor, (void *)i);
	for (uint32_t round = 0; round < 20000 || !has_begun; round++) {
		struct pkt_key key = {.in_port = 1 + round % N_HOT};
		uint64_t *id = &ids[round % N_HOT];

		if (*id && round % 3 == 0) {
			assert_int_equal(cache_del(cache, *id, &stats), 0);
			n_packets += stats.n_packets;
			n_bytes += stats.n_bytes;
			*id = 0;
		} else {
			*id = *id ? *id : next_id++;
			assert_int_equal(put(*id, &key, &mask, key.in_port + 100 * round), 0);
		}
		if (round % 1000 == 0) {
			cache_invalidate_all(cache);
			cache_sort_masks(cache);
		}
	}
	stop = true;
	for (size_t i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		n += credited[i];
		bytes += credited_bytes[i];
	}
	for (size_t i = 0; i < N_HOT; i++)
		if (ids[i]) {
			assert_int_equal(cache_del(cache, ids[i], &stats), 0);
			n_packets += stats.n_packets;
			n_bytes += stats.n_bytes;
		}
	assert_true(n > 0);
	assert_int_equal(n_packets, n);
	assert_int_equal(n_bytes, bytes);
}

/* Ids that cache_active() reports, asked for two at a time; bit N stands for id N. Their packets are added up. */
static uint64_t reported(uint64_t *n_packets)
{
	struct dp_flow_activity active[2];
	uint64_t cursor = 0, ids = 0;
	bool goes_on = true;

	*n_packets = 0;
	while (goes_on) {
		size_t n = ARRAY_SIZE(active);

		rcu_read_lock();
		goes_on = cache_active(cache, &cursor, active, &n);
		rcu_read_unlock();
		for (size_t i = 0; i < n; i++) {
			assert_false(ids >> active[i].id & 1);
			ids |= 1ull << active[i].id;
			*n_packets += active[i].stats.n_packets;
		}
	}
	return ids;
}

/* A flow is reported once for all that it has counted since the last time, and never without. */
static void activity(void **state)
{
	struct pkt_key mask = mask_number(0);
	uint64_t n;

	(void)state;
	assert_int_equal(reported(&n), 0);
	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(put(i, &(struct pkt_key){.in_port = i}, &mask, i), 0);
	assert_int_equal(reported(&n), 0);
	rcu_read_lock();
	for (uint32_t i = 1; i <= 4; i++)
		for (int k = 0; k < 2; k++)
			assert_true(cache_credit(cache_find(cache, i), 10, 100, 0, 1));
	rcu_read_unlock();
	assert_int_equal(cache_del(cache, 2, NULL), 0);
	assert_int_equal(reported(&n), 1 << 1 | 1 << 3 | 1 << 4);
	assert_int_equal(n, 60);
	assert_int_equal(reported(&n), 0);
	rcu_read_lock();
	cache_flow_touch(cache_find(cache, 5));
	assert_true(cache_credit(cache_find(cache, 3), 1, 100, 0, 1));
	rcu_read_unlock();
	assert_int_equal(reported(&n), 1 << 3 | 1 << 5);
	assert_int_equal(n, 21);
}

static void statistics(void **state)
{
	struct pkt_key mask = mask_number(0), key = {.in_port = 1};
	struct dp_flow_stats stats;
	struct cache_flow *flow;

	(void)state;
	assert_int_equal(put(1, &key, &mask, 1), 0);
	assert_int_equal(cache_stats(cache, 1, &stats), 0);
	assert_int_equal(stats.used_ms, 0);
	rcu_read_lock();
	flow = cache_lookup(cache, NULL, &key, cache_hash(&key));
	assert_true(cache_credit(flow, 2, 200, 0x02, 1000));
	assert_true(cache_credit(flow, 1, 64, 0x10, 2000));
	assert_int_equal(put(1, &key, &mask, 2), 0); /* new actions, old counters */
	assert_int_equal(cache_del(cache, 1, &stats), 0);
	assert_false(cache_credit(flow, 1, 64, 0x10, 3000));
	rcu_read_unlock();
	assert_int_equal(stats.n_packets, 3);
	assert_int_equal(stats.n_bytes, 264);
	assert_int_equal(stats.tcp_flags, 0x12);
	assert_int_equal(stats.used_ms, 2000);
}

static int group_setup(void **state)
{
	(void)state;
	rcu_register_thread();
	return 0;
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(agrees_with_plain_search),
		TEST(stale_hints),
		TEST(hash_of_a_connection),
		TEST(invalidation),
		TEST(errors),
		TEST(dump_while_changing),
		TEST(exact_counters),
		TEST(activity),
		TEST(statistics),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
