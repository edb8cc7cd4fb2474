/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files guest*.c: guest.c keeps who has which port, guest_rows.c writes it into the database, guest_commands.c hears the requests. */
#ifndef SWITCHD_GUEST_IMPL_H
#define SWITCHD_GUEST_IMPL_H 1

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/hmap.h"
#include "base/util.h"

struct control_request;
struct iface;

enum { GUEST_MAX_NAME = 63, GUEST_MAX_COLUMNS = 32 };

/** A port that belongs to a guest. */
struct guest_port {
	struct hmap_node by_port, by_mac;
	char port[IFNAMSIZ];
	char guest[GUEST_MAX_NAME + 1];
	uint8_t mac[6];
	bool is_made; /**< by us: it goes with the guest */
	bool is_held; /**< a connection has it */
	bool is_over; /**< the connection has ended: guest_end_ports() is on its way */
	int ifindex;  /**< of the TAP device that was handed out */
	unsigned int n_sweeps;
	bool known_up;		      /**< what the monitor was told last */
	struct control_request *hold; /**< guest/hold waits */
};

/** What guest/attach asks for; strings are the request's. */
struct guest_wish {
	const char *guest, *port, *mac_text;
	const char *bridge; /**< NULL: the port is there already */
	uint8_t mac[6];
	int64_t n_queues;
	bool anti_spoof, resume;
	bool vhost; /**< a vhost-net instance for each queue, where the host has that */
	const char *columns[GUEST_MAX_COLUMNS];
	size_t n_columns;
};

/* ---- guest.c ---- */

/** guest_find() - NULL: no guest has the port. */
struct guest_port *guest_find(const char *port);
struct guest_port *guest_add(const char *port, const char *guest, const uint8_t mac[6], bool is_made);
/** guest_check_mac() - no other guest of @bridge has the address. Return: 0 or -EEXIST with @err. */
VSW_MUST_USE int guest_check_mac(const char *bridge, const struct guest_wish *w, struct errtext *err);
/**
 * guest_hold() - @request is answered when the port's state is another one than @known_up, or it is gone
 *
 * Return: what a method returns: at once, when that is so now.
 */
VSW_MUST_USE int guest_hold(struct guest_port *g, struct control_request *request, bool known_up, json_t **result,
			    struct errtext *err);
/** guest_end_ports() - ports whose connection has ended go now. @aux: nothing. */
void guest_end_ports(void *aux);
/** guest_connection_gone() - @aux: the port; for control_follow_client(). */
void guest_connection_gone(void *aux);
/** guest_is_up() - has the guest a carrier? */
bool guest_is_up(const struct iface *iface);

/* ---- guest_rows.c; each is a transaction ---- */

/** guest_make_port() - port and interface, marked. Return: 0 or negative errno with @err. */
VSW_MUST_USE int guest_make_port(const struct guest_wish *w, struct errtext *err);
/** guest_lend_port() - mark one that is there. */
VSW_MUST_USE int guest_lend_port(const struct guest_wish *w, struct errtext *err);
/** guest_remove_port(), guest_unmark_port() - what fails is logged. */
void guest_remove_port(const char *port);
void guest_unmark_port(const char *port);

#endif
