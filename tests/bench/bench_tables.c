/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What flow tables cost: ns per lookup, seconds per bundle, bytes per rule. One JSON object on stdout.
 *
 * usage: bench_tables [N_RULES]     (default 100000)
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/port_names.h"
#include "switchd/pipeline/table.h"

#define N_LOOKUPS 200000
#define N_ROUNDS 7 /* the best counts: the others met the neighbours' load */

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* "ip,nw_src=10.a.b.c,nw_dst=...,tp_dst=N actions=output:K", as a controller would send it. */
static void make_mod(struct flow_mod *fm, uint32_t i)
{
	char text[160];
	struct errtext err;
	int n = snprintf(text, sizeof text, "tcp,nw_src=10.%u.%u.%u,nw_dst=192.168.%u.%u,tp_dst=%u actions=output:%u",
			 i >> 16 & 255, i >> 8 & 255, i & 255, rnd(256), rnd(256), rnd(65536), 1 + rnd(48));

	if (flow_mod_parse(text, (size_t)n, FLOW_ADD, NULL, fm, &err)) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		exit(1);
	}
}

static struct tables *new_tables(const char *journal)
{
	const struct tables_config config = {.name = "bench", .journal = journal};
	struct tables *tables;
	struct errtext err;

	if (tables_new(&config, 0, &tables, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return tables;
}

static void apply(struct tables *tables, const struct flow_mod *mods, size_t n)
{
	struct errtext err;

	if (tables_apply(tables, mods, n, 0, NULL, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

/* What tells one packet from another; the key around it stays in the cache, as a packet's own key does. */
struct packet {
	be32 nw_src, nw_dst;
	be16 tp_dst;
};

static double lookup_ns(struct tables *tables, const struct flow_mod *mods, size_t n, bool with_mask, bool hit)
{
	const size_t n_packets = 65536;
	struct packet *packets = xcalloc(n_packets, sizeof *packets);
	struct flow_key key = mods[0].match.key, wc = {0};
	size_t found = 0;
	double best = 1e9;

	for (size_t i = 0; i < n_packets; i++) {
		const struct pkt_key *k = &mods[rnd((uint32_t)n)].match.key.p;

		packets[i] = (struct packet){k->nw_src, k->nw_dst, (be16)(k->tp_dst ^ (hit ? 0 : 0x5a5a))};
	}
	rcu_read_lock();
	for (unsigned int round = 0; round < N_ROUNDS; round++) {
		double start = now_s();

		for (size_t i = 0; i < N_LOOKUPS; i++) {
			const struct packet *p = &packets[i % n_packets];

			key.p.nw_src = p->nw_src;
			key.p.nw_dst = p->nw_dst;
			key.p.tp_dst = p->tp_dst;
			found += tables_lookup(tables, 0, tables_version(tables), &key, with_mask ? &wc : NULL) != NULL;
		}
		best = MIN(best, now_s() - start);
	}
	rcu_read_unlock();
	free(packets);
	if (!found == hit)
		fprintf(stderr, "bench_tables: lookups found %zu\n", found);
	return best * 1e9 / N_LOOKUPS;
}

static void bench_lookup(const struct flow_mod *mods, size_t n)
{
	struct tables *tables = new_tables(NULL);

	apply(tables, mods, n);
	printf("\"lookup_%zu_hit_ns\": %.0f, \"lookup_%zu_miss_ns\": %.0f, \"lookup_%zu_hit_mask_ns\": %.0f, "
	       "\"lookup_%zu_miss_mask_ns\": %.0f, ",
	       n, lookup_ns(tables, mods, n, false, true), n, lookup_ns(tables, mods, n, false, false), n,
	       lookup_ns(tables, mods, n, true, true), n, lookup_ns(tables, mods, n, true, false));
	tables_free(tables);
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void bench_bundle(struct flow_mod *mods, size_t n)
{
	char path[] = "/dev/shm/bench_tables.XXXXXX";
	struct flow_mod all = {.command = FLOW_DELETE, .table = FLOW_TABLE_ALL, .out_port = OFPP_NONE};
	struct tables *tables;
	double start, apply_s, expire_us, delete_s, load_s;
	size_t before, heap;

	close(mkstemp(path));
	tables = new_tables(path);
	rcu_barrier();
	before = heap_bytes();
	start = now_s();
	apply(tables, mods, n);
	apply_s = now_s() - start;
	rcu_barrier();
	heap = heap_bytes() - before;
	start = now_s();
	tables_expire(tables, 0);
	expire_us = (now_s() - start) * 1e6;
	printf("\"bundle_s\": %.3f, \"bytes_per_rule\": %.0f, \"heap_bytes_per_rule\": %.0f, \"expire_us\": %.0f, ",
	       apply_s, (double)tables_memory(tables) / (double)n, (double)heap / (double)n, expire_us);
	tables_free(tables);
	start = now_s();
	tables = new_tables(path);
	load_s = now_s() - start;
	start = now_s();
	apply(tables, &all, 1);
	delete_s = now_s() - start;
	printf("\"load_s\": %.3f, \"delete_all_s\": %.3f, ", load_s, delete_s);
	tables_free(tables);
	unlink(path);
}

static void bench_single(const struct flow_mod *mods, size_t n)
{
	char path[] = "/dev/shm/bench_tables.XXXXXX";
	struct tables *tables;
	double start;

	close(mkstemp(path));
	tables = new_tables(path);
	start = now_s();
	for (size_t i = 0; i < n; i++)
		apply(tables, &mods[i], 1);
	printf("\"single_us\": %.2f", (now_s() - start) * 1e6 / (double)n);
	tables_free(tables);
	unlink(path);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	struct flow_mod *mods = xcalloc(n, sizeof *mods);

	rcu_register_thread();
	for (size_t i = 0; i < n; i++)
		make_mod(&mods[i], (uint32_t)i);
	printf("{\"n_rules\": %zu, ", n);
	bench_lookup(mods, 1);
	bench_lookup(mods, MIN(n, (size_t)1000));
	bench_lookup(mods, n);
	bench_bundle(mods, n);
	bench_single(mods, MIN(n, (size_t)10000));
	printf("}\n");
	for (size_t i = 0; i < n; i++)
		flow_mod_fini(&mods[i]);
	free(mods);
	rcu_unregister_thread();
	return 0;
}
