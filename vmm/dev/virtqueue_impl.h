/* SPDX-License-Identifier: Apache-2.0 */
/* What virtqueue.c, virtqueue_split.c and virtqueue_packed.c share; nobody else includes this. */
#ifndef VMM_DEV_VIRTQUEUE_IMPL_H
#define VMM_DEV_VIRTQUEUE_IMPL_H 1

#include "vmm/dev/virtqueue.h"
#include "vsw/types.h"

/** Flags of a descriptor; the first three mean the same in both kinds of ring (2.7.5, 2.8.1). */
enum vq_desc_flag {
	VQ_DESC_NEXT = 1 << 0,
	VQ_DESC_WRITE = 1 << 1,
	VQ_DESC_INDIRECT = 1 << 2,
	VQ_DESC_AVAIL = 1 << 7, /* packed */
	VQ_DESC_USED = 1 << 15, /* packed */
};

/** A descriptor of either kind, copied out of the guest's memory. */
struct vq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* split: index; packed: buffer id */
};

/** vq_break() - the ring cannot be right; the device tells (virtio_broken()). Return: -EPROTO. */
int vq_break(struct virtqueue *vq, const char *why);
/** vq_add_piece() - one descriptor's buffer to the end of a chain. Return: 0 or -EPROTO. */
int vq_add_piece(struct virtqueue *vq, struct vq_chain *chain, const struct vq_desc *desc);
/** vq_add_indirect() - the buffers of an indirect table. @linked: by `next` (split), else in order (packed). Return: 0 or -EPROTO. */
int vq_add_indirect(struct virtqueue *vq, struct vq_chain *chain, const struct vq_desc *desc, bool linked);
/** vq_needs_event() - has `event` been passed on the way from @old to @new? (2.7.7.2) */
static inline bool vq_needs_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/** vq_load16(), vq_store16() - a 16-bit word of the guest's rings, in one access: acquire, release. */
static inline uint16_t vq_load16(const void *p)
{
	return le16_to_cpu((VSW_FORCE le16)__atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE));
}

static inline void vq_store16(void *p, uint16_t value)
{
	__atomic_store_n((uint16_t *)p, (VSW_FORCE uint16_t)cpu_to_le16(value), __ATOMIC_RELEASE);
}

struct vq_ring_ops {
	/** Bytes and alignment of the three areas. */
	void (*layout)(const struct virtqueue *vq, uint64_t size[3], uint64_t align[3]);
	int (*pop)(struct virtqueue *vq, struct vq_chain *chain);
	void (*unpop)(struct virtqueue *vq, const struct vq_chain *chain);
	void (*push)(struct virtqueue *vq, const struct vq_chain *const *chains, const uint32_t *lens, unsigned int n);
	bool (*wants_interrupt)(struct virtqueue *vq);
	void (*disable_kicks)(struct virtqueue *vq);
	bool (*enable_kicks)(struct virtqueue *vq);
};

extern const struct vq_ring_ops vq_split_ops, vq_packed_ops;

#endif
