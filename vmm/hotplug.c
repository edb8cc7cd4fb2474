// SPDX-License-Identifier: Apache-2.0
/* Devices that come and go. */
#include "vmm/hotplug.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <urcu/list.h>

#include "base/clock.h"
#include "os/control.h"
#include "os/loop.h"
#include "vmm/core/pci.h"
#include "vmm/guest.h"

#define REMOVAL_MS 10000

/** A device that the guest was asked to let go of. */
struct removal {
	struct cds_list_head node; /* in removals */
	struct loop_timer timer;
	struct guest *guest;
	struct control_request *request; /* NULL: nobody waits for the answer any more */
	unsigned int slot;
	void (*remove)(void *thing);
	void *thing;
};

static CDS_LIST_HEAD(removals);

static struct removal *find(unsigned int slot)
{
	struct removal *r;

	cds_list_for_each_entry(r, &removals, node)
		if (r->slot == slot)
			return r;
	return NULL;
}

static void removal_free(struct removal *r)
{
	loop_cancel_timer(r->guest->loop, &r->timer);
	cds_list_del(&r->node);
	free(r);
}

static void gone(void *aux, unsigned int slot)
{
	struct removal *r = find(slot);

	(void)aux;
	if (!r)
		return;
	r->remove(r->thing);
	if (r->request)
		control_reply(r->request, 0, json_object(), NULL);
	removal_free(r);
}

static void timed_out(struct loop_timer *self, int64_t now_ms)
{
	struct removal *r = container_of(self, struct removal, timer);
	struct errtext err;
	int error = errtext_set(&err, ETIMEDOUT, "the guest does not let go of it; it may be in use there");

	(void)now_ms;
	if (r->request)
		control_reply(r->request, error, NULL, &err);
	removal_free(r);
}

static void client_left(void *aux)
{
	((struct removal *)aux)->request = NULL;
}

void hotplug_init(struct guest *guest)
{
	guest->board.hotplug.gone = gone;
	guest->board.hotplug.aux = guest;
}

void hotplug_fini(struct guest *guest)
{
	struct removal *r, *next;

	guest->board.hotplug.gone = NULL;
	cds_list_for_each_entry_safe(r, next, &removals, node)
		removal_free(r);
}

void hotplug_came(struct guest *guest, const struct pci_device *device)
{
	acpi_hotplug_came(&guest->board.hotplug, (unsigned int)device->slot);
}

int hotplug_remove(struct guest *guest, struct control_request *request, const struct pci_device *device,
		   void (*remove)(void *thing), void *thing, json_t **result, struct errtext *err)
{
	unsigned int slot = (unsigned int)device->slot;
	struct removal *r;

	if (find(slot))
		return errtext_set(err, EBUSY, "%s is on its way out already", device->name);
	if (!acpi_hotplug_ask(&guest->board.hotplug, slot)) {
		remove(thing);
		*result = json_object();
		return 0;
	}
	r = xzalloc(sizeof *r);
	*r = (struct removal){.guest = guest, .request = request, .slot = slot, .remove = remove, .thing = thing};
	cds_list_add(&r->node, &removals);
	loop_set_timer(guest->loop, &r->timer, clock_now_ms() + REMOVAL_MS, timed_out);
	control_defer(request, client_left, r);
	return 0;
}
