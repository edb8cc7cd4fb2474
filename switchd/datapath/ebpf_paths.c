// SPDX-License-Identifier: Apache-2.0
/*
 * The ways to the other ends of tunnels: is there a route, and how large a packet does it take?
 *
 * A tunnel device says neither: what does not fit, or has no route, is lost behind it, and counted nowhere that belongs to a port. So
 * for each pair of ends that a flow leads to the kernel is asked, once a second while there are any, and the program drops by what it
 * said: DROP_TOO_BIG, DROP_NO_ROUTE. A place in `paths` is never given to other ends; when all are taken, further ends go unchecked.
 */
#include "switchd/datapath/ebpf.h"

#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "os/tunsock.h"
#include "switchd/datapath/ebpf_ops.h"

LOG_MODULE(ebpf_paths);

enum { REFRESH_MS = 1000 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void to_ipv6(const struct bpf_op_addr *addr, bool ipv6, uint8_t out[16])
{
	static const uint8_t none[16];

	memcpy(out, addr->addr, 16);
	if (ipv6 || !memcmp(addr->addr, none, sizeof none))
		return;
	memcpy(out, mapped, sizeof mapped);
	memcpy(out + sizeof mapped, addr->addr, 4);
}

static void measure(struct bpf_path *path)
{
	int mtu = tunsock_path_mtu(path->remote, path->local);

	__atomic_store_n(&path->mtu, (uint32_t)MAX(mtu, 0), __ATOMIC_RELAXED);
}

/* Return: its place + 1, 0: there is none left. */
static uint16_t find(struct ebpf_dp *dp, const uint8_t remote[16], const uint8_t local[16])
{
	for (uint32_t i = 0; i < BPF_N_PATHS; i++) {
		struct bpf_path *path = &dp->kernel.paths[i];

		if (path->in_use && !memcmp(path->remote, remote, 16) && !memcmp(path->local, local, 16))
			return (uint16_t)(i + 1);
		if (path->in_use)
			continue;
		memcpy(path->remote, remote, 16);
		memcpy(path->local, local, 16);
		measure(path);
		__atomic_store_n(&path->in_use, 1, __ATOMIC_RELEASE);
		return (uint16_t)(i + 1);
	}
	return 0;
}

uint16_t ebpf_path_of(struct ebpf_dp *dp, const struct bpf_op *tunnel, const struct bpf_op_addr *remote,
		      const struct bpf_op_addr *local)
{
	bool ipv6 = tunnel->mask & BPF_TUNNEL_IPV6;
	uint8_t to[16], from[16];

	to_ipv6(remote, ipv6, to);
	to_ipv6(local, ipv6, from);
	return find(dp, to, from);
}

void ebpf_paths_set(struct ebpf_dp *dp, struct ebpf_ops *ops)
{
	for (uint32_t i = 0; i + 2 < ops->n; i++) {
		struct bpf_op_addr remote, local;

		if (ops->ops[i].code != BPF_OP_TUNNEL)
			continue;
		memcpy(&remote, &ops->ops[i + 1], sizeof remote);
		memcpy(&local, &ops->ops[i + 2], sizeof local);
		ops->ops[i].off = ebpf_path_of(dp, &ops->ops[i], &remote, &local);
		i += 2;
	}
}

int ebpf_paths_run(struct ebpf_dp *dp)
{
	int64_t now_ms = ebpf_monotonic_ms();

	if (!dp->kernel.paths[0].in_use)
		return -1;
	if (now_ms - dp->paths_ms < REFRESH_MS)
		return (int)(REFRESH_MS - (now_ms - dp->paths_ms));
	dp->paths_ms = now_ms;
	for (uint32_t i = 0; i < BPF_N_PATHS && __atomic_load_n(&dp->kernel.paths[i].in_use, __ATOMIC_ACQUIRE); i++)
		measure(&dp->kernel.paths[i]);
	return REFRESH_MS;
}
