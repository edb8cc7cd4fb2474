// SPDX-License-Identifier: Apache-2.0
/* I/O threads. */
#include "vmm/core/iothread.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/list.h>

#include "base/log.h"
#include "os/loop.h"
#include "vmm/core/sandbox.h"

LOG_MODULE(iothread);

struct iothread {
	struct cds_list_head node; /* in threads */
	struct loop *loop;
	pthread_t thread;
	char name[16];
};

static CDS_LIST_HEAD(threads); /* main thread */

static void *run(void *aux)
{
	struct iothread *thread = aux;
	int error;

	pthread_setname_np(pthread_self(), thread->name);
	sandbox_thread(THREAD_IO);
	error = loop_run(thread->loop);
	if (error)
		log_err("%s: its loop ended: %s", thread->name, strerror(-error));
	return NULL;
}

int iothread_new(const char *name, struct iothread **result, struct errtext *err)
{
	struct iothread *thread = xzalloc(sizeof *thread);
	sigset_t all, before;
	int error;

	strncpy(thread->name, name, sizeof thread->name - 1);
	thread->loop = loop_new();
	if (!thread->loop) {
		error = errno;
		free(thread);
		return errtext_set(err, error, "I/O thread %s: %s", name, strerror(error));
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread->thread, NULL, run, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		loop_free(thread->loop);
		free(thread);
		return errtext_set(err, error, "I/O thread %s: %s", name, strerror(error));
	}
	cds_list_add_tail(&thread->node, &threads);
	*result = thread;
	return 0;
}

static void quit(void *aux)
{
	loop_quit(aux);
}

void iothread_free(struct iothread *thread)
{
	if (!thread)
		return;
	cds_list_del(&thread->node);
	loop_post(thread->loop, quit, thread->loop);
	pthread_join(thread->thread, NULL);
	loop_free(thread->loop);
	free(thread);
}

struct loop *iothread_loop(struct iothread *thread)
{
	return thread->loop;
}

struct call {
	void (*fn)(void *aux);
	void *aux;
	sem_t done;
};

static void run_call(void *aux)
{
	struct call *call = aux;

	call->fn(call->aux);
	sem_post(&call->done);
}

void iothread_run(struct iothread *thread, void (*fn)(void *aux), void *aux)
{
	struct call call = {.fn = fn, .aux = aux};

	if (pthread_equal(pthread_self(), thread->thread)) {
		fn(aux);
		return;
	}
	sem_init(&call.done, 0, 0);
	loop_post(thread->loop, run_call, &call);
	while (sem_wait(&call.done) < 0 && errno == EINTR)
		continue;
	sem_destroy(&call.done);
}

void iothread_run_in_all(void (*fn)(void *aux), void *aux)
{
	struct iothread *thread;

	cds_list_for_each_entry(thread, &threads, node)
		iothread_run(thread, fn, aux);
}
