// SPDX-License-Identifier: Apache-2.0
/*
 * Address spaces. The ranges of a bus are one sorted array that readers see under RCU: a change makes a new array and
 * leaves the old one to whoever still reads it. Ranges change when a guest sets up its devices, and hardly ever after.
 */
#include "vmm/core/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

struct table {
	struct rcu_head rcu;
	size_t n;
	struct bus_range *ranges[]; /* by base */
};

struct bus {
	pthread_mutex_t lock; /* for changes */
	struct table *table;  /* RCU */
};

static struct table *table_new(size_t n)
{
	struct table *table = xzalloc(sizeof *table + n * sizeof(struct bus_range *));

	table->n = n;
	return table;
}

static void table_free_rcu(struct rcu_head *head)
{
	free(container_of(head, struct table, rcu));
}

struct bus *bus_new(void)
{
	struct bus *bus = xzalloc(sizeof *bus);

	pthread_mutex_init(&bus->lock, NULL);
	bus->table = table_new(0);
	return bus;
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	pthread_mutex_destroy(&bus->lock);
	free(bus->table);
	free(bus);
}

static void replace(struct bus *bus, struct table *table)
{
	struct table *old = bus->table;

	rcu_assign_pointer(bus->table, table);
	call_rcu(&old->rcu, table_free_rcu);
}

/* How many ranges have a base of at most @addr. */
static size_t position(const struct table *table, uint64_t addr)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->ranges[middle]->base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int bus_add(struct bus *bus, struct bus_range *range)
{
	struct table *old, *table;
	int error = -EEXIST;
	size_t at;

	if (!range->size || range->base + (range->size - 1) < range->base)
		return -EINVAL;
	pthread_mutex_lock(&bus->lock);
	old = bus->table;
	at = position(old, range->base);
	if ((!at || range->base - old->ranges[at - 1]->base >= old->ranges[at - 1]->size) &&
	    (at == old->n || old->ranges[at]->base - range->base >= range->size)) {
		table = table_new(old->n + 1);
		memcpy(table->ranges, old->ranges, at * sizeof(struct bus_range *));
		table->ranges[at] = range;
		memcpy(table->ranges + at + 1, old->ranges + at, (old->n - at) * sizeof(struct bus_range *));
		replace(bus, table);
		error = 0;
	}
	pthread_mutex_unlock(&bus->lock);
	return error;
}

void bus_del(struct bus *bus, struct bus_range *range)
{
	struct table *old, *table;
	size_t at = 0;

	pthread_mutex_lock(&bus->lock);
	old = bus->table;
	while (at < old->n && old->ranges[at] != range)
		at++;
	if (at < old->n) {
		table = table_new(old->n - 1);
		memcpy(table->ranges, old->ranges, at * sizeof(struct bus_range *));
		memcpy(table->ranges + at, old->ranges + at + 1, (old->n - at - 1) * sizeof(struct bus_range *));
		replace(bus, table);
	}
	pthread_mutex_unlock(&bus->lock);
}

void bus_quiesce(void)
{
	synchronize_rcu();
}

static void run(struct bus_range *range, uint64_t offset, unsigned int size, bool is_write, void *data)
{
	uint64_t value = 0;

	if (range->lock)
		pthread_mutex_lock(range->lock);
	if (is_write) {
		memcpy(&value, data, size);
		range->ops->write(range->aux, offset, size, value);
	} else {
		value = range->ops->read(range->aux, offset, size);
		memcpy(data, &value, size);
	}
	if (range->lock)
		pthread_mutex_unlock(range->lock);
}

bool bus_access(struct bus *bus, uint64_t addr, unsigned int size, bool is_write, void *data)
{
	const struct table *table;
	bool found = false;
	size_t at;

	rcu_read_lock();
	table = rcu_dereference(bus->table);
	at = position(table, addr);
	if (at) {
		struct bus_range *range = table->ranges[at - 1];
		uint64_t offset = addr - range->base;

		if (offset < range->size && size <= range->size - offset) {
			run(range, offset, size, is_write, data);
			found = true;
		}
	}
	rcu_read_unlock();
	if (!found && !is_write)
		memset(data, 0xff, size);
	return found;
}
