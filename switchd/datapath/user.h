/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `user` datapath, inside: forwarding threads over packet sockets (lib/os/afpacket.h).
 *
 *   user.c         the datapath's operations: opening, ports, flows
 *   user_thread.c  one forwarding thread: waits for its ports, receives, has the engine (forward.h) do the rest
 *   user_egress.c  the thread behind ports that send, or receive, later (egress.h)
 *   user_ingress.c what comes in later, back to the thread of its port
 *   user_tunnel.c  tunnel ports
 *   user_tx.c      outputs, collected per port and sent by one system call
 *
 * Each port is served by one thread for all its life, so packets of a port are handled in order and its queue needs no lock. Any
 * thread may send through any port. A port that is deleted is unlinked at once; its thread forgets it after its current
 * round, and it is freed a grace period later. Deleting never waits for a thread, which may be waiting for the main thread in an upcall.
 */
#ifndef SWITCHD_DATAPATH_USER_H
#define SWITCHD_DATAPATH_USER_H 1

#include <stdatomic.h>
#include <urcu.h>

#include "os/afpacket.h"
#include "switchd/datapath/egress.h"
#include "switchd/datapath/forward.h"

#define USER_MAX_THREADS 16
/** Copies that a thread may have pending, for all ports together. */
#define USER_MAX_PENDING 256

/** Places for what is pending in all threads. */
#define USER_N_PLACES (USER_MAX_THREADS * USER_MAX_PENDING)

struct user_egress;
struct user_thread;
struct user_tunnel;

/** One pending output. */
struct user_frame {
	struct user_frame *next;
	struct iovec iov;
	struct verdict *verdict;
	uint32_t mark;	   /**< of a port with marks */
	uint32_t priority; /**< skb priority */
};

/** What one thread has pending for one port. */
struct user_pending {
	struct user_frame *head, **tail;
};

/** Something that a thread receives from. */
struct user_source {
	/** Called when it has something to read; must not stay longer than a few batches. */
	void (*serve)(struct user_thread *t, struct user_source *source);
};

struct user_port {
	struct forward_port fp;
	struct user_source source;
	struct user_dp *dp;
	struct user_thread *thread;
	struct afpacket *socket;
	struct user_tunnel *
		tunnel; /**< instead of the socket: a tunnel port of our own making; with is_tunnel, for what has no key */
	bool is_tunnel; /**< what is sent is given to user_dp.put_tunnel first */
	_Atomic bool is_dead;
	struct cds_list_head dead_node; /* in thread->dead_ports */
	struct egress egress, ingress;
	bool is_in_egress; /* egress_node is in a list; the main thread's */
	struct cds_list_head egress_node;
	struct egress_packet *arrived, **arrived_tail; /* out of the ingress line; thread->lock */
	struct cds_list_head arrived_node;	       /* in thread->arrived_ports while there are any; likewise */
	struct rcu_head rcu;
	struct user_pending pending[]; /* by thread */
};

struct user_thread {
	struct forwarder f;
	struct user_dp *dp;
	unsigned int index;
	pthread_t id;
	int epoll_fd, wake_fd;
	_Atomic bool stop;
	int64_t sorted_ms;    /* when the masks were sorted last */
	pthread_mutex_t lock; /* guards these two */
	struct cds_list_head dead_ports, arrived_ports;
	struct afpacket_buffers *buffers;
	struct afpacket_prio *prio; /* made when first needed */

	struct user_frame frames[USER_MAX_PENDING];
	unsigned int n_frames;
	struct user_port *pending_ports[USER_MAX_PENDING];
	unsigned int n_pending_ports;
};

struct user_dp {
	struct forward_dp base;
	struct user_thread *threads[USER_MAX_THREADS];
	unsigned int n_threads, next_thread;
	int niceness;		    /* of the threads, as setpriority(2) has it; 0: as the process */
	struct user_port **ports;   /* RCU; DP_MAX_PORTS of them */
	struct user_egress *egress; /* user_egress.c; NULL until a port gets a stage */
	/** Where a packet for a tunnel port is to go; @place: below USER_N_PLACES, in use until the packet is sent, and its mark. Return: 0, or the positive errno why not. */
	int (*put_tunnel)(struct user_dp *dp, uint32_t place, const struct packet *p);
	/** Called at the beginning of each round of a thread; NULL: nothing to do. */
	void (*begin_round)(struct user_thread *t);
	/** Called at the end of each round of a thread; NULL: nothing to do. Return: milliseconds until the next one at the latest, -1: any. */
	int (*end_round)(struct user_thread *t);
};

/**
 * user_dp_init() - start the threads
 * @dp: zeroed; first member of the datapath's own struct
 *
 * Return: 0, or -errno with the sentence; then everything is undone.
 */
int user_dp_init(struct user_dp *dp, const struct datapath_ops *ops, const struct dp_config *config,
		 struct errtext *err);
/** user_dp_fini() - deletes the ports, ends the threads, frees what belongs to this part. */
void user_dp_fini(struct user_dp *dp);
/** user_dp_choose_number() - the number wished for if it is free, else the lowest free one below @limit, or DP_PORT_NONE. */
uint32_t user_dp_choose_number(const struct user_dp *dp, uint32_t requested, uint32_t limit);
/** user_dp_add_port() - publish a port that sends through @socket (now the port's); nothing is received yet. */
struct user_port *user_dp_add_port(struct user_dp *dp, uint32_t number, struct afpacket *socket,
				   struct user_thread *thread);

/** user_is_tunnel() - is it a port that tunnels share? */
bool user_is_tunnel(const struct dp_port_spec *spec);

/* Operations that another datapath over these threads may take as they are. */
int user_port_del(struct datapath *datapath, uint32_t port_no);
int user_port_watch(struct datapath *datapath, uint32_t port_no, unsigned int what);
int user_execute(struct datapath *datapath, struct packet *packet, const void *actions, size_t actions_len);
void user_stats(struct datapath *datapath, struct dp_stats *stats);
int user_port_set_egress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage);
int user_port_set_ingress(struct datapath *datapath, uint32_t port_no, unsigned int slot, struct egress_stage *stage);

/** user_egress_forget() - @port is being deleted: its line is driven no more. */
void user_egress_forget(struct user_port *port);
/** user_egress_stop() - end the thread; before the ports are freed. user_egress_free() - after that. */
void user_egress_stop(struct user_dp *dp);
void user_egress_free(struct user_dp *dp);
extern const struct egress_driver user_egress_driver;
/** user_egress_wake() - struct egress_driver.wake of either line. */
void user_egress_wake(void *port, uint64_t due_ns);

/** user_ingress_put() - the first @n of t->f.packets, received on a port with an ingress line, enter that. */
void user_ingress_put(struct user_thread *t, struct user_port *port, size_t n);
/** user_ingress_serve() - forward what has come out of the lines of the thread's ports. */
void user_ingress_serve(struct user_thread *t);
/** user_ingress_purge() - of a port that goes away. In its thread. */
void user_ingress_purge(struct user_thread *t, struct user_port *port);
extern const struct egress_driver user_ingress_driver;

/** user_thread_start() - Return: the thread, or NULL with errno set. */
struct user_thread *user_thread_start(struct user_dp *dp, unsigned int index);
/** user_thread_stop() - ends and frees it; its ports are deleted already. */
void user_thread_stop(struct user_thread *t);
void user_thread_wake(struct user_thread *t);
/** user_thread_add_source() - receive from @fd from now on. Return: 0 or -errno. */
int user_thread_add_source(struct user_thread *t, int fd, struct user_source *source);
/** user_port_serve() - the source of a port that receives through its packet socket. */
void user_port_serve(struct user_thread *t, struct user_source *source);
/** user_thread_del_port() - @port is unlinked and detached; the thread frees it when it is done with it. */
void user_thread_del_port(struct user_thread *t, struct user_port *port);
/** user_thread_retire_port() - the same for a port that is no source of its thread. */
void user_thread_retire_port(struct user_thread *t, struct user_port *port);
/** user_port_free() - the last thing. */
void user_port_free(struct user_port *port);

/** user_vnet_of() - the offload state of a packet, for the device. */
struct afpacket_vnet user_vnet_of(const struct packet *p);
/** user_tx_ops - what the engine calls to send. */
extern const struct execute_ops user_tx_ops;

static inline struct user_dp *user_dp_of(struct datapath *dp)
{
	return (struct user_dp *)(void *)dp;
}

#endif
