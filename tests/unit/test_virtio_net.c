// SPDX-License-Identifier: Apache-2.0
/* virtio-net through its PCI registers, both kinds of rings, with the driver of vmm_driver.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "vmm/dev/virtio_net.h"
#include "vmm_backend.h"
#include "vmm_virtio.h"

#define RAM (16ull << 20)
#define F(N) (1ull << (N))
#define CSUM 0
#define MTU 3
#define MAC 5
#define GUEST_TSO4 7
#define MRG_RXBUF 15
#define STATUS 16
#define CTRL_VQ 17
#define CTRL_RX 18
#define CTRL_VLAN 19
#define ANNOUNCE 21
#define MQ 22
#define CTRL_MAC 23
#define COMMON F(MAC) | F(MRG_RXBUF) | F(STATUS) | F(CTRL_VQ) | F(CTRL_RX) | F(CTRL_VLAN) | F(CTRL_MAC) | F(ANNOUNCE)

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

struct fixture {
	struct mem_backend backend;
	struct virtio_net *net;
	struct vpci v;
};

static void init(struct fixture *f)
{
	struct virtio_net_config config = {.name = "net0", .n_pairs = 2};
	struct harness *h = harness_new(RAM);

	memcpy(config.mac, mac, 6);
	assert_int_equal(virtio_net_new(&h->m, &config, mem_backend_init(&f->backend), &f->net, NULL), 0);
	vpci_init(&f->v, h, virtio_net_device(f->net));
}

static void fini(struct fixture *f)
{
	pci_unplug(virtio_pci_device(f->v.dev));
	assert_true(f->backend.is_freed);
	harness_free(f->v.h);
}

static void kick(struct fixture *f, unsigned int queue)
{
	f->v.dev->class->kick(f->v.dev, queue);
}

static void features_are_negotiated(void **state)
{
	struct fixture f;
	uint64_t offered;

	(void)state;
	init(&f);
	offered = vpci_offered(&f.v);
	assert_true(offered & F(MQ) && offered & F(GUEST_TSO4) && offered & F(VIRTIO_F_RING_PACKED));
	assert_false(offered & F(56)); /* USO: this backend has none */
	assert_int_equal(vpci_read(&f.v, f.v.common + 18, 2), 5);
	/* Each of these lacks what it needs, or is not to be had. */
	assert_false(vpci_negotiate(&f.v, F(MAC)));
	assert_false(vpci_negotiate(&f.v, F(VIRTIO_F_VERSION_1) | F(GUEST_TSO4)));
	assert_false(vpci_negotiate(&f.v, F(VIRTIO_F_VERSION_1) | F(MQ)));
	assert_false(vpci_negotiate(&f.v, F(VIRTIO_F_VERSION_1) | F(56)));
	assert_true(vpci_start(&f.v, F(MAC) | F(STATUS) | F(1) | F(GUEST_TSO4), 2));
	assert_int_equal(f.backend.offloads, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4);
	assert_true(f.backend.carrier);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(vpci_read(&f.v, f.v.config + i, 1), mac[i]);
	assert_int_equal(vpci_read(&f.v, f.v.config + 6, 2), 1);
	assert_int_equal(vpci_read(&f.v, f.v.config + 8, 2), 2);
	assert_int_equal(vpci_read(&f.v, f.v.config + 10, 2), 1500);
	/* The link goes: status, generation, interrupt by pin; reading the ISR ends it. */
	virtio_net_set_link(f.net, false);
	assert_int_equal(vpci_read(&f.v, f.v.config + 6, 2), 0);
	assert_int_equal(vpci_read(&f.v, f.v.common + 21, 1), 1);
	assert_true(f.v.h->lines[VPCI_LINE]);
	assert_int_equal(vpci_read(&f.v, f.v.isr, 1), 2);
	assert_false(f.v.h->lines[VPCI_LINE]);
	vpci_write(&f.v, f.v.common + 20, 1, 0);
	assert_int_equal(vpci_status(&f.v), 0);
	assert_false(f.backend.carrier);
	fini(&f);
}

static void make_packet(uint8_t *packet, size_t len)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i * 7);
	memcpy(packet, mac, 6);
	memcpy(packet + 12, "\x08\0", 2);
}

static void packets_both_ways(void **state)
{
	uint8_t frame[1514], header[MEM_HEADER] = {1, 0, 0, 0, 0, 0, 34, 0, 16};
	struct fixture f;

	(void)state;
	make_packet(frame, sizeof frame);
	for (int variant = 0; variant < 4; variant++) {
		uint64_t ring = (variant & 1 ? F(VIRTIO_F_RING_PACKED) : 0) | (variant & 2 ? F(VIRTIO_F_EVENT_IDX) : 0);
		struct nic_stats stats;

		init(&f);
		assert_true(vpci_start(&f.v, COMMON | ring, 3));
		vpci_put(&f.v, VPCI_DATA, header, sizeof header);
		vpci_put(&f.v, VPCI_DATA + 0x1000, frame, sizeof frame);
		/* 40 times: several laps. */
		for (unsigned int i = 0; i < 40; i++) {
			struct buffer tx[] = {{VPCI_DATA, 12, false}, {VPCI_DATA + 0x1000, 1514, false}};
			struct buffer rx[] = {{VPCI_DATA + 0x2000, 1000, true}, {VPCI_DATA + 0x3000, 1000, true}};
			const struct mem_packet *p = mem_last(&f.backend);
			uint16_t id, got;
			uint32_t len;

			driver_add(&f.v.queues[1], tx, 2);
			kick(&f, 1);
			assert_int_equal(f.backend.n_sent, i + 1);
			p = mem_last(&f.backend);
			assert_int_equal(p->len, 1526);
			assert_memory_equal(p->data, header, 12);
			assert_memory_equal(p->data + 12, frame, 1514);
			assert_true(driver_take(&f.v.queues[1], &id, &len));

			/* One packet over two mergeable buffers. */
			id = driver_add(&f.v.queues[0], rx, 1);
			driver_add(&f.v.queues[0], rx + 1, 1);
			mem_queue(&f.backend, frame, 1514);
			kick(&f, 0);
			assert_true(driver_take(&f.v.queues[0], &got, &len));
			assert_int_equal(got, id);
			assert_int_equal(len, 1000);
			assert_true(driver_take(&f.v.queues[0], &got, &len));
			assert_int_equal(len, 526);
			assert_int_equal(vpci_at(&f.v, VPCI_DATA + 0x2000 + 10, 1)[0], 2); /* num_buffers */
			assert_memory_equal(vpci_at(&f.v, VPCI_DATA + 0x2000 + 12, 988), frame, 988);
			assert_memory_equal(vpci_at(&f.v, VPCI_DATA + 0x3000, 526), frame + 988, 526);
		}
		virtio_net_get_stats(f.net, &stats);
		assert_int_equal(stats.tx_packets, 40);
		assert_int_equal(stats.rx_bytes, 40 * 1514);
		fini(&f);
	}
}

/* Nothing is lost for want of buffers, and none that was lent is forgotten. */
static void received_waits_for_buffers(void **state)
{
	struct buffer rx = {VPCI_DATA, 700, true};
	struct nic_stats stats;
	uint8_t frame[1514];
	struct fixture f;
	uint32_t len;
	uint16_t id;

	(void)state;
	make_packet(frame, sizeof frame);
	init(&f);
	assert_true(vpci_start(&f.v, COMMON, 3));
	driver_add(&f.v.queues[0], &rx, 1);
	mem_queue(&f.backend, frame, 1514);
	mem_queue(&f.backend, frame, 100);
	for (unsigned int i = 0; i < 2; i++) {
		kick(&f, 0);
		assert_false(driver_take(&f.v.queues[0], &id, &len));
		driver_add(&f.v.queues[0], &rx, 1);
	}
	/* 1526 bytes in three buffers; the next packet needs one more. */
	kick(&f, 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(driver_take(&f.v.queues[0], &id, &len));
		assert_int_equal(len, i < 2 ? 700 : 126);
	}
	assert_false(driver_take(&f.v.queues[0], &id, &len));
	driver_add(&f.v.queues[0], &rx, 1);
	kick(&f, 0);
	assert_true(driver_take(&f.v.queues[0], &id, &len));
	assert_int_equal(len, 112);
	virtio_net_get_stats(f.net, &stats);
	assert_int_equal(stats.rx_packets, 2);
	assert_int_equal(stats.rx_no_buffer, 0);
	fini(&f);
}

static void transmit_waits_for_room(void **state)
{
	struct buffer tx = {VPCI_DATA, 100, false}, runt = {VPCI_DATA, 20, false};
	struct nic_stats stats;
	struct fixture f;
	uint32_t len;
	uint16_t id;

	(void)state;
	init(&f);
	assert_true(vpci_start(&f.v, F(MAC), 2));
	f.backend.is_full = true;
	driver_add(&f.v.queues[1], &tx, 1);
	kick(&f, 1);
	assert_false(driver_take(&f.v.queues[1], &id, &len));
	f.backend.is_full = false;
	kick(&f, 1);
	assert_true(driver_take(&f.v.queues[1], &id, &len));
	assert_int_equal(f.backend.n_sent, 1);
	driver_add(&f.v.queues[1], &runt, 1);
	kick(&f, 1);
	assert_true(driver_take(&f.v.queues[1], &id, &len));
	virtio_net_get_stats(f.net, &stats);
	assert_int_equal(stats.tx_errors, 1);
	fini(&f);
}

/* ---- the control queue ---- */

static uint8_t command(struct fixture *f, unsigned int queue, const void *bytes, uint32_t len)
{
	struct buffer bufs[] = {{VPCI_DATA, 2, false}, {VPCI_DATA + 2, len - 2, false}, {VPCI_DATA + 0x8000, 1, true}};
	struct buffer no_data[] = {bufs[0], bufs[2]};
	uint32_t used;
	uint16_t id;

	vpci_put(&f->v, VPCI_DATA, bytes, len);
	vpci_at(&f->v, VPCI_DATA + 0x8000, 1)[0] = 0x55;
	driver_add(&f->v.queues[queue], len > 2 ? bufs : no_data, len > 2 ? 3 : 2);
	kick(f, queue);
	assert_true(driver_take(&f->v.queues[queue], &id, &used));
	assert_int_equal(used, 1);
	return vpci_at(&f->v, VPCI_DATA + 0x8000, 1)[0];
}

/* Whether a frame to @dst, of VLAN @vid (0: untagged), reaches the guest. */
static bool arrives(struct fixture *f, const char *dst, uint16_t vid)
{
	struct buffer rx = {VPCI_DATA + 0x10000, 2000, true};
	uint8_t frame[80];
	uint32_t len;
	uint16_t id;

	make_packet(frame, sizeof frame);
	memcpy(frame, dst, 6);
	if (vid)
		memcpy(frame + 12, (uint8_t[]){0x81, 0, (uint8_t)(vid >> 8), (uint8_t)vid}, 4);
	driver_add(&f->v.queues[0], &rx, 1);
	mem_queue(&f->backend, frame, sizeof frame);
	kick(f, 0);
	if (driver_take(&f->v.queues[0], &id, &len))
		return true;
	/* Take the buffer back, by a frame that always comes. */
	memcpy(frame, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\0", 14);
	mem_queue(&f->backend, frame, sizeof frame);
	kick(f, 0);
	assert_true(driver_take(&f->v.queues[0], &id, &len));
	return false;
}

static void control_queue(void **state)
{
	static const uint8_t table[] = {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 5};
	struct fixture f;

	(void)state;
	init(&f);
	assert_true(vpci_start(&f.v, COMMON, 3));
	assert_true(arrives(&f, "\x02\0\0\0\0\x09", 0)); /* promiscuous until told */
	assert_int_equal(command(&f, 2, "\0\0\0", 3), 0);
	assert_false(arrives(&f, "\x02\0\0\0\0\x09", 0));
	assert_true(arrives(&f, (const char *)mac, 0));
	assert_int_equal(command(&f, 2, table, sizeof table), 0);
	assert_true(arrives(&f, "\x02\0\0\0\0\x09", 0));
	assert_true(arrives(&f, "\x01\0\x5e\0\0\x05", 0));
	assert_false(arrives(&f, "\x01\0\x5e\0\0\x06", 0));
	assert_int_equal(command(&f, 2, "\0\1\1", 3), 0); /* all multicast */
	assert_true(arrives(&f, "\x01\0\x5e\0\0\x06", 0));
	assert_int_equal(command(&f, 2, table, sizeof table - 1), 1); /* cut off */
	assert_false(arrives(&f, (const char *)mac, 100));
	assert_int_equal(command(&f, 2, "\2\0\x64\0", 4), 0);
	assert_true(arrives(&f, (const char *)mac, 100));
	assert_int_equal(command(&f, 2, "\2\1\x64\0", 4), 0);
	assert_false(arrives(&f, (const char *)mac, 100));
	assert_int_equal(command(&f, 2, "\2\0\0\x10", 4), 1); /* VLAN 4096 */
	assert_int_equal(command(&f, 2, "\1\1\2\0\0\0\0\7", 8), 0);
	assert_true(arrives(&f, "\x02\0\0\0\0\x07", 0));
	assert_int_equal(vpci_read(&f.v, f.v.config + 5, 1), 7);
	assert_int_equal(command(&f, 2, "\4\0\2\0", 4), 1);   /* pairs, without MQ */
	assert_int_equal(command(&f, 2, "\x63\0\2\0", 4), 1); /* no such class */
	virtio_net_announce(f.net);
	assert_int_equal(vpci_read(&f.v, f.v.config + 6, 2), 3);
	assert_int_equal(command(&f, 2, "\3\0", 2), 0);
	assert_int_equal(vpci_read(&f.v, f.v.config + 6, 2), 1);
	fini(&f);
}

static void queue_pairs(void **state)
{
	struct buffer tx = {VPCI_DATA, 100, false};
	struct fixture f;

	(void)state;
	init(&f);
	assert_true(vpci_start(&f.v, COMMON | F(MQ), 5));
	assert_int_equal(f.backend.n_active_queues, 1);
	assert_int_equal(command(&f, 4, "\4\0\2\0", 4), 0);
	assert_int_equal(f.backend.n_active_queues, 2);
	assert_int_equal(command(&f, 4, "\4\0\3\0", 4), 1);
	assert_int_equal(command(&f, 4, "\4\0\0\0", 4), 1);
	driver_add(&f.v.queues[3], &tx, 1);
	kick(&f, 3);
	assert_int_equal(f.backend.n_sent, 1);
	fini(&f);
}

static void lies_stop_the_device(void **state)
{
	const struct buffer lies[] = {{RAM, 100, false}, {PCI_ECAM_BASE, 100, false}, {VPCI_DATA, 100, false}};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		unsigned int queue = i < 2 ? 1 : 2; /* the last: a command without room for the answer */

		init(&f);
		assert_true(vpci_start(&f.v, COMMON, 3));
		driver_add(&f.v.queues[queue], &lies[i], 1);
		kick(&f, queue);
		assert_true(vpci_status(&f.v) & VIRTIO_NEEDS_RESET);
		assert_true(f.v.h->lines[VPCI_LINE]);
		/* After a reset it serves again. */
		assert_true(vpci_start(&f.v, COMMON, 3));
		assert_int_equal(command(&f, 2, "\0\0\0", 3), 0);
		fini(&f);
	}
}

/* A driver that never stops commanding must not keep the thread from a reset: it is served in batches. */
static void commands_come_in_batches(void **state)
{
	const struct buffer answer = {VPCI_DATA, 1, true};
	unsigned int n_taken = 0, n_rounds = 0;
	struct fixture f;
	uint64_t n;

	(void)state;
	init(&f);
	assert_true(vpci_negotiate(&f.v, (COMMON) | F(VIRTIO_F_VERSION_1)));
	vpci_queue(&f.v, 2, 256, false);
	vpci_driver_ok(&f.v);
	for (int i = 0; i < 200; i++)
		driver_add(&f.v.queues[2], &answer, 1);
	do {
		kick(&f, 2);
		n_rounds++;
	} while (read(f.v.dev->kick_fds[2], &n, sizeof n) == sizeof n);
	while (vpci_take(&f.v, 2) >= 0)
		n_taken++;
	assert_int_equal(n_taken, 200);
	assert_true(n_rounds > 2);
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_negotiated),
		cmocka_unit_test(packets_both_ways),
		cmocka_unit_test(received_waits_for_buffers),
		cmocka_unit_test(transmit_waits_for_room),
		cmocka_unit_test(control_queue),
		cmocka_unit_test(queue_pairs),
		cmocka_unit_test(lies_stop_the_device),
		cmocka_unit_test(commands_come_in_batches),
	};

	log_set_level(NULL, LOG_LEVEL_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
