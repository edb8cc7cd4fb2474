/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel port of the `user` datapath: encapsulation in this process, over sockets (os/tunsock.h), so without any tunnel device of the kernel's.
 *
 * The port is served by one thread, as all ports are. Whatever thread sends through it has a sender of its own. A frame is sent at
 * once, not collected: a datagram is a system call anyway. GSO packets are cut, and checksums done, before: no socket takes that
 * work.
 */
#ifndef SWITCHD_DATAPATH_USER_TUNNEL_H
#define SWITCHD_DATAPATH_USER_TUNNEL_H 1

#include "switchd/datapath/user.h"

struct user_tunnel;

/** user_tunnel_new() - bind the sockets. Return: 0, or -errno with the sentence. */
int user_tunnel_new(struct user_dp *dp, const struct dp_port_spec *spec, struct user_tunnel **tunnel,
		    struct errtext *err);
/** user_tunnel_new_sender() - to send only; what comes back another part of the kernel takes. Return: as user_tunnel_new(). */
int user_tunnel_new_sender(struct user_dp *dp, const struct dp_port_spec *spec, struct user_tunnel **tunnel,
			   struct errtext *err);
/** user_tunnel_free() - takes NULL. */
void user_tunnel_free(struct user_tunnel *tunnel);
/** user_tunnel_start() - receive for @port from now on. Return: 0 or -errno. */
int user_tunnel_start(struct user_tunnel *tunnel, struct user_port *port);
/** user_tunnel_stop() - no more, once the port's thread has ended its round; another port may bind the same now. */
void user_tunnel_stop(struct user_tunnel *tunnel);
/** user_tunnel_send() - into the tunnel that p->tunnel says. Return: 0 or the positive errno, as tunsock_send() has them; EDESTADDRREQ: it says none. */
int user_tunnel_send(struct user_tunnel *tunnel, unsigned int thread, const struct packet *p);

#endif
