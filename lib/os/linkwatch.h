/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrier: which devices have a link, told as soon as the kernel knows. A netlink socket of its own, so that whoever needs this at once
 * need not share a thread with those who look at everything else (netdev.h). For one thread at a time.
 */
#ifndef OS_LINKWATCH_H
#define OS_LINKWATCH_H 1

#include <stdbool.h>

struct linkwatch;

/** Called for each device that changed, or was asked for. */
typedef void linkwatch_fn(void *aux, int ifindex, bool has_carrier);

/** linkwatch_open() - Return: 0 or negative errno. */
int linkwatch_open(struct linkwatch **watch);
/** linkwatch_close() - takes NULL. */
void linkwatch_close(struct linkwatch *watch);
int linkwatch_fd(const struct linkwatch *watch);
/** linkwatch_ask() - have every device told by the next linkwatch_read(). */
void linkwatch_ask(struct linkwatch *watch);
/** linkwatch_read() - all that has been told; events that were lost are made up for. */
void linkwatch_read(struct linkwatch *watch, linkwatch_fn *fn, void *aux);
/** linkwatch_poll() - ask the driver of one device, past all events. Return: has it carrier? false also when there is no such device. */
bool linkwatch_poll(struct linkwatch *watch, int ifindex);

#endif
