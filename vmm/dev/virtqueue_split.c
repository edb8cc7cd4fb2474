// SPDX-License-Identifier: Apache-2.0
/*
 * Split virtqueues (virtio 1.2 2.7): a table of descriptors, a ring of heads that the driver offers, a ring of heads that we have used. All
 * indices run freely over 16 bits; a place in a ring is the index modulo the size, which is a power of two.
 *
 *   descriptor  address 8, length 4, flags 2, next 2
 *   available   flags 2, index 2, heads 2 each, used_event 2
 *   used        flags 2, index 2, {id 4, length 4} each, avail_event 2
 */
#include <errno.h>
#include <string.h>

#include "vmm/dev/virtqueue_impl.h"

#define NO_INTERRUPT 1 /* in the available ring's flags */
#define NO_NOTIFY 1    /* in the used ring's flags */

static void layout(const struct virtqueue *vq, uint64_t size[3], uint64_t align[3])
{
	size[0] = 16ull * vq->size;
	size[1] = 6 + 2ull * vq->size;
	size[2] = 6 + 8ull * vq->size;
	align[0] = 16;
	align[1] = 2;
	align[2] = 4;
}

/* 16-bit words of the guest's rings, @at bytes from their begin. */
static uint16_t load(const void *ring, size_t at)
{
	return vq_load16((const char *)ring + at);
}

static void store(void *ring, size_t at, uint16_t value)
{
	vq_store16((char *)ring + at, value);
}

static uint16_t avail_index(const struct virtqueue *vq)
{
	return load(vq->driver, 2); /* pairs with the driver's barrier before it raises the index */
}

static struct vq_desc read_desc(const struct virtqueue *vq, uint16_t i)
{
	struct {
		le64 addr;
		le32 len;
		le16 flags, next;
	} copy;

	memcpy(&copy, (const char *)vq->desc + 16ull * i, sizeof copy);
	return (struct vq_desc){le64_to_cpu(copy.addr), le32_to_cpu(copy.len), le16_to_cpu(copy.flags),
				le16_to_cpu(copy.next)};
}

static int walk(struct virtqueue *vq, struct vq_chain *chain)
{
	uint16_t i = chain->head;

	for (unsigned int steps = 0; steps < vq->size; steps++) {
		struct vq_desc desc = read_desc(vq, i);
		int error;

		if (desc.flags & VQ_DESC_INDIRECT) {
			if (desc.flags & VQ_DESC_NEXT || chain->n_out + chain->n_in)
				return vq_break(vq, "an indirect descriptor within a chain");
			return vq_add_indirect(vq, chain, &desc, true);
		}
		error = vq_add_piece(vq, chain, &desc);
		if (error)
			return error;
		if (!(desc.flags & VQ_DESC_NEXT))
			return 0;
		i = desc.next;
		if (i >= vq->size)
			return vq_break(vq, "a chain leads out of the table of descriptors");
	}
	return vq_break(vq, "a chain of descriptors is a loop");
}

static int pop(struct virtqueue *vq, struct vq_chain *chain)
{
	uint16_t index = avail_index(vq), n = (uint16_t)(index - vq->next_avail);
	int error;

	if (!n)
		return 0;
	if (n > vq->size)
		return vq_break(vq, "the available index is further ahead than the ring is long");
	chain->head = load(vq->driver, 4 + 2ull * (vq->next_avail & (vq->size - 1)));
	if (chain->head >= vq->size)
		return vq_break(vq, "a head is out of the table of descriptors");
	error = walk(vq, chain);
	if (error)
		return error;
	vq->next_avail++;
	return 1;
}

static void unpop(struct virtqueue *vq, const struct vq_chain *chain)
{
	(void)chain;
	vq->next_avail--;
}

static void push(struct virtqueue *vq, const struct vq_chain *const *chains, const uint32_t *lens, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		le32 entry[2] = {cpu_to_le32(chains[i]->head), cpu_to_le32(lens[i])};
		uint16_t place = (uint16_t)(vq->next_used + i) & (vq->size - 1);

		memcpy((char *)vq->device + 4 + 8ull * place, entry, sizeof entry);
	}
	vq->next_used = (uint16_t)(vq->next_used + n);
	store(vq->device, 2, vq->next_used); /* release: the entries first */
}

static bool wants_interrupt(struct virtqueue *vq)
{
	uint16_t old = vq->signalled_used, event;

	if (!vq->has_event_idx)
		return !(load(vq->driver, 0) & NO_INTERRUPT);
	event = load(vq->driver, 4 + 2ull * vq->size);
	vq->signalled_used = vq->next_used;
	if (!vq->signalled_valid) {
		vq->signalled_valid = true;
		return true;
	}
	return vq_needs_event(event, vq->next_used, old);
}

static void disable_kicks(struct virtqueue *vq)
{
	if (!vq->has_event_idx) /* else the event index stays behind, which says the same */
		store(vq->device, 0, NO_NOTIFY);
}

static bool enable_kicks(struct virtqueue *vq)
{
	if (vq->has_event_idx)
		store(vq->device, 4 + 8ull * vq->size, vq->next_avail);
	else
		store(vq->device, 0, 0);
	/* The wish must be visible before we look once more; pairs with the driver's barrier between its index and our wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return avail_index(vq) != vq->next_avail;
}

const struct vq_ring_ops vq_split_ops = {layout, pop, unpop, push, wants_interrupt, disable_kicks, enable_kicks};
