// SPDX-License-Identifier: Apache-2.0
#include "os/pcap_file.h"

#include <errno.h>
#include <stdlib.h>

#include "os/pcap_late.h"

struct pcap_file {
	const struct pcap_late *late;
	pcap_t *pcap;
	char *path;
	size_t n_read;
};

int pcap_file_open(const char *path, struct pcap_file **file, struct errtext *err)
{
	char why[PCAP_ERRBUF_SIZE];
	const struct pcap_late *late;
	pcap_t *pcap;
	int error = pcap_late_get(&late, err);

	if (error)
		return error;
	pcap = late->open_offline(path, why);
	if (!pcap)
		return errtext_set(err, EINVAL, "cannot read the capture %s: %s", path, why);
	if (late->datalink(pcap) != DLT_EN10MB) {
		const char *name = late->datalink_val_to_name(late->datalink(pcap));

		errtext_set(err, EINVAL, "%s holds packets of link type %s; only Ethernet frames can be traced", path,
			    name ? name : "unknown");
		late->close(pcap);
		return -EINVAL;
	}
	*file = xzalloc(sizeof **file);
	(*file)->late = late;
	(*file)->pcap = pcap;
	(*file)->path = xstrdup(path);
	return 0;
}

int pcap_file_next(struct pcap_file *file, struct pcap_file_packet *packet, struct errtext *err)
{
	struct pcap_pkthdr *header;
	int n = file->late->next_ex(file->pcap, &header, &packet->data);

	if (n == PCAP_ERROR_BREAK)
		return 0;
	if (n != 1)
		return errtext_set(err, EINVAL, "%s is damaged behind packet %zu: %s", file->path, file->n_read,
				   file->late->geterr(file->pcap));
	file->n_read++;
	packet->len = header->caplen;
	packet->wire_len = header->len;
	return 1;
}

void pcap_file_close(struct pcap_file *file)
{
	if (!file)
		return;
	file->late->close(file->pcap);
	free(file->path);
	free(file);
}
