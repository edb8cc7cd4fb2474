/* SPDX-License-Identifier: Apache-2.0 */
/* Counters in a file; see tally.h. */
#include "switchd/pipeline/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"

#define TALLY_MAGIC 0x31796c6c61742d76ull /* "v-tally1" */

enum {
	MAX_PLACES = 1 << 23, /* address space for so many is set aside; beyond it counters are not kept */
	MIN_BYTES = 4096,
};

struct header {
	uint64_t magic, last_id, zero[2];
};

struct place {
	_Atomic uint64_t id, n_packets, n_bytes;
};

_Static_assert(sizeof(struct header) == 32 && sizeof(struct place) == 24, "as tally.h says");

struct tallies {
	char *path;
	int fd;
	struct header *header;
	struct place *places;  /* [0] is not used */
	uint32_t n_room;       /* places that there is memory for */
	uint32_t n_fresh;      /* from here on none was ever taken */
	uint8_t *claimed;      /* by place, until tallies_settle() */
	_Atomic uint32_t refs; /* the owner's, and one for each place that is taken */

	pthread_mutex_t lock; /* guards the free ones */
	uint32_t *free;
	uint32_t n_free, cap_free;
};

static size_t bytes_of(uint32_t n_places)
{
	return sizeof(struct header) + (size_t)n_places * sizeof(struct place);
}

static uint32_t places_in(size_t n_bytes)
{
	return n_bytes < sizeof(struct header)
		       ? 0
		       : (uint32_t)MIN((n_bytes - sizeof(struct header)) / sizeof(struct place), MAX_PLACES);
}

static void unref(struct tallies *t)
{
	if (atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	if (t->header)
		munmap(t->header, bytes_of(MAX_PLACES));
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
	free(t->free);
	free(t->claimed);
	free(t->path);
	free(t);
}

/* ---- the file ---- */

/* Return: 0 or a negative errno. */
static int reserve(struct tallies *t, size_t n_bytes)
{
	int error = posix_fallocate(t->fd, 0, (off_t)n_bytes);

	if (!error)
		t->n_room = places_in(n_bytes);
	return -error;
}

/* Places that were in use, if the file is sound. */
static uint32_t places_used(const struct tallies *t)
{
	uint32_t n = t->n_room;

	while (n > 1 && !t->places[n - 1].id)
		n--;
	return n;
}

static int load(struct tallies *t)
{
	struct stat st;
	int error;

	if (fstat(t->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	/* Holes are filled, so that touching them cannot fail. */
	error = reserve(t, MAX((size_t)st.st_size, (size_t)MIN_BYTES));
	if (error)
		return error;
	t->header = mmap(NULL, bytes_of(MAX_PLACES), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, t->fd, 0);
	if (t->header == MAP_FAILED) {
		t->header = NULL;
		return -ENOMEM;
	}
	t->places = (struct place *)(void *)(t->header + 1);
	if (t->header->magic != TALLY_MAGIC) {
		memset(t->header, 0, bytes_of(t->n_room));
		t->header->magic = TALLY_MAGIC;
		/* Nobody else's ids: lines of a journal may name some of a file that was lost. */
		t->header->last_id = (uint64_t)clock_wall_ms() << 20;
	}
	t->n_fresh = MAX(places_used(t), 1u);
	t->claimed = xcalloc(t->n_room, 1);
	return 0;
}

int tallies_open(const char *path, struct tallies **tallies, struct errtext *err)
{
	struct tallies *t = xzalloc(sizeof *t);
	int error;

	t->path = xstrdup(path);
	t->refs = 1;
	pthread_mutex_init(&t->lock, NULL);
	t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	error = t->fd < 0 ? -errno : load(t);
	if (error) {
		unref(t);
		return errtext_set(err, -error, "cannot keep the counters of flows in %s: %s", path, strerror(-error));
	}
	*tallies = t;
	return 0;
}

void tallies_close(struct tallies *t)
{
	if (t)
		unref(t);
}

void tallies_unlink(struct tallies *t)
{
	if (t)
		unlink(t->path);
}

/* ---- places ---- */

/* The lock is held. */
static void push_free(struct tallies *t, uint32_t place)
{
	if (t->n_free == t->cap_free) {
		t->cap_free = t->cap_free ? t->cap_free * 2 : 64;
		t->free = xrealloc(t->free, t->cap_free * sizeof *t->free);
	}
	t->free[t->n_free++] = place;
}

static uint32_t take_free(struct tallies *t)
{
	uint32_t place = 0;

	pthread_mutex_lock(&t->lock);
	if (t->n_free)
		place = t->free[--t->n_free];
	pthread_mutex_unlock(&t->lock);
	return place;
}

static uint32_t take_fresh(struct tallies *t)
{
	if (t->n_fresh == t->n_room && reserve(t, MIN(2 * bytes_of(t->n_room), bytes_of(MAX_PLACES))))
		return 0;
	return t->n_fresh < t->n_room ? t->n_fresh++ : 0;
}

bool tally_claim(struct tallies *t, uint32_t place, uint64_t id, uint64_t *n_packets, uint64_t *n_bytes)
{
	if (!t->claimed || !place || place >= t->n_fresh || !id || t->places[place].id != id || t->claimed[place])
		return false;
	t->claimed[place] = 1;
	atomic_fetch_add(&t->refs, 1);
	*n_packets = t->places[place].n_packets;
	*n_bytes = t->places[place].n_bytes;
	return true;
}

void tallies_settle(struct tallies *t)
{
	pthread_mutex_lock(&t->lock);
	for (uint32_t i = t->n_fresh; i-- > 1;) {
		if (t->claimed[i])
			continue;
		t->places[i].id = 0;
		push_free(t, i);
	}
	pthread_mutex_unlock(&t->lock);
	free(t->claimed);
	t->claimed = NULL;
}

uint32_t tally_get(struct tallies *t, uint64_t n_packets, uint64_t n_bytes)
{
	uint32_t place = take_free(t);

	if (!place)
		place = take_fresh(t);
	if (!place)
		return 0;
	t->places[place].n_packets = n_packets;
	t->places[place].n_bytes = n_bytes;
	t->places[place].id = ++t->header->last_id;
	atomic_fetch_add(&t->refs, 1);
	return place;
}

uint64_t tally_id(const struct tallies *t, uint32_t place)
{
	return t->places[place].id;
}

void tally_add(struct tallies *t, uint32_t place, uint64_t n_packets, uint64_t n_bytes)
{
	atomic_fetch_add_explicit(&t->places[place].n_packets, n_packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->places[place].n_bytes, n_bytes, memory_order_relaxed);
}

void tally_put(struct tallies *t, uint32_t place)
{
	pthread_mutex_lock(&t->lock);
	t->places[place].id = 0;
	push_free(t, place);
	pthread_mutex_unlock(&t->lock);
	unref(t);
}
