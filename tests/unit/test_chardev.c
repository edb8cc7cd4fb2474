// SPDX-License-Identifier: Apache-2.0
/* Streams over a UNIX socket: one client at a time, what is not taken waits, on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/loop.h"
#include "os/sock.h"
#include "vmm/char/chardev.h"

struct fixture {
	struct loop *loop;
	struct chardev *dev;
	char dir[32], path[48];
	char got[64];
	size_t n_got, room;
	unsigned int n_opened, n_closed, n_writable;
	size_t quit_at; /* bytes */
};

static size_t input(void *aux, const void *data, size_t len)
{
	struct fixture *f = aux;
	size_t n = MIN(len, f->room);

	memcpy(f->got + f->n_got, data, n);
	f->n_got += n;
	f->room -= n;
	if (f->n_got >= f->quit_at || n < len)
		loop_quit(f->loop);
	return n;
}

static void writable(void *aux)
{
	struct fixture *f = aux;

	f->n_writable++;
	loop_quit(f->loop);
}

static void opened(void *aux, bool is_open)
{
	struct fixture *f = aux;

	f->n_opened += is_open;
	f->n_closed += !is_open;
	loop_quit(f->loop);
}

static void init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->loop = loop_new();
	f->room = sizeof f->got;
	f->quit_at = SIZE_MAX;
	strcpy(f->dir, "/tmp/vsw-char-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/socket", f->dir);
	assert_int_equal(chardev_socket_new(f->path, &f->dev, NULL), 0);
	f->dev->user = (struct chardev_user){input, writable, opened, NULL, NULL, f};
	assert_int_equal(f->dev->ops->start(f->dev, f->loop), 0);
}

static void fini(struct fixture *f)
{
	f->dev->ops->stop(f->dev);
	f->dev->ops->free(f->dev);
	assert_int_not_equal(access(f->path, F_OK), 0);
	rmdir(f->dir);
	loop_free(f->loop);
}

static int join(struct fixture *f)
{
	int fd = sock_connect_unix(f->path);

	assert_true(fd >= 0);
	return fd;
}

static void bytes_both_ways(void **state)
{
	struct fixture f;
	char text[8];
	int client;

	(void)state;
	init(&f);
	assert_int_equal(f.dev->ops->write(f.dev, "lost", 4), 4); /* nobody is there */
	client = join(&f);
	loop_run(f.loop);
	assert_int_equal(f.n_opened, 1);
	assert_int_equal(f.dev->ops->write(f.dev, "hello", 5), 5);
	assert_int_equal(read(client, text, sizeof text), 5);
	assert_memory_equal(text, "hello", 5);
	f.quit_at = 3;
	assert_int_equal(write(client, "abc", 3), 3);
	loop_run(f.loop);
	assert_memory_equal(f.got, "abc", 3);
	close(client);
	fini(&f);
}

static void input_waits(void **state)
{
	struct fixture f;
	int client;

	(void)state;
	init(&f);
	client = join(&f);
	loop_run(f.loop);
	f.room = 2;
	assert_int_equal(write(client, "abcdef", 6), 6);
	loop_run(f.loop);
	assert_int_equal(f.n_got, 2);
	f.room = 3;
	f.dev->ops->resume(f.dev);
	assert_int_equal(f.n_got, 5);
	f.room = 10;
	f.quit_at = 8;
	f.dev->ops->resume(f.dev);
	assert_int_equal(f.n_got, 6);
	assert_int_equal(write(client, "gh", 2), 2); /* and it is read again */
	while (f.n_got < 8)
		loop_run(f.loop);
	assert_memory_equal(f.got, "abcdefgh", 8);
	close(client);
	fini(&f);
}

static void output_waits(void **state)
{
	static char chunk[65536], sink[65536];
	struct fixture f;
	size_t n, sent = 0, seen = 0;
	int client;

	(void)state;
	init(&f);
	client = join(&f);
	loop_run(f.loop);
	do {
		n = f.dev->ops->write(f.dev, chunk, sizeof chunk);
		sent += n;
	} while (n == sizeof chunk);
	while (seen < sent)
		seen += (size_t)read(client, sink, sizeof sink);
	while (!f.n_writable)
		loop_run(f.loop);
	assert_int_equal(f.n_writable, 1);
	assert_int_equal(f.dev->ops->write(f.dev, "x", 1), 1);
	assert_int_equal(read(client, sink, sizeof sink), 1);
	close(client);
	fini(&f);
}

static void next_client(void **state)
{
	struct fixture f;
	int first, second;

	(void)state;
	init(&f);
	first = join(&f);
	second = join(&f);
	loop_run(f.loop);
	f.quit_at = 3;
	assert_int_equal(write(second, "bb", 2), 2); /* waits for its turn */
	assert_int_equal(write(first, "aaa", 3), 3);
	loop_run(f.loop);
	assert_memory_equal(f.got, "aaa", 3);
	close(first);
	loop_run(f.loop);
	assert_int_equal(f.n_closed, 1);
	f.quit_at = 5;
	while (f.n_got < 5)
		loop_run(f.loop);
	assert_int_equal(f.n_opened, 2);
	assert_memory_equal(f.got, "aaabb", 5);
	close(second);
	fini(&f);
}

static void in_use(void **state)
{
	struct chardev *other;
	struct errtext err;
	struct fixture f;

	(void)state;
	init(&f);
	assert_int_equal(chardev_socket_new(f.path, &other, &err), -EADDRINUSE);
	fini(&f);
	assert_int_equal(chardev_socket_new("/nonexistent/x", &other, &err), -ENOENT);
}

static void typed_end(void *aux)
{
	struct fixture *f = aux;

	f->n_closed++;
	loop_quit(f->loop);
}

/* On a terminal Ctrl-A is an escape, also while the guest takes nothing. */
static void keys_of_a_terminal(void **state)
{
	int master, slave, input_before = dup(STDIN_FILENO);
	struct fixture f = {.quit_at = 3};
	struct chardev *dev;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	dup2(slave, STDIN_FILENO);
	f.loop = loop_new();
	dev = chardev_stdio_new();
	dev->user = (struct chardev_user){input, NULL, NULL, NULL, typed_end, &f};
	assert_int_equal(dev->ops->start(dev, f.loop), 0);
	assert_int_equal(write(master, "ab\1\1\1cd", 7), 7);
	loop_run(f.loop);
	assert_int_equal(f.n_got, 0); /* no room */
	f.room = 3;
	dev->ops->resume(dev);
	assert_memory_equal(f.got, "ab\1", 3);
	assert_int_equal(write(master, "\1x", 2), 2);
	while (!f.n_closed)
		loop_run(f.loop);
	f.room = 9;
	dev->ops->resume(dev);
	assert_memory_equal(f.got, "ab\1d", 4);
	assert_int_equal(f.n_got, 4);
	dev->ops->stop(dev);
	dev->ops->free(dev);
	dup2(input_before, STDIN_FILENO);
	close(input_before);
	close(master);
	close(slave);
	loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_both_ways),    cmocka_unit_test(input_waits), cmocka_unit_test(output_waits),
		cmocka_unit_test(keys_of_a_terminal), cmocka_unit_test(next_client), cmocka_unit_test(in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
