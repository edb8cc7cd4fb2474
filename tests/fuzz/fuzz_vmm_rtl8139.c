// SPDX-License-Identifier: Apache-2.0
/* The RTL8139 under a guest that does anything; the first byte is its revision: classic or C+. vmm_script.h says how the rest is read. */
#include <stdlib.h>

#include "base/log.h"
#include "vmm/dev/rtl8139.h"
#include "vmm/dev/nic_device.h"
#include "vmm_script.h"

static struct nic_device *nic;

static void run(struct script_device *d)
{
	(void)d;
	nic_device_run(nic);
}

static void set_link(struct script_device *d, bool up)
{
	(void)d;
	nic_device_set_link(nic, up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
	static struct script_device d;
	uint8_t revision = size && data[0] & 1 ? RTL8139_REVISION_CPLUS : RTL8139_REVISION_CLASSIC;

	log_set_level(NULL, LOG_LEVEL_OFF);
	d = (struct script_device){
		.h = harness_new(SCRIPT_RAM), .bar = 0x14, .io_bar = 0x10, .run = run, .set_link = set_link};
	if (rtl8139_plug(&d.h->m, "net0", mac, mem_backend_init(&d.backend), SCRIPT_SLOT, revision, &nic, NULL))
		abort();
	script_run(&d, data + !!size, size - !!size);
	pci_unplug(&nic->pci);
	harness_free(d.h);
	return 0;
}
