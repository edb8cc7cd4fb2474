// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw capture`: the daemon writes pcapng into a pipe that it hands over; here it goes on to a file or to standard output, as it comes. The
 * filter is compiled here: libpcap may ask name servers, and takes its time with what it is given.
 *
 * It ends with ^C, with the reader of its output, with the daemon, or when the daemon closes the pipe because it was enough. What was
 * captured and what was not is said at the end, on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ds.h"
#include "ctl/ctl.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"
#include "os/pcap_filter.h"

enum { CHUNK = 1 << 18 };

struct capture {
	struct ctl *ctl;
	struct rpc *rpc;
	json_int_t id;
	int pipe, out;
	const char *out_name;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- the request ---- */

/* The words behind the port, as tcpdump takes them. Return: CTL_OK, or CTL_FAILED after an error. */
static int put_filter(const struct ctl *ctl, const struct invocation *inv, json_t *params)
{
	struct pcap_filter filter;
	struct ds text = DS_INIT;
	struct errtext err;
	json_t *program;
	int error;

	for (size_t i = 1; i < inv->n_args; i++)
		ds_printf(&text, "%s%s", i > 1 ? " " : "", inv->args[i]);
	error = pcap_filter_compile(&filter, ds_cstr(&text), &err);
	ds_fini(&text);
	if (error)
		return ctl_error(ctl, error, &err);
	program = json_array();
	for (size_t i = 0; i < filter.n; i++)
		json_array_append_new(program,
				      json_pack("[i, i, i, I]", (int)filter.insns[i].code, (int)filter.insns[i].jt,
						(int)filter.insns[i].jf, (json_int_t)filter.insns[i].k));
	if (filter.n)
		json_object_set(params, "filter", program);
	json_decref(program);
	pcap_filter_fini(&filter);
	return CTL_OK;
}

static int put_number(const struct ctl *ctl, const struct invocation *inv, const char *option, json_t *params)
{
	const char *text = invocation_option(inv, option);
	uint64_t n;

	if (!text)
		return CTL_OK;
	if (!str_to_uint(text, 10, INT32_MAX, &n) || !n)
		return ctl_fail(ctl, "capture: %s: '%s' is not a number above 0", option, text);
	json_object_set_new(params, option + 2, json_integer((json_int_t)n));
	return CTL_OK;
}

/* Return: NULL after an error. */
static json_t *params_of(const struct ctl *ctl, const struct invocation *inv)
{
	json_t *params = json_pack("{s:s, s:s}", "format", "json", "name", inv->args[0]);

	ctl_put_string(params, "direction", invocation_option(inv, "--direction"));
	if (invocation_has(inv, "--drops"))
		json_object_set_new(params, "drops", json_true());
	if (!put_number(ctl, inv, "--count", params) && !put_number(ctl, inv, "--snaplen", params) &&
	    !put_filter(ctl, inv, params))
		return params;
	json_decref(params);
	return NULL;
}

/* ---- packets ---- */

/* Return: 0, or -errno: -EPIPE when the reader has left. */
static int write_all(int fd, const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t w = write(fd, data, n);

		if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0) {
			data += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

/* Until the pipe has no more for now, or has ended. Return: 1 at its end, 0, or -errno of the output. */
static int pass_on(struct capture *c)
{
	static uint8_t buffer[CHUNK];
	ssize_t n = read(c->pipe, buffer, sizeof buffer);

	if (n == 0)
		return 1;
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : 1;
	return write_all(c->out, buffer, (size_t)n);
}

/* Return: as pass_on(); 0: interrupted. */
static int pump(struct capture *c)
{
	int status = 0;

	while (!status && !interrupted) {
		struct pollfd p[] = {{.fd = c->pipe, .events = POLLIN}, {.fd = c->out}};

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents & (POLLERR | POLLHUP))
			return -EPIPE;
		if (p[0].revents)
			status = pass_on(c);
	}
	return status;
}

/* ---- the end ---- */

static void say(json_t *stats)
{
	json_int_t captured = 0, unmatched = 0, unwatched = 0, lost = 0;

	json_unpack(stats, "{s:I, s:I, s:I, s:I}", "captured", &captured, "unmatched", &unmatched, "not_looked_at",
		    &unwatched, "lost", &lost);
	fprintf(stderr, "captured %lld of %lld packets", (long long)captured,
		(long long)(captured + unmatched + unwatched + lost));
	if (unmatched)
		fprintf(stderr, "; %lld did not match the filter", (long long)unmatched);
	if (unwatched)
		fprintf(stderr, "; %lld were not looked at, to spare the processor", (long long)unwatched);
	if (lost)
		fprintf(stderr, "; %lld were lost because this end was slow", (long long)lost);
	fputc('\n', stderr);
}

/* Tell the daemon, and take what it had still to give. */
static int finish(struct capture *c, int status)
{
	struct errtext err;
	json_t *stats;
	int error =
		rpc_call(c->rpc, "capture/stop", json_pack("{s:s, s:I}", "format", "json", "id", c->id), &stats, &err);

	while (!status)
		status = pass_on(c);
	if (status < 0 && status != -EPIPE)
		return ctl_fail(c->ctl, "%s: %s", c->out_name, strerror(-status));
	if (error == -EPIPE || error == -ENOENT) {
		fputs("vsw: the daemon has ended\n", stderr);
		return CTL_OK;
	}
	if (error)
		return ctl_error(c->ctl, error, &err);
	say(stats);
	json_decref(stats);
	return CTL_OK;
}

/* Return: CTL_OK, or CTL_FAILED after an error. */
static int open_output(struct capture *c, const struct invocation *inv)
{
	const char *file = invocation_option(inv, "--write");

	c->out = STDOUT_FILENO;
	c->out_name = "standard output";
	if (!file && isatty(STDOUT_FILENO))
		return ctl_fail(c->ctl, "capture: packets are no text for a terminal; -w FILE, or | tshark -r -");
	if (!file || !strcmp(file, "-"))
		return CTL_OK;
	c->out_name = file;
	c->out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return c->out < 0 ? ctl_fail(c->ctl, "cannot write %s: %s", file, strerror(errno)) : CTL_OK;
}

static int run(struct capture *c, json_t *params)
{
	struct errtext err;
	json_t *result;
	int error = rpc_open(&c->rpc, c->ctl->rundir, c->ctl->timeout_ms < 0 ? RPC_FOREVER : c->ctl->timeout_ms, &err);

	if (error)
		json_decref(params);
	else
		error = rpc_call(c->rpc, "capture/start", params, &result, &err);
	if (error)
		return ctl_error(c->ctl, error, &err);
	c->id = json_integer_value(json_object_get(result, "id"));
	json_decref(result);
	c->pipe = rpc_take_fd(c->rpc);
	if (c->pipe < 0)
		return ctl_fail(c->ctl, "capture: the daemon sent no pipe");
	catch_signals();
	return finish(c, pump(c));
}

int cmd_capture(struct ctl *ctl, const struct invocation *inv)
{
	struct capture c = {.ctl = ctl, .pipe = -1};
	json_t *params = params_of(ctl, inv);
	int status;

	if (!params)
		return CTL_FAILED;
	status = open_output(&c, inv);
	if (status) {
		json_decref(params);
		return status;
	}
	status = run(&c, params);
	rpc_close(c.rpc);
	if (c.pipe >= 0)
		close(c.pipe);
	if (c.out > STDERR_FILENO && close(c.out))
		return ctl_fail(ctl, "%s: %s", c.out_name, strerror(errno));
	return status;
}
