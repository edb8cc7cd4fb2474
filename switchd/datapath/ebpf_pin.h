/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel's half of the `ebpf` datapath outlives the daemon: files of the BPF file system.
 *
 *   /sys/fs/bpf/vsw/RUNDIR-HASH-NETNS/   the folder of one daemon: its run folder's name, a hash of its whole path, the cookie of the
 *                                        network namespace, so that daemons of several containers can share the file system
 *     v2/NAME                            each map, and each program, of BPF ABI 2
 *     links/IFINDEX                      what attaches the program to a device, where the kernel has tcx; of any ABI
 *     devices, promisc                   which devices are ports (ebpf_pin_life.c); of any ABI
 *
 * A map whose pinned file is there and is as the program wants it (type, sizes, flags) is used as it is. One that is missing or
 * different makes all of that ABI's files worthless, since they lead to one another: they are removed, and the daemon begins anew.
 */
#ifndef SWITCHD_DATAPATH_EBPF_PIN_H
#define SWITCHD_DATAPATH_EBPF_PIN_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"

struct bpf_map;
struct bpf_object;

#define EBPF_PINS_ROOT "/sys/fs/bpf/vsw"

/** Maps of devices, by ifindex, from which the kernel takes a device that goes. */
enum ebpf_register {
	EBPF_DEVICES, /**< all ports' */
	EBPF_PROMISC, /**< those that the daemon made promiscuous */
	EBPF_N_REGISTERS,
};

struct ebpf_pins {
	char *folder; /**< of the daemon; NULL: nothing can be pinned */
	char *abi;    /**< of this ABI, in it */
	char *links;
	uint64_t owner;			 /**< the hash in the folder's name */
	int lock_fd;			 /**< of the folder while the daemon lives; -1: none */
	int registers[EBPF_N_REGISTERS]; /**< -1: none */
};

#define EBPF_PINS_NONE ((struct ebpf_pins){.lock_fd = -1, .registers = {-1, -1}})

/**
 * ebpf_pins_open() - find the folder, and make it if need be
 * @rundir: of the daemon; NULL: nothing is to be pinned
 * @make: false to look only; then what is not there is not made, and is no error
 *
 * Return: 0, or -errno with the reason why nothing can be pinned; @pins is good then, too, and all other functions do nothing.
 */
int ebpf_pins_open(struct ebpf_pins *pins, const char *rundir, bool make, struct errtext *err);
/** ebpf_pins_close() - also of EBPF_PINS_NONE. */
void ebpf_pins_close(struct ebpf_pins *pins);

/**
 * ebpf_pins_reuse() - let an object that is not loaded yet use the pinned maps
 *
 * Return: 1 when there were any and all of them fit, 0 when there are none; -ESTALE: they are of no use, and @why says what is wrong with
 * them; or another negative errno (-EPERM): they cannot be looked at. The object cannot be used after an error.
 */
int ebpf_pins_reuse(const struct ebpf_pins *pins, struct bpf_object *object, struct errtext *why);
/**
 * ebpf_pins_save() - pin the programs of an object just loaded, with the maps that are theirs alone
 * @with_maps: and those that are state, as they are new
 *
 * Return: 0 or -errno.
 */
int ebpf_pins_save(const struct ebpf_pins *pins, struct bpf_object *object, bool with_maps);
/** ebpf_pins_open_file() - a pinned map or program of this ABI. Return: a descriptor, the caller's to close, or -errno. */
int ebpf_pins_open_file(const struct ebpf_pins *pins, const char *name);
/** ebpf_pins_flush() - remove the files of this ABI. */
void ebpf_pins_flush(const struct ebpf_pins *pins);
/** ebpf_pins_link() - where a device's tcx link is pinned. Return: the path, the caller's to free; NULL when nothing can be pinned. */
char *ebpf_pins_link(const struct ebpf_pins *pins, int ifindex);
/** ebpf_pins_flush_links() - end the links of devices that @keep does not want. Return: how many. */
unsigned int ebpf_pins_flush_links(const struct ebpf_pins *pins, bool (*keep)(void *aux, int ifindex), void *aux);
/** ebpf_pins_flush_others() - remove the files of other ABIs. Return: how many there were. */
unsigned int ebpf_pins_flush_others(const struct ebpf_pins *pins);

/* ---- ebpf_pin_life.c ---- */

/** ebpf_pins_hold() - the daemon lives until ebpf_pins_release(). Return: 0, -EAGAIN: the folder has just been removed, or another negative errno. */
int ebpf_pins_hold(struct ebpf_pins *pins);
void ebpf_pins_release(struct ebpf_pins *pins);
/** ebpf_pins_note() - put a device of this network namespace into a register; ebpf_pins_strike() takes it out. */
void ebpf_pins_note(const struct ebpf_pins *pins, enum ebpf_register which, int ifindex);
void ebpf_pins_strike(const struct ebpf_pins *pins, enum ebpf_register which, int ifindex);
bool ebpf_pins_is_noted(const struct ebpf_pins *pins, enum ebpf_register which, int ifindex);
/** ebpf_pins_each() - devices that are in a register, which need not be held; @fn may strike them. */
void ebpf_pins_each(const struct ebpf_pins *pins, enum ebpf_register which, void (*fn)(void *aux, int ifindex),
		    void *aux);
/** ebpf_pins_sweep() - remove the folders, whosever, that no daemon holds and that have no device any more. Return: how many. */
unsigned int ebpf_pins_sweep(void);

/* ---- both ---- */

/** ebpf_pins_remove_all() - the whole folder. Return: whether there was one. */
bool ebpf_pins_remove_all(struct ebpf_pins *pins);

#endif
