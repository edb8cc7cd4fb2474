// SPDX-License-Identifier: Apache-2.0
/*
 * From filters to links, in the background.
 *
 * Where the kernel has tcx, a port that stays is to have a pinned link: whoever clears the device of its qdiscs does
 * not take that away (os/tcx.h). But the kernel makes each link in 10 ms and more, a grace period of its RCU, and
 * holds the lock of all network configuration meanwhile: threads that attached at once would wait for each other, and
 * with them whoever sets up devices and addresses. 64 hosts came up in a second because of that. A clsact filter is
 * there at once and sees the same packets. So every port begins with a filter, and when none has been added for
 * QUIET_MS a thread gives those that wait their links, one after the other, with pauses so that the lock is free most
 * of the time.
 *
 * Devices of our own making keep the filter: nobody else has any business with their qdiscs, and a link takes as long
 * to end as to make.
 *
 * The port keeps its filter. The link runs first and lets nothing through to it: each packet is seen once. Taking away
 * the qdisc that the filter hangs on would stop the device for a moment: the kernel drops what is sent meanwhile.
 *
 * A port that is deleted waits for the thread if it is at work on this very port. The lock is a leaf.
 */
#include "switchd/datapath/ebpf.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "os/afpacket.h"
#include "os/tcx.h"

LOG_MODULE(ebpf_links);

enum {
	QUIET_MS = 2000,
	MIN_PAUSE_MS = 20,
	PAUSES = 3, /* as long as this many times what the link took */
	NONE = BPF_N_PORTS,
};

enum hook { HOOK_BEST, HOOK_CLSACT, HOOK_TCX };

/* VSW_EBPF_HOOK=clsact does without links, as kernels before 6.6 have to; =tcx makes them at once. */
static enum hook hook_asked(void)
{
	const char *hook = getenv("VSW_EBPF_HOOK");

	return !hook ? HOOK_BEST : !strcmp(hook, "clsact") ? HOOK_CLSACT : !strcmp(hook, "tcx") ? HOOK_TCX : HOOK_BEST;
}

/* ---- the thread ---- */

/* Return: false to end. */
static bool wait_until(struct ebpf_links *l, int64_t ms)
{
	struct timespec until = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (!l->stop && ebpf_monotonic_ms() < ms)
		if (pthread_cond_timedwait(&l->cond, &l->lock, &until) == ETIMEDOUT)
			break;
	return !l->stop;
}

/* Return: the port whose turn it is, once there is one and all has been quiet; NONE to end. */
static uint32_t next_port(struct ebpf_links *l)
{
	while (!l->stop) {
		if (!l->n_wanted) {
			pthread_cond_wait(&l->cond, &l->lock);
		} else if (ebpf_monotonic_ms() < l->due_ms) {
			wait_until(l, l->due_ms);
		} else {
			for (uint32_t i = 0; i < BPF_N_PORTS; i++)
				if (l->wanted[i])
					return i;
		}
	}
	return NONE;
}

static void forget(struct ebpf_links *l, uint32_t port)
{
	l->n_wanted -= l->wanted[port];
	l->wanted[port] = false;
}

static void give_up(struct ebpf_links *l)
{
	memset(l->wanted, 0, sizeof l->wanted);
	l->n_wanted = 0;
	l->is_useless = true;
}

/* The lock is not held. */
static int make_link(struct ebpf_dp *dp, uint32_t port)
{
	char *pin = ebpf_pins_link(&dp->kernel.pins, (int)dp->kernel.ports[port].ifindex);
	int error = afpacket_use_link(dp->user.ports[port]->socket, dp->kernel.port_program, pin);

	free(pin);
	return error;
}

static void *run(void *dp_)
{
	struct ebpf_dp *dp = dp_;
	struct ebpf_links *l = &dp->links;
	int64_t began_ms, took_ms;
	uint32_t port;
	int error;

	pthread_mutex_lock(&l->lock);
	while ((port = next_port(l)) != NONE) {
		forget(l, port);
		l->busy = port;
		pthread_mutex_unlock(&l->lock);
		began_ms = ebpf_monotonic_ms();
		error = make_link(dp, port);
		took_ms = ebpf_monotonic_ms() - began_ms;
		pthread_mutex_lock(&l->lock);
		l->busy = NONE;
		pthread_cond_broadcast(&l->cond);
		/* The device may have gone meanwhile; a port without a link does as well. */
		if (error == -EOPNOTSUPP)
			give_up(l);
		else if (error)
			log_dbg("port %u keeps its filter: %s", port, strerror(-error));
		wait_until(l, ebpf_monotonic_ms() + MAX(took_ms * PAUSES, MIN_PAUSE_MS));
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- ports ---- */

int ebpf_links_attach(struct ebpf_dp *dp, const struct dp_port_spec *spec, struct afpacket **socket,
		      struct errtext *err)
{
	char *pin = ebpf_pins_link(&dp->kernel.pins, spec->ifindex);
	enum hook hook = hook_asked();
	int error = afpacket_open_sender(spec->ifindex, spec->name, dp->kernel.port_program,
					 hook == HOOK_CLSACT ? NULL : pin, socket, err);

	/* A predecessor's would run before the filter. */
	if (!error && pin && hook == HOOK_CLSACT)
		tcx_detach(pin);
	if (!error && pin && hook == HOOK_TCX)
		(void)!afpacket_use_link(*socket, dp->kernel.port_program, pin);
	free(pin);
	return error;
}

static bool is_our_device(const struct dp_port_spec *spec)
{
	return !strcmp(spec->type, "internal") || user_is_tunnel(spec);
}

void ebpf_links_want(struct ebpf_dp *dp, const struct dp_port_spec *spec, uint32_t port)
{
	struct ebpf_links *l = &dp->links;

	if (!dp->kernel.pins.folder || hook_asked() == HOOK_CLSACT || is_our_device(spec) ||
	    afpacket_has_link(dp->user.ports[port]->socket))
		return;
	pthread_mutex_lock(&l->lock);
	if (l->has_thread && !l->is_useless) {
		l->due_ms = ebpf_monotonic_ms() + QUIET_MS;
		if (!l->n_wanted)
			pthread_cond_broadcast(&l->cond);
		l->n_wanted += !l->wanted[port];
		l->wanted[port] = true;
	}
	pthread_mutex_unlock(&l->lock);
}

void ebpf_links_forget(struct ebpf_dp *dp, uint32_t port)
{
	struct ebpf_links *l = &dp->links;

	pthread_mutex_lock(&l->lock);
	forget(l, port);
	while (l->busy == port)
		pthread_cond_wait(&l->cond, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

/* ---- life ---- */

int ebpf_links_init(struct ebpf_dp *dp, struct errtext *err)
{
	struct ebpf_links *l = &dp->links;
	pthread_condattr_t attr;
	sigset_t all, old;
	int error;

	l->busy = NONE;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->cond, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&l->thread, NULL, run, dp);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return errtext_set(err, error, "cannot start a thread: %s", strerror(error));
	pthread_setname_np(l->thread, "vsw-links");
	l->has_thread = true;
	return 0;
}

void ebpf_links_stop(struct ebpf_dp *dp)
{
	struct ebpf_links *l = &dp->links;

	if (!l->has_thread)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->cond);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	l->has_thread = false;
}
