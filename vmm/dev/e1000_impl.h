/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of e1000 share; nobody else includes this. */
#ifndef VMM_DEV_E1000_IMPL_H
#define VMM_DEV_E1000_IMPL_H 1

#include "vmm/dev/e1000.h"
#include "vmm/dev/e1000_regs.h"
#include "vmm/dev/eeprom.h"
#include "vmm/dev/nic_device.h"
#include "vmm/dev/nic_gather.h"
#include "vmm/dev/nic_tx.h"
#include "vmm/net/backend.h"

#define PHY_REGS 32

/** A context that TCP/IP context descriptors set (3.3.6); offsets into the frame. */
struct e1000_context {
	uint8_t ipcss, ipcso, tucss, tucso, hdrlen, tucmd;
	uint16_t mss;
};

/** The frame that is being put together from descriptors. */
struct e1000_tx {
	struct e1000_context segment_context, csum_context; /* TSE in a context descriptor says which one it sets */
	bool is_data, segment;				    /* of the first descriptor */
	uint8_t popts;
	bool has_vlan;
	uint16_t vlan;
	bool too_long;	    /* given up; goes on to the end of the packet */
	uint32_t n_fetched; /* its descriptors, from TDH on */
	uint32_t n_untold;  /* descriptors given back while causes are held */
	bool is_stale;	    /* there was a reset */
	struct nic_tx ready;
	struct nic_gather frame;
};

struct e1000 {
	struct nic_device dev; /* whose lock guards everything below */
	uint32_t regs[REGISTERS_END / 4];
	uint16_t phy[PHY_REGS];
	struct eeprom eeprom;
	uint32_t last_eecd;
	struct e1000_tx tx;
	bool itr_running; /* interrupts wait for the throttle's timer */
	uint32_t held;	  /* causes that wait for others, or for the timer */
	uint32_t io_address;
};

static inline struct e1000 *e1000_of(struct nic_device *dev)
{
	return container_of(dev, struct e1000, dev);
}

static inline uint32_t *e1000_reg(struct e1000 *nic, enum e1000_reg reg)
{
	return &nic->regs[reg / 4];
}

/* ---- e1000.c ---- */

/** e1000_interrupt() - set causes; the pin follows, throttled. Lock held, as for all below. */
void e1000_interrupt(struct e1000 *nic, uint32_t causes);
/**
 * e1000_interrupt_later() - set causes together with the next that come, or soon: for those that the driver allows to be late
 *
 * TIDV and TADV, which say how late, count microseconds: they are made for a wire that needs twelve for a frame, and an interrupt that cost one. Here the
 * next frame to be received is further away, and an interrupt is half a dozen exits.
 */
void e1000_interrupt_later(struct e1000 *nic, uint32_t causes);
/** e1000_count() - into a statistics register, which sticks at its end (13.7). */
void e1000_count(struct e1000 *nic, enum e1000_reg reg, uint32_t n);
/** e1000_count64() - into a pair of them. */
void e1000_count64(struct e1000 *nic, enum e1000_reg low, uint64_t n);

/* ---- e1000_phy.c ---- */

void e1000_eeprom_init(struct e1000 *nic);
void e1000_eecd_write(struct e1000 *nic, uint32_t value);
uint32_t e1000_eecd_read(struct e1000 *nic);
void e1000_eerd_write(struct e1000 *nic, uint32_t value);
void e1000_phy_reset(struct e1000 *nic);
void e1000_mdic_write(struct e1000 *nic, uint32_t value);
/** e1000_link_changed() - PHY and STATUS as the cable is. */
void e1000_link_changed(struct e1000 *nic);

/* ---- e1000_tx.c ---- */

/** e1000_transmit() - descriptors from head to tail, at most a batch. Return: whether there are more. */
bool e1000_transmit(struct nic_device *dev);
void e1000_tx_reset(struct e1000 *nic);

/* ---- e1000_rx.c ---- */

/** e1000_receive() - frames of the backend into descriptors, at most a batch. */
void e1000_receive(struct nic_device *dev);

#endif
