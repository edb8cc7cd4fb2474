// SPDX-License-Identifier: Apache-2.0
/*
 * EEPROM and PHY of the 82540EM: a 93C46 (64 words of 16 bits, read by Microwire bits in EECD, 5.3, or by EERD), and an M88E1011 by MDIC (IEEE 802.3 clause 22
 * registers; 8.5.1).
 */
#include <string.h>

#include "vmm/dev/e1000_impl.h"

/* ---- EEPROM ---- */

#define EEPROM_SUM 0xbaba

void e1000_eeprom_init(struct e1000 *nic)
{
	uint16_t *words = nic->eeprom.words, sum = 0;

	memset(words, 0, sizeof nic->eeprom.words);
	for (int i = 0; i < 3; i++)
		words[i] = (uint16_t)(nic->dev.mac[2 * i] | nic->dev.mac[2 * i + 1] << 8);
	words[0x03] = 0x0000;
	words[0x08] = 0xffff; /* board number: none */
	words[0x09] = 0xffff;
	words[0x0a] = 0x4408; /* initialization control 1: load ids, subsystem ids */
	words[0x0b] = 0x1af4; /* subsystem, its vendor, device, vendor */
	words[0x0c] = 0x1100;
	words[0x0d] = 0x100e;
	words[0x0e] = 0x8086;
	words[0x0f] = 0x3040; /* initialization control 2 */
	for (int i = 0; i < EEPROM_WORDS - 1; i++)
		sum = (uint16_t)(sum + words[i]);
	words[EEPROM_WORDS - 1] = (uint16_t)(EEPROM_SUM - sum);
}

void e1000_eecd_write(struct e1000 *nic, uint32_t value)
{
	eeprom_set_wires(&nic->eeprom, value & EECD_CS, value & EECD_SK, value & EECD_DI);
	nic->last_eecd = value & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ);
}

uint32_t e1000_eecd_read(struct e1000 *nic)
{
	uint32_t value = nic->last_eecd | EECD_PRES;

	if (value & EECD_REQ)
		value |= EECD_GNT;
	return value | (eeprom_data_out(&nic->eeprom) ? EECD_DO : 0);
}

void e1000_eerd_write(struct e1000 *nic, uint32_t value)
{
	uint32_t word = value >> 8 & 0xff, data = word < EEPROM_WORDS ? nic->eeprom.words[word] : 0;

	*e1000_reg(nic, EERD) = value & EERD_START ? data << 16 | word << 8 | EERD_DONE : value;
}

/* ---- PHY ---- */

enum phy_reg {
	PHY_CTRL = 0,
	PHY_STATUS = 1,
	PHY_ID1 = 2,
	PHY_ID2 = 3,
	PHY_AUTONEG_ADV = 4,
	PHY_LP_ABILITY = 5,
	PHY_AUTONEG_EXP = 6,
	PHY_1000T_CTRL = 9,
	PHY_1000T_STATUS = 10,
	M88_SPEC_CTRL = 16,
	M88_SPEC_STATUS = 17,
	M88_EXT_CTRL = 20,
};

#define PHY_ADDRESS 1
#define CTRL_RESTART (1 << 9)
#define CTRL_RESET (1 << 15)
#define STATUS_LINK (1 << 2)
#define STATUS_DONE (1 << 5)
/** 10, 100 half and full, extended status, autonegotiation, preamble suppression, extended registers. */
#define STATUS_ABLE 0x7949
/** 1000 Mbit/s, full duplex, resolved. */
#define M88_STATUS_1000 0xac00
#define M88_STATUS_LINK (1 << 10)

void e1000_link_changed(struct e1000 *nic)
{
	uint32_t *status = e1000_reg(nic, STATUS);

	if (nic->dev.link_up) {
		*status |= STATUS_LU;
		nic->phy[PHY_STATUS] |= STATUS_LINK | STATUS_DONE;
		nic->phy[PHY_LP_ABILITY] = 0x41e1;
		nic->phy[PHY_1000T_STATUS] = 0x3c00;
		nic->phy[M88_SPEC_STATUS] = M88_STATUS_1000;
	} else {
		*status &= ~(uint32_t)STATUS_LU;
		nic->phy[PHY_STATUS] &= (uint16_t) ~(STATUS_LINK | STATUS_DONE);
		nic->phy[PHY_LP_ABILITY] = 0;
		nic->phy[PHY_1000T_STATUS] = 0;
		nic->phy[M88_SPEC_STATUS] &= (uint16_t)~M88_STATUS_LINK;
	}
}

void e1000_phy_reset(struct e1000 *nic)
{
	memset(nic->phy, 0, sizeof nic->phy);
	nic->phy[PHY_CTRL] = 0x1140; /* autonegotiation, full duplex, 1000 */
	nic->phy[PHY_STATUS] = STATUS_ABLE;
	nic->phy[PHY_ID1] = 0x0141; /* M88E1011 I */
	nic->phy[PHY_ID2] = 0x0c20;
	nic->phy[PHY_AUTONEG_ADV] = 0x0de1;
	nic->phy[PHY_AUTONEG_EXP] = 0x0001;
	nic->phy[PHY_1000T_CTRL] = 0x0e00;
	nic->phy[M88_SPEC_CTRL] = 0x0360;
	nic->phy[M88_EXT_CTRL] = 0x0d60;
	e1000_link_changed(nic);
}

static void phy_write(struct e1000 *nic, uint32_t reg, uint16_t value)
{
	switch (reg) {
	case PHY_STATUS:
	case PHY_ID1:
	case PHY_ID2:
	case PHY_LP_ABILITY:
	case PHY_1000T_STATUS:
	case M88_SPEC_STATUS:
		return; /* read-only */
	case PHY_CTRL:
		if (value & CTRL_RESET)
			e1000_phy_reset(nic);
		if (value & CTRL_RESTART && nic->dev.link_up)
			e1000_interrupt(nic, INT_LSC); /* negotiated, at once */
		nic->phy[PHY_CTRL] = value & (uint16_t) ~(CTRL_RESET | CTRL_RESTART);
		return;
	}
	nic->phy[reg] = value;
}

void e1000_mdic_write(struct e1000 *nic, uint32_t value)
{
	uint32_t reg = value >> 16 & 31, phy = value >> 21 & 31, result = value & ~(MDIC_READY | MDIC_ERROR);

	if (phy != PHY_ADDRESS)
		result |= MDIC_ERROR;
	else if (value & MDIC_READ)
		result = (result & ~0xffffu) | nic->phy[reg];
	else if (value & MDIC_WRITE)
		phy_write(nic, reg, (uint16_t)value);
	*e1000_reg(nic, MDIC) = result | MDIC_READY;
	if (value & MDIC_INT)
		e1000_interrupt(nic, INT_MDAC);
}
