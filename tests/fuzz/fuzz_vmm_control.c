// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a client says to a guest's control socket (docs/vmm-control.md): all methods but "kill", on a machine that has no CPUs and so needs no KVM.
 * The first byte says whether an image comes along. What must hold: each answer is one JSON object on one line, with a result or a sentence; the connection ends
 * when the client has hung up and all was answered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <urcu.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "os/control.h"
#include "os/loop.h"
#include "os/sock.h"
#include "vmm/core/pci.h"
#include "vmm/core/vm_impl.h"
#include "vmm/dev/virtio_balloon.h"
#include "vmm/dev/virtio_pci.h"
#include "vmm/guest.h"
#include "vmm/hotplug.h"

#define MUST(COND) \
	do { \
		if (!(COND)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #COND); \
			abort(); \
		} \
	} while (0)

enum { LONGEST = 20000, PATIENCE_MS = 300 };

static struct guest guest;
static char folder[] = "/dev/shm/vsw-fuzz.XXXXXX", socket_path[64];
static struct loop_fd client_lfd;
static struct loop_timer patience;
static int client = -1;
static struct ds answers;

/* ---- a machine without CPUs ---- */

static void set_line(struct machine *m, unsigned int gsi, bool level)
{
	(void)m, (void)gsi, (void)level;
}

static void send_msi(struct machine *m, const struct machine_msi *msi)
{
	(void)m, (void)msi;
}

static int irqfd(struct machine *m, int eventfd, const struct machine_msi *msi)
{
	(void)m, (void)eventfd, (void)msi;
	return -EOPNOTSUPP;
}

static int ioeventfd(struct machine *m, bool is_pio, uint64_t addr, unsigned int size, int eventfd, bool add)
{
	(void)m, (void)is_pio, (void)addr, (void)size, (void)eventfd, (void)add;
	return -EOPNOTSUPP;
}

static void event(struct machine *m, enum machine_event what)
{
	(void)m, (void)what;
}

static int boot(void *aux, struct vm *vm)
{
	(void)aux, (void)vm;
	return 0;
}

static void ended(void *aux)
{
	(void)aux;
}

static struct vm *make_vm(void)
{
	static const struct machine_ops ops = {set_line, send_msi, irqfd, ioeventfd, event};
	const struct memory_config memory = {.size = 4u << 20, .no_thp = true, .numa_node = -1};
	struct vm *vm = xzalloc(sizeof *vm);
	struct machine *m = &vm->machine;

	vm->config = (struct vm_config){.name = "fuzz", .boot = boot, .loop = guest.loop};
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->parked, NULL);
	pthread_cond_init(&vm->go, NULL);
	m->ops = &ops;
	m->name = "fuzz";
	m->loop = guest.loop;
	CDS_INIT_LIST_HEAD(&m->hooks);
	MUST(!memory_new(&memory, &m->memory, NULL));
	m->pio = bus_new();
	m->mmio = bus_new();
	m->pci = pci_bus_new(m);
	return vm;
}

static void at_exit(void)
{
	control_close();
	if (rmdir(folder))
		fprintf(stderr, "%s is left over\n", folder);
}

static void init(void)
{
	const struct console_options console = {.kind = CONSOLE_NONE};
	const struct virtio_balloon_config balloon = {.name = "balloon0"};
	struct errtext err;

	log_set_level(NULL, LOG_LEVEL_OFF);
	rcu_register_thread();
	MUST(mkdtemp(folder));
	snprintf(socket_path, sizeof socket_path, "%s/s", folder);
	guest.options = (struct options){.name = "fuzz", .n_cpus = 1, .memory.size = 4u << 20, .rundir = folder};
	guest.loop = loop_new();
	MUST(guest.loop);
	guest.vm = make_vm();
	MUST(!console_open(&guest.console, &console, guest.loop, ended, NULL, &err));
	board_init(&guest.board, &guest.vm->machine, &guest.console);
	hotplug_init(&guest);
	disks_init(&guest.disks, 1);
	MUST(!virtio_balloon_new(&guest.vm->machine, &balloon, &guest.balloon, &err));
	MUST(!virtio_pci_plug(virtio_balloon_device(guest.balloon), -1, &err));
	commands_register(&guest);
	MUST(!control_open(guest.loop, socket_path, &err));
	atexit(at_exit);
}

/* ---- the client ---- */

static void hang_up(void)
{
	loop_del_fd(guest.loop, &client_lfd);
	loop_cancel_timer(guest.loop, &patience);
	close(client);
	client = -1;
	loop_quit(guest.loop);
}

static void on_answer(struct loop_fd *self, uint32_t events)
{
	static char buf[65536];
	ssize_t n = recv(client, buf, sizeof buf, MSG_DONTWAIT);

	(void)self, (void)events;
	if (n > 0)
		ds_put_mem(&answers, buf, (size_t)n);
	else
		hang_up();
}

/* A device that is asked of a guest may stay as long as that likes. */
static void out_of_patience(struct loop_timer *self, int64_t now_ms)
{
	(void)self, (void)now_ms;
	hang_up();
}

static void check_answer(const char *line, size_t len)
{
	json_t *answer = json_loadb(line, len, 0, NULL), *error = json_object_get(answer, "error");

	MUST(json_is_object(answer) && error);
	if (json_is_null(error)) {
		MUST(json_object_get(answer, "result") && !json_is_null(json_object_get(answer, "result")));
	} else {
		const char *text = json_string_value(json_object_get(error, "text"));

		MUST(text && *text && !strchr(text, '\n'));
	}
	json_decref(answer);
}

static void forget_disks(void)
{
	struct disk *disk;

	while ((disk = disks_last(&guest.disks)))
		disk_remove(disk);
}

static void send_all(const uint8_t *data, size_t size, bool with_image)
{
	int fd = -1;

	if (with_image) {
		fd = memfd_create("image", MFD_CLOEXEC);
		MUST(fd >= 0 && !ftruncate(fd, 1 << 20));
	}
	MUST(sock_send(client, data, size, &fd, with_image) == (ssize_t)size);
	if (fd >= 0)
		close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > LONGEST || memmem(data, size, "kill", 4) || memmem(data, size, "\\u", 2))
		return -1;
	if (!guest.loop)
		init();
	ds_clear(&answers);
	client = sock_connect_unix(socket_path);
	MUST(client >= 0);
	send_all(data + 1, size - 1, data[0] & 1);
	MUST(!shutdown(client, SHUT_WR));
	MUST(!loop_add_fd(guest.loop, &client_lfd, client, EPOLLIN, on_answer));
	loop_set_timer(guest.loop, &patience, clock_now_ms() + PATIENCE_MS, out_of_patience);
	MUST(!loop_run(guest.loop));
	for (const char *p = ds_cstr(&answers), *newline; (newline = strchr(p, '\n')); p = newline + 1)
		check_answer(p, (size_t)(newline - p));
	forget_disks();
	return 0;
}
