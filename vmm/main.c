// SPDX-License-Identifier: Apache-2.0
/*
 * vsw-vmm: one process, one guest.
 *
 * The main thread runs the loop (control, console, timers), each virtual CPU has a thread, devices work in I/O threads. The process ends with its guest: 0 when
 * that has switched itself off, 1 after an error, or what the guest wrote to the debug exit port.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <urcu.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/control.h"
#include "os/loop.h"
#include "vmm/core/acpi.h"
#include "vmm/core/footprint.h"
#include "vmm/core/vm.h"
#include "vmm/extras.h"
#include "vmm/guest.h"
#include "vmm/hotplug.h"
#include "vmm/isolate.h"

LOG_MODULE(vmm);

static int boot(void *aux, struct vm *vm)
{
	struct guest *guest = aux;
	struct guest_memory *memory = vm_machine(vm)->memory;
	uint64_t rsdp = acpi_build(memory, guest->options.n_cpus);
	struct vm_entry entry;
	int error = boot_load(&guest->image, memory, rsdp, &entry, &guest->boot_err);

	if (error && guest->is_started)
		log_err("%s", guest->boot_err.text);
	else if (!error)
		vm_set_entry(vm, &entry);
	return error;
}

static void stopped(void *aux, struct vm *vm, enum vm_stop reason)
{
	struct guest *guest = aux;

	guest->status = reason == VM_STOP_POWEROFF ? 0 : reason == VM_STOP_PANIC ? vm_exit_code(vm) : 1;
	loop_quit(guest->loop);
}

static void on_signal(struct loop_fd *self, uint32_t events)
{
	struct guest *guest = container_of(self, struct guest, signals);
	struct signalfd_siginfo info = {0};

	(void)events;
	if (read(guest->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	log_info("%s: ended by signal %d", guest->options.name, (int)info.ssi_signo);
	guest->status = 1;
	loop_quit(guest->loop);
}

static int watch_signals(struct guest *guest, struct errtext *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	guest->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (guest->signal_fd < 0 || loop_add_fd(guest->loop, &guest->signals, guest->signal_fd, EPOLLIN, on_signal))
		return errtext_set(err, EMFILE, "signals: no descriptor is left");
	return 0;
}

/* Somebody typed what ends the guest. */
static void typed_end(void *aux)
{
	struct guest *guest = aux;

	guest->status = 1;
	loop_quit(guest->loop);
}

/* Whatever is opened by name. */
static int open_files(struct guest *guest, struct errtext *err)
{
	const struct options *o = &guest->options;
	int error = boot_image_open(&guest->image, o->kernel, o->initrd, o->append, err);

	if (!error)
		error = console_open(&guest->console, &o->console, guest->loop, typed_end, guest, err);
	for (size_t i = 0; i < o->n_disks && !error; i++)
		error = disks_open(&guest->disks, &o->disks[i], -1, err);
	if (!error)
		error = channels_open(&guest->channels, o, err);
	if (!error && o->control)
		error = control_open(guest->loop, o->control, err);
	if (!error && o->control)
		isolate_leave(o->control);
	return error;
}

static int add_nics(struct guest *guest, struct errtext *err)
{
	const struct options *o = &guest->options;
	int error = 0;

	for (unsigned int i = 0; i < o->n_nics && !error; i++) {
		struct nic_config config;

		error = nic_config_parse(o->nics[i], &config, err);
		if (error)
			break;
		error = nic_new(vm_machine(guest->vm), o->rundir, &config, i, &guest->nics[i], err);
		nic_config_fini(&config);
	}
	return error;
}

static int start(struct guest *guest, struct errtext *err)
{
	const struct options *o = &guest->options;
	struct vm_config config = {
		.name = o->name,
		.n_cpus = o->n_cpus,
		.memory = o->memory,
		.cpu = o->cpu,
		.loop = guest->loop,
		.no_reboot = o->no_reboot,
		.boot = boot,
		.stopped = stopped,
		.aux = guest,
	};
	int error = watch_signals(guest, err);

	if (!error)
		error = open_files(guest, err);
	if (!error)
		error = vm_new(&config, &guest->vm, err);
	if (error)
		return error;
	board_init(&guest->board, vm_machine(guest->vm), &guest->console);
	hotplug_init(guest);
	error = disks_plug(&guest->disks, vm_machine(guest->vm), err);
	if (!error)
		error = add_nics(guest, err);
	if (!error)
		error = channels_plug(&guest->channels, vm_machine(guest->vm), err);
	if (!error)
		error = extras_plug(guest, err);
	if (!error && !o->no_sandbox)
		error = isolate_enter(o->n_nics || o->control ? o->rundir : NULL, err);
	if (!error && vm_start(guest->vm))
		error = errtext_set(err, EINVAL, "%s",
				    *guest->boot_err.text ? guest->boot_err.text : "the guest cannot be started");
	guest->is_started = !error;
	guest->started_ms = clock_now_ms();
	footprint_release();
	return error;
}

static void quit(void *aux)
{
	loop_quit(aux);
}

/* Do what was posted to the loop until now. */
static void drain(struct guest *guest)
{
	loop_post(guest->loop, quit, guest->loop);
	loop_run(guest->loop);
}

static void finish(struct guest *guest)
{
	if (guest->vm) {
		vm_end(guest->vm);
		drain(guest);
	}
	control_close();
	hotplug_fini(guest);
	console_close(&guest->console);
	if (guest->vm) {
		for (unsigned int i = 0; i < NIC_MAX; i++)
			nic_free(guest->nics[i]);
		board_fini(&guest->board);
		vm_free(guest->vm);
		drain(guest); /* what devices leave behind */
	}
	disks_fini(&guest->disks);
	channels_fini(&guest->channels);
	boot_image_close(&guest->image);
	if (guest->signal_fd >= 0)
		close(guest->signal_fd);
	loop_free(guest->loop);
	options_fini(&guest->options);
}

int main(int argc, char *argv[])
{
	struct guest guest = {.signal_fd = -1};
	struct errtext err = {0};
	int error;

	footprint_init();
	error = options_parse(&guest.options, argc, argv, &err);

	if (error > 0) {
		options_fini(&guest.options);
		return 0;
	}
	disks_init(&guest.disks, guest.options.n_cpus);
	commands_register(&guest);
	if (!error && !guest.options.no_sandbox)
		error = isolate_split(guest.options.name, &err);
	if (!error) {
		urcu_memb_register_thread();
		guest.loop = loop_new();
		error = guest.loop ? start(&guest, &err) : errtext_set(&err, errno, "no descriptor is left");
	}
	if (!error)
		loop_run(guest.loop);
	else
		fprintf(stderr, "vsw-vmm: %s\n", err.text);
	finish(&guest);
	return error ? 1 : guest.status;
}
