/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests' network cards as ports.
 *
 * A virtual machine monitor asks for a port by the method guest/attach: the switch makes it, a TAP device in the bridge that is asked for, and hands out
 * the device's descriptors. The port is the connection's from then on. When that ends the port goes, and it ends with the monitor, however that ends.
 *
 *   Port.external_ids:guest          the guest that the port was made for; it goes with it
 *   Interface.external_ids:guest, :attached-mac, :iface-status   as other tools of this field have them
 *
 * By guest/hold the monitor waits for news on the same connection: the port was set down or up (carrier, for the guest), or it is gone.
 *
 * A switch that ends leaves ports, devices and the monitors' descriptors as they are. Its successor finds ports with the mark, and waits for their
 * monitors to come back (guest/attach with `resume`); those whose device nobody holds open any more have died in between, and are removed.
 *
 * A port that was there before (no bridge is named) is lent in the same way, and stays afterwards.
 *
 * For the main thread.
 */
#ifndef SWITCHD_GUEST_H
#define SWITCHD_GUEST_H 1

#include <stdbool.h>

struct ds;
struct iface;
struct loop;

/** guests_start() - the configuration is in place: ports of guests that a predecessor served wait for them. */
void guests_start(struct loop *loop);
/** guests_stop() - ports stay from now on, whatever becomes of connections. */
void guests_stop(void);

/** guests_follow() - something that people see of an interface has changed. */
void guests_follow(const struct iface *iface);
/**
 * guests_describe() - of the guest that has the port
 * @guest: its name; valid until the next change of the configuration
 * @addresses: its IP addresses, as heard of, with blanks between them
 *
 * Return: false: no guest has it.
 */
bool guests_describe(const char *port, const char **guest, struct ds *mac, struct ds *addresses);
/** guests_port_removed() - of somebody else's doing. */
void guests_port_removed(const char *port);

#endif
