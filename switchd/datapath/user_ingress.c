// SPDX-License-Identifier: Apache-2.0
/*
 * Packets that come in later: out of a port's socket (or up from the kernel), into its ingress line, and when their time has come back to
 * the thread that serves the port, which forwards them as if they had just been received.
 *
 * They count as received when they enter the line, and as queued until they leave it. What the line loses is the port's own drop.
 */
#include "switchd/datapath/user.h"

#include "base/util.h"
#include "switchd/datapath/meters.h"

/* ---- into the line; the port's thread ---- */

void user_ingress_put(struct user_thread *t, struct user_port *port, size_t n)
{
	for (size_t i = 0; i < n; i++)
		forward_port_keep(&port->fp, &port->ingress, &t->f.packets[i], meters_monotonic_ns());
}

/* ---- out of it; any thread ---- */

static void arrive(void *port_, struct egress_packet *list)
{
	struct user_port *port = port_;
	struct user_thread *t = port->thread;

	pthread_mutex_lock(&t->lock);
	if (!port->arrived)
		cds_list_add_tail(&port->arrived_node, &t->arrived_ports);
	*port->arrived_tail = list;
	while (*port->arrived_tail)
		port->arrived_tail = &(*port->arrived_tail)->next;
	pthread_mutex_unlock(&t->lock);
	user_thread_wake(t);
}

/* Between stages: there is only one. */
static void count_lost(void *port_, const struct egress_packet *p)
{
	struct user_port *port = port_;

	(void)p;
	forward_port_sent(&port->fp, 0, 0, 1);
}

const struct egress_driver user_ingress_driver = {.send = arrive, .wake = user_egress_wake, .lost = count_lost};

/* ---- and on; the port's thread ---- */

static struct egress_packet *take_arrived(struct user_port *port)
{
	struct egress_packet *list = port->arrived;

	if (list)
		cds_list_del(&port->arrived_node);
	port->arrived = NULL;
	port->arrived_tail = &port->arrived;
	return list;
}

static void free_list(struct egress_packet *list, const struct egress_packet *end)
{
	while (list != end) {
		struct egress_packet *next = list->next;

		egress_packet_free(list);
		list = next;
	}
}

/* Forwards the first of a list, and frees them. Return: the rest. */
static struct egress_packet *forward_some(struct user_thread *t, struct user_port *port, struct egress_packet *list)
{
	struct egress_packet *p = list;
	size_t n = 0, n_new = 0;

	for (; p && n < FORWARD_BATCH; p = p->next) {
		t->f.packets[n++] = p->packet;
		n_new += p->is_new;
	}
	forward_kept(&t->f, &port->fp, n, n_new);
	free_list(list, p);
	return p;
}

static struct user_port *next_arrived(struct user_thread *t, struct egress_packet **list)
{
	struct user_port *port = NULL;

	pthread_mutex_lock(&t->lock);
	if (!cds_list_empty(&t->arrived_ports)) {
		port = cds_list_first_entry(&t->arrived_ports, struct user_port, arrived_node);
		*list = take_arrived(port);
	}
	pthread_mutex_unlock(&t->lock);
	return port;
}

void user_ingress_serve(struct user_thread *t)
{
	struct egress_packet *list;
	struct user_port *port;

	while ((port = next_arrived(t, &list)))
		while (list)
			list = forward_some(t, port, list);
}

void user_ingress_purge(struct user_thread *t, struct user_port *port)
{
	struct egress_packet *list;

	pthread_mutex_lock(&t->lock);
	list = take_arrived(port);
	pthread_mutex_unlock(&t->lock);
	free_list(list, NULL);
}
