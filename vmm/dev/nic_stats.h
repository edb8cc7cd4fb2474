/* SPDX-License-Identifier: Apache-2.0 */
/* What an emulated network card counts, whichever it is. */
#ifndef VMM_DEV_NIC_STATS_H
#define VMM_DEV_NIC_STATS_H 1

#include <stdint.h>

/** Frames and their bytes without the FCS; filtered: not for us; no_buffer: the guest had none ready. */
struct nic_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_filtered, rx_no_buffer, tx_errors, n_interrupts;
};

#endif
