/* SPDX-License-Identifier: Apache-2.0 */
/* Prefix tries against a list: membership of every length, and that the bits said to prove it do prove it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "flow/prefix_trie.h"

struct owned {
	uint8_t bytes[16];
	unsigned int plen;
};

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

/* Few distinct values, so that prefixes nest and repeat. */
static void random_bytes(uint8_t *bytes, size_t n)
{
	static const uint8_t values[] = {0x00, 0x01, 0x80, 0xff, 0xfe, 0x0a};

	memset(bytes, 0, 16);
	for (size_t i = 0; i < n; i++)
		bytes[i] = rnd(3) ? values[rnd(2)] : values[rnd(ARRAY_SIZE(values))];
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

static void check_key(const struct prefix_trie *trie, const struct owned *owned, size_t n_owned, const uint8_t *bytes,
		      size_t n_bytes)
{
	struct trie_result result, other;
	uint8_t changed[16];
	struct trie_key key;

	trie_key_init(&key, bytes, n_bytes);
	trie_lookup(trie, &key, (unsigned int)n_bytes * 8, &result);
	assert_true(result.n_bits <= n_bytes * 8);
	for (unsigned int plen = 1; plen <= n_bytes * 8; plen++) {
		bool there = false;

		for (size_t i = 0; i < n_owned && !there; i++)
			there = owned[i].plen == plen && same_bits(owned[i].bytes, bytes, plen);
		assert_int_equal(trie_result_has(&result, plen), there);
	}
	/* Whatever the bits behind the proof are, the answer is the same. */
	random_bytes(changed, n_bytes);
	for (unsigned int i = 0; i < result.n_bits; i++)
		changed[i / 8] = (uint8_t)((changed[i / 8] & ~(0x80 >> i % 8)) | (bytes[i / 8] & (0x80 >> i % 8)));
	trie_key_init(&key, changed, n_bytes);
	trie_lookup(trie, &key, (unsigned int)n_bytes * 8, &other);
	assert_memory_equal(other.plens, result.plens, sizeof result.plens);
}

static void run_random(size_t n_bytes)
{
	struct trie_pool pool;
	struct prefix_trie trie = {NULL};
	struct owned owned[200];
	struct trie_key key;
	size_t n = 0;

	trie_pool_init(&pool);
	for (unsigned int round = 0; round < 4000; round++) {
		uint8_t probe[16];

		if (n < ARRAY_SIZE(owned) && (rnd(100) < (round / 1000 % 2 ? 40u : 60u) || !n)) {
			random_bytes(owned[n].bytes, n_bytes);
			owned[n].plen = 1 + rnd((uint32_t)n_bytes * 8);
			trie_key_init(&key, owned[n].bytes, n_bytes);
			trie_insert(&trie, &pool, &key, owned[n].plen);
			n++;
		} else {
			size_t i = rnd((uint32_t)n);

			trie_key_init(&key, owned[i].bytes, n_bytes);
			trie_remove(&trie, &pool, &key, owned[i].plen);
			owned[i] = owned[--n];
		}
		random_bytes(probe, n_bytes);
		check_key(&trie, owned, n, probe, n_bytes);
	}
	while (n) {
		trie_key_init(&key, owned[--n].bytes, n_bytes);
		trie_remove(&trie, &pool, &key, owned[n].plen);
	}
	assert_null(trie.root);
	trie_pool_fini(&pool);
}

static void test_random(void **state)
{
	static const size_t widths[] = {2, 4, 16};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
		run_random(widths[i]);
}

static void test_few_bits(void **state)
{
	static const uint8_t ten[4] = {10}, dns[4] = {8, 8, 8, 8}, other[4] = {192, 168, 0, 1};
	struct trie_pool pool;
	struct prefix_trie trie = {NULL};
	struct trie_result result;
	struct trie_key key;

	(void)state;
	trie_pool_init(&pool);
	trie_key_init(&key, other, 4);
	trie_lookup(&trie, &key, 32, &result);
	assert_int_equal(result.n_bits, 0);

	trie_key_init(&key, ten, 4);
	trie_insert(&trie, &pool, &key, 8);
	trie_key_init(&key, other, 4);
	trie_lookup(&trie, &key, 32, &result);
	assert_int_equal(result.n_bits, 1);
	trie_key_init(&key, dns, 4);
	trie_lookup(&trie, &key, 32, &result);
	assert_int_equal(result.n_bits, 7); /* 0000 1010 and 0000 1000 part at the seventh bit */

	trie_insert(&trie, &pool, &key, 32);
	trie_lookup(&trie, &key, 32, &result);
	assert_int_equal(result.n_bits, 32);
	assert_true(trie_result_has(&result, 32));
	assert_false(trie_result_has(&result, 8));
	trie_remove(&trie, &pool, &key, 32);
	trie_lookup(&trie, &key, 32, &result);
	assert_int_equal(result.n_bits, 7);
	trie_pool_fini(&pool);
}

/* Nodes given back are used again: a prefix that comes and goes does not make the pool grow. */
static void test_pool_bounded(void **state)
{
	static const uint8_t a[4] = {10, 1, 2, 3}, b[4] = {10, 1, 2, 4};
	struct trie_pool pool;
	struct prefix_trie trie = {NULL};
	struct trie_key key_a, key_b;
	size_t before;

	(void)state;
	trie_pool_init(&pool);
	trie_key_init(&key_a, a, 4);
	trie_key_init(&key_b, b, 4);
	trie_insert(&trie, &pool, &key_a, 32);
	for (int i = 0; i < 100; i++) {
		trie_insert(&trie, &pool, &key_b, 32);
		trie_remove(&trie, &pool, &key_b, 32);
		if (i % 10 == 9)
			rcu_barrier();
	}
	before = trie_pool_memory(&pool);
	for (int i = 0; i < 1000; i++) {
		trie_insert(&trie, &pool, &key_b, 32);
		trie_remove(&trie, &pool, &key_b, 32);
		if (i % 10 == 9)
			rcu_barrier();
	}
	assert_int_equal(trie_pool_memory(&pool), before);
	trie_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_bits),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_pool_bounded),
	};
	int ret;

	seed = 1;
	rcu_register_thread();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_barrier();
	rcu_unregister_thread();
	return ret;
}
