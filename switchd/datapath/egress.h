/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that leave a port later: shaping and link emulation in the daemon, between a datapath's output and the device.
 *
 * A port may have a line of stages (struct egress). What is output to the port is copied into the first one, and each packet that a
 * stage lets go enters the next, until the last one's go to the device. A stage decides what it takes (a queue has an end), which packet
 * is next, and when; it may lose, double, change and reorder packets. It knows nothing of ports, devices, threads and clocks: the time is
 * handed to it, so that tests move it.
 *
 *   output -> [EGRESS_SHAPER: queues and rates] -> [EGRESS_LINK: delay, loss, ...] -> device
 *
 * To write a stage: embed struct egress_stage, fill in its ops, hand it to datapath_ops.port_set_egress(), which then owns it.
 * shaper.h is one. To drive a line, a datapath gives it a function that sends, and calls egress_run() when the line says so.
 *
 * The same line of stages, in front of everything else, makes what comes in late (ingress): a port has two of them.
 *
 * Counting. A packet that the first stage takes is forwarded, as far as the port it came from is concerned; one that it refuses is dropped
 * there (DROP_TX_QUEUE_FULL, say). What is lost afterwards counts in tx_dropped of the port with the line.
 *
 * Memory. Each kept packet is an allocation of its own size. That is a copy and an allocation per packet, for ports that were asked to be
 * slow; how much there may be of it is each stage's to limit.
 *
 * Threads. egress_put() comes from any forwarding thread, egress_run() from the one that drives, egress_set() from the main thread. A
 * stage's functions are called under the line's lock.
 */
#ifndef SWITCHD_DATAPATH_EGRESS_H
#define SWITCHD_DATAPATH_EGRESS_H 1

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"
#include "vsw/dp_action.h"
#include "vsw/dp_meter.h"

/** There is nothing to wait for. */
#define EGRESS_NEVER UINT64_MAX
/** As time for get(): as if all time had passed; every packet comes. */
#define EGRESS_ALL UINT64_MAX

/** A packet on the heap. Whoever has it owns it: egress_packet_free(). */
struct egress_packet {
	struct egress_packet *next; /**< the stage's */
	uint64_t due_ns;	    /**< the stage's */
	struct dp_meter_load load;  /**< what it is on the wire, GSO packets cut */
	bool is_new;		    /**< made by a stage, of another one: a double, say */
	struct packet
		packet; /**< its bytes stand behind this struct; EXECUTE_RESERVE and PACKET_HEADROOM in front of them */
};

/** egress_packet_copy() - of a parsed packet; also for stages that double packets. */
struct egress_packet *egress_packet_copy(const struct packet *p);
void egress_packet_free(struct egress_packet *p);

struct egress_stage;

struct egress_stage_ops {
	const char *name;
	/** Take @p: then it is the stage's. Return: DROP_NONE, or why it is refused: then it stays the caller's. */
	enum drop_reason (*put)(struct egress_stage *stage, struct egress_packet *p, uint64_t now_ns);
	/** The next packet whose time has come, now the caller's; NULL: none. @now_ns may be EGRESS_ALL. */
	struct egress_packet *(*get)(struct egress_stage *stage, uint64_t now_ns);
	/** When get() will have something, as things stand; EGRESS_NEVER: the stage is empty. */
	uint64_t (*due_ns)(const struct egress_stage *stage);
	/** It is empty. */
	void (*free)(struct egress_stage *stage);
};

struct egress_stage {
	const struct egress_stage_ops *ops;
};

/** Places in a line, in order. */
enum egress_slot { EGRESS_SHAPER, EGRESS_LINK, EGRESS_N_SLOTS };

/** How a line reaches the world. */
struct egress_driver {
	/** Send a list, linked by next, in its order; the driver frees. Called under the line's send lock. */
	void (*send)(void *aux, struct egress_packet *list);
	/** The line wants egress_run() at @due_ns, earlier than it said before. From any thread, under the line's lock: must not call back. */
	void (*wake)(void *aux, uint64_t due_ns);
	/** A stage refused what an earlier one let go. */
	void (*lost)(void *aux, const struct egress_packet *p);
};

/** The line of one port. */
struct egress {
	const struct egress_driver *driver;
	void *aux;
	_Atomic bool is_active;	   /**< it has a stage */
	pthread_mutex_t send_lock; /* taken before lock */
	pthread_mutex_t lock;	   /* guards: */
	struct egress_stage *stages[EGRESS_N_SLOTS];
	uint64_t due_ns; /* as told to the driver last */
};

/** egress_init() - without stages. */
void egress_init(struct egress *line, const struct egress_driver *driver, void *aux);
/** egress_fini() - with all stages and their packets. */
void egress_fini(struct egress *line);

/**
 * egress_set() - put @stage, now the line's, into a slot
 * @stage: NULL: none
 *
 * What the stage before held goes on at once.
 */
void egress_set(struct egress *line, enum egress_slot slot, struct egress_stage *stage, uint64_t now_ns);

/** egress_is_active() - outputs must go through egress_put(). */
static inline bool egress_is_active(const struct egress *line)
{
	return atomic_load_explicit(&line->is_active, memory_order_acquire);
}

/** egress_put() - @p: parsed; copied. Return: DROP_NONE, or why not. */
enum drop_reason egress_put(struct egress *line, const struct packet *p, uint64_t now_ns);
/** egress_run() - send what is due. Return: when to be called again, EGRESS_NEVER: not before wake(). */
uint64_t egress_run(struct egress *line, uint64_t now_ns);

#endif
