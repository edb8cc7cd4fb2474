/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of the RTL8139C+, under the names of the data sheet (RealTek RTL8139C+, rev. 1.6, chapters 5 and 6; the classic ones: RTL8139C, rev. 1.4, chapter 5).
 * Offsets into either BAR; a register is as wide as its comment says.
 */
#ifndef VMM_DEV_RTL8139_REGS_H
#define VMM_DEV_RTL8139_REGS_H 1

enum rtl8139_reg {
	RTL_IDR = 0x00,	    /* 6: address */
	RTL_MAR = 0x08,	    /* 8: multicast hash */
	RTL_TSD = 0x10,	    /* 4 x 4: transmit status, classic */
	RTL_DTCCR = 0x10,   /* 8: dump tally counters, C+ */
	RTL_TSAD = 0x20,    /* 4 x 4: transmit addresses, classic */
	RTL_TNPDS = 0x20,   /* 8: transmit ring, C+ */
	RTL_THPDS = 0x28,   /* 8: high-priority ring, C+ */
	RTL_RBSTART = 0x30, /* 4: receive ring, classic */
	RTL_CR = 0x37,	    /* 1 */
	RTL_CAPR = 0x38,    /* 2: where the driver reads, less 16 */
	RTL_CBR = 0x3a,	    /* 2: where we write */
	RTL_IMR = 0x3c,	    /* 2 */
	RTL_ISR = 0x3e,	    /* 2 */
	RTL_TCR = 0x40,	    /* 4 */
	RTL_RCR = 0x44,	    /* 4 */
	RTL_MPC = 0x4c,	    /* 4: missed packets */
	RTL_9346CR = 0x50,  /* 1 */
	RTL_CONFIG0 = 0x51, /* 1 each */
	RTL_CONFIG1 = 0x52,
	RTL_MSR = 0x58, /* 1: media status */
	RTL_CONFIG3 = 0x59,
	RTL_CONFIG4 = 0x5a,
	RTL_TSAD_ALL = 0x60, /* 2: all four transmit states */
	RTL_BMCR = 0x62,     /* 2 each: MII */
	RTL_BMSR = 0x64,
	RTL_ANAR = 0x66,
	RTL_ANLPAR = 0x68,
	RTL_ANER = 0x6a,
	RTL_CSCR = 0x74, /* 2 */
	RTL_CONFIG5 = 0xd8,
	RTL_TPPOLL = 0xd9, /* 1 */
	RTL_CPCR = 0xe0,   /* 2: C+ command */
	RTL_RDSAR = 0xe4,  /* 8: receive ring, C+ */
	RTL_REGISTERS_END = 0x100,
};

/** CSCR: the cause of LINK, which it shares with receive underrun, is told apart by these. */
enum rtl8139_cscr { RTL_CSCR_LINK_OK = 0x0400, RTL_CSCR_LINK_CHANGED = 0x0800 };
enum rtl8139_cr { RTL_CR_BUFE = 1, RTL_CR_TE = 4, RTL_CR_RE = 8, RTL_CR_RST = 16 };

/** ISR and IMR. */
enum rtl8139_interrupt {
	RTL_INT_ROK = 1 << 0,
	RTL_INT_TOK = 1 << 2,
	RTL_INT_TER = 1 << 3,
	RTL_INT_RXOVW = 1 << 4, /* C+: no receive descriptor */
	RTL_INT_LINK = 1 << 5,
	RTL_INT_TDU = 1 << 7, /* C+: no transmit descriptor */
	RTL_INT_SWINT = 1 << 8,
};

enum rtl8139_rcr {
	RTL_RCR_AAP = 1 << 0,
	RTL_RCR_APM = 1 << 1,
	RTL_RCR_AM = 1 << 2,
	RTL_RCR_AB = 1 << 3,
	RTL_RCR_WRAP = 1 << 7, /* do not wrap: go on behind the ring's end */
};

/** Transmit status, classic. */
enum rtl8139_tsd { RTL_TSD_SIZE = 0x1fff, RTL_TSD_OWN = 1 << 13, RTL_TSD_TOK = 1 << 15, RTL_TSD_TABT = 1 << 30 };

enum rtl8139_cpcr { RTL_CPCR_TX = 1, RTL_CPCR_RX = 2, RTL_CPCR_RXCSUM = 32, RTL_CPCR_RXVLAN = 64 };

#define RTL_TPPOLL_FSWINT 0x01u
#define RTL_TPPOLL_NPQ 0x40u
#define RTL_TPPOLL_HPQ 0x80u
#define RTL_DTCCR_CMD 8u

/** Versions in TCR, by which drivers tell chips apart. */
#define RTL_TCR_VERSION_MASK 0x7cc00000u
#define RTL_TCR_VERSION_C 0x74000000u
#define RTL_TCR_VERSION_CPLUS 0x74800000u

#define RTL_RING_MAX 64u
/** Descriptors of C+ (chapter 6): flags 4, VLAN 4, address 8. */
enum rtl8139_desc_flags {
	RTL_DESC_OWN = 1u << 31,
	RTL_DESC_EOR = 1u << 30,
	RTL_DESC_FS = 1u << 29,
	RTL_DESC_LS = 1u << 28,
	RTL_TX_LGSEN = 1u << 27,
	RTL_TX_IPCS = 1u << 18,
	RTL_TX_UDPCS = 1u << 17,
	RTL_TX_TCPCS = 1u << 16,
	RTL_RX_MAR = 1u << 26,
	RTL_RX_PAM = 1u << 25,
	RTL_RX_BAR = 1u << 24,
	RTL_RX_TCP = 1u << 16, /* what it carries: two bits */
	RTL_RX_UDP = 2u << 16,
	RTL_RX_IP = 3u << 16,
	RTL_RX_IPF = 1u << 15, /* a checksum is wrong */
	RTL_RX_UDPF = 1u << 14,
	RTL_RX_TCPF = 1u << 13,
};
#define RTL_TX_TAGC (1u << 17) /* in the second word: insert the tag */
#define RTL_RX_TAVA (1u << 16) /* there is a tag */

#endif
