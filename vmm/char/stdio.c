// SPDX-License-Identifier: Apache-2.0
/*
 * Standard input and output as a stream. A terminal is raw meanwhile: what is typed goes to the guest, Ctrl-C too; its size goes along.
 *
 * The end of the input is the end of the input only: output goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/char/stream.h"
#include "vmm/core/sandbox.h"

SANDBOX_IOCTLS(THREAD_IO | THREAD_MAIN, TIOCGWINSZ, TCGETS, TCSETS);

#define ESCAPE 1 /* Ctrl-A */

struct stdio_dev {
	struct chardev dev;
	struct stream stream;
	struct termios before;
	bool is_raw;
	bool has_escape; /* Ctrl-A was the last key */
	int winch_fd;	 /* -1: none */
	struct loop_fd winch;
};

static struct stdio_dev *stdio_of(struct chardev *dev)
{
	return container_of(dev, struct stdio_dev, dev);
}

static void ended(struct stream *stream)
{
	if (stream->loop)
		loop_del_fd(stream->loop, &stream->in);
	stream->in_fd = -1;
}

/* Keys of a terminal: Ctrl-A begins an escape. */
static size_t filter(struct stream *stream, uint8_t *data, size_t len)
{
	struct stdio_dev *d = container_of(stream, struct stdio_dev, stream);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (d->is_raw && !d->has_escape && data[i] == ESCAPE) {
			d->has_escape = true;
			continue;
		}
		if (d->has_escape && data[i] == 'x' && d->dev.user.quit)
			d->dev.user.quit(d->dev.user.aux);
		else if (!d->has_escape || data[i] == ESCAPE)
			data[n++] = data[i];
		d->has_escape = false;
	}
	return n;
}

static void tell_size(struct stdio_dev *d)
{
	struct winsize size;

	if (d->dev.user.resized && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row)
		d->dev.user.resized(d->dev.user.aux, size.ws_col, size.ws_row);
}

static void winch_ready(struct loop_fd *self, uint32_t events)
{
	struct stdio_dev *d = container_of(self, struct stdio_dev, winch);
	struct signalfd_siginfo info;

	(void)events;
	while (read(d->winch_fd, &info, sizeof info) == sizeof info)
		continue;
	tell_size(d);
}

static void make_raw(struct stdio_dev *d)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &d->before) < 0)
		return; /* no terminal */
	raw = d->before;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* our own messages are read on it, too */
	d->is_raw = d->stream.is_eager = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int start(struct chardev *dev, struct loop *loop)
{
	struct stdio_dev *d = stdio_of(dev);

	d->stream.loop = loop;
	make_raw(d);
	if (d->winch_fd >= 0 && loop_add_fd(loop, &d->winch, d->winch_fd, EPOLLIN, winch_ready))
		return -EMFILE;
	if (dev->user.opened)
		dev->user.opened(dev->user.aux, true);
	tell_size(d);
	stream_open(&d->stream, STDIN_FILENO, STDOUT_FILENO);
	return 0;
}

static void stop(struct chardev *dev)
{
	struct stdio_dev *d = stdio_of(dev);

	stream_close(&d->stream);
	if (d->stream.loop)
		loop_del_fd(d->stream.loop, &d->winch);
	if (d->is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &d->before);
	d->is_raw = false;
}

static size_t dev_write(struct chardev *dev, const void *data, size_t len)
{
	return stream_write(&stdio_of(dev)->stream, data, len);
}

static void resume(struct chardev *dev)
{
	stream_resume(&stdio_of(dev)->stream);
}

static void dev_free(struct chardev *dev)
{
	struct stdio_dev *d = stdio_of(dev);

	if (d->winch_fd >= 0)
		close(d->winch_fd);
	free(d);
}

static const struct chardev_ops ops = {start, stop, dev_write, resume, dev_free};

struct chardev *chardev_stdio_new(void)
{
	struct stdio_dev *d = xzalloc(sizeof *d);
	sigset_t set;

	d->dev.ops = &ops;
	d->stream.dev = &d->dev;
	d->stream.in_fd = d->stream.out_fd = -1;
	d->stream.ended = ended;
	d->stream.filter = filter;
	/* Threads that come later have it blocked, too, so that it arrives here only. */
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	d->winch_fd = isatty(STDOUT_FILENO) ? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
	/* Who reads our output may go; that ends nothing. */
	signal(SIGPIPE, SIG_IGN);
	return &d->dev;
}
