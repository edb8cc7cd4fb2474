// SPDX-License-Identifier: Apache-2.0
/* Virtqueues: what both kinds of ring have in common. virtqueue.h says what they are. */
#include "vmm/dev/virtqueue.h"

#include <errno.h>
#include <string.h>

#include "vmm/core/memory.h"
#include "vmm/dev/virtqueue_impl.h"

static const struct vq_ring_ops *ops_of(const struct virtqueue *vq)
{
	return vq->is_packed ? &vq_packed_ops : &vq_split_ops;
}

void virtqueue_init(struct virtqueue *vq, const struct guest_memory *memory, uint16_t max_size)
{
	memset(vq, 0, sizeof *vq);
	vq->memory = memory;
	vq->max_size = max_size;
	virtqueue_reset(vq);
}

void virtqueue_reset(struct virtqueue *vq)
{
	vq->is_packed = vq->has_event_idx = vq->has_indirect = vq->is_enabled = false;
	vq->broken = NULL;
	vq->size = vq->max_size;
	vq->desc_gpa = vq->driver_gpa = vq->device_gpa = 0;
	virtqueue_stop(vq);
	vq->next_avail = vq->next_used = 0;
	vq->avail_wrap = vq->used_wrap = true;
	vq->signalled_used = 0;
	vq->signalled_valid = vq->notify_disabled = false;
	vq->n_inflight = 0;
}

int vq_break(struct virtqueue *vq, const char *why)
{
	vq->broken = why;
	return -EPROTO;
}

int virtqueue_start(struct virtqueue *vq)
{
	const uint64_t gpas[3] = {vq->desc_gpa, vq->driver_gpa, vq->device_gpa};
	uint64_t size[3], align[3];
	void *areas[3];

	if (!vq->size || vq->size > vq->max_size || (!vq->is_packed && vq->size & (vq->size - 1))) {
		vq_break(vq, "the ring's size is none that was offered");
		return -EINVAL;
	}
	ops_of(vq)->layout(vq, size, align);
	for (int i = 0; i < 3; i++) {
		areas[i] = gpas[i] % align[i] ? NULL : memory_at(vq->memory, gpas[i], size[i]);
		if (!areas[i]) {
			vq_break(vq, "the ring is not in RAM, or not aligned");
			return -EINVAL;
		}
	}
	vq->desc = areas[0];
	vq->driver = areas[1];
	vq->device = areas[2];
	return 0;
}

void virtqueue_stop(struct virtqueue *vq)
{
	vq->desc = vq->driver = vq->device = NULL;
}

/* ---- chains ---- */

int vq_add_piece(struct virtqueue *vq, struct vq_chain *chain, const struct vq_desc *desc)
{
	bool is_write = desc->flags & VQ_DESC_WRITE;
	unsigned int n = chain->n_out + chain->n_in;
	void *host;

	if (!is_write && chain->n_in)
		return vq_break(vq, "a buffer to read lies behind one to write");
	if (n == VQ_MAX_IOV)
		return vq_break(vq, "a chain has too many pieces");
	if (chain->out_len + chain->in_len + desc->len > UINT32_MAX)
		return vq_break(vq, "a chain is longer than 4 GiB");
	host = memory_at(vq->memory, desc->addr, desc->len);
	if (!host)
		return vq_break(vq, desc->len ? "a buffer is not in RAM" : "a buffer has no bytes");
	chain->iov[n] = (struct iovec){.iov_base = host, .iov_len = desc->len};
	if (is_write) {
		chain->n_in++;
		chain->in_len += desc->len;
	} else {
		chain->n_out++;
		chain->out_len += desc->len;
	}
	return 0;
}

/* One entry of a table of descriptors; both kinds are 16 bytes: address, length, then flags and next or id and flags. */
static struct vq_desc table_entry(const uint8_t *table, uint32_t i, bool is_split)
{
	uint8_t copy[16];
	le64 addr;
	le32 len;
	le16 first, second;

	memcpy(copy, table + 16ull * i, sizeof copy);
	memcpy(&addr, copy, 8);
	memcpy(&len, copy + 8, 4);
	memcpy(&first, copy + 12, 2);
	memcpy(&second, copy + 14, 2);
	return (struct vq_desc){
		.addr = le64_to_cpu(addr),
		.len = le32_to_cpu(len),
		.flags = le16_to_cpu(is_split ? first : second),
		.next = le16_to_cpu(is_split ? second : first),
	};
}

int vq_add_indirect(struct virtqueue *vq, struct vq_chain *chain, const struct vq_desc *desc, bool linked)
{
	uint32_t n = desc->len / 16, i = 0;
	const uint8_t *table;

	if (!vq->has_indirect)
		return vq_break(vq, "an indirect descriptor without VIRTIO_F_INDIRECT_DESC");
	table = memory_at(vq->memory, desc->addr, desc->len);
	if (!table || desc->len % 16)
		return vq_break(vq, "a table of indirect descriptors is not in RAM, or has a part of an entry");
	for (uint32_t steps = 0; steps < n; steps++) {
		struct vq_desc entry = table_entry(table, i, linked);
		int error;

		if (entry.flags & VQ_DESC_INDIRECT)
			return vq_break(vq, "an indirect descriptor in an indirect table");
		error = vq_add_piece(vq, chain, &entry);
		if (error)
			return error;
		if (!linked) {
			i++;
			continue;
		}
		if (!(entry.flags & VQ_DESC_NEXT))
			return 0;
		i = entry.next;
		if (i >= n)
			return vq_break(vq, "a chain leads out of its indirect table");
	}
	/* In order: all entries were taken. Linked: as many steps as entries and no end is a loop. */
	return linked ? vq_break(vq, "a chain of descriptors is a loop") : 0;
}

int virtqueue_pop(struct virtqueue *vq, struct vq_chain *chain)
{
	int result;

	if (vq->broken)
		return -EPROTO;
	if (!vq->desc)
		return 0;
	chain->n_out = chain->n_in = 0;
	chain->out_len = chain->in_len = 0;
	chain->n_desc = 1;
	result = ops_of(vq)->pop(vq, chain);
	if (result > 0) {
		vq->n_inflight++;
		vq->n_chains++;
	}
	return result;
}

void virtqueue_unpop(struct virtqueue *vq, const struct vq_chain *chain)
{
	ops_of(vq)->unpop(vq, chain);
	vq->n_inflight--;
	vq->n_chains--;
}

void virtqueue_push_many(struct virtqueue *vq, const struct vq_chain *const *chains, const uint32_t *lens,
			 unsigned int n)
{
	if (!vq->desc || !n)
		return;
	ops_of(vq)->push(vq, chains, lens, n);
	vq->n_inflight = (uint16_t)(vq->n_inflight - n);
}

void virtqueue_push(struct virtqueue *vq, const struct vq_chain *chain, uint32_t len)
{
	virtqueue_push_many(vq, &chain, &len, 1);
}

/* ---- a chain's bytes ---- */

/* Copy between @n pieces, from byte @skip on, and @buf; the pieces are written to when @is_write. */
static size_t copy_pieces(const struct iovec *iov, unsigned int n, size_t skip, void *buf, size_t len, bool is_write)
{
	size_t done = 0;

	for (unsigned int i = 0; i < n && done < len; i++) {
		char *piece = iov[i].iov_base;
		size_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - skip, len - done);
		if (is_write)
			memcpy(piece + skip, (char *)buf + done, part);
		else
			memcpy((char *)buf + done, piece + skip, part);
		done += part;
		skip = 0;
	}
	return done;
}

size_t vq_chain_read(const struct vq_chain *chain, size_t skip, void *dst, size_t len)
{
	return copy_pieces(chain->iov, chain->n_out, skip, dst, len, false);
}

size_t vq_chain_write(const struct vq_chain *chain, size_t skip, const void *src, size_t len)
{
	return copy_pieces(chain->iov + chain->n_out, chain->n_in, skip, (void *)(uintptr_t)src, len, true);
}

/* ---- who wakes whom ---- */

bool virtqueue_wants_interrupt(struct virtqueue *vq)
{
	if (!vq->desc)
		return false;
	/* Our used entries must be visible before we read whether the driver sleeps; its side of the pair sets that before it looks for entries. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ops_of(vq)->wants_interrupt(vq);
}

void virtqueue_disable_kicks(struct virtqueue *vq)
{
	if (vq->desc && !vq->notify_disabled)
		ops_of(vq)->disable_kicks(vq);
	vq->notify_disabled = true;
}

bool virtqueue_enable_kicks(struct virtqueue *vq)
{
	vq->notify_disabled = false;
	return vq->desc && !vq->broken && ops_of(vq)->enable_kicks(vq);
}
