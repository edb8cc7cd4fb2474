// SPDX-License-Identifier: Apache-2.0
/*
 * Packed virtqueues (virtio 1.2 2.8): one ring of descriptors that both sides write to. A descriptor is available when its AVAIL bit is the
 * driver's wrap counter and its USED bit is not, and used when both are ours.
 *
 *   descriptor    address 8, length 4, buffer id 2, flags 2
 *   driver area   offset and wrap 2, flags 2: when the driver wants interrupts; the device area says the same of kicks
 */
#include <errno.h>
#include <string.h>

#include "vmm/dev/virtqueue_impl.h"

enum event_flags { EVENT_ENABLE, EVENT_DISABLE, EVENT_DESC };

#define EVENT_WRAP (1 << 15)

static void layout(const struct virtqueue *vq, uint64_t size[3], uint64_t align[3])
{
	size[0] = 16ull * vq->size;
	size[1] = size[2] = 4;
	align[0] = 16;
	align[1] = align[2] = 4;
}

static char *place(const struct virtqueue *vq, uint16_t i)
{
	return (char *)vq->desc + 16ull * i;
}

static uint16_t load_flags(const struct virtqueue *vq, uint16_t i)
{
	return vq_load16(place(vq, i) + 14);
}

static bool is_available(const struct virtqueue *vq)
{
	uint16_t flags = load_flags(vq, vq->next_avail);

	return !!(flags & VQ_DESC_AVAIL) == vq->avail_wrap && !!(flags & VQ_DESC_USED) != vq->avail_wrap;
}

static struct vq_desc read_desc(const struct virtqueue *vq, uint16_t i)
{
	struct {
		le64 addr;
		le32 len;
		le16 id, flags;
	} copy;

	memcpy(&copy, place(vq, i), sizeof copy);
	return (struct vq_desc){le64_to_cpu(copy.addr), le32_to_cpu(copy.len), le16_to_cpu(copy.flags),
				le16_to_cpu(copy.id)};
}

/* Forward by @n places, or back; the wrap counter flips at the end of the ring. */
static void advance(const struct virtqueue *vq, uint16_t *position, bool *wrap, int n)
{
	int to = *position + n;

	if (to >= vq->size || to < 0) {
		to += to < 0 ? vq->size : -(int)vq->size;
		*wrap = !*wrap;
	}
	*position = (uint16_t)to;
}

static int pop(struct virtqueue *vq, struct vq_chain *chain)
{
	uint16_t at = vq->next_avail, n = 0;
	bool wrap = vq->avail_wrap;
	struct vq_desc desc;
	int error;

	if (!is_available(vq))
		return 0;
	do {
		if (n == vq->size)
			return vq_break(vq, "a chain is longer than the ring");
		desc = read_desc(vq, at);
		if (desc.flags & VQ_DESC_INDIRECT && (n || desc.flags & VQ_DESC_NEXT))
			return vq_break(vq, "an indirect descriptor within a chain");
		error = desc.flags & VQ_DESC_INDIRECT ? vq_add_indirect(vq, chain, &desc, false)
						      : vq_add_piece(vq, chain, &desc);
		if (error)
			return error;
		n++;
		advance(vq, &at, &wrap, 1);
	} while (desc.flags & VQ_DESC_NEXT);
	chain->head = desc.next; /* the last one's buffer id stands for all */
	chain->n_desc = n;
	vq->next_avail = at;
	vq->avail_wrap = wrap;
	return 1;
}

static void unpop(struct virtqueue *vq, const struct vq_chain *chain)
{
	advance(vq, &vq->next_avail, &vq->avail_wrap, -(int)chain->n_desc);
}

static void push(struct virtqueue *vq, const struct vq_chain *const *chains, const uint32_t *lens, unsigned int n)
{
	char *first = place(vq, vq->next_used);
	uint16_t first_flags = 0;

	for (unsigned int i = 0; i < n; i++) {
		char *entry = place(vq, vq->next_used);
		uint16_t flags = (uint16_t)((vq->used_wrap ? VQ_DESC_AVAIL | VQ_DESC_USED : 0) |
					    (chains[i]->n_in ? VQ_DESC_WRITE : 0));
		le32 len = cpu_to_le32(lens[i]);
		le16 id = cpu_to_le16(chains[i]->head);

		memcpy(entry + 8, &len, sizeof len);
		memcpy(entry + 12, &id, sizeof id);
		if (i)
			vq_store16(entry + 14, flags);
		else
			first_flags = flags;
		advance(vq, &vq->next_used, &vq->used_wrap, chains[i]->n_desc);
	}
	/* The driver takes them in order: behind the first it sees all. */
	vq_store16(first + 14, first_flags);
}

static bool wants_interrupt(struct virtqueue *vq)
{
	uint16_t old = vq->signalled_used, new = vq->next_used, off_wrap, flags;
	bool was_valid = vq->signalled_valid;
	le16 area[2];
	int event;

	memcpy(area, vq->driver, sizeof area);
	off_wrap = le16_to_cpu(area[0]);
	flags = le16_to_cpu(area[1]);
	vq->signalled_used = new;
	vq->signalled_valid = true;
	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESC || !vq->has_event_idx || !was_valid)
		return true;
	event = off_wrap & ~EVENT_WRAP;
	if (!!(off_wrap & EVENT_WRAP) != vq->used_wrap)
		event -= vq->size;
	/* Positions wrap at the ring's size: seen from the present lap, the old one may lie in the lap before. */
	if (old > new)
		old = (uint16_t)(old - vq->size);
	return vq_needs_event((uint16_t)event, new, old);
}

static void set_wish(struct virtqueue *vq, uint16_t off_wrap, enum event_flags flags)
{
	vq_store16(vq->device, off_wrap);
	vq_store16((char *)vq->device + 2, (uint16_t)flags);
}

static void disable_kicks(struct virtqueue *vq)
{
	set_wish(vq, 0, EVENT_DISABLE);
}

static bool enable_kicks(struct virtqueue *vq)
{
	uint16_t off_wrap = (uint16_t)(vq->next_avail | (vq->avail_wrap ? EVENT_WRAP : 0));

	set_wish(vq, off_wrap, vq->has_event_idx ? EVENT_DESC : EVENT_ENABLE);
	/* As in the split ring: the wish first, then the look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return is_available(vq);
}

const struct vq_ring_ops vq_packed_ops = {layout, pop, unpop, push, wants_interrupt, disable_kicks, enable_kicks};
