// SPDX-License-Identifier: Apache-2.0
/*
 * The last packet that a port dropped, as the program noted it (struct bpf_last_drop).
 *
 * The program writes while we read: the sequence number tells, and then it is read again. A flood of drops writes once per tick and reason at
 * most, so a few tries are plenty.
 */
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/util.h"

enum { TRIES = 16, ADDRESSES_LEN = 12, TAG_LEN = 4 };

/* Return: whether @copy is one record, and there is one. */
static bool read_record(const struct bpf_last_drop *shared, struct bpf_last_drop *copy)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = __atomic_load_n(&shared->seq, __ATOMIC_ACQUIRE);

		memcpy(copy, shared, sizeof *copy);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(before & 1) && __atomic_load_n(&shared->seq, __ATOMIC_RELAXED) == before)
			return copy->reason && copy->reason < DROP_N_REASONS;
	}
	return false;
}

static int64_t age_of(uint64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return MAX(((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)ns) / 1000000, (int64_t)0);
}

/* The frame as it is on a wire: with the tag that the kernel keeps beside it. */
static void copy_frame(const struct bpf_last_drop *record, struct dp_last_drop *drop)
{
	uint32_t n = MIN(record->n_bytes, (uint32_t)BPF_LAST_BYTES);
	bool tagged = record->flags & BPF_LAST_TAGGED && n >= ADDRESSES_LEN;
	size_t tag_len = tagged ? TAG_LEN : 0, head = MIN(n, (uint32_t)ADDRESSES_LEN);

	drop->len = record->len + (uint32_t)tag_len;
	drop->n_bytes = MIN(n + (uint32_t)tag_len, (uint32_t)sizeof drop->bytes);
	memcpy(drop->bytes, record->bytes, head);
	if (tagged) {
		const uint8_t tag[TAG_LEN] = {
			(uint8_t)(record->vlan_proto >> 8),
			(uint8_t)record->vlan_proto,
			(uint8_t)(record->vlan_tci >> 8),
			(uint8_t)record->vlan_tci,
		};

		memcpy(drop->bytes + head, tag, sizeof tag);
	}
	memcpy(drop->bytes + head + tag_len, record->bytes + head, drop->n_bytes - head - tag_len);
}

int ebpf_port_last_drop(struct datapath *datapath, uint32_t port_no, struct dp_last_drop *drop)
{
	struct ebpf_dp *dp = ebpf_dp_of(datapath);
	struct user_port *port = port_no < BPF_N_PORTS ? dp->user.ports[port_no] : NULL;
	struct bpf_last_drop record;
	int error;

	if (!port)
		return -ENOENT;
	error = forward_port_last_drop(&port->fp, drop);
	if (!read_record(&dp->kernel.ports[port_no].last_drop, &record))
		return error;
	if (!error && drop->age_ms <= age_of(record.ns))
		return 0;
	drop->reason = record.reason;
	drop->age_ms = age_of(record.ns);
	drop->is_rewritten = record.flags & BPF_LAST_REWRITTEN;
	copy_frame(&record, drop);
	return 0;
}
