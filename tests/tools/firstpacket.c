// SPDX-License-Identifier: Apache-2.0
/*
 * How long the first packet of a flow takes from one host to another.
 *
 *   firstpacket FROM-NETNS DEVICE TO-NETNS DEVICE COUNT [INTERVAL-MS]
 *
 * Sends COUNT UDP frames one after the other, each of a new flow (its source address and port), and waits for each at the other device, for a
 * second at most. Prints "received N median N p90 N", in microseconds. Namespaces are those of `ip netns`.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LEN = 60, OFS_SRC = 26, OFS_PORT = 34, OFS_TAG = 42, WAIT_MS = 1000, MAX_COUNT = 100000 };

static int open_in(const char *netns, const char *device)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	char path[256];
	int ns, fd;

	snprintf(path, sizeof path, "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET)) {
		perror(path);
		exit(1);
	}
	close(ns);
	ll.sll_ifindex = (int)if_nametoindex(device);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || !ll.sll_ifindex || bind(fd, (struct sockaddr *)&ll, sizeof ll)) {
		perror(device);
		exit(1);
	}
	return fd;
}

static void build(uint8_t f[LEN], uint32_t tag)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0xbb, 2, 2, 0, 0, 0, 0xbb, 3, 8, 0, 0x45, 0, 0, LEN - 14};
	uint32_t sum = 0;

	memset(f, 0, LEN);
	memcpy(f, head, sizeof head);
	f[22] = 64;
	f[23] = 17;
	f[OFS_SRC] = 10;
	f[OFS_SRC + 1] = 251;
	f[OFS_SRC + 2] = (uint8_t)(tag >> 16);
	f[OFS_SRC + 3] = (uint8_t)(tag >> 8);
	memcpy(f + 30, "\x0a\xfe\x00\x02", 4);
	for (int i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	f[OFS_PORT] = 8;
	f[OFS_PORT + 1] = (uint8_t)tag;
	f[37] = 9;
	f[39] = LEN - 34;
	memcpy(f + OFS_TAG, &tag, sizeof tag);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Return: microseconds until the frame with this tag came, or -1. */
static int64_t wait_for(int fd, uint32_t tag, int64_t since_us)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t f[2048];
	ssize_t n;

	for (;;) {
		int64_t us = now_us() - since_us;

		if (us > WAIT_MS * 1000 || poll(&p, 1, WAIT_MS) <= 0)
			return -1;
		n = recv(fd, f, sizeof f, MSG_DONTWAIT);
		us = now_us() - since_us;
		if (n >= OFS_TAG + 4 && f[11] == 3 && !memcmp(f + OFS_TAG, &tag, sizeof tag))
			return us;
	}
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char *argv[])
{
	static int64_t us[MAX_COUNT];
	int from, to, n = 0, count = argc > 5 ? atoi(argv[5]) : 0, interval_ms = argc > 6 ? atoi(argv[6]) : 1;
	uint32_t tag = 0;

	if (count < 1 || count > MAX_COUNT) {
		fprintf(stderr, "usage: firstpacket FROM-NETNS DEVICE TO-NETNS DEVICE COUNT [INTERVAL-MS]\n");
		return 1;
	}
	from = open_in(argv[1], argv[2]);
	to = open_in(argv[3], argv[4]);
	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return 1;
	for (int i = 0; i < count; i++) {
		struct timespec rest = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000L};
		uint8_t f[LEN];
		int64_t began_us;

		build(f, ++tag);
		nanosleep(&rest, NULL);
		began_us = now_us();
		if (send(from, f, LEN, 0) != LEN)
			continue;
		us[n] = wait_for(to, tag, began_us);
		n += us[n] >= 0;
	}
	qsort(us, (size_t)n, sizeof us[0], by_size);
	printf("received %d median %lld p90 %lld\n", n, n ? (long long)us[n / 2] : -1,
	       n ? (long long)us[n * 9 / 10] : -1);
	return 0;
}
