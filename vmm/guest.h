/* SPDX-License-Identifier: Apache-2.0 */
/* The one guest of this process: what main.c puts together and the control socket's methods (commands.c) work on. Main thread. */
#ifndef VMM_GUEST_H
#define VMM_GUEST_H 1

#include <stdbool.h>
#include <stdint.h>

#include "os/loop.h"
#include "vmm/board.h"
#include "vmm/channels.h"
#include "vmm/console.h"
#include "vmm/core/boot.h"
#include "vmm/disks.h"
#include "vmm/nic.h"
#include "vmm/options.h"

struct virtio_balloon;
struct vm;

struct guest {
	struct options options;
	struct loop *loop;
	struct vm *vm;
	struct board board;
	struct console console;
	struct disks disks;
	struct channels channels;
	struct nic *nics[NIC_MAX];	/* by index, which is in its name; NULL: none */
	struct virtio_balloon *balloon; /* NULL: none */
	struct boot_image image;
	struct loop_fd signals;
	int signal_fd;
	int status; /* of the process, once the loop has ended */
	int64_t started_ms;
	bool is_started;
	struct errtext boot_err; /* why it could not be booted at first */
};

/** commands_register() - the methods of the control socket (docs/vmm-control.md), for this guest. */
void commands_register(struct guest *guest);

#endif
