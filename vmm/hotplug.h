/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that come and go while the guest runs (dev/acpi_hotplug.h). A guest that listens is asked to let go of a device first, and has REMOVAL_MS for it; one whose
 * system does not listen is asked nothing: its device is pulled. What a guest ejects of its own accord stays where it is.
 *
 * Main thread.
 */
#ifndef VMM_HOTPLUG_H
#define VMM_HOTPLUG_H 1

#include <jansson.h>

#include "base/errtext.h"
#include "base/util.h"

struct control_request;
struct guest;
struct pci_device;

/** hotplug_init() - the guest's board is there. */
void hotplug_init(struct guest *guest);
/** hotplug_fini() - nothing is waited for any more. */
void hotplug_fini(struct guest *guest);
/** hotplug_came() - @device was plugged while the guest runs. */
void hotplug_came(struct guest *guest, const struct pci_device *device);
/**
 * hotplug_remove() - take @device away, with the guest's consent if it has a say
 * @request: answered with {} when it is done, or with -ETIMEDOUT; deferred meanwhile
 * @remove: does it, with @thing; not called when the guest does not let go
 *
 * Return: for the method to return: 0, or -EBUSY when it is on its way out already, with the sentence.
 */
VSW_MUST_USE int hotplug_remove(struct guest *guest, struct control_request *request, const struct pci_device *device,
				void (*remove)(void *thing), void *thing, json_t **result, struct errtext *err);

#endif
