// SPDX-License-Identifier: Apache-2.0
/*
 * Read arbitrary bytes as a capture file; whatever frames come out are written to a new file, which must give the same frames.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "packet/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool cond)
{
	if (!cond)
		abort();
}

static void same_again(const struct pcap_frame *f)
{
	static struct pcap_reader r;
	struct pcap_frame again, one = *f;
	size_t cap = 256 + f->len + f->comment_len, n;
	uint8_t *buf = xmalloc(cap);

	one.if_id = 0;
	n = pcapng_put_section(buf, cap, "fuzz");
	n += pcapng_put_interface(buf + n, cap - n, "eth0", f->link_type, 0);
	n += pcapng_put_frame(buf + n, cap - n, &one);
	must(n <= cap);
	must(!pcap_reader_init(&r, buf, n, NULL));
	must(pcap_reader_next(&r, &again, NULL) == 1);
	must(again.len == f->len && again.orig_len == f->orig_len && again.ts_ns == f->ts_ns);
	must(again.link_type == f->link_type && again.direction == f->direction);
	must(!f->len || !memcmp(again.data, f->data, f->len));
	must(!again.comment == !f->comment && again.comment_len == f->comment_len);
	must(!f->comment_len || !memcmp(again.comment, f->comment, f->comment_len));
	must(!pcap_reader_next(&r, &again, NULL));
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pcap_reader r;
	struct pcap_frame f;

	if (pcap_reader_init(&r, data, size, NULL))
		return 0;
	while (pcap_reader_next(&r, &f, NULL) > 0)
		same_again(&f);
	return 0;
}
