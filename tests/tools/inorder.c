// SPDX-License-Identifier: Apache-2.0
/*
 * Watches what `blast --seq` sends arrive on a device, and judges the order within each flow.
 *
 *   inorder DEVICE EXPECTED QUIET-SECONDS
 *
 * Says "ready" once it listens. Ends with EXPECTED frames, or when none came for so long (10 s before the first). Prints
 * "received N reordered N lost N duplicates N". Lost are sequence numbers of a flow that never came, below its highest.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_FLOWS = 65536,
	BUFFER = 256 << 20,
	OFS_SRC = 28,
	OFS_PORT = 34,
	OFS_SEQ = 42,
	MIN_LEN = 46,
	FIRST_WAIT_MS = 10000
};

static struct flow {
	uint32_t next, n;
} flows[MAX_FLOWS];

static unsigned long received, reordered, duplicates;

static void judge(const uint8_t *f)
{
	uint32_t seq;
	struct flow *flow = &flows[(f[OFS_SRC] << 8 | f[OFS_SRC + 1]) << 8 | f[OFS_PORT + 1]];

	memcpy(&seq, f + OFS_SEQ, sizeof seq);
	seq = ntohl(seq);
	received++;
	flow->n++;
	if (flow->n > 1 && seq + 1 == flow->next)
		duplicates++;
	else if (seq < flow->next)
		reordered++;
	else
		flow->next = seq + 1;
}

static int is_ours(const uint8_t *f, ssize_t n)
{
	return n >= MIN_LEN && f[12] == 8 && !f[13] && f[23] == 17 && f[26] == 10 && f[27] == 253 && !f[OFS_SRC];
}

static int open_device(const char *name)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq promisc = {.mr_ifindex = ll.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), size = BUFFER;

	if (fd < 0 || !ll.sll_ifindex)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof promisc);
	return bind(fd, (struct sockaddr *)&ll, sizeof ll) ? -1 : fd;
}

int main(int argc, char *argv[])
{
	unsigned long expected = argc > 2 ? strtoul(argv[2], NULL, 0) : 0, lost = 0;
	int quiet_ms = argc > 3 ? (int)(strtod(argv[3], NULL) * 1000) : 1000;
	struct pollfd p = {.fd = argc > 1 ? open_device(argv[1]) : -1, .events = POLLIN};
	uint8_t frame[2048];

	if (p.fd < 0) {
		perror("inorder");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (received < expected && poll(&p, 1, received ? quiet_ms : FIRST_WAIT_MS) > 0) {
		ssize_t n = recv(p.fd, frame, sizeof frame, 0);

		if (is_ours(frame, n))
			judge(frame);
	}
	for (int i = 0; i < MAX_FLOWS; i++)
		if (flows[i].next > flows[i].n)
			lost += flows[i].next - flows[i].n;
	printf("received %lu reordered %lu lost %lu duplicates %lu\n", received, reordered, lost, duplicates);
	close(p.fd);
	return 0;
}
