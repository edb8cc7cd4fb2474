/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw images: a file or a block device, byte for byte, by io_uring.
 *
 * The file is locked as a whole with an open-file-description lock: shared for readers, exclusive for a writer. Another guest on the same image is
 * refused, however it was started, and a process that dies leaves no lock.
 */
#ifndef VMM_BLOCK_RAW_H
#define VMM_BLOCK_RAW_H 1

#include "vmm/block/block.h"

extern const struct block_ops block_raw;

#endif
