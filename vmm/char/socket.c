// SPDX-License-Identifier: Apache-2.0
/*
 * A UNIX socket as a stream: one client at a time. While one is there the others wait in the kernel's queue, and the next is served when it has gone. Without a
 * client the guest's bytes are lost, as on a wire.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "os/sock.h"
#include "vmm/char/stream.h"
#include "vmm/core/sandbox.h"

SANDBOX_CALLS(THREAD_IO, SYS_accept4, SYS_fcntl);

LOG_MODULE(char_socket);

struct socket_dev {
	struct chardev dev;
	struct stream stream;
	struct loop *loop;
	int listener;
	struct loop_fd accept;
	char *path;
};

static struct socket_dev *socket_of(struct chardev *dev)
{
	return container_of(dev, struct socket_dev, dev);
}

static void drop_client(struct socket_dev *d)
{
	int fds[2] = {d->stream.in_fd, d->stream.out_fd};

	stream_close(&d->stream);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void client_ready(struct loop_fd *self, uint32_t events);

static void listen_again(struct socket_dev *d)
{
	if (!d->accept.fd_plus_1 && loop_add_fd(d->loop, &d->accept, d->listener, EPOLLIN, client_ready))
		log_warn("%s: no descriptor is left to wait for a client", d->path);
}

static void ended(struct stream *stream)
{
	struct socket_dev *d = container_of(stream, struct socket_dev, stream);

	drop_client(d);
	listen_again(d);
	if (d->dev.user.opened)
		d->dev.user.opened(d->dev.user.aux, false);
}

static void client_ready(struct loop_fd *self, uint32_t events)
{
	struct socket_dev *d = container_of(self, struct socket_dev, accept);
	int fd = sock_accept(d->listener), copy;

	(void)events;
	if (fd < 0)
		return;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		close(fd);
		return;
	}
	loop_del_fd(d->loop, &d->accept);
	if (d->dev.user.opened)
		d->dev.user.opened(d->dev.user.aux, true);
	stream_open(&d->stream, fd, copy);
}

static int start(struct chardev *dev, struct loop *loop)
{
	struct socket_dev *d = socket_of(dev);

	d->loop = d->stream.loop = loop;
	return loop_add_fd(loop, &d->accept, d->listener, EPOLLIN, client_ready);
}

static void stop(struct chardev *dev)
{
	struct socket_dev *d = socket_of(dev);

	if (!d->loop)
		return;
	loop_del_fd(d->loop, &d->accept);
	drop_client(d);
}

static size_t dev_write(struct chardev *dev, const void *data, size_t len)
{
	return stream_write(&socket_of(dev)->stream, data, len);
}

static void resume(struct chardev *dev)
{
	stream_resume(&socket_of(dev)->stream);
}

static void dev_free(struct chardev *dev)
{
	struct socket_dev *d = socket_of(dev);

	unlink(d->path);
	close(d->listener);
	free(d->path);
	free(d);
}

static const struct chardev_ops ops = {start, stop, dev_write, resume, dev_free};

int chardev_socket_new(const char *path, struct chardev **result, struct errtext *err)
{
	int listener = sock_listen_unix(path, 0660, "vsw", err);
	struct socket_dev *d;

	if (listener < 0)
		return listener;
	d = xzalloc(sizeof *d);
	d->dev.ops = &ops;
	d->stream.dev = &d->dev;
	d->stream.in_fd = d->stream.out_fd = -1;
	d->stream.ended = ended;
	d->listener = listener;
	d->path = xstrdup(path);
	*result = &d->dev;
	return 0;
}
