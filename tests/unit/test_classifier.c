/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classifier against a list of rules: same answers in every version, and a mask that is sound (bits outside of it do not
 * matter) and small (the cases below say how small).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <urcu.h>

#include "base/util.h"
#include "flow/classifier.h"

struct tr {
	struct match match;
	bool linked;
	struct cls_rule cr;
	uint64_t key[FLOW_KEY_WORDS];
};

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

static const uint64_t *words(const struct flow_key *key)
{
	return (const uint64_t *)(const void *)key;
}

static bool matches(const struct match *m, const struct flow_key *key)
{
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		if ((words(key)[i] ^ words(&m->key)[i]) & words(&m->mask)[i])
			return false;
	return true;
}

static void clamp(struct match *m)
{
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		((uint64_t *)(void *)&m->key)[i] &= words(&m->mask)[i];
}

static be32 prefix32(unsigned int n)
{
	return cpu_to_be32(n ? UINT32_MAX << (32 - n) : 0);
}

/* Keys from a space small enough that rules and packets meet. */
static void random_key(struct flow_key *key)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0806};

	memset(key, 0, sizeof *key);
	key->p.in_port = 1 + rnd(3);
	key->p.eth_dst[5] = (uint8_t)rnd(3);
	key->p.eth_src[0] = (uint8_t)rnd(3);
	key->p.eth_type = cpu_to_be16(types[rnd(3)]);
	key->p.vlan[0].tci = cpu_to_be16(rnd(2) ? (uint16_t)(0x1000 + rnd(3)) : 0);
	key->p.nw_src = cpu_to_be32(0x0a000000 + (rnd(4) << 22) + (rnd(3) << 8) + rnd(3));
	key->p.nw_dst = cpu_to_be32(rnd(8) << 29 | rnd(3));
	key->p.nw_proto = rnd(2) ? 6 : 17;
	key->p.nw_tos = (uint8_t)(rnd(3) << 2);
	key->p.tp_src = cpu_to_be16((uint16_t)(rnd(3) * 1000));
	key->p.tp_dst = cpu_to_be16((uint16_t)(rnd(4) * 100));
	key->p.ipv6_src[0] = 0x20;
	key->p.ipv6_src[7] = (uint8_t)rnd(3);
	key->p.ipv6_dst[15] = (uint8_t)rnd(3);
	key->metadata = cpu_to_be64(rnd(3));
	key->regs[3] = rnd(3);
}

static void random_mask(struct flow_key *mask)
{
	static const uint8_t plens[] = {0, 8, 10, 24, 32};

	memset(mask, 0, sizeof *mask);
	if (rnd(2))
		mask->p.in_port = UINT32_MAX;
	if (!rnd(3))
		memset(mask->p.eth_dst, 0xff, 6);
	if (!rnd(4))
		mask->p.eth_src[0] = 0x01;
	if (!rnd(4))
		mask->p.vlan[0].tci = cpu_to_be16(rnd(2) ? 0x1fff : 0x1000);
	if (rnd(3))
		mask->p.eth_type = cpu_to_be16(0xffff);
	if (rnd(2))
		mask->p.nw_src = rnd(8) ? prefix32(plens[rnd(5)]) : cpu_to_be32(0x00ff00ff);
	if (rnd(2))
		mask->p.nw_dst = prefix32(rnd(33));
	if (!rnd(3))
		mask->p.ipv6_src[0] = mask->p.ipv6_src[7] = 0xff;
	if (!rnd(3))
		memset(mask->p.ipv6_dst, 0xff, rnd(17));
	if (rnd(2))
		mask->p.nw_proto = 0xff;
	if (rnd(2))
		mask->p.tp_dst = cpu_to_be16((uint16_t)(0xffffu << rnd(17)));
	if (!rnd(3))
		mask->p.tp_src = cpu_to_be16(0xffff);
	if (!rnd(4))
		mask->metadata = cpu_to_be64(UINT64_MAX);
	if (!rnd(4))
		mask->regs[3] = 0x3;
}

static void tr_insert(struct classifier *cls, struct tr *tr, uint16_t priority, uint64_t version)
{
	clamp(&tr->match);
	assert_true(classifier_key_words(&tr->match) <= ARRAY_SIZE(tr->key));
	classifier_insert(cls, &tr->cr, &tr->match, priority, version);
	tr->linked = true;
}

static bool tr_visible(const struct tr *tr, uint64_t version)
{
	return tr->linked && tr->cr.add_version <= version && version < tr->cr.remove_version;
}

static const struct tr *oracle(const struct tr *rules, size_t n, uint64_t version, const struct flow_key *key)
{
	const struct tr *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (tr_visible(&rules[i], version) && matches(&rules[i].match, key) &&
		    (!best || rules[i].cr.priority > best->cr.priority))
			best = &rules[i];
	return best;
}

static void check_lookup(const struct classifier *cls, const struct tr *rules, size_t n, uint64_t version,
			 const struct flow_key *key)
{
	const struct tr *expect = oracle(rules, n, version, key);
	struct flow_key wc = {0}, other;
	struct cls_rule *got, *again;

	got = classifier_lookup(cls, version, key, &wc);
	assert_int_equal(!got, !expect);
	if (got) {
		assert_int_equal(got->priority, expect->cr.priority);
		assert_true(matches(&container_of(got, struct tr, cr)->match, key));
	}
	assert_ptr_equal(classifier_lookup(cls, version, key, NULL), got);
	for (int round = 0; round < 4; round++) {
		random_key(&other);
		for (size_t i = 0; i < FLOW_KEY_WORDS; i++) {
			uint64_t w = words(&other)[i] ^ (round == 3 ? UINT64_MAX : 0);

			((uint64_t *)(void *)&other)[i] = (words(key)[i] & words(&wc)[i]) | (w & ~words(&wc)[i]);
		}
		again = classifier_lookup(cls, version, &other, NULL);
		assert_ptr_equal(again, got);
	}
}

struct count {
	const struct match *match;
	size_t n;
};

static int count_one(void *count_, struct cls_rule *rule)
{
	struct count *count = count_;

	(void)rule;
	count->n++;
	return 0;
}

static bool at_least_as_specific(const struct match *rule, const struct match *filter)
{
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		if ((words(&filter->mask)[i] & ~words(&rule->mask)[i]) ||
		    ((words(&rule->key)[i] ^ words(&filter->key)[i]) & words(&filter->mask)[i]))
			return false;
	return true;
}

static bool overlap(const struct match *a, const struct match *b)
{
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		if ((words(&a->key)[i] ^ words(&b->key)[i]) & words(&a->mask)[i] & words(&b->mask)[i])
			return false;
	return true;
}

static void check_queries(const struct classifier *cls, const struct tr *rules, size_t n, uint64_t version)
{
	struct match m = {0};
	struct count count = {.n = 0};
	size_t expect = 0, overlapping = 0;
	uint16_t priority = (uint16_t)rnd(5);
	const struct cls_rule *found = NULL;

	random_mask(&m.mask);
	random_key(&m.key);
	if (rnd(2))
		m = rules[rnd((uint32_t)n)].match;
	clamp(&m);
	for (size_t i = 0; i < n; i++) {
		bool same = !memcmp(&rules[i].match, &m, sizeof m);

		if (!tr_visible(&rules[i], version))
			continue;
		expect += at_least_as_specific(&rules[i].match, &m);
		if (rules[i].cr.priority != priority)
			continue;
		overlapping += !same && overlap(&rules[i].match, &m);
		if (same)
			found = &rules[i].cr;
	}
	classifier_each(cls, &m, version, count_one, &count);
	assert_int_equal(count.n, expect);
	assert_int_equal(classifier_overlap(cls, &m, priority, version) != NULL, overlapping > 0);
	assert_ptr_equal(classifier_find(cls, &m, priority, version), found);
}

#define N_RULES 300

static void random_rule(struct classifier *cls, struct tr *rules, size_t i, uint64_t version)
{
	uint16_t priority = (uint16_t)rnd(5);

	memset(&rules[i], 0, sizeof rules[i]);
	if (rnd(3)) {
		rules[i].match.mask = rules[rnd(N_RULES)].match.mask;
	} else {
		random_mask(&rules[i].match.mask);
	}
	random_key(&rules[i].match.key);
	clamp(&rules[i].match);
	if (!classifier_find(cls, &rules[i].match, priority, version))
		tr_insert(cls, &rules[i], priority, version);
}

/* One transaction: some rules hidden, some added; sometimes taken back. */
static void random_change(struct classifier *cls, struct tr *rules, uint64_t version)
{
	size_t n = 1 + rnd(20), touched[20];
	bool abort = !rnd(4);

	for (size_t i = 0; i < n; i++) {
		touched[i] = rnd(N_RULES);
		if (tr_visible(&rules[touched[i]], version))
			classifier_hide(&rules[touched[i]].cr, version);
		else if (!rules[touched[i]].linked)
			random_rule(cls, rules, touched[i], version);
	}
	for (size_t i = 0; abort && i < n; i++) {
		struct tr *tr = &rules[touched[i]];

		if (tr->linked && tr->cr.remove_version == version)
			classifier_unhide(&tr->cr);
		if (tr->linked && tr->cr.add_version == version) {
			classifier_remove(cls, &tr->cr);
			tr->linked = false;
		}
	}
	classifier_publish(cls);
}

static void remove_hidden(struct classifier *cls, struct tr *rules)
{
	synchronize_rcu();
	for (size_t i = 0; i < N_RULES; i++) {
		if (rules[i].linked && rules[i].cr.remove_version != CLS_VERSION_MAX) {
			classifier_remove(cls, &rules[i].cr);
			rules[i].linked = false;
		}
	}
	synchronize_rcu();
}

static void test_random(void **state)
{
	struct tr *rules = xcalloc(N_RULES, sizeof *rules);

	(void)state;
	for (seed = 1; seed < 5; seed++) {
		uint64_t my_seed = seed, version = 1;
		struct classifier *cls = classifier_new();

		for (; version < 150; version++) {
			random_change(cls, rules, version);
			for (int i = 0; i < 20; i++) {
				struct flow_key key;

				random_key(&key);
				check_lookup(cls, rules, N_RULES, version, &key);
				check_lookup(cls, rules, N_RULES, version - 1, &key);
			}
			check_queries(cls, rules, N_RULES, version);
			remove_hidden(cls, rules);
		}
		for (size_t i = 0; i < N_RULES; i++)
			if (rules[i].linked)
				classifier_hide(&rules[i].cr, version);
		remove_hidden(cls, rules);
		assert_int_equal(classifier_count(cls), 0);
		classifier_free(cls);
		seed = my_seed;
	}
	free(rules);
}

/* What a lookup looks at, case by case: rules, a key, and the mask that must come out. */

static void match_ip(struct tr *tr, uint32_t dst, unsigned int plen)
{
	tr->match.mask.p.eth_type = cpu_to_be16(0xffff);
	tr->match.key.p.eth_type = cpu_to_be16(0x0800);
	tr->match.mask.p.nw_dst = prefix32(plen);
	tr->match.key.p.nw_dst = cpu_to_be32(dst);
}

static void match_tcp_dst(struct tr *tr, uint16_t port)
{
	tr->match.mask.p.eth_type = tr->match.mask.p.tp_dst = cpu_to_be16(0xffff);
	tr->match.key.p.eth_type = cpu_to_be16(0x0800);
	tr->match.mask.p.nw_proto = 0xff;
	tr->match.key.p.nw_proto = 6;
	tr->match.key.p.tp_dst = cpu_to_be16(port);
}

static void tcp_key(struct flow_key *key, uint32_t dst, uint16_t port)
{
	memset(key, 0, sizeof *key);
	key->p.in_port = 1;
	key->p.eth_type = cpu_to_be16(0x0800);
	key->p.nw_proto = 6;
	key->p.nw_dst = cpu_to_be32(dst);
	key->p.tp_dst = cpu_to_be16(port);
}

static void drop_all(struct classifier *cls, struct tr *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		classifier_remove(cls, &rules[i].cr);
	classifier_free(cls);
}

static void test_mask_prefix(void **state)
{
	struct classifier *cls = classifier_new();
	struct tr rules[3] = {0};
	struct flow_key key, wc = {0};

	(void)state;
	match_ip(&rules[0], 0x0a000000, 8);
	match_ip(&rules[1], 0x0a010203, 32);
	for (int i = 0; i < 3; i++)
		tr_insert(cls, &rules[i], (uint16_t)(10 * i), 1);
	classifier_publish(cls);

	/* The catch-all of highest priority: nothing is looked at. */
	tcp_key(&key, 0x0a010203, 80);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[2].cr);
	assert_memory_equal(&wc, &(struct flow_key){0}, sizeof wc);
	classifier_remove(cls, &rules[2].cr);
	classifier_publish(cls);

	/* 192/8 parts from 10/8 at the first bit. */
	tcp_key(&key, 0xc0a80001, 80);
	assert_null(classifier_lookup(cls, 1, &key, &wc));
	assert_int_equal(be32_to_cpu(wc.p.nw_dst), 0x80000000);
	assert_int_equal(wc.p.eth_type, 0xffff);
	assert_int_equal(wc.p.tp_dst, 0);

	/* 10.1.2.2 is in 10/8 and one bit away from 10.1.2.3. */
	memset(&wc, 0, sizeof wc);
	tcp_key(&key, 0x0a010202, 80);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[0].cr);
	assert_int_equal(be32_to_cpu(wc.p.nw_dst), 0xffffffff);
	memset(&wc, 0, sizeof wc);
	tcp_key(&key, 0x0aff0202, 80);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[0].cr);
	assert_int_equal(be32_to_cpu(wc.p.nw_dst), 0xff800000);
	drop_all(cls, rules, 2);
}

static void test_mask_stages(void **state)
{
	struct classifier *cls = classifier_new();
	struct tr rules[3] = {0};
	struct flow_key key, wc = {0};

	(void)state;
	match_tcp_dst(&rules[0], 80);
	match_tcp_dst(&rules[1], 443);
	tr_insert(cls, &rules[0], 10, 1);
	tr_insert(cls, &rules[1], 10, 1);
	tr_insert(cls, &rules[2], 0, 1);
	classifier_publish(cls);

	/* ARP: the Ethernet type alone decides. */
	memset(&key, 0, sizeof key);
	key.p.eth_type = cpu_to_be16(0x0806);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[2].cr);
	assert_int_equal(wc.p.eth_type, 0xffff);
	assert_int_equal(wc.p.nw_proto, 0);
	/* UDP: type and protocol. */
	tcp_key(&key, 0, 80);
	key.p.nw_proto = 17;
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[2].cr);
	assert_int_equal(wc.p.nw_proto, 0xff);
	assert_int_equal(wc.p.tp_dst, 0);
	/* TCP to port 5000 = 0x1388: 80 and 443 start with 0000000, so its fourth bit tells. */
	memset(&wc, 0, sizeof wc);
	tcp_key(&key, 0, 5000);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[2].cr);
	assert_int_equal(be16_to_cpu(wc.p.tp_dst), 0xf000);
	assert_int_equal(wc.p.nw_proto, 0xff);
	assert_int_equal(wc.p.eth_type, 0xffff);
	tcp_key(&key, 0, 443);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[1].cr);
	assert_int_equal(be16_to_cpu(wc.p.tp_dst), 0xffff);
	drop_all(cls, rules, 3);
}

/* A rule that wins keeps subtables of lower priority out of the mask, also after the one that raised the maximum went. */
static void test_mask_priority(void **state)
{
	struct classifier *cls = classifier_new();
	struct tr rules[3] = {0};
	struct flow_key key, wc = {0};

	(void)state;
	rules[0].match.mask.p.in_port = UINT32_MAX;
	rules[0].match.key.p.in_port = 1;
	match_tcp_dst(&rules[1], 80);
	match_tcp_dst(&rules[2], 81);
	tr_insert(cls, &rules[0], 10, 1);
	tr_insert(cls, &rules[1], 5, 1);
	tr_insert(cls, &rules[2], 20, 1);
	classifier_publish(cls);
	tcp_key(&key, 0, 80);
	assert_ptr_equal(classifier_lookup(cls, 1, &key, &wc), &rules[0].cr);
	assert_int_not_equal(wc.p.tp_dst, 0);
	classifier_hide(&rules[2].cr, 2);
	classifier_publish(cls);
	synchronize_rcu();
	classifier_remove(cls, &rules[2].cr);
	classifier_publish(cls);
	memset(&wc, 0, sizeof wc);
	assert_ptr_equal(classifier_lookup(cls, 2, &key, &wc), &rules[0].cr);
	assert_int_equal(wc.p.tp_dst, 0);
	assert_int_equal(wc.p.in_port, UINT32_MAX);
	drop_all(cls, rules, 2);
}

static void test_versions(void **state)
{
	struct classifier *cls = classifier_new();
	struct tr rules[2] = {0};
	struct flow_key key;

	(void)state;
	match_ip(&rules[0], 0x0a000000, 8);
	match_ip(&rules[1], 0x0a000000, 8);
	tcp_key(&key, 0x0a000001, 80);
	tr_insert(cls, &rules[0], 7, 1);
	classifier_publish(cls);
	classifier_hide(&rules[0].cr, 2);
	tr_insert(cls, &rules[1], 7, 2);
	classifier_publish(cls);
	assert_null(classifier_lookup(cls, 0, &key, NULL));
	assert_ptr_equal(classifier_lookup(cls, 1, &key, NULL), &rules[0].cr);
	assert_ptr_equal(classifier_lookup(cls, 2, &key, NULL), &rules[1].cr);
	assert_ptr_equal(classifier_find(cls, &rules[0].match, 7, 1), &rules[0].cr);
	assert_ptr_equal(classifier_find(cls, &rules[0].match, 7, 2), &rules[1].cr);
	classifier_remove(cls, &rules[1].cr);
	classifier_unhide(&rules[0].cr);
	assert_ptr_equal(classifier_lookup(cls, 2, &key, NULL), &rules[0].cr);
	drop_all(cls, rules, 1);
}

static void test_expand(void **state)
{
	struct classifier *cls = classifier_new();
	struct tr rules[50] = {0};
	struct match match;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		random_mask(&rules[i].match.mask);
		random_key(&rules[i].match.key);
		tr_insert(cls, &rules[i], 1, 1);
		cls_rule_match(&rules[i].cr, &match);
		assert_memory_equal(&match, &rules[i].match, sizeof match);
	}
	drop_all(cls, rules, ARRAY_SIZE(rules));
}

static void test_near_misses(void **state)
{
	struct classifier *cls = classifier_new();
	struct tr rules[4] = {0};
	struct cls_rule *near[3];
	struct flow_key key;

	(void)state;
	match_tcp_dst(&rules[0], 80);
	match_tcp_dst(&rules[1], 81);
	match_ip(&rules[2], 0x0a000000, 8);
	rules[2].match.mask.p.in_port = UINT32_MAX;
	rules[2].match.key.p.in_port = 9;
	for (size_t i = 0; i < 4; i++)
		tr_insert(cls, &rules[i], (uint16_t)(i + 1), 1);
	classifier_publish(cls);
	tcp_key(&key, 0xc0a80001, 5000);
	assert_int_equal(classifier_near_misses(cls, 1, &key, near, 3), 3);
	assert_ptr_equal(near[0], &rules[1].cr); /* one field, priority 2 */
	assert_ptr_equal(near[1], &rules[0].cr);
	assert_ptr_equal(near[2], &rules[2].cr); /* two fields */
	assert_int_equal(classifier_near_misses(cls, 1, &key, near, 1), 1);
	assert_ptr_equal(near[0], &rules[1].cr);
	assert_int_equal(classifier_near_misses(cls, 1, &key, near, 0), 0);
	drop_all(cls, rules, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	    cmocka_unit_test(test_mask_prefix),
		cmocka_unit_test(test_mask_stages), cmocka_unit_test(test_mask_priority),
		cmocka_unit_test(test_versions),    cmocka_unit_test(test_expand),
		cmocka_unit_test(test_near_misses),
	};
	int ret;

	rcu_register_thread();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_barrier();
	rcu_unregister_thread();
	return ret;
}
