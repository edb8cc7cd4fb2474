/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `user` datapath, inside: forwarding threads over packet sockets (lib/os/afpacket.h).
 *
 *   user.c         the datapath's operations: opening, ports, flows
 *   user_thread.c  one forwarding thread: waits for its ports, receives, has the engine (forward.h) do the rest
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
#include "switchd/datapath/forward.h"

#define USER_MAX_THREADS 16
/** Copies that a thread may have pending, for all ports together. */
#define USER_MAX_PENDING 256

/** One pending output. */
struct user_frame {
	struct user_frame *next;
	struct iovec iov;
	struct verdict *verdict;
};

/** What one thread has pending for one port. */
struct user_pending {
	struct user_frame *head, **tail;
};

struct user_port {
	struct forward_port fp;
	struct user_dp *dp;
	struct user_thread *thread;
	struct afpacket *socket;
	_Atomic bool is_dead;
	struct cds_list_head dead_node; /* in thread->dead_ports */
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
	pthread_mutex_t lock; /* guards dead_ports */
	struct cds_list_head dead_ports;
	struct afpacket_buffers *buffers;

	struct user_frame frames[USER_MAX_PENDING];
	unsigned int n_frames;
	struct user_port *pending_ports[USER_MAX_PENDING];
	unsigned int n_pending_ports;
};

struct user_dp {
	struct datapath dp;
	struct forward_shared shared;
	struct user_thread *threads[USER_MAX_THREADS];
	unsigned int n_threads, next_thread;
	struct user_port **ports; /* RCU; DP_MAX_PORTS of them */
};

/** user_thread_start() - Return: the thread, or NULL with errno set. */
struct user_thread *user_thread_start(struct user_dp *dp, unsigned int index);
/** user_thread_stop() - ends and frees it; its ports are deleted already. */
void user_thread_stop(struct user_thread *t);
void user_thread_wake(struct user_thread *t);
/** user_thread_add_port() - receive from now on. Return: 0 or -errno. */
int user_thread_add_port(struct user_thread *t, struct user_port *port);
/** user_thread_del_port() - @port is unlinked and detached; the thread frees it when it is done with it. */
void user_thread_del_port(struct user_thread *t, struct user_port *port);
/** user_port_free() - the last thing. */
void user_port_free(struct user_port *port);

/** user_tx_ops - what the engine calls to send. */
extern const struct execute_ops user_tx_ops;

static inline struct user_dp *user_dp_of(struct datapath *dp)
{
	return (struct user_dp *)(void *)dp;
}

#endif
