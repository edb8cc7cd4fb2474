// SPDX-License-Identifier: Apache-2.0
#include "switchd/drop_text.h"

#include "base/util.h"

static const char *const sentences[] = {
	[DROP_NONE] = "it was not dropped",
	[DROP_NO_RULE] = "no rule of the table matched",
	[DROP_RULE_DROP] = "the rule that matched sends it nowhere",
	[DROP_VLAN_NOT_ALLOWED] = "the port it came in on does not carry its VLAN",
	[DROP_NO_DESTINATION] = "no other port of its VLAN was there to flood it to",
	[DROP_SAME_PORT] = "it would have to go out of the port that it came in on",
	[DROP_RESERVED_MAC] =
		"its destination address is reserved for bridges (other_config:forward-bpdu passes such frames on)",
	[DROP_PROTECTED_PORT] = "both ports are protected from each other",
	[DROP_PORT_NO_RECV] = "the port it came in on does not receive (mod-port no-receive)",
	[DROP_PORT_NO_FORWARD] = "the port it would go out of does not forward (mod-port no-forward)",
	[DROP_PORT_DOWN] = "the device it would go out of is down",
	[DROP_BOND_MEMBER] = "it came in on a member of a bond that is not the one to listen to",
	[DROP_BOND_NO_MEMBER] = "no member of the bond that it would go out of can send",
	[DROP_NO_PORT] = "the port it would go out of does not exist, or has no device",
	[DROP_TOO_BIG] = "it is larger than the MTU of the device it would go out of",
	[DROP_LOOP_LIMIT] = "the flow tables send it round and round",
	[DROP_ACTION_LIMIT] = "the flow tables do more to it than one flow can hold",
	[DROP_STACK_LIMIT] = "the flow tables push more than the stack holds",
	[DROP_TTL_EXCEEDED] = "its TTL ran out",
	[DROP_MALFORMED_ETH] = "it is too short for an Ethernet header",
	[DROP_MALFORMED_VLAN] = "its VLAN tag is cut off",
	[DROP_MALFORMED_IPV4] = "its IPv4 header is damaged",
	[DROP_MALFORMED_IPV6] = "its IPv6 header is damaged",
	[DROP_MALFORMED_L4] = "its transport header is damaged",
	[DROP_UPCALL_QUEUE_FULL] = "too many packets of its port were waiting for translation",
	[DROP_UPCALL_RATE] = "its port brought more packets of new flows per second than it may",
	[DROP_NO_DAEMON] = "its flow was not known to the kernel, and no vsw-switchd ran that could be asked",
	[DROP_TX_QUEUE_FULL] = "the queue of the device it would go out of was full",
	[DROP_TX_ERROR] = "the device it would go out of refused it",
	[DROP_RX_TRUNCATED] = "it was cut on its way in",
	[DROP_NO_BRIDGE] = "the port it came in on belongs to no bridge",
	[DROP_METER] = "it exceeded the rate of a meter",
	[DROP_POLICER] = "it exceeded the rate that its port may receive",
	[DROP_NO_TUNNEL_PORT] = "it came out of a tunnel that no port has: no such key, or from another address",
	[DROP_TUNNEL_ECN] = "it met congestion in the tunnel, and cannot say so: its own header knows no ECN",
	[DROP_NO_ROUTE] = "there is no route to the other end of the tunnel",
	[DROP_MALFORMED_TUNNEL] = "what came out of the tunnel is no packet",
	[DROP_STORM] =
		"its port brought more broadcast, multicast or unknown unicast packets than it may (storm guard)",
	[DROP_LOOP_GUARD] =
		"a loop was seen behind its port, which is blocked; or it is the frame by which loops are seen",
	[DROP_STALE_RECIRC] = "its translation is out of date",
	[DROP_LINK_LOSS] = "a link made worse by set-link lost it: by chance, or since its queue was full",
	[DROP_MIRROR_PORT] = "the port it came in on is for the copies of a mirror, and for nothing else",
	[DROP_NO_CONTROLLER] = "it was for a controller, and none listens",
	[DROP_SPOOFED] = "its source address is not one of those behind the port it came in on (anti-spoof)",
	[DROP_NO_MEMORY] = "there was no memory for it",
	[DROP_INTERNAL] = "an error of the switch itself; please report it",
};

const char *drop_reason_sentence(enum drop_reason reason)
{
	const char *sentence = (size_t)reason < ARRAY_SIZE(sentences) ? sentences[reason] : NULL;

	return sentence ? sentence : "for a reason that has no words yet";
}
