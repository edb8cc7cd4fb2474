/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels, which the kernel's devices in collect-metadata mode make and take apart: what they say of a packet goes into its key, and what is set
 * here tells them where to send it.
 */
#ifndef BPF_TUNNEL_H
#define BPF_TUNNEL_H 1

#include "maps.bpf.h"

/* As linux/if_tunnel.h has them, in network byte order. */
enum { KERNEL_CSUM = 0x01, KERNEL_KEY = 0x04, KERNEL_DF = 0x100, KERNEL_OAM = 0x200 };

/* Older headers lack it: no GRE key (Linux 6.2). */
#define F_NO_TUNNEL_KEY (1ull << 4)

static __always_inline uint8_t tunnel_flags(uint16_t kernel)
{
	return (kernel & KERNEL_DF ? FLOW_TUN_DF : 0) | (kernel & KERNEL_CSUM ? FLOW_TUN_CSUM : 0) |
	       (kernel & KERNEL_KEY ? FLOW_TUN_KEY : 0) | (kernel & KERNEL_OAM ? FLOW_TUN_OAM : 0);
}

/* Through which tunnel the packet came; a key without tun_dst when it did not. */
static __always_inline void get_tunnel(struct __sk_buff *skb, struct pkt_key *key)
{
	struct bpf_tunnel_key t = {0}, flags = {0};

	if (!bpf_skb_get_tunnel_key(skb, &t, sizeof t, 0)) {
		key->tun_src = bpf_htonl(t.remote_ipv4);
		key->tun_dst = bpf_htonl(t.local_ipv4);
		bpf_skb_get_tunnel_key(skb, &flags, sizeof flags, BPF_F_TUNINFO_FLAGS);
	} else if (!bpf_skb_get_tunnel_key(skb, &t, sizeof t, BPF_F_TUNINFO_IPV6)) {
		__builtin_memcpy(key->tun_ipv6_src, t.remote_ipv6, 16);
		__builtin_memcpy(key->tun_ipv6_dst, t.local_ipv6, 16);
		bpf_skb_get_tunnel_key(skb, &flags, sizeof flags, BPF_F_TUNINFO_FLAGS | BPF_F_TUNINFO_IPV6);
	} else {
		return;
	}
	key->tun_flags = tunnel_flags(bpf_ntohs(flags.tunnel_flags));
	key->tun_id = bpf_cpu_to_be64(t.tunnel_id);
	key->tun_tos = t.tunnel_tos;
	key->tun_ttl = t.tunnel_ttl;
}

/* @remote, @local: 16 bytes, of which IPv4 uses the first 4. Return: 0 or negative. */
static __always_inline int set_tunnel(struct __sk_buff *skb, uint32_t id, uint32_t rest, const struct bpf_op *remote,
				      const struct bpf_op *local)
{
	const uint32_t *to = (const uint32_t *)remote, *from = (const uint32_t *)local;
	struct bpf_tunnel_key t = {
		.tunnel_id = id,
		.tunnel_tos = rest >> 8,
		.tunnel_ttl = rest,
	};
	uint64_t flags = 0;

	if (!(rest & BPF_TUNNEL_CSUM))
		flags |= BPF_F_ZERO_CSUM_TX;
	if (rest & BPF_TUNNEL_DF)
		flags |= BPF_F_DONT_FRAGMENT;
	if (rest & BPF_TUNNEL_NO_KEY)
		flags |= F_NO_TUNNEL_KEY;
	if (rest & BPF_TUNNEL_IPV6) {
		flags |= BPF_F_TUNINFO_IPV6;
		__builtin_memcpy(t.remote_ipv6, to, 16);
		__builtin_memcpy(t.local_ipv6, from, 16);
	} else {
		t.remote_ipv4 = bpf_ntohl(to[0]);
		t.local_ipv4 = bpf_ntohl(from[0]);
	}
	return bpf_skb_set_tunnel_key(skb, &t, sizeof t, flags);
}

#endif
