// SPDX-License-Identifier: Apache-2.0
/* The guest's console. */
#include "vmm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/log.h"
#include "os/sock.h"
#include "vmm/core/sandbox.h"
#include "vmm/dev/serial.h"
#include "vmm/isolate.h"
#include "vmm/options.h"

LOG_MODULE(console);

/* The terminal, as it was before. */
SANDBOX_IOCTLS(THREAD_MAIN, TCGETS, TCSETS);

#define ESCAPE 1 /* Ctrl-A */
#define LAST_WORDS_MS 1000

static void flush(struct console *console);
static void watch_input(struct console *console);
static void in_ready(struct loop_fd *self, uint32_t events);

/* ---- peers ---- */

static void peer_drop(struct console_peer *peer)
{
	struct console *console = peer->console;

	loop_del_fd(console->loop, &peer->in);
	loop_del_fd(console->loop, &peer->out);
	if (peer->in_fd > STDERR_FILENO)
		close(peer->in_fd);
	if (peer->out_fd > STDERR_FILENO)
		close(peer->out_fd);
	peer->console = NULL;
}

/* The oldest byte that is still there, or what the peer has got: the later one. Then as much in one piece as there is. */
static size_t next_piece(struct console *console, struct console_peer *peer, uint8_t *piece, size_t max)
{
	size_t n, start;

	pthread_mutex_lock(&console->lock);
	if (peer->at < console->n_put && console->n_put - peer->at > CONSOLE_HISTORY)
		peer->at = console->n_put - CONSOLE_HISTORY;
	start = peer->at % CONSOLE_HISTORY;
	n = peer->at < console->n_put ? MIN((size_t)(console->n_put - peer->at), CONSOLE_HISTORY - start) : 0;
	n = MIN(n, max);
	memcpy(piece, console->ring + start, n);
	pthread_mutex_unlock(&console->lock);
	return n;
}

static void out_ready(struct loop_fd *self, uint32_t events)
{
	struct console_peer *peer = container_of(self, struct console_peer, out);
	struct console *console = peer->console;

	(void)events;
	loop_del_fd(console->loop, &peer->out);
	flush(console);
}

/* Return: false when it takes no more now. */
static bool send_piece(struct console *console, struct console_peer *peer, const uint8_t *piece, size_t len)
{
	ssize_t n = peer->is_socket ? send(peer->out_fd, piece, len, MSG_DONTWAIT | MSG_NOSIGNAL)
				    : write(peer->out_fd, piece, len);

	if (n > 0) {
		peer->at += (uint64_t)n;
		return true;
	}
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN) {
		if (loop_add_fd(console->loop, &peer->out, peer->out_fd, EPOLLOUT, out_ready))
			log_dbg("output waits for the guest's next word");
		return false;
	}
	if (peer->is_client)
		peer_drop(peer);
	else
		peer->at = UINT64_MAX; /* nobody reads it any more; input may still come */
	return false;
}

static void flush_peer(struct console *console, struct console_peer *peer)
{
	uint8_t piece[4096];
	size_t n;

	while ((n = next_piece(console, peer, piece, sizeof piece)) > 0)
		if (!send_piece(console, peer, piece, n))
			break;
}

static void flush(struct console *console)
{
	for (size_t i = 0; i < CONSOLE_MAX_CLIENTS; i++)
		if (console->peers[i].console && !console->peers[i].out.fd_plus_1)
			flush_peer(console, &console->peers[i]);
}

/* ---- output ---- */

static void flush_posted(void *aux)
{
	struct console *console = aux;

	pthread_mutex_lock(&console->lock);
	console->is_posted = false;
	pthread_mutex_unlock(&console->lock);
	flush(console);
}

/* In a vCPU. */
static void output(void *aux, uint8_t byte)
{
	struct console *console = aux;
	bool must_post;

	pthread_mutex_lock(&console->lock);
	console->ring[console->n_put++ % CONSOLE_HISTORY] = byte;
	must_post = !console->is_posted;
	console->is_posted = true;
	pthread_mutex_unlock(&console->lock);
	if (must_post)
		loop_post(console->loop, flush_posted, console);
}

void console_dump(struct console *console, size_t max, struct ds *text)
{
	uint64_t from;

	pthread_mutex_lock(&console->lock);
	from = console->n_put - MIN(MIN(console->n_put, CONSOLE_HISTORY), max);
	while (from < console->n_put) {
		size_t start = from % CONSOLE_HISTORY,
		       n = MIN((size_t)(console->n_put - from), CONSOLE_HISTORY - start);

		ds_put_mem(text, console->ring + start, n);
		from += n;
	}
	pthread_mutex_unlock(&console->lock);
}

/* ---- input ---- */

/* What the serial port takes of it; while something is left nothing more is read. */
static void pass_input(struct console *console)
{
	size_t n = serial_input(console->serial, console->input, console->n_input);

	memmove(console->input, console->input + n, console->n_input - n);
	console->n_input -= n;
	watch_input(console);
}

static void input_posted(void *aux)
{
	struct console *console = aux;

	if (console->n_input)
		pass_input(console);
}

/* In a vCPU, under the serial port's lock. */
static void drained(void *aux)
{
	struct console *console = aux;

	loop_post(console->loop, input_posted, console);
}

/* Whose words there is room for: everybody, or terminals alone, which have keys that are not the guest's. */
static void watch_input(struct console *console)
{
	for (size_t i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		struct console_peer *peer = &console->peers[i];
		bool is_wanted = peer->is_terminal || !console->n_input;

		if (!peer->console || peer->at_end || !!peer->in.fd_plus_1 == is_wanted)
			continue;
		if (!is_wanted)
			loop_del_fd(console->loop, &peer->in);
		else if (loop_add_fd(console->loop, &peer->in, peer->in_fd, EPOLLIN, in_ready))
			peer->at_end = true; /* a file as input, or none: epoll has no word for it, nobody types */
	}
}

/* Take escapes out of what was typed on a terminal. Return: how many bytes are left; -1: it shall end. */
static ssize_t unescape(struct console_peer *peer, uint8_t *keys, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		bool had_escape = peer->has_escape;

		peer->has_escape = !had_escape && keys[i] == ESCAPE;
		if (had_escape && (keys[i] == 'x' || keys[i] == 'X'))
			return -1;
		if (!peer->has_escape)
			keys[left++] = keys[i];
	}
	return (ssize_t)left;
}

static void in_ready(struct loop_fd *self, uint32_t events)
{
	struct console_peer *peer = container_of(self, struct console_peer, in);
	struct console *console = peer->console;
	uint8_t keys[256];
	ssize_t n = read(peer->in_fd, keys, sizeof keys);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && peer->is_client) {
		peer_drop(peer);
	} else if (n <= 0) {
		peer->at_end = true;
		loop_del_fd(console->loop, self);
	} else {
		if (peer->is_terminal)
			n = unescape(peer, keys, (size_t)n);
		if (n < 0)
			console->ended(console->aux);
		/* Only who types on a terminal all the while has no room left, and then his keys have no effect. */
		n = MIN(MAX(n, 0), (ssize_t)(sizeof console->input - console->n_input));
		memcpy(console->input + console->n_input, keys, (size_t)n);
		console->n_input += (size_t)n;
		pass_input(console);
	}
}

/* ---- a new peer ---- */

static struct console_peer *peer_new(struct console *console, int in_fd, int out_fd)
{
	for (size_t i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		struct console_peer *peer = &console->peers[i];

		if (peer->console)
			continue;
		*peer = (struct console_peer){.console = console, .in_fd = in_fd, .out_fd = out_fd};
		peer->at = console->n_put;
		watch_input(console);
		return peer;
	}
	return NULL;
}

static void accept_ready(struct loop_fd *self, uint32_t events)
{
	struct console *console = container_of(self, struct console, listener);
	int in = sock_accept(console->listen_fd), out;
	struct console_peer *peer = NULL;

	(void)events;
	if (in < 0)
		return;
	out = fcntl(in, F_DUPFD_CLOEXEC, 0);
	if (out >= 0)
		peer = peer_new(console, in, out);
	if (peer) {
		peer->is_client = peer->is_socket = true;
		return;
	}
	log_warn_rl("%d are connected already, or no descriptor is left", CONSOLE_MAX_CLIENTS);
	close(in);
	if (out >= 0)
		close(out);
}

/* A descriptor of our own for the same file, so that making it non-blocking concerns nobody else; a file on a disk needs none. */
static int reopen_output(bool *is_socket)
{
	struct stat st;
	int fd = -1;

	*is_socket = fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 ? fd : STDOUT_FILENO;
}

/* A terminal's own keys are the guest's from now on. */
static bool make_raw(struct console *console)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &console->saved) < 0)
		return false;
	raw = console->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* the log's lines end as before */
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int listen_at(struct console *console, const char *path, struct errtext *err)
{
	int error;

	console->path = xstrdup(path);
	console->listen_fd = sock_listen_unix(console->path, 0660, "vsw", err);
	if (console->listen_fd < 0)
		return console->listen_fd;
	isolate_leave(console->path);
	error = loop_add_fd(console->loop, &console->listener, console->listen_fd, EPOLLIN, accept_ready);
	return error ? errtext_set(err, -error, "--console: %s", strerror(-error)) : 0;
}

int console_open(struct console *console, const struct console_options *options, struct loop *loop,
		 void (*ended)(void *aux), void *aux, struct errtext *err)
{
	struct console_peer *peer;
	bool is_socket;
	int out;

	*console = (struct console){.loop = loop, .listen_fd = -1, .ended = ended, .aux = aux};
	pthread_mutex_init(&console->lock, NULL);
	console->ring = xmalloc(CONSOLE_HISTORY);
	if (options->kind == CONSOLE_SOCKET)
		return listen_at(console, options->path, err);
	if (options->path)
		return errtext_set(err, EINVAL, "--console: path=%s belongs to a socket; --console socket,path=%s",
				   options->path, options->path);
	if (options->kind == CONSOLE_NONE)
		return 0;
	out = reopen_output(&is_socket);
	peer = peer_new(console, STDIN_FILENO, out);
	peer->is_socket = is_socket;
	peer->is_terminal = console->is_raw = make_raw(console);
	watch_input(console);
	return 0;
}

void console_attach(struct console *console, struct serial *serial)
{
	console->serial = serial;
	serial->output = output;
	serial->drained = drained;
	serial->aux = console;
}

/* Wait for those who are slow, but not for ever. */
static void last_words(struct console *console)
{
	int64_t end = clock_now_ms() + LAST_WORDS_MS;

	flush(console);
	for (size_t i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		struct console_peer *peer = &console->peers[i];
		struct pollfd room = {.fd = peer->out_fd, .events = POLLOUT};

		while (peer->console && peer->at < console->n_put && clock_now_ms() < end) {
			poll(&room, 1, 100);
			loop_del_fd(console->loop, &peer->out);
			flush_peer(console, peer);
		}
	}
}

void console_close(struct console *console)
{
	if (!console->ring)
		return;
	last_words(console);
	if (console->is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
	for (size_t i = 0; i < CONSOLE_MAX_CLIENTS; i++)
		if (console->peers[i].console)
			peer_drop(&console->peers[i]);
	if (console->listen_fd >= 0) {
		loop_del_fd(console->loop, &console->listener);
		close(console->listen_fd);
		unlink(console->path);
	}
	free(console->path);
	free(console->ring);
	console->ring = NULL;
	pthread_mutex_destroy(&console->lock);
}
