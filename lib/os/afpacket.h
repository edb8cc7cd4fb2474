/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network device as a port: whole frames in and out through a packet socket, with their offload state.
 *
 * With PACKET_VNET_HDR each frame comes with a struct virtio_net_hdr: a GSO packet of up to 64 KiB passes as one frame, and a
 * checksum that the sender left to the hardware stays left. The kernel strips an outer VLAN tag and gives it in the auxiliary data;
 * it is put back into the frame here (and csum_start and hdr_len moved), so that above this file frames look as on the wire.
 * What the device receives is kept from the host's own stack (tc_drop.h), and the device is promiscuous while the port is open.
 *
 * Sending works on batches: one system call for up to AFPACKET_BATCH frames. The header stands right in front of the frame, so a frame
 * is one piece of memory. The socket is not blocking; what the device does not take is the caller's to count.
 *
 * A device that goes down or away reports ENETDOWN once through the socket; receiving reads that error and it is quiet then.
 * The socket of a device that is gone never works again; one that only went down does when it is up again.
 *
 * Not used on purpose:
 * - PACKET_QDISC_BYPASS skips the egress hooks and queueing of the device, and hides the frames from packet captures.
 * - PACKET_TX_RING gives the kernel references to ring memory; over a veth pair the receiver may still read it after the slot
 *   came back.
 * - PACKET_RX_RING: receiving 60-byte frames costs 1.3 us of CPU each with a ring and 1.4 with recvmmsg() (Linux 6.18, wake-ups
 *   included, which are most of it), and a ring that holds a burst pins 2 MiB per port, where a receive buffer takes memory only while
 *   frames wait. GSO packets do not fit its slots at all.
 * - Polling for 10 or 30 us before sleeping: no difference in the round trip of a flood ping on two CPUs.
 */
#ifndef OS_AFPACKET_H
#define OS_AFPACKET_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct errtext;
struct afpacket;
struct afpacket_buffers;
struct afpacket_prio;

#define AFPACKET_BATCH 32
/** Bytes in front of a received frame: reserve for the header of its own output, then headroom for pushed headers. */
#define AFPACKET_RESERVE 16
#define AFPACKET_HEADROOM 128
/** Longest frame received. */
#define AFPACKET_MAX_LEN (65536 + 64)

/** struct virtio_net_hdr (virtio 1.2 5.1.6) in native byte order, as the packet socket wants it; the values are VIRTIO_NET_HDR_*. */
struct afpacket_vnet {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

struct afpacket_frame {
	uint8_t *data;
	uint32_t len;
	uint32_t headroom, tailroom; /**< writable; AFPACKET_RESERVE bytes in front of the headroom are not counted */
	uint32_t orig_len;	     /**< more than len: the frame was cut */
	struct afpacket_vnet vnet;
};

/**
 * afpacket_open() - attach to a device
 * @name: for messages
 *
 * Return: 0, or -errno with the sentence: -EPERM without CAP_NET_RAW and CAP_NET_ADMIN, -ENODEV no such device.
 */
int afpacket_open(int ifindex, const char *name, struct afpacket **port, struct errtext *err);
/**
 * afpacket_open_sender() - attach to a device in order to send; what it receives is for a BPF program
 * @program: descriptor of the program (tc_drop_attach_program()), which is to let nothing through to the host's stack
 * @pin: where a predecessor's tcx link may be pinned (tcx.h), which is taken over; NULL: do without. Where there is none the program is
 *       attached by a clsact filter, which takes no time
 *
 * Return: as afpacket_open().
 */
int afpacket_open_sender(int ifindex, const char *name, int program, const char *pin, struct afpacket **port,
			 struct errtext *err);
/**
 * afpacket_use_link() - a tcx link, pinned at @pin, runs before the filter from now on; that takes time. From any thread, one at a time
 *
 * Return: 0, also when it has one; -EOPNOTSUPP: the kernel knows no such links; or another negative errno.
 */
int afpacket_use_link(struct afpacket *port, int program, const char *pin);
/** afpacket_has_link() - is the program attached by a link? */
bool afpacket_has_link(const struct afpacket *port);
/**
 * afpacket_attach_egress() - a BPF program sees what the device is to send, whoever sends it
 *
 * Return: 0, or -errno with the sentence.
 */
int afpacket_attach_egress(struct afpacket *port, const char *name, int program, struct errtext *err);
/** afpacket_detach() - leave the device as it was found. The socket stays until afpacket_close(), for threads still in a call. */
void afpacket_detach(struct afpacket *port);
/** afpacket_leave() - likewise for afpacket_close(), but the program stays on the device: somebody else will see to it. */
void afpacket_leave(struct afpacket *port);
/** afpacket_close() - frees; NULL is fine. */
void afpacket_close(struct afpacket *port);
int afpacket_fd(const struct afpacket *port);
/** afpacket_missed() - frames that the kernel dropped so far because nobody read them in time. One thread at a time. */
uint64_t afpacket_missed(struct afpacket *port);

/** afpacket_buffers_new() - memory for one thread's batch, for all of its ports in turn. */
struct afpacket_buffers *afpacket_buffers_new(void);
void afpacket_buffers_free(struct afpacket_buffers *buffers);

/**
 * afpacket_recv() - a batch
 * @frames: at least AFPACKET_BATCH; their bytes stay until the next call with these buffers
 *
 * Return: number of frames, 0 when there are none, or -errno: -ENETDOWN the device is down or gone, else a frame that the kernel could
 * not hand over. An error is told once; the socket may have more frames behind it.
 */
int afpacket_recv(struct afpacket *port, struct afpacket_buffers *buffers, struct afpacket_frame *frames);

/**
 * afpacket_put_vnet() - write the header in front of a frame that is about to be sent
 * @data: the frame; AFPACKET_RESERVE bytes in front of it are written to
 *
 * Return: what afpacket_send() wants.
 */
static inline struct iovec afpacket_put_vnet(uint8_t *data, size_t len, const struct afpacket_vnet *vnet)
{
	__builtin_memcpy(data - sizeof *vnet, vnet, sizeof *vnet);
	return (struct iovec){data - sizeof *vnet, sizeof *vnet + len};
}

/**
 * afpacket_send() - send frames in order
 * @n: at most AFPACKET_BATCH
 * @marks: skb mark of each, or NULL: none
 * @errors: for each frame 0, or the positive errno: ENOBUFS and EAGAIN the device's or socket's queue is full, EMSGSIZE larger than its
 *          MTU, ENETDOWN it is down, ENXIO it is gone
 *
 * From any thread. Return: number of frames sent.
 */
size_t afpacket_send(struct afpacket *port, const struct iovec *frames, const uint32_t *marks, size_t n, int *errors);

/**
 * afpacket_prio_new() - for frames with an skb priority, which is a socket's property: one thread's own socket, for all ports
 *
 * Return: it, or NULL with errno set.
 */
struct afpacket_prio *afpacket_prio_new(void);
void afpacket_prio_free(struct afpacket_prio *prio);
/** afpacket_send_prio() - as afpacket_send() through @port's device; the class of its qdisc that @priority names. */
size_t afpacket_send_prio(struct afpacket_prio *prio, const struct afpacket *port, uint32_t priority,
			  const struct iovec *frames, size_t n, int *errors);

#endif
