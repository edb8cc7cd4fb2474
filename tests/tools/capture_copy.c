// SPDX-License-Identifier: Apache-2.0
/*
 * usage: capture_copy IN OUT
 *
 * Read a capture with our reader and write it with our writer, each frame with its number as comment, so that other programs can
 * say whether both are right.
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

static FILE *open_or_die(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f) {
		fprintf(stderr, "capture_copy: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return f;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = open_or_die(path, "rb");
	struct ds all = DS_INIT;
	char part[65536];
	size_t n;

	while ((n = fread(part, 1, sizeof part, f)) > 0)
		ds_put_mem(&all, part, n);
	fclose(f);
	*len = all.len;
	return ds_steal(&all);
}

/* Copies all frames. Return: 0, or -EINVAL with the reader's complaint. */
static int copy(struct pcap_reader *r, FILE *out, struct errtext *err)
{
	static uint8_t block[PACKET_MAX_LEN + 4096];
	struct pcap_frame f;
	char comment[32];
	size_t n = 0;
	int ret;

	fwrite(block, pcapng_put_section(block, sizeof block, "capture_copy"), 1, out);
	fwrite(block, pcapng_put_interface(block, sizeof block, "copy", PCAP_LINK_ETHERNET, 0), 1, out);
	while ((ret = pcap_reader_next(r, &f, err)) > 0) {
		snprintf(comment, sizeof comment, "frame %zu", ++n);
		f.if_id = 0;
		f.comment = comment;
		f.comment_len = strlen(comment);
		f.direction = PCAP_DIR_IN;
		if (pcapng_put_frame(block, sizeof block, &f) > sizeof block)
			return errtext_set(err, EMSGSIZE, "frame %zu is too long", n);
		fwrite(block, pcapng_put_frame(block, sizeof block, &f), 1, out);
	}
	return ret;
}

int main(int argc, char **argv)
{
	static struct pcap_reader r;
	struct errtext err = {0};
	size_t len;
	char *data;
	FILE *out;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: capture_copy IN OUT\n");
		return 1;
	}
	data = read_file(argv[1], &len);
	out = open_or_die(argv[2], "wb");
	ret = pcap_reader_init(&r, data, len, &err);
	ret = ret ? ret : copy(&r, out, &err);
	if (ret)
		fprintf(stderr, "capture_copy: %s: %s\n", argv[1], err.text);
	free(data);
	return fclose(out) || ret;
}
