/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of the 82540EM, under the names of the data sheet: "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (Intel
 * 317453), chapter 13. Offsets into BAR 0.
 */
#ifndef VMM_DEV_E1000_REGS_H
#define VMM_DEV_E1000_REGS_H 1

enum e1000_reg {
	CTRL = 0x0000,
	STATUS = 0x0008,
	EECD = 0x0010,
	EERD = 0x0014,
	CTRL_EXT = 0x0018,
	MDIC = 0x0020,
	VET = 0x0038,
	ICR = 0x00c0,
	ITR = 0x00c4,
	ICS = 0x00c8,
	IMS = 0x00d0,
	IMC = 0x00d8,
	RCTL = 0x0100,
	TCTL = 0x0400,
	LEDCTL = 0x0e00,
	PBA = 0x1000,
	RDBAL = 0x2800,
	RDBAH = 0x2804,
	RDLEN = 0x2808,
	RDH = 0x2810,
	RDT = 0x2818,
	RDTR = 0x2820,
	RADV = 0x282c,
	TDBAL = 0x3800,
	TDBAH = 0x3804,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
	TIDV = 0x3820,
	TADV = 0x382c,
	RXCSUM = 0x5000,
	MTA = 0x5200, /* 128 words */
	RAL = 0x5400, /* 16 pairs */
	RAH = 0x5404,
	VFTA = 0x5600, /* 128 words */
	REGISTERS_END = 0x6000,

	/* Statistics (13.7): each is cleared when read. */
	STATS = 0x4000,
	MPC = 0x4010,
	GPRC = 0x4074,
	BPRC = 0x4078,
	MPRC = 0x407c,
	GPTC = 0x4080,
	GORCL = 0x4088,
	GORCH = 0x408c,
	GOTCL = 0x4090,
	GOTCH = 0x4094,
	RNBC = 0x40a0,
	TORL = 0x40c0,
	TORH = 0x40c4,
	TOTL = 0x40c8,
	TOTH = 0x40cc,
	TPR = 0x40d0,
	TPT = 0x40d4,
	MPTC = 0x40f0,
	BPTC = 0x40f4,
	TSCTC = 0x40f8,
	STATS_END = 0x4100,
};

enum e1000_ctrl {
	CTRL_SLU = 1 << 6,
	CTRL_RST = 1 << 26,
	CTRL_VME = 1 << 30,
	CTRL_PHY_RST = 1u << 31,
};

enum e1000_status {
	STATUS_FD = 1 << 0,
	STATUS_LU = 1 << 1,
	STATUS_SPEED_1000 = 2 << 6,
};

enum e1000_eecd {
	EECD_SK = 1 << 0,
	EECD_CS = 1 << 1,
	EECD_DI = 1 << 2,
	EECD_DO = 1 << 3,
	EECD_REQ = 1 << 6,
	EECD_GNT = 1 << 7,
	EECD_PRES = 1 << 8,
};

#define EERD_START (1u << 0)
#define EERD_DONE (1u << 4)
#define CTRL_EXT_EE_RST (1u << 13)

/** MDIC: data 15:0, register 20:16, PHY 25:21, operation 27:26, ready, interrupt, error. */
enum e1000_mdic {
	MDIC_WRITE = 1 << 26,
	MDIC_READ = 2 << 26,
	MDIC_READY = 1 << 28,
	MDIC_INT = 1 << 29,
	MDIC_ERROR = 1 << 30,
};

/** ICR, ICS, IMS, IMC. */
enum e1000_interrupt {
	INT_TXDW = 1 << 0,
	INT_TXQE = 1 << 1,
	INT_LSC = 1 << 2,
	INT_RXDMT0 = 1 << 4,
	INT_RXO = 1 << 6,
	INT_RXT0 = 1 << 7,
	INT_MDAC = 1 << 9,
};

enum e1000_rctl {
	RCTL_EN = 1 << 1,
	RCTL_UPE = 1 << 3,
	RCTL_MPE = 1 << 4,
	RCTL_LPE = 1 << 5,
	RCTL_BAM = 1 << 15,
	RCTL_VFE = 1 << 18,
	RCTL_BSEX = 1 << 25,
	RCTL_SECRC = 1 << 26,
};

#define TCTL_EN (1u << 1)
#define RXCSUM_IPOFL (1u << 8)
#define RXCSUM_TUOFL (1u << 9)
#define RAH_AV (1u << 31)

/** Transmit descriptors (3.3): commands of the last bytes, as in all three kinds. */
enum e1000_tx_cmd {
	TX_EOP = 0x01,
	TX_IFCS = 0x02,
	TX_IC = 0x04,  /* legacy: insert a checksum */
	TX_TSE = 0x04, /* data: segment */
	TX_RS = 0x08,
	TX_DEXT = 0x20,
	TX_VLE = 0x40,
	TX_IDE = 0x80,
};
#define TX_DTYP_DATA 1u
#define TX_TUCMD_TCP 0x01
#define TX_TUCMD_IPV4 0x02
#define TX_POPTS_IXSM 0x01
#define TX_POPTS_TXSM 0x02
#define TX_STA_DD 0x01

/** Receive descriptors (3.2.3): status. */
enum e1000_rx_status {
	RX_DD = 0x01,
	RX_EOP = 0x02,
	RX_IXSM = 0x04,
	RX_VP = 0x08,
	RX_TCPCS = 0x20,
	RX_IPCS = 0x40,
	RX_PIF = 0x80,
};

#endif
