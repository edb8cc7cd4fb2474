// SPDX-License-Identifier: Apache-2.0
/*
 * Sends small UDP frames on a device as fast as the kernel takes them, for a bounded time.
 *
 *   blast DEVICE SECONDS [--flows N] [--size BYTES] [--count N] [--rate PPS] [--burst N] [--dst-mac MAC] [--per-address N] [--seq]
 *
 * Flows differ in source address and port, --per-address (256) of them share an address; each sends --burst frames in turn (1). With --seq each frame carries a 32-bit sequence
 * number per flow behind the UDP header.
 * Prints the number of frames sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, MAX_SIZE = 1514, HDR = 42 };

static uint8_t frames[BATCH][MAX_SIZE];
static struct mmsghdr msgs[BATCH];
static struct iovec iovs[BATCH];

static uint16_t csum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, unsigned int x)
{
	p[0] = (uint8_t)(x >> 8);
	p[1] = (uint8_t)x;
}

static void build(uint8_t *f, size_t size, const uint8_t dst[6])
{
	static const uint8_t src[6] = {2, 0, 0, 0, 0xbb, 1};

	memset(f, 0, size);
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, 0x0800);
	f[14] = 0x45;
	put16(f + 16, (unsigned int)size - 14);
	f[22] = 64;
	f[23] = 17;
	memcpy(f + 30, "\x0a\xfe\x00\x02", 4);
	put16(f + 36, 9);
	put16(f + 38, (unsigned int)size - 34);
}

static void set_flow(uint8_t *f, unsigned int flow, unsigned int per_address)
{
	f[26] = 10;
	f[27] = 253;
	put16(f + 28, flow / per_address);
	put16(f + 34, 1024 + flow % per_address);
	put16(f + 24, 0);
	put16(f + 24, csum(f + 14, 20));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char *argv[])
{
	unsigned long flows = 1, size = 60, count = 0, rate = 0, burst = 1, in_burst = 0, sent = 0, flow = 0;
	unsigned long per_address = 256;
	uint8_t dst[6] = {2, 0, 0, 0, 0xbb, 2};
	uint32_t *seqs = NULL;
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = 0};
	double begin, end;
	int fd, one = 1, use_seq = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: blast DEVICE SECONDS [--flows N] [--size BYTES] [--count N] [--rate PPS] "
				"[--burst N] [--dst-mac MAC] [--per-address N] [--seq]\n");
		return 1;
	}
	for (int i = 3; i < argc; i++) {
		const char *arg = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--seq")) {
			use_seq = 1;
			continue;
		}
		if (!strcmp(argv[i], "--flows"))
			flows = strtoul(arg, NULL, 0);
		else if (!strcmp(argv[i], "--size"))
			size = strtoul(arg, NULL, 0);
		else if (!strcmp(argv[i], "--count"))
			count = strtoul(arg, NULL, 0);
		else if (!strcmp(argv[i], "--burst"))
			burst = strtoul(arg, NULL, 0);
		else if (!strcmp(argv[i], "--per-address"))
			per_address = strtoul(arg, NULL, 0);
		else if (!strcmp(argv[i], "--rate"))
			rate = strtoul(arg, NULL, 0);
		else if (!strcmp(argv[i], "--dst-mac"))
			sscanf(arg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &dst[0], &dst[1], &dst[2], &dst[3], &dst[4],
			       &dst[5]);
		i++;
	}
	if (size < 60 || size > MAX_SIZE || !flows || !per_address)
		return 1;
	seqs = calloc(flows, sizeof *seqs);
	ll.sll_ifindex = (int)if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (!seqs || fd < 0 || !ll.sll_ifindex || bind(fd, (struct sockaddr *)&ll, sizeof ll)) {
		perror("blast");
		return 1;
	}
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
	for (int i = 0; i < BATCH; i++) {
		build(frames[i], size, dst);
		iovs[i] = (struct iovec){frames[i], size};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
	}
	begin = now();
	end = begin + strtod(argv[2], NULL);
	while (now() < end && (!count || sent < count)) {
		int n = BATCH, k;

		if (rate && (double)sent > (now() - begin) * (double)rate) {
			/* Who has time leaves it to others: what is measured runs beside us. */
			if (rate <= 20000)
				usleep(50);
			continue;
		}
		if (rate && rate < 100000)
			n = 1;
		if (count && count - sent < (unsigned long)n)
			n = (int)(count - sent);
		for (int i = 0; i < n; i++) {
			set_flow(frames[i], (unsigned int)flow, (unsigned int)per_address);
			if (use_seq) {
				uint32_t s = htonl(seqs[flow]++);

				memcpy(frames[i] + HDR, &s, sizeof s);
			}
			if (++in_burst < burst)
				continue;
			in_burst = 0;
			flow = flow + 1 == flows ? 0 : flow + 1;
		}
		for (int done = 0; done < n; done += k) {
			k = sendmmsg(fd, msgs + done, (unsigned int)(n - done), 0);
			if (k < 0) {
				if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) {
					k = 0;
					continue;
				}
				perror("blast: sendmmsg");
				return 1;
			}
		}
		sent += (unsigned long)n;
	}
	printf("%lu\n", sent);
	free(seqs);
	close(fd);
	return 0;
}
