/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files commands*.c. */
#ifndef VMM_COMMANDS_IMPL_H
#define VMM_COMMANDS_IMPL_H 1

#include <jansson.h>

struct guest;
struct virtio_device;

/** commands_queues() - counters of a device's queues. Return: a new array. */
json_t *commands_queues(const struct virtio_device *dev);

/* ---- commands_disk.c ---- */

void commands_disk_register(struct guest *guest);
/** commands_list_disks() - what disks there are. Return: a new array. */
json_t *commands_list_disks(const struct guest *guest);
/** commands_disk_stats() - and what they have done. Return: a new array. */
json_t *commands_disk_stats(const struct guest *guest);

/* ---- commands_nic.c ---- */

void commands_nic_register(struct guest *guest);
/** commands_list_nics() - what network cards there are. Return: a new array. */
json_t *commands_list_nics(const struct guest *guest);
/** commands_nic_stats() - and what they have moved. Return: a new array. */
json_t *commands_nic_stats(const struct guest *guest);

#endif
