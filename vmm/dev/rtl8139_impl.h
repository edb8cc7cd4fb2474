/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of rtl8139 share; nobody else includes this. */
#ifndef VMM_DEV_RTL8139_IMPL_H
#define VMM_DEV_RTL8139_IMPL_H 1

#include <string.h>

#include "vmm/dev/eeprom.h"
#include "vmm/dev/nic_device.h"
#include "vmm/dev/nic_gather.h"
#include "vmm/dev/nic_tx.h"
#include "vmm/dev/rtl8139.h"
#include "vmm/dev/rtl8139_regs.h"
#include "vmm/net/backend.h"
#include "vsw/types.h"

/** A ring of C+ descriptors, at which place we are. */
struct rtl8139_ring {
	uint64_t base;
	uint32_t next,
		fetch; /* the first that is ours; the one to be read next: transmit alone, whose frames have several */
};

/** The frame that is being put together. */
struct rtl8139_tx {
	uint32_t flags, vlan; /* of the first descriptor */
	bool too_long;
	bool is_stale;		   /* there was a reset */
	struct rtl8139_ring *ring; /* C+: it comes from this one; NULL: it is in a slot */
	size_t n_untold;	   /* C+: bytes sent since the driver was told last */
	bool has_sent;		   /* C+: in this batch */
	struct nic_tx ready;
	struct nic_gather frame;
};

/** Tally counters, as they are dumped (C+ data sheet, 6.2). */
struct rtl8139_tally {
	uint64_t tx_ok, rx_ok, tx_err;
	uint64_t rx_unicast, rx_broadcast;
	uint32_t rx_multicast;
};

struct rtl8139 {
	struct nic_device dev; /* whose lock guards everything below */
	uint8_t regs[RTL_REGISTERS_END];
	bool has_cplus; /* by the revision */
	struct eeprom eeprom;
	struct rtl8139_tx tx;
	struct rtl8139_ring tx_ring, high_ring, rx_ring;
	bool poll_tx, poll_high; /* C+: the driver says that there are descriptors */
	bool is_started[4];	 /* classic: slots that wait to be sent */
	unsigned int next_slot;	 /* classic: they go in order */
	struct rtl8139_tally tally;
	uint64_t rx_wait_ns; /* C+: the timer looks for descriptors; 0: it does not run */
};

static inline struct rtl8139 *rtl8139_of(struct nic_device *dev)
{
	return container_of(dev, struct rtl8139, dev);
}

static inline uint16_t rtl8139_get16(const struct rtl8139 *nic, enum rtl8139_reg reg)
{
	le16 wire;

	memcpy(&wire, nic->regs + reg, sizeof wire);
	return le16_to_cpu(wire);
}

static inline uint32_t rtl8139_get32(const struct rtl8139 *nic, uint32_t reg)
{
	le32 wire;

	memcpy(&wire, nic->regs + reg, sizeof wire);
	return le32_to_cpu(wire);
}

static inline void rtl8139_set16(struct rtl8139 *nic, enum rtl8139_reg reg, uint16_t value)
{
	le16 wire = cpu_to_le16(value);

	memcpy(nic->regs + reg, &wire, sizeof wire);
}

static inline void rtl8139_set32(struct rtl8139 *nic, uint32_t reg, uint32_t value)
{
	le32 wire = cpu_to_le32(value);

	memcpy(nic->regs + reg, &wire, sizeof wire);
}

/** rtl8139_is_cplus() - which of the two modes transmit (RTL_CPCR_TX) or receive (RTL_CPCR_RX) are in. */
static inline bool rtl8139_is_cplus(const struct rtl8139 *nic, enum rtl8139_cpcr which)
{
	return nic->has_cplus && rtl8139_get16(nic, RTL_CPCR) & which;
}

/** A descriptor of C+, copied out of the guest's memory. */
struct rtl8139_desc {
	uint32_t flags, vlan;
	uint64_t addr;
};

/* ---- rtl8139.c; lock held, as for all below ---- */

/** rtl8139_interrupt() - set causes; the pin follows. */
void rtl8139_interrupt(struct rtl8139 *nic, uint16_t causes);
/** rtl8139_read_desc() - number @at of @ring. Return: whether it is ours; one that is in no RAM is not. */
bool rtl8139_read_desc(struct rtl8139 *nic, const struct rtl8139_ring *ring, uint32_t at, struct rtl8139_desc *d);
/** rtl8139_desc_after() - number of the one behind @at, which is @d. */
uint32_t rtl8139_desc_after(uint32_t at, const struct rtl8139_desc *d);
/** rtl8139_write_desc() - give the next back with @flags and @vlan, and go on to the next. */
void rtl8139_write_desc(struct rtl8139 *nic, struct rtl8139_ring *ring, const struct rtl8139_desc *d, uint32_t flags,
			uint32_t vlan);

/* ---- rtl8139_tx.c ---- */

/** rtl8139_transmit() - at most a batch. Return: whether there is more. */
bool rtl8139_transmit(struct nic_device *dev);
void rtl8139_tx_reset(struct rtl8139 *nic);
/** rtl8139_start_slot() - classic: the driver has written a slot's status. */
void rtl8139_start_slot(struct rtl8139 *nic, unsigned int slot, uint32_t value);

/* ---- rtl8139_rx.c ---- */

/** rtl8139_receive() - frames of the backend to the guest, at most a batch. */
void rtl8139_receive(struct nic_device *dev);
/** rtl8139_look_again() - C+: are there descriptors now? */
void rtl8139_look_again(struct nic_device *dev);
/** rtl8139_rx_reset() - the ring is empty; both modes begin at its start. */
void rtl8139_rx_reset(struct rtl8139 *nic);
/** rtl8139_remind() - classic: interrupts were acknowledged; frames that lie there are told of again. */
void rtl8139_remind(struct rtl8139 *nic);
/** rtl8139_ring_is_empty() - classic: the driver has read all that there is. */
bool rtl8139_ring_is_empty(const struct rtl8139 *nic);

#endif
