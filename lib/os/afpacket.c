// SPDX-License-Identifier: Apache-2.0
#include "os/afpacket.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/log.h"
#include "base/util.h"
#include "os/tc_drop.h"
#include "os/tcx.h"
#include "vsw/types.h"

LOG_MODULE(afpacket);

_Static_assert(sizeof(struct afpacket_vnet) == sizeof(struct virtio_net_hdr), "the same in other words");

enum {
	RECEIVE_BUFFER = 16 << 20, /* a burst of some 10,000 small frames while we are not scheduled */
	SEND_BUFFER = 4 << 20,
	VLAN_TAG_LEN = 4,
	CLOSER_STACK = 256 << 10,
};

struct afpacket {
	int fd;
	int ifindex;
	struct tc_drop drop, egress;
	char *pin; /* of the tcx link that runs before `drop`; NULL: there is none */
	uint64_t n_missed;
};

/* One frame's memory: reserve, headroom, the header as the kernel writes it in front of the frame, the frame. */
struct frame_buffer {
	uint8_t front[AFPACKET_RESERVE + AFPACKET_HEADROOM];
	uint8_t frame[AFPACKET_MAX_LEN];
};

union control {
	char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct cmsghdr align;
};

struct afpacket_buffers {
	struct mmsghdr msgs[AFPACKET_BATCH];
	struct iovec iovs[AFPACKET_BATCH];
	union control controls[AFPACKET_BATCH];
	struct frame_buffer frames[AFPACKET_BATCH];
};

/* ---- opening ---- */

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* Larger buffers where we may, else what we get. */
static void set_buffer_sizes(int fd)
{
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER))
		set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
}

static int configure(int fd)
{
	int error = set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1);

	if (!error)
		error = set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1);
	if (!error)
		error = set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	set_buffer_sizes(fd);
	return error;
}

/* @protocol: 0 to send only. */
static int bind_to(int fd, int ifindex, uint16_t protocol)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = (VSW_FORCE __be16)cpu_to_be16(protocol),
		.sll_ifindex = ifindex,
	};

	return bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 ? -errno : 0;
}

static int set_promiscuous(int fd, int ifindex, int option)
{
	struct packet_mreq request = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};

	return setsockopt(fd, SOL_PACKET, option, &request, sizeof request) < 0 ? -errno : 0;
}

static void keep_from_host(struct afpacket *port, const char *name)
{
	static bool told;
	int error = tc_drop_attach(&port->drop, port->ifindex);

	if (!error)
		return;
	/* It works without, but the host answers, too, to what passes through: worth one line, not one per port. */
	if (!told)
		log_warn("%s: frames received here also reach this host's own network stack: no clsact filter possible "
			 "(%s)",
			 name, strerror(-error));
	told = true;
}

static int open_error(int error, const char *name, struct errtext *err)
{
	switch (-error) {
	case EPERM:
	case EACCES:
		return errtext_set(
			err, -error,
			"%s: no permission for packet sockets; run as root or give CAP_NET_RAW and CAP_NET_ADMIN",
			name);
	case ENODEV:
	case ENXIO:
		return errtext_set(err, ENODEV, "%s: no such network device; `ip link` lists them", name);
	default:
		return errtext_set(err, -error, "%s: cannot attach to the device: %s", name, strerror(-error));
	}
}

static int open_port(int ifindex, const char *name, uint16_t protocol, struct afpacket **portp, struct errtext *err)
{
	struct afpacket *port;
	int error, fd;

	*portp = NULL;
	if (ifindex <= 0)
		return open_error(-ENODEV, name, err);
	/* Protocol 0: nothing is received before bind_to() has named the device. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return open_error(-errno, name, err);
	port = xzalloc(sizeof *port);
	port->fd = fd;
	port->ifindex = ifindex;
	error = configure(fd);
	if (!error)
		error = bind_to(fd, ifindex, protocol);
	if (!error)
		error = set_promiscuous(fd, ifindex, PACKET_ADD_MEMBERSHIP);
	if (error) {
		afpacket_close(port);
		return open_error(error, name, err);
	}
	*portp = port;
	return 0;
}

int afpacket_open(int ifindex, const char *name, struct afpacket **port, struct errtext *err)
{
	int error = open_port(ifindex, name, ETH_P_ALL, port, err);

	if (*port)
		keep_from_host(*port, name);
	return error;
}

/* A filter of ours that a predecessor which did without tcx left behind the link: it would never run again. */
/* A link there already; the filter below it, if there is one, is to have the same program. */
static void renew_filter(struct afpacket *port, int program)
{
	struct tc_drop td;
	uint32_t program_id;

	if (!tc_drop_find(&td, port->ifindex, &program_id))
		(void)!tc_drop_attach_program(&port->drop, port->ifindex, program);
}

static int attach_program(struct afpacket *port, int program, const char *pin)
{
	int error;

	if (pin && !tcx_replace(port->ifindex, program, pin)) {
		port->pin = xstrdup(pin);
		renew_filter(port, program);
		return 0;
	}
	error = tc_drop_attach_program(&port->drop, port->ifindex, program);
	/* Whatever is there is no link of this device. */
	if (!error && pin)
		tcx_detach(pin);
	return error;
}

int afpacket_use_link(struct afpacket *port, int program, const char *pin)
{
	int error;

	if (port->pin)
		return 0;
	error = tcx_attach(port->ifindex, program, pin);
	if (error)
		return error;
	port->pin = xstrdup(pin);
	return 0;
}

bool afpacket_has_link(const struct afpacket *port)
{
	return port->pin;
}

static void detach_program(struct afpacket *port)
{
	if (port->pin)
		tcx_detach(port->pin);
	free(port->pin);
	port->pin = NULL;
	tc_drop_detach(&port->drop);
}

int afpacket_open_sender(int ifindex, const char *name, int program, const char *pin, struct afpacket **port,
			 struct errtext *err)
{
	int error = open_port(ifindex, name, 0, port, err);

	if (!*port)
		return error;
	error = attach_program(*port, program, pin);
	if (!error)
		return 0;
	afpacket_close(*port);
	*port = NULL;
	return errtext_set(err, -error, "%s: cannot put a program on its clsact hook: %s", name, strerror(-error));
}

int afpacket_attach_egress(struct afpacket *port, const char *name, int program, struct errtext *err)
{
	int error = tc_drop_attach_egress(&port->egress, port->ifindex, program);

	return error ? errtext_set(err, -error, "%s: cannot put a program on its clsact hook: %s", name,
				   strerror(-error))
		     : 0;
}

void afpacket_detach(struct afpacket *port)
{
	/* The last first: once a link is ended, whoever wants to change a device waits for the kernel (tcx.h). */
	set_promiscuous(port->fd, port->ifindex, PACKET_DROP_MEMBERSHIP);
	tc_drop_detach(&port->egress);
	detach_program(port);
}

void afpacket_leave(struct afpacket *port)
{
	port->drop = port->egress = (struct tc_drop){0};
	free(port->pin);
	port->pin = NULL;
}

static void *close_fd(void *arg)
{
	close((int)(intptr_t)arg);
	return NULL;
}

/*
 * The kernel lets go of a packet socket only after a grace period of its RCU, 10 ms and more. Nobody has to wait for that, and a thousand
 * sockets that are closed at once, each by a thread of its own, share their grace periods.
 */
static void close_aside(int fd)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool started;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, CLOSER_STACK);
	started = !pthread_create(&thread, &attr, close_fd, (void *)(intptr_t)fd);
	pthread_attr_destroy(&attr);
	if (!started)
		close(fd);
}

void afpacket_close(struct afpacket *port)
{
	if (!port)
		return;
	tc_drop_detach(&port->egress);
	detach_program(port);
	close_aside(port->fd);
	free(port);
}

int afpacket_fd(const struct afpacket *port)
{
	return port->fd;
}

uint64_t afpacket_missed(struct afpacket *port)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof stats;

	/* Reading resets the kernel's counters. */
	if (!getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		port->n_missed += stats.tp_drops;
	return port->n_missed;
}

/* ---- receiving ---- */

struct afpacket_buffers *afpacket_buffers_new(void)
{
	struct afpacket_buffers *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		abort();
	for (size_t i = 0; i < AFPACKET_BATCH; i++) {
		b->iovs[i].iov_base = b->frames[i].front + sizeof b->frames[i].front - sizeof(struct afpacket_vnet);
		b->iovs[i].iov_len = sizeof(struct afpacket_vnet) + AFPACKET_MAX_LEN;
		b->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &b->iovs[i],
			.msg_iovlen = 1,
			.msg_control = &b->controls[i],
			.msg_controllen = sizeof b->controls[i],
		};
	}
	return b;
}

void afpacket_buffers_free(struct afpacket_buffers *b)
{
	if (b)
		munmap(b, sizeof *b);
}

static const struct tpacket_auxdata *auxdata_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct tpacket_auxdata)))
			return (const void *)CMSG_DATA(c);
	return NULL;
}

/* Puts the tag that the kernel took out back into the frame, behind the addresses. */
static void restore_vlan(struct afpacket_frame *f, uint16_t tpid, uint16_t tci)
{
	if (f->len < 2 * ETH_ALEN)
		return;
	f->data -= VLAN_TAG_LEN;
	f->headroom -= VLAN_TAG_LEN;
	f->len += VLAN_TAG_LEN;
	f->orig_len += VLAN_TAG_LEN;
	memmove(f->data, f->data + VLAN_TAG_LEN, 2 * ETH_ALEN);
	f->data[12] = (uint8_t)(tpid >> 8);
	f->data[13] = (uint8_t)tpid;
	f->data[14] = (uint8_t)(tci >> 8);
	f->data[15] = (uint8_t)tci;
	if (f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		f->vnet.csum_start += VLAN_TAG_LEN;
	if (f->vnet.hdr_len)
		f->vnet.hdr_len += VLAN_TAG_LEN;
}

static void fill_frame(struct afpacket_frame *f, uint8_t *data, size_t len, const struct tpacket_auxdata *aux)
{
	f->data = data;
	f->len = (uint32_t)len;
	f->headroom = AFPACKET_HEADROOM;
	f->tailroom = AFPACKET_MAX_LEN - (uint32_t)len;
	f->orig_len = aux ? MAX(aux->tp_len, f->len) : f->len;
	memcpy(&f->vnet, data - sizeof f->vnet, sizeof f->vnet);
	if (aux && aux->tp_status & TP_STATUS_VLAN_VALID)
		restore_vlan(f, aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETH_P_8021Q,
			     aux->tp_vlan_tci);
}

int afpacket_recv(struct afpacket *port, struct afpacket_buffers *b, struct afpacket_frame *frames)
{
	int n = recvmmsg(port->fd, b->msgs, AFPACKET_BATCH, MSG_DONTWAIT, NULL);
	int n_frames = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct mmsghdr *m = &b->msgs[i];

		if (m->msg_len >= sizeof(struct afpacket_vnet))
			fill_frame(&frames[n_frames++], b->frames[i].frame, m->msg_len - sizeof(struct afpacket_vnet),
				   auxdata_of(&m->msg_hdr));
		m->msg_hdr.msg_controllen = sizeof b->controls[i];
		m->msg_hdr.msg_flags = 0;
	}
	return n_frames;
}

/* ---- sending ---- */

/*
 * The first of @n frames was refused. A full send buffer is not waited for: one slow device would hold up all ports of its thread,
 * and the buffer is a long queue already.
 *
 * Return: how many frames are given up.
 */
static size_t refused(int error, size_t n)
{
	switch (error) {
	case EINTR:
		return 0;
	case EAGAIN: /* what holds for the socket and the device holds for the others, too */
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
		return n;
	default:
		return 1;
	}
}

union mark_control {
	char bytes[CMSG_SPACE(sizeof(uint32_t))];
	struct cmsghdr head;
};

static void put_mark(struct msghdr *msg, union mark_control *control, uint32_t mark)
{
	control->head =
		(struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof mark), .cmsg_level = SOL_SOCKET, .cmsg_type = SO_MARK};
	memcpy(CMSG_DATA(&control->head), &mark, sizeof mark);
	msg->msg_control = control;
	msg->msg_controllen = sizeof *control;
}

static size_t send_all(int fd, struct mmsghdr *msgs, size_t n, int *errors)
{
	size_t done = 0, n_sent = 0;

	memset(errors, 0, n * sizeof *errors);
	while (done < n) {
		int sent = sendmmsg(fd, msgs + done, (unsigned int)(n - done), MSG_DONTWAIT);

		if (sent >= 0) {
			done += (size_t)sent;
			n_sent += (size_t)sent;
			continue;
		}
		int error = errno;
		size_t given_up = refused(error, n - done);

		for (size_t i = 0; i < given_up; i++)
			errors[done++] = error;
	}
	return n_sent;
}

size_t afpacket_send(struct afpacket *port, const struct iovec *frames, const uint32_t *marks, size_t n, int *errors)
{
	union mark_control controls[AFPACKET_BATCH];
	struct mmsghdr msgs[AFPACKET_BATCH];

	assert(n <= AFPACKET_BATCH);
	for (size_t i = 0; i < n; i++) {
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)&frames[i], .msg_iovlen = 1};
		if (marks)
			put_mark(&msgs[i].msg_hdr, &controls[i], marks[i]);
	}
	return send_all(port->fd, msgs, n, errors);
}

/* ---- sending with a priority ---- */

struct afpacket_prio {
	int fd;
	uint32_t priority;
};

struct afpacket_prio *afpacket_prio_new(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct afpacket_prio *prio;

	if (fd < 0 || set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1)) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	set_buffer_sizes(fd);
	prio = xzalloc(sizeof *prio);
	prio->fd = fd;
	return prio;
}

void afpacket_prio_free(struct afpacket_prio *prio)
{
	if (!prio)
		return;
	close_aside(prio->fd);
	free(prio);
}

size_t afpacket_send_prio(struct afpacket_prio *prio, const struct afpacket *port, uint32_t priority,
			  const struct iovec *frames, size_t n, int *errors)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = port->ifindex};
	struct mmsghdr msgs[AFPACKET_BATCH];

	assert(n <= AFPACKET_BATCH);
	if (prio->priority != priority && !set_option(prio->fd, SOL_SOCKET, SO_PRIORITY, (int)priority))
		prio->priority = priority;
	for (size_t i = 0; i < n; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &to,
						  .msg_namelen = sizeof to,
						  .msg_iov = (struct iovec *)(uintptr_t)&frames[i],
						  .msg_iovlen = 1};
	return send_all(prio->fd, msgs, n, errors);
}
