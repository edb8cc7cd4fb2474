// SPDX-License-Identifier: Apache-2.0
/* Frames out of descriptors. */
#include "vmm/dev/nic_gather.h"

#include <errno.h>
#include <string.h>

#include "vmm/core/memory.h"

#define TAG_AT 12u
#define TAG_LEN 4u

static bool add_piece(struct nic_gather *g, uint8_t *at, size_t len)
{
	struct iovec *last = &g->pieces[g->n_pieces];

	if (g->n_pieces && (uint8_t *)last[-1].iov_base + last[-1].iov_len == at) {
		last[-1].iov_len += len;
		return true;
	}
	if (g->n_pieces == NIC_GATHER_PIECES)
		return false;
	*last = (struct iovec){at, len};
	g->n_pieces++;
	return true;
}

int nic_gather_add(struct nic_gather *g, const struct guest_memory *memory, uint64_t gpa, uint32_t len)
{
	size_t n_head = MIN(NIC_GATHER_HEAD - g->n_head, len);
	uint8_t *at;

	if (!len)
		return 0;
	at = memory_at(memory, gpa, len);
	if (!at)
		return -EFAULT;
	if (len > NIC_GATHER_MAX - g->len)
		return -E2BIG;
	memcpy(g->head + g->n_head, at, n_head);
	if (len > n_head && !add_piece(g, at + n_head, len - n_head))
		return -E2BIG;
	g->n_head += n_head;
	g->len += len;
	return 0;
}

size_t nic_gather_insert_tag(struct nic_gather *g, uint16_t tpid, uint16_t tci)
{
	uint8_t *at = g->head + TAG_AT;

	if (g->len < TAG_AT + 2)
		return 0;
	memmove(at + TAG_LEN, at, g->n_head - TAG_AT);
	at[0] = (uint8_t)(tpid >> 8);
	at[1] = (uint8_t)tpid;
	at[2] = (uint8_t)(tci >> 8);
	at[3] = (uint8_t)tci;
	g->n_head += TAG_LEN;
	g->len += TAG_LEN;
	return TAG_LEN;
}
