// SPDX-License-Identifier: Apache-2.0
/* The client of the control socket against servers that behave, and that do not. */
#include "ctl/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/test_ctl_rpc.XXXXXX";
static char socket_path[64];

static int listen_there(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(socket_path);
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", socket_path);
	assert_return_code(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	assert_return_code(listen(fd, 1), 0);
	return fd;
}

/* A server for one connection: reads a line, writes @answer in two pieces, then closes or, with @hang, waits to be killed. */
static pid_t serve(const char *answer, bool hang)
{
	int fd = listen_there();
	pid_t pid = fork();

	if (!pid) {
		char buffer[65536];
		int client = accept(fd, NULL, NULL);
		size_t half = strlen(answer) / 2;
		ssize_t n;

		do
			n = read(client, buffer, sizeof buffer);
		while (n > 0 && buffer[n - 1] != '\n');
		if (write(client, answer, half) != (ssize_t)half)
			_exit(1);
		if (write(client, answer + half, strlen(answer) - half) < 0)
			_exit(1);
		if (hang)
			pause();
		_exit(0);
	}
	close(fd);
	return pid;
}

static void end_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* One call to a server that gives @answer. Return: what rpc_call() returned. */
static int call(const char *answer, bool hang, int timeout_ms, json_t **result, struct errtext *err)
{
	pid_t pid = serve(answer, hang);
	struct rpc *rpc;
	int error;

	assert_int_equal(rpc_open(&rpc, folder, timeout_ms, err), 0);
	error = rpc_call(rpc, "m", json_pack("{s:i}", "x", 1), result, err);
	rpc_close(rpc);
	end_server(pid);
	return error;
}

static void answers(void **state VSW_UNUSED)
{
	static const struct {
		const char *answer;
		bool hang;
		int error;
		const char *text; /* of the error; "%s" is the path of the socket */
		size_t column;
	} cases[] = {
		{"{\"id\":1,\"result\":{\"text\":\"hi\"},\"error\":null}\n", false, 0, NULL, 0},
		{"{\"id\":1,\"result\":null,\"error\":{\"text\":\"no\",\"code\":\"ENODEV\",\"column\":7}}\n", true,
		 -ENODEV, "no", 7},
		{"{\"id\":1,\"result\":null,\"error\":{\"code\":\"EWHAT\"}}\n", true, -EIO, "the daemon gave no reason",
		 0},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", true, -EPROTO, "%s: what answers there is not vsw-switchd", 0},
		{"[1,2]\n", true, -EPROTO, "%s: what answers there is not vsw-switchd", 0},
		{"", false, -EPIPE, "vsw-switchd closed the connection (%s); its log says why", 0},
		{"{\"id\":1,\"resu", false, -EPIPE, "vsw-switchd closed the connection (%s); its log says why", 0},
		{"{\"id\":1,\"resu", true, -ETIMEDOUT,
		 "vsw-switchd did not answer within 0.05 s (%s); --timeout gives it longer", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int timeout_ms = cases[i].error == -ETIMEDOUT ? 50 : 5000;
		struct errtext err = {0};
		json_t *result = NULL;

		assert_int_equal(call(cases[i].answer, cases[i].hang, timeout_ms, &result, &err), cases[i].error);
		if (cases[i].text) {
			char *text = xasprintf(cases[i].text, socket_path);

			assert_string_equal(err.text, text);
			assert_int_equal(err.column, cases[i].column);
			free(text);
		} else {
			assert_string_equal(json_string_value(json_object_get(result, "text")), "hi");
		}
		json_decref(result);
	}
}

/* A request larger than the socket's buffer, a server that reads it all; and one that refuses it half-way. */
static void large_requests(void **state VSW_UNUSED)
{
	char *big = xmalloc((1 << 20) + 1);
	json_t *result = NULL;
	struct rpc *rpc;
	pid_t pid = serve("{\"result\":{},\"error\":null}\n", false);

	memset(big, 'x', 1 << 20);
	big[1 << 20] = '\0';
	assert_int_equal(rpc_open(&rpc, folder, 5000, NULL), 0);
	assert_int_equal(rpc_call(rpc, "m", json_pack("{s:s}", "x", big), &result, NULL), 0);
	json_decref(result);
	assert_true(rpc_peer(rpc) > 0);
	rpc_close(rpc);
	end_server(pid);
	free(big);
}

static void nobody_there(void **state VSW_UNUSED)
{
	struct errtext err = {0};
	struct rpc *rpc;
	char *text;
	int error;

	unlink(socket_path);
	error = rpc_open(&rpc, folder, 100, &err);
	assert_int_equal(error, -ENOENT);
	assert_true(rpc_is_absent(error));
	text = xasprintf("vsw-switchd is not running (there is no %s); `vsw service start` starts it, --rundir names "
			 "another run folder",
			 socket_path);
	assert_string_equal(err.text, text);
	free(text);
	assert_null(rpc);
	close(listen_there());
	error = rpc_open(&rpc, folder, 100, &err);
	assert_int_equal(error, -ECONNREFUSED);
	assert_true(rpc_is_absent(error));
	unlink(socket_path);
}

/* A daemon that is stuck and accepts nobody: the backlog fills up, and connect() must not hang. */
static void stuck_daemon(void **state VSW_UNUSED)
{
	struct rpc *rpcs[8] = {NULL};
	int fd = listen_there();
	size_t n = 0;
	int error = 0;

	while (!error && n < ARRAY_SIZE(rpcs))
		error = rpc_open(&rpcs[n++], folder, 50, NULL);
	assert_int_equal(error, -ETIMEDOUT);
	while (n)
		rpc_close(rpcs[--n]);
	close(fd);
	unlink(socket_path);
}

/* sun_path holds 107 bytes; run folders may be deeper. */
static void deep_folder(void **state VSW_UNUSED)
{
	char deep[256];
	struct errtext err;
	struct rpc *rpc;

	snprintf(deep, sizeof deep, "%s/%0120d", folder, 0);
	assert_return_code(mkdir(deep, 0700), 0);
	assert_int_equal(rpc_open(&rpc, deep, 100, &err), -ENOENT);
	rmdir(deep);
}

static int make_folder(void **state VSW_UNUSED)
{
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder))
		return -1;
	snprintf(socket_path, sizeof socket_path, "%s/vsw.sock", folder);
	return 0;
}

static int remove_folder(void **state VSW_UNUSED)
{
	unlink(socket_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),	cmocka_unit_test(large_requests), cmocka_unit_test(nobody_there),
		cmocka_unit_test(stuck_daemon), cmocka_unit_test(deep_folder),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
