// SPDX-License-Identifier: Apache-2.0
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ds.h"
#include "ctl/rpc.h"

/** The daemon's own limit on a request, less what goes around the text. */
#define MAX_INPUT ((size_t)63 << 20)

/* Milliseconds that the client waits longer than the daemon was asked to, so that the daemon's sentence wins. */
#define GRACE_MS 500

json_t *ctl_call(const struct ctl *ctl, const char *method, json_t *params)
{
	int timeout_ms = ctl->timeout_ms < 0 ? RPC_FOREVER : ctl->timeout_ms + GRACE_MS;
	struct errtext err = {0};
	json_t *result = NULL;
	struct rpc *rpc;
	int error = rpc_open(&rpc, ctl->rundir, timeout_ms, &err);

	if (error) {
		json_decref(params);
	} else {
		error = rpc_call(rpc, method, params, &result, &err);
		rpc_close(rpc);
	}
	if (error)
		ctl_error(ctl, error, &err);
	return result;
}

int ctl_error(const struct ctl *ctl, int error, const struct errtext *err)
{
	fflush(stdout);
	fprintf(stderr, "vsw: %s\n", err->text);
	if (ctl->json) {
		const char *code = strerrorname_np(-error);
		json_t *e = json_pack("{s:s, s:s}", "text", err->text, "code", code ? code : "EIO");

		if (e && err->column)
			json_object_set_new(e, "column", json_integer((json_int_t)err->column));
		e = json_pack("{s:o}", "error", e ? e : json_null());
		ctl_print_json(e);
		json_decref(e);
	}
	return CTL_FAILED;
}

int ctl_fail(const struct ctl *ctl, const char *fmt, ...)
{
	struct errtext err = {0};
	va_list args;

	va_start(args, fmt);
	vsnprintf(err.text, sizeof err.text, fmt, args);
	va_end(args);
	return ctl_error(ctl, -EINVAL, &err);
}

int ctl_print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	putchar('\n');
	return CTL_OK;
}

void ctl_print_text(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!len)
		return;
	fwrite(text, 1, len, stdout);
	if (text[len - 1] != '\n')
		putchar('\n');
}

int ctl_print_result(const struct ctl *ctl, json_t *result)
{
	int status = result ? (int)json_integer_value(json_object_get(result, "exit")) : CTL_FAILED;

	if (result && ctl->json) {
		json_object_del(result, "exit");
		ctl_print_json(result);
	} else if (result) {
		ctl_print_text(json_string_value(json_object_get(result, "text")));
	}
	json_decref(result);
	return status;
}

int ctl_ask(const struct ctl *ctl, const char *method, json_t *params)
{
	if (!params)
		params = json_object();
	if (ctl->json)
		json_object_set_new(params, "format", json_string("json"));
	return ctl_print_result(ctl, ctl_call(ctl, method, params));
}

static int read_all(int fd, struct ds *text)
{
	char buffer[65536];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) != 0) {
		if (n > 0)
			ds_put_mem(text, buffer, (size_t)n);
		else if (errno != EINTR)
			return -errno;
		if (text->len > MAX_INPUT)
			return -EFBIG;
	}
	return 0;
}

int ctl_read_input(const char *path, char **text, size_t *len, struct errtext *err)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct ds ds = DS_INIT;
	int error;

	if (fd < 0)
		return errtext_set(err, errno, "cannot open %s: %s", path, strerror(errno));
	error = read_all(fd, &ds);
	if (!is_stdin)
		close(fd);
	if (error) {
		ds_fini(&ds);
		if (error == -EFBIG)
			return errtext_set(err, EFBIG, "%s is longer than %zu MiB", path, MAX_INPUT >> 20);
		return errtext_set(err, -error, "cannot read %s: %s", path, strerror(-error));
	}
	*len = ds.len;
	*text = ds_steal(&ds);
	return 0;
}
