/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of the project's own, without an operating system, for machines whose KVM runs no stock kernel (software KVM: integer instructions only,
 * some million a second): it drives the ports, registers, interrupts and one queue of each device as an honest driver does, and then lies to them.
 *
 *   main.c     what to do, by words of the kernel command line; what is said of it on COM1: "ok NAME", "not ok NAME: WHY"
 *   machine.c  console, clock, interrupts, PCI
 *   virtio.c   the driver's side of virtio over PCI
 *   honest.c   each virtio device does what it is there for
 *   cards.c    the 82540EM and the RTL8139 likewise
 *   lies.c     the same devices under a driver that lies
 *
 * It has no library: nothing but what is declared here.
 */
#ifndef LIAR_H
#define LIAR_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(A) (sizeof(A) / sizeof((A)[0]))
#define PAGE 4096
#define RAM_END 0x2000000ull  /* the test gives it 32 MiB */
#define NOT_RAM 0xe0000000ull /* ECAM */

/* ---- machine.c ---- */

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void write8(uint64_t at, uint8_t value)
{
	__asm__ volatile("movb %0, %1" : : "q"(value), "m"(*(volatile uint8_t *)at) : "memory");
}

static inline void write16(uint64_t at, uint16_t value)
{
	__asm__ volatile("movw %0, %1" : : "r"(value), "m"(*(volatile uint16_t *)at) : "memory");
}

static inline void write32(uint64_t at, uint32_t value)
{
	__asm__ volatile("movl %0, %1" : : "r"(value), "m"(*(volatile uint32_t *)at) : "memory");
}

static inline uint8_t read8(uint64_t at)
{
	uint8_t value;

	__asm__ volatile("movb %1, %0" : "=q"(value) : "m"(*(volatile uint8_t *)at) : "memory");
	return value;
}

static inline uint16_t read16(uint64_t at)
{
	uint16_t value;

	__asm__ volatile("movw %1, %0" : "=r"(value) : "m"(*(volatile uint16_t *)at) : "memory");
	return value;
}

static inline uint32_t read32(uint64_t at)
{
	uint32_t value;

	__asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*(volatile uint32_t *)at) : "memory");
	return value;
}

/** What memory holds may change, and what was written must be there: no compiler moves anything across. */
static inline void barrier(void)
{
	__asm__ volatile("lock addl $0, (%%rsp)" : : : "memory", "cc");
}

static inline uint64_t address(const volatile void *p)
{
	return (uint64_t)p;
}

void say(const char *text);
void say_hex(uint64_t value);
/** check() - says "ok NAME", or "not ok NAME: WHY". Return: @good. */
bool check(bool good, const char *name, const char *why);
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
/** word_given() - whether @word stands on the command line. */
bool word_given(const char *word);

/** timeout() - a deadline of so many milliseconds; timed_out() says when it is over. */
uint32_t timeout(uint32_t ms);
bool timed_out(uint32_t deadline);
/** wait() - until @*word changes from @old; two seconds at most. Return: whether it did. */
bool wait_change16(const volatile uint16_t *word, uint16_t old);

/** random() - of a sequence that is the same in each run. */
uint32_t random32(void);

#define FIRST_VECTOR 0x40
extern volatile uint32_t n_interrupts[256];
void interrupts_init(void);
/** pin_route() - GSI @gsi, level, raises @vector. */
void pin_route(unsigned int gsi, uint8_t vector);
/** wait_interrupt() - until @vector has come more often than @before; two seconds at most. */
bool wait_interrupt(uint8_t vector, uint32_t before);

struct pci_dev {
	uint8_t slot;
	uint16_t vendor, device;
	uint8_t revision;
	uint64_t bars[6];
};

uint32_t config_read(uint8_t slot, uint8_t offset);
void config_write(uint8_t slot, uint8_t offset, uint32_t value);
/** pci_init() - find all devices and give each its addresses. Also after somebody has spoiled them. */
void pci_init(void);
/** pci_find() - the @nth one, from 0. NULL: there is none. */
struct pci_dev *pci_find(uint16_t vendor, uint16_t device, unsigned int nth);

/* ---- virtio.c ---- */

#define QUEUE_SIZE 8

enum virtio_type { VIRTIO_NET = 1, VIRTIO_BLK = 2, VIRTIO_CONSOLE = 3, VIRTIO_RNG = 4, VIRTIO_BALLOON = 5 };
enum virtio_status { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };
enum desc_flags { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/** A split ring (virtio 1.2 2.7). */
struct ring {
	struct desc desc[QUEUE_SIZE];
	struct {
		uint16_t flags, index, heads[QUEUE_SIZE], used_event;
	} avail;
	struct {
		uint16_t flags;
		volatile uint16_t index;
		struct {
			uint32_t id, len;
		} entries[QUEUE_SIZE];
		uint16_t avail_event;
	} used __attribute__((aligned(4)));
} __attribute__((aligned(PAGE)));

#define N_RINGS 8

struct virtio {
	struct pci_dev *pci;
	uint64_t common, notify, config;
	uint8_t vector; /* of all its queues */
	uint16_t seen[N_RINGS];
	struct ring *rings; /* N_RINGS */
};

struct buffer {
	uint64_t addr;
	uint32_t len;
	bool is_write;
};

/** virtio_find() - the first of that type. Return: false: there is none. */
bool virtio_find(struct virtio *v, enum virtio_type type);
/** virtio_begin() - reset, features (VERSION_1 besides), queues, MSI-X, DRIVER_OK. Return: whether the device takes them. */
bool virtio_begin(struct virtio *v, uint64_t features, unsigned int n_queues);
void virtio_reset(struct virtio *v);
uint8_t virtio_status(const struct virtio *v);
/** virtio_place() - where queue @queue is; before DRIVER_OK. */
void virtio_place(struct virtio *v, uint16_t queue, uint16_t size, uint64_t desc, uint64_t driver, uint64_t device);
bool virtio_negotiate(struct virtio *v, uint64_t features);
void virtio_driver_ok(struct virtio *v);
/** virtio_offer() - a chain from descriptor @head on, made available and kicked. */
void virtio_offer(struct virtio *v, uint16_t queue, uint16_t head, const struct buffer *buffers, unsigned int n);
/** virtio_publish() - make @head available; virtio_kick() */
void virtio_publish(struct virtio *v, uint16_t queue, uint16_t head);
void virtio_kick(struct virtio *v, uint16_t queue);
/** virtio_wait() - for one used chain. Return: bytes that the device wrote; -1: none came. */
int virtio_wait(struct virtio *v, uint16_t queue);

/* ---- honest.c, cards.c ---- */

void test_board(void);
void test_rng(void);
void test_blk(void);
void test_console(void);
void test_balloon(void);
void test_net(void);
void test_e1000(void);
void test_rtl8139(void);

#define FRAME 60
/** arp_request() - who has 10.0.0.1, asked by @mac at 10.0.0.@host. @frame: FRAME bytes. */
void arp_request(uint8_t *frame, const uint8_t *mac, uint8_t host);
/** is_arp_reply() - the answer to it. */
bool is_arp_reply(const uint8_t *frame, const uint8_t *mac);

/* ---- lies.c ---- */

void lie_virtio(enum virtio_type type, const char *name);
void lie_once(void);
void lie_e1000(void);
void lie_rtl8139(void);

#endif
