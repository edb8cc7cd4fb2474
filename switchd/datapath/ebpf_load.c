// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/util.h"
#include "os/bpf_probe.h"

#include "bpf/fastpath.skel.h"

LOG_MODULE(dp_ebpf);

enum { MIN_SPARE_SLOTS = 64, OPS_PER_FLOW = 4, MIN_OPS = 4096 };

/*
 * What a flow costs in the kernel: a struct bpf_flow, a struct bpf_tail and 8 bytes of bookkeeping in the daemon for each slot, OPS_PER_FLOW
 * operations, a bucket in both maps (of at most two), all of which is there from the start; and its hash entry, which is the
 * kernel's header of 48 bytes, key, value, and 8 bytes of its allocator, rounded up to a size that this one has.
 */
enum { BUCKET_BYTES = 16, SMALL_ENTRY_BYTES = 192, LARGE_ENTRY_BYTES = 512 };

struct ebpf_skeleton {
	struct fastpath *object;
	char log[64 * 1024]; /* the verifier's */
};

static int to_log(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[512];
	int n = vsnprintf(line, sizeof line, fmt, args);

	(void)level;
	if (n > 0 && (size_t)n < sizeof line && line[n - 1] == '\n')
		line[n - 1] = '\0';
	log_dbg("libbpf: %s", line);
	return n;
}

/* The verifier's verdict is the last line of its log that is no statistics. */
static const char *last_words(char *log)
{
	char *verdict = NULL, *save = NULL;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) != 0 && *line)
			verdict = line;
	return verdict;
}

static int load_error(struct ebpf_skeleton *s, int error, struct errtext *err)
{
	const char *words = last_words(s->log);

	if (error == -EPERM || error == -EACCES)
		return errtext_set(err, -error,
				   "BPF is not allowed here (%s); it needs CAP_BPF and CAP_NET_ADMIN, and a kernel "
				   "that is not locked down",
				   words ? words : strerror(-error));
	return errtext_set(err, -error, "this kernel does not load the BPF program: %s%s%s", strerror(-error),
			   words ? ": " : "", words ? words : "");
}

static void *map_memory(struct bpf_map *map)
{
	size_t size = ROUND_UP(bpf_map__value_size(map), 8) * bpf_map__max_entries(map);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_memory(struct bpf_map *map, void *memory)
{
	if (memory)
		munmap(memory, ROUND_UP(bpf_map__value_size(map), 8) * bpf_map__max_entries(map));
}

static bool map_all(struct ebpf_kernel *k, const struct fastpath *f)
{
	k->devs = map_memory(f->maps.devs);
	k->ports = map_memory(f->maps.ports);
	k->traffic = map_memory(f->maps.traffic);
	k->masks = map_memory(f->maps.masks);
	k->flows = map_memory(f->maps.flows);
	k->tails = map_memory(f->maps.tails);
	k->ops = map_memory(f->maps.ops);
	k->meters = map_memory(f->maps.meters);
	k->bonds = map_memory(f->maps.bonds);
	k->tunnels = map_memory(f->maps.tunnels);
	k->paths = map_memory(f->maps.paths);
	k->books = map_memory(f->maps.books);
	k->filters = map_memory(f->maps.filters);
	k->control = map_memory(f->maps.control);
	return k->devs && k->ports && k->traffic && k->masks && k->flows && k->tails && k->ops && k->meters &&
	       k->bonds && k->tunnels && k->paths && k->books && k->filters && k->control;
}

/*
 * How large the maps are. Beside the flows themselves there are slots for those whose flow went away and that rest, and on average
 * OPS_PER_FLOW operations for flows that do more than send to one port and share their list with nobody.
 */
static int set_sizes(struct ebpf_kernel *k, const struct fastpath *f, uint32_t max_flows)
{
	const uint32_t n_cpus = (uint32_t)MAX(libbpf_num_possible_cpus(), 1);
	int error;

	k->n_slots = max_flows + max_flows / 8 + MIN_SPARE_SLOTS;
	k->n_ops = MAX(max_flows * OPS_PER_FLOW, MIN_OPS);
	k->n_cpus = n_cpus;
	error = bpf_map__set_max_entries(f->maps.cache, BPF_CACHE_BUCKETS * n_cpus);
	if (!error)
		error = bpf_map__set_max_entries(f->maps.traffic, BPF_N_PORTS * n_cpus);
	if (!error)
		error = bpf_map__set_max_entries(f->maps.sights,
						 n_cpus); /* as libbpf would, but a successor compares */
	if (!error)
		error = bpf_map__set_max_entries(f->maps.small, k->n_slots);
	if (!error)
		error = bpf_map__set_max_entries(f->maps.large, k->n_slots);
	if (!error)
		error = bpf_map__set_max_entries(f->maps.flows, k->n_slots);
	if (!error)
		error = bpf_map__set_max_entries(f->maps.tails, k->n_slots);
	if (!error)
		error = bpf_map__set_max_entries(f->maps.books, k->n_slots);
	return error ? error : bpf_map__set_max_entries(f->maps.ops, k->n_ops);
}

static void take_descriptors(struct ebpf_kernel *k, const struct fastpath *f)
{
	if (!k->has_old_programs) {
		k->port_program = bpf_program__fd(f->progs.vsw_port);
		k->tunnel_program = bpf_program__fd(f->progs.vsw_tunnel);
		k->steer_program = bpf_program__fd(f->progs.vsw_steer);
		k->sights_fd = bpf_map__fd(f->maps.sights);
	}
	k->small_fd = bpf_map__fd(f->maps.small);
	k->large_fd = bpf_map__fd(f->maps.large);
	k->scratch_fd = bpf_map__fd(f->maps.scratch);
}

/* ---- the predecessor's programs ---- */

/* Of the programs that this daemon was built with. */
static uint64_t own_build(void)
{
	size_t len;
	const uint8_t *elf = fastpath__elf_bytes(&len);
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ elf[i]) * 0x100000001b3ull;
	return h ? h : 1;
}

static void close_programs(struct ebpf_kernel *k)
{
	const int fds[] = {k->port_program, k->tunnel_program, k->steer_program, k->sights_fd};

	for (size_t i = 0; k->has_old_programs && i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	k->has_old_programs = false;
}

/*
 * A daemon that is started again finds its own programs, which the kernel need not verify once more: that takes it longer than all the
 * rest of the start. @f has the predecessor's maps, and is not loaded.
 */
static bool take_programs(struct ebpf_kernel *k, const struct fastpath *f)
{
	struct bpf_control control;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(f->maps.control), &zero, &control) || control.build != own_build())
		return false;
	k->has_old_programs = true;
	k->port_program = ebpf_pins_open_file(&k->pins, "vsw_port");
	k->tunnel_program = ebpf_pins_open_file(&k->pins, "vsw_tunnel");
	k->steer_program = ebpf_pins_open_file(&k->pins, "vsw_steer");
	k->sights_fd = ebpf_pins_open_file(&k->pins, "sights");
	if (k->port_program >= 0 && k->tunnel_program >= 0 && k->steer_program >= 0 && k->sights_fd >= 0)
		return true;
	close_programs(k);
	return false;
}

/* For a successor. */
static int save(struct ebpf_kernel *k)
{
	int error;

	if (k->has_old_programs)
		return 0;
	k->control->build = 0;
	error = ebpf_pins_save(&k->pins, k->skeleton->object->obj, !k->is_adopted);
	if (!error)
		__atomic_store_n(&k->control->build, own_build(), __ATOMIC_RELEASE);
	return error;
}

/* ---- loading ---- */

/*
 * @reuse: with the maps that a predecessor left, if there are any. Return: 0, -ESTALE when what it left cannot be used (then nor can the
 * object; @err says why), or another negative errno.
 */
static int load(struct ebpf_kernel *k, uint32_t max_flows, bool reuse, struct errtext *err)
{
	struct ebpf_skeleton *s = xzalloc(sizeof *s);
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = s->log, .kernel_log_size = sizeof s->log,
			    .kernel_log_level = 0);
	int error;

	k->skeleton = s;
	s->object = fastpath__open_opts(&opts);
	error = s->object ? set_sizes(k, s->object, max_flows) : -errno;
	if (!error && reuse) {
		error = ebpf_pins_reuse(&k->pins, s->object->obj, err);
		if (error == -ESTALE)
			return error;
		k->is_adopted = error > 0;
		error = MIN(error, 0);
	}
	if (!error && !(k->is_adopted && take_programs(k, s->object)))
		error = fastpath__load(s->object);
	if (error)
		return load_error(s, error, err);
	take_descriptors(k, s->object);
	if (!map_all(k, s->object))
		return errtext_set(err, ENOMEM, "cannot map the BPF maps into memory");
	if (k->is_adopted && (k->control->ready != VSW_BPF_ABI || k->control->owner != k->pins.owner))
		return errtext_set(err, ESTALE, "they were never finished");
	return 0;
}

static void unload(struct ebpf_kernel *k)
{
	struct fastpath *f = k->skeleton ? k->skeleton->object : NULL;
	struct ebpf_pins pins = k->pins;

	if (f) {
		unmap_memory(f->maps.devs, k->devs);
		unmap_memory(f->maps.ports, k->ports);
		unmap_memory(f->maps.traffic, k->traffic);
		unmap_memory(f->maps.masks, k->masks);
		unmap_memory(f->maps.flows, k->flows);
		unmap_memory(f->maps.tails, k->tails);
		unmap_memory(f->maps.ops, k->ops);
		unmap_memory(f->maps.meters, k->meters);
		unmap_memory(f->maps.bonds, k->bonds);
		unmap_memory(f->maps.filters, k->filters);
		unmap_memory(f->maps.tunnels, k->tunnels);
		unmap_memory(f->maps.paths, k->paths);
		unmap_memory(f->maps.books, k->books);
		unmap_memory(f->maps.control, k->control);
		fastpath__destroy(f);
	}
	close_programs(k);
	free(k->skeleton);
	*k = (struct ebpf_kernel){.pins = pins};
}

int ebpf_kernel_load(struct ebpf_kernel *k, const char *rundir, uint32_t max_flows, struct errtext *err)
{
	bool is_anew;
	int error;

	libbpf_set_print(to_log);
	if (ebpf_pins_open(&k->pins, rundir, true, err))
		log_warn("%s; a restart will interrupt traffic", err->text);
	error = load(k, max_flows, true, err);
	is_anew = error == -ESTALE || (rundir && !k->pins.folder);
	if (error == -ESTALE) {
		log_warn("the flows that a predecessor left in the kernel are of no use (%s): beginning anew",
			 err->text);
		unload(k);
		ebpf_pins_flush(&k->pins);
		error = load(k, max_flows, false, err);
	}
	if (!error && save(k))
		log_warn("BPF maps cannot be pinned in %s; a restart will interrupt traffic", k->pins.abi);
	k->is_anew = is_anew;
	k->can_omit_key = bpf_probe_tunnel_without_key();
	if (error)
		ebpf_kernel_unload(k);
	return error;
}

void ebpf_kernel_unload(struct ebpf_kernel *k)
{
	unload(k);
	ebpf_pins_close(&k->pins);
}

static uint64_t array_bytes(const struct bpf_map *map)
{
	return (uint64_t)ROUND_UP(bpf_map__value_size(map), 8) * bpf_map__max_entries(map);
}

/* A pointer-sized pair for each bucket; their number is a power of two. */
static uint64_t bucket_bytes(const struct bpf_map *map)
{
	uint64_t n = 1;

	while (n < bpf_map__max_entries(map))
		n *= 2;
	return n * BUCKET_BYTES;
}

uint64_t ebpf_kernel_bytes(const struct ebpf_kernel *k, uint64_t n_small, uint64_t n_large)
{
	const struct fastpath *f = k->skeleton->object;

	return array_bytes(f->maps.devs) + array_bytes(f->maps.ports) + array_bytes(f->maps.masks) +
	       array_bytes(f->maps.flows) + array_bytes(f->maps.tails) + array_bytes(f->maps.ops) +
	       array_bytes(f->maps.books) + array_bytes(f->maps.cache) + bucket_bytes(f->maps.small) +
	       bucket_bytes(f->maps.large) + n_small * SMALL_ENTRY_BYTES + n_large * LARGE_ENTRY_BYTES;
}

size_t ebpf_kernel_scratch_size(const struct ebpf_kernel *k)
{
	return ROUND_UP(bpf_map__value_size(k->skeleton->object->maps.scratch), 8);
}

void ebpf_kernel_stats(const struct ebpf_kernel *k, struct bpf_cpu_stats *sum)
{
	int n_cpus = libbpf_num_possible_cpus();
	size_t size = ebpf_kernel_scratch_size(k);
	uint8_t *values;
	uint32_t zero = 0;

	*sum = (struct bpf_cpu_stats){0};
	if (n_cpus <= 0)
		return;
	values = xcalloc((size_t)n_cpus, size);
	if (!bpf_map_lookup_elem(k->scratch_fd, &zero, values)) {
		for (int i = 0; i < n_cpus; i++) {
			const struct bpf_cpu_stats *s = (const void *)(values + (size_t)i * size);

			sum->cache_hits += s->cache_hits;
			sum->mask_hits += s->mask_hits;
			sum->misses += s->misses;
			sum->lost += s->lost;
			sum->n_unwatched += s->n_unwatched;
			sum->n_unmatched += s->n_unmatched;
			sum->watch_ns += s->watch_ns;
		}
	}
	free(values);
}

void ebpf_kernel_traffic(const struct ebpf_kernel *k, uint32_t port, struct bpf_traffic *sum)
{
	*sum = (struct bpf_traffic){0};
	for (uint32_t cpu = 0; cpu < k->n_cpus; cpu++) {
		const struct bpf_traffic *t = &k->traffic[cpu * BPF_N_PORTS + port];

		sum->direct_packets += __atomic_load_n(&t->direct_packets, __ATOMIC_RELAXED);
		sum->direct_bytes += __atomic_load_n(&t->direct_bytes, __ATOMIC_RELAXED);
		sum->tx_packets += __atomic_load_n(&t->tx_packets, __ATOMIC_RELAXED);
		sum->tx_bytes += __atomic_load_n(&t->tx_bytes, __ATOMIC_RELAXED);
		sum->rx_bytes += __atomic_load_n(&t->rx_bytes, __ATOMIC_RELAXED);
		sum->rx_packets += __atomic_load_n(&t->rx_packets, __ATOMIC_RELAXED);
	}
}

void ebpf_kernel_clear_traffic(const struct ebpf_kernel *k, uint32_t port)
{
	for (uint32_t cpu = 0; cpu < k->n_cpus; cpu++)
		k->traffic[cpu * BPF_N_PORTS + port] = (struct bpf_traffic){0};
}
