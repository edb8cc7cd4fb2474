// SPDX-License-Identifier: Apache-2.0
/*
 * Print what packet_parse() makes of each frame, one JSON object per line, for comparison with other dissectors.
 *
 * usage: parse_dump CAPTURE    frames of a pcap or pcapng file
 *        parse_dump --hex      frames from standard input, one per line in lower-case hexadecimal
 *
 * Every field is printed always, zeros included; numbers are decimal, what is not a number is hexadecimal digits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "packet/packet.h"
#include "packet/pcapng.h"
#include "vsw/dp_action.h"

static void put_hex(const char *name, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	putchar('"');
}

static void put_num(const char *name, uint32_t x)
{
	printf(",\"%s\":%u", name, x);
}

static void print_frame(size_t number, const struct pcap_frame *frame)
{
	/* An allocation of the exact size, so that ASan sees a read of one byte too many. */
	uint8_t *copy = frame->len ? xmemdup(frame->data, frame->len) : NULL;
	struct pkt_key k;
	struct packet p;
	int drop;

	packet_init(&p, copy, frame->len, 0, frame->len);
	drop = packet_parse(&p, &k);
	printf("{\"frame\":%zu", number);
	put_num("drop", (uint32_t)drop);
	put_num("l3_ofs", p.l3_ofs);
	put_num("l4_ofs", p.l4_ofs);
	put_num("l4_len", p.l4_len);
	put_hex("eth_dst", k.eth_dst, 6);
	put_hex("eth_src", k.eth_src, 6);
	put_num("tpid0", be16_to_cpu(k.vlan[0].tpid));
	put_num("tci0", be16_to_cpu(k.vlan[0].tci));
	put_num("tpid1", be16_to_cpu(k.vlan[1].tpid));
	put_num("tci1", be16_to_cpu(k.vlan[1].tci));
	put_num("eth_type", be16_to_cpu(k.eth_type));
	put_num("mpls_lse", be32_to_cpu(k.mpls_lse));
	put_hex("nw_src", &k.nw_src, 4);
	put_hex("nw_dst", &k.nw_dst, 4);
	put_hex("ipv6_src", k.ipv6_src, 16);
	put_hex("ipv6_dst", k.ipv6_dst, 16);
	put_num("ipv6_label", be32_to_cpu(k.ipv6_label));
	put_num("nw_proto", k.nw_proto);
	put_num("nw_tos", k.nw_tos);
	put_num("nw_ttl", k.nw_ttl);
	put_num("nw_frag", k.nw_frag);
	put_num("tp_src", be16_to_cpu(k.tp_src));
	put_num("tp_dst", be16_to_cpu(k.tp_dst));
	put_num("tcp_flags", be16_to_cpu(k.tcp_flags));
	put_hex("arp_sha", k.arp_sha, 6);
	put_hex("arp_tha", k.arp_tha, 6);
	put_hex("nd_target", k.nd_target, 16);
	printf("}\n");
	free(copy);
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct ds all = DS_INIT;
	char part[65536];
	size_t n;

	if (!f) {
		fprintf(stderr, "parse_dump: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		ds_put_mem(&all, part, n);
	fclose(f);
	*len = all.len;
	return ds_steal(&all);
}

static int dump_capture(const char *path)
{
	static struct pcap_reader r;
	struct errtext err = {0};
	struct pcap_frame f;
	size_t len, n = 0;
	char *data = read_file(path, &len);
	int ret = pcap_reader_init(&r, data, len, &err);

	while (!ret && (ret = pcap_reader_next(&r, &f, &err)) > 0) {
		print_frame(++n, &f);
		ret = 0;
	}
	if (ret < 0)
		fprintf(stderr, "parse_dump: %s: %s\n", path, err.text);
	free(data);
	return ret < 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int dump_hex(void)
{
	static uint8_t frame[PACKET_MAX_LEN];
	static char line[2 * PACKET_MAX_LEN + 2];
	size_t number = 0;

	while (fgets(line, sizeof line, stdin)) {
		struct pcap_frame f = {.data = frame};

		for (const char *s = line; f.len < sizeof frame && hex_digit(s[0]) >= 0 && hex_digit(s[1]) >= 0; s += 2)
			frame[f.len++] = (uint8_t)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
		print_frame(++number, &f);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: parse_dump CAPTURE | --hex\n");
		return 1;
	}
	return strcmp(argv[1], "--hex") ? dump_capture(argv[1]) : dump_hex();
}
