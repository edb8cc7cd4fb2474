// SPDX-License-Identifier: Apache-2.0
/*
 * The control server against clients of all manners. The server's loop runs in a thread of its own, as it does in the daemon; the test is
 * the clients.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "os/loop.h"
#include "os/sock.h"
#include "switchd/control.h"

static struct loop *loop;
static pthread_t server;
static char folder[] = "/tmp/vsw-control.XXXXXX";
static char path[64];
static struct control_request *parked;
static _Atomic int n_cancelled;

/* ---- methods of the test ---- */

static int m_echo(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	(void)r;
	(void)err;
	*result = json_deep_copy(params);
	return 0;
}

static int m_refuse(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	(void)r;
	(void)params;
	(void)result;
	return errtext_at(err, EINVAL, 7, "no");
}

static int m_big(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	int error = 0;
	size_t n = (size_t)control_int(params, "n", 1, &error, err);
	char *text = xmalloc(n + 1);

	(void)r;
	memset(text, 'x', n);
	text[n] = '\0';
	*result = json_pack("{s:s}", "text", text);
	free(text);
	return error;
}

static void cancelled(void *aux)
{
	(void)aux;
	parked = NULL;
	n_cancelled++;
}

static int m_park(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	(void)params;
	(void)result;
	(void)err;
	parked = r;
	control_defer(r, cancelled, NULL);
	return 0;
}

static int m_release(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	struct control_request *p = parked;

	(void)r;
	(void)params;
	(void)err;
	parked = NULL;
	if (p)
		control_reply(p, 0, json_pack("{s:s}", "text", "released"), NULL);
	*result = json_object();
	return 0;
}

static int m_fd(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	(void)params;
	(void)err;
	control_attach_fd(r, open("/dev/null", O_RDONLY | O_CLOEXEC));
	*result = json_object();
	return 0;
}

static int m_take(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	int fd = control_take_fd(r);
	char byte = '-';

	(void)params;
	(void)err;
	if (fd >= 0 && read(fd, &byte, 1) == 1)
		close(fd);
	*result = json_pack("{s:b, s:s#}", "more", control_take_fd(r) >= 0, "byte", &byte, (size_t)1);
	return 0;
}

static int m_strict(struct control_request *r, const json_t *params, json_t **result, struct errtext *err)
{
	int error = control_allow(params, "a,bc", err);

	(void)r;
	control_wants_json(params, &error, err);
	control_str(params, "a", "", &error, err);
	control_bool(params, "bc", false, &error, err);
	if (!error)
		*result = control_text("fine\n");
	return error;
}

/* ---- the server's thread ---- */

static void *serve(void *aux)
{
	(void)aux;
	assert_int_equal(loop_run(loop), 0);
	return NULL;
}

static void quit(void *aux)
{
	(void)aux;
	loop_quit(loop);
}

static int setup(void **state)
{
	struct rlimit files;
	struct errtext err;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s", folder);
	loop = loop_new();
	control_accept_fds();
	control_register("echo", m_echo);
	control_register("take", m_take);
	control_register("refuse", m_refuse);
	control_register("big", m_big);
	control_register("park", m_park);
	control_register("release", m_release);
	control_register("fd", m_fd);
	control_register("strict", m_strict);
	assert_int_equal(control_open(loop, path, &err), 0);
	return pthread_create(&server, NULL, serve, NULL);
}

static int teardown(void **state)
{
	(void)state;
	loop_post(loop, quit, NULL);
	pthread_join(server, NULL);
	control_close();
	assert_int_equal(access(path, F_OK), -1);
	loop_free(loop);
	return rmdir(folder);
}

/* ---- clients ---- */

static int dial(void)
{
	int fd = sock_connect_unix(path);

	assert_true(fd >= 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One line, without its newline; NULL when the connection ended. The caller frees. */
static char *get_line(int fd)
{
	struct ds line = DS_INIT;
	char c;

	while (recv(fd, &c, 1, 0) == 1) {
		if (c == '\n')
			return ds_steal(&line);
		ds_put_char(&line, c);
	}
	ds_fini(&line);
	return NULL;
}

static void expect(int fd, const char *want)
{
	char *got = get_line(fd);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void expect_code(int fd, const char *code)
{
	char *got = get_line(fd);
	json_t *answer = got ? json_loads(got, 0, NULL) : NULL;

	assert_non_null(answer);
	assert_string_equal(json_string_value(json_object_get(json_object_get(answer, "error"), "code")), code);
	json_decref(answer);
	free(got);
}

static void expect_end(int fd)
{
	char c;

	assert_true(recv(fd, &c, 1, 0) <= 0);
	close(fd);
}

/* The server still answers others. */
static void assert_alive(void)
{
	int fd = dial();

	put(fd, "{\"method\":\"echo\",\"params\":{\"a\":1},\"id\":5}\n");
	expect(fd, "{\"id\":5,\"result\":{\"a\":1},\"error\":null}");
	close(fd);
}

/* ---- tests ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{"{\"method\":\"echo\"}\n", "{\"id\":null,\"result\":{},\"error\":null}"},
		{"{\"method\":\"echo\",\"params\":null,\"id\":\"x\"}\n", "{\"id\":\"x\",\"result\":{},\"error\":null}"},
		{"  {\"method\":\"refuse\",\"id\":[1]}  \r\n",
		 "{\"id\":[1],\"result\":null,\"error\":{\"text\":\"no\",\"code\":\"EINVAL\",\"column\":7}}"},
		{"{\"method\":\"nope\"}\n", "{\"id\":null,\"result\":null,\"error\":{\"text\":\"unknown method 'nope'; "
					    "\\\"methods\\\" lists them\",\"code\":\"ENOSYS\"}}"},
		{"{\"id\":1}\n", "{\"id\":1,\"result\":null,\"error\":{\"text\":\"the request has no "
				 "\\\"method\\\"\",\"code\":\"EPROTO\"}}"},
		{"{\"method\":\"echo\",\"params\":[]}\n", "{\"id\":null,\"result\":null,\"error\":{\"text\":\"echo: "
							  "\\\"params\\\" must be an object\",\"code\":\"EINVAL\"}}"},
		{"{\"method\":\"strict\",\"params\":{\"a\":\"x\",\"bc\":true,\"format\":\"json\"}}\n",
		 "{\"id\":null,\"result\":{\"text\":\"fine\\n\",\"exit\":0},\"error\":null}"},
		{"{\"method\":\"strict\",\"params\":{\"b\":1}}\n",
		 "{\"id\":null,\"result\":null,\"error\":{\"text\":\"unknown parameter \\\"b\\\"; known are: "
		 "format,a,bc\",\"code\":\"EINVAL\"}}"},
		{"{\"method\":\"strict\",\"params\":{\"a\":1}}\n",
		 "{\"id\":null,\"result\":null,\"error\":{\"text\":\"\\\"a\\\" must be a "
		 "string\",\"code\":\"EINVAL\"}}"},
		{"{\"method\":\"strict\",\"params\":{\"format\":\"xml\"}}\n",
		 "{\"id\":null,\"result\":null,\"error\":{\"text\":\"\\\"format\\\" must be \\\"text\\\" or "
		 "\\\"json\\\"\",\"code\":\"EINVAL\"}}"},
	};
	int fd = dial();

	(void)state;
	/* A sentence stays one line of UTF-8, whatever it quotes and wherever it was cut. */
	put(fd, "{\"method\":\"a\\nb\\u0001\\u00e4xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\u00e4\"}\n");
	expect(fd, "{\"id\":null,\"result\":null,\"error\":{\"text\":\"unknown method "
		   "'a?b?\xc3\xa4"
		   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?'; \\\"methods\\\" lists "
		   "them\",\"code\":\"ENOSYS\"}}");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(fd, cases[i].request);
		expect(fd, cases[i].answer);
	}
	close(fd);
}

static void test_garbage(void **state)
{
	static const char *const garbage[] = {
		"hello\n",
		"[]\n",
		"{\n",
		"\n",
		"\"x\"\n",
		"{\"a\":1,\"a\":2}\n",
		"{\"method\":\"echo\"}}\n",
		"\xff\xfe{\n",
		"{\"method\":\"\xff\"}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		int fd = dial();

		put(fd, garbage[i]);
		expect_code(fd, "EPROTO");
		expect_end(fd);
	}
	assert_alive();
}

static void test_null_bytes(void **state)
{
	int fd = dial();

	(void)state;
	assert_int_equal(send(fd, "{\"method\":\"echo\"\0}\n", 19, MSG_NOSIGNAL), 19);
	expect_code(fd, "EPROTO");
	expect_end(fd);
}

/* Three bytes of text can be a hundred of memory. */
static void test_many_values(void **state)
{
	int fd = dial();
	struct ds text = DS_INIT;

	(void)state;
	ds_put(&text, "{\"method\":\"echo\",\"params\":{\"a\":[");
	for (int i = 0; i < 1100000; i++)
		ds_put(&text, "[],");
	ds_put(&text, "[]]}}\n");
	for (size_t ofs = 0; ofs < text.len;) {
		ssize_t n = send(fd, text.s + ofs, text.len - ofs, MSG_NOSIGNAL);

		assert_true(n > 0);
		ofs += (size_t)n;
	}
	expect_code(fd, "EPROTO");
	expect_end(fd);
	ds_fini(&text);
}

static void test_half_and_pieces(void **state)
{
	static const char request[] =
		"{\"method\":\"echo\",\"id\":1}\n{\"method\":\"echo\",\"id\":2}\n{\"method\":\"echo\",\"id\":3}\n";
	int half = dial(), pieces = dial();

	(void)state;
	put(half, "{\"method\":");
	for (const char *p = request; *p; p++)
		assert_int_equal(send(pieces, p, 1, MSG_NOSIGNAL), 1);
	expect(pieces, "{\"id\":1,\"result\":{},\"error\":null}");
	expect(pieces, "{\"id\":2,\"result\":{},\"error\":null}");
	expect(pieces, "{\"id\":3,\"result\":{},\"error\":null}");
	close(pieces);
	close(half);
	assert_alive();
}

/* All requests in one go, then the end of the stream: all answers come, in order, then the end. */
static void test_pipelined(void **state)
{
	enum { N = 20000 };
	struct ds text = DS_INIT;
	int fd = dial();
	char want[80];

	(void)state;
	for (int i = 0; i < N; i++)
		ds_printf(&text, "{\"method\":\"echo\",\"id\":%d}\n", i);
	/* The server does not read on while it answers: send from a second process. */
	if (!fork()) {
		for (size_t ofs = 0; ofs < text.len;) {
			ssize_t n = send(fd, text.s + ofs, text.len - ofs, MSG_NOSIGNAL);

			if (n <= 0)
				_exit(1);
			ofs += (size_t)n;
		}
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	for (int i = 0; i < N; i++) {
		snprintf(want, sizeof want, "{\"id\":%d,\"result\":{},\"error\":null}", i);
		expect(fd, want);
	}
	expect_end(fd);
	ds_fini(&text);
}

static void test_too_long(void **state)
{
	static char block[1 << 20];
	int fd = dial();
	ssize_t n = 1;
	size_t sent = 0;

	(void)state;
	memset(block, 'a', sizeof block);
	while (n > 0 && sent < 100u << 20) {
		n = send(fd, block, sizeof block, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	/* It was cut off on the way, and told why. */
	assert_true(sent < 100u << 20);
	expect_code(fd, "EMSGSIZE");
	expect_end(fd);
	assert_alive();
}

/* Who never reads gets one answer into its socket's buffer and no further request run; time then ends it. */
static void test_never_reads(void **state)
{
	int fd = dial();
	struct pollfd p = {.fd = fd, .events = POLLHUP};

	(void)state;
	clock_stop();
	put(fd, "{\"method\":\"big\",\"params\":{\"n\":20000000}}\n");
	/* Another client's round trip: the big answer is under way by then. */
	assert_alive();
	assert_int_equal(poll(&p, 1, 0), 0);
	clock_warp(29000);
	loop_clock_warped(loop);
	assert_alive();
	assert_int_equal(poll(&p, 1, 0), 0);
	clock_warp(2000);
	loop_clock_warped(loop);
	assert_int_equal(poll(&p, 1, 10000), 1);
	close(fd);
	assert_alive();
}

static void test_stalls_in_request(void **state)
{
	int fd = dial(), idle = dial();
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)state;
	put(fd, "{\"method\":");
	assert_alive();
	clock_warp(31000);
	loop_clock_warped(loop);
	assert_int_equal(poll(&p, 1, 10000), 1);
	expect_end(fd);
	/* One that has asked nothing may stay as long as it likes. */
	put(idle, "{\"method\":\"echo\"}\n");
	expect(idle, "{\"id\":null,\"result\":{},\"error\":null}");
	close(idle);
}

static void test_big_answer(void **state)
{
	int fd = dial();
	char *line;

	(void)state;
	put(fd, "{\"method\":\"big\",\"params\":{\"n\":3000000}}\n{\"method\":\"echo\",\"id\":2}\n");
	line = get_line(fd);
	assert_non_null(line);
	assert_true(strlen(line) > 3000000);
	free(line);
	expect(fd, "{\"id\":2,\"result\":{},\"error\":null}");
	close(fd);
}

static void test_deferred(void **state)
{
	int a = dial(), b = dial();

	(void)state;
	put(a, "{\"method\":\"park\",\"id\":1}\n{\"method\":\"echo\",\"id\":2}\n");
	assert_alive();
	put(b, "{\"method\":\"release\"}\n");
	expect(b, "{\"id\":null,\"result\":{},\"error\":null}");
	expect(a, "{\"id\":1,\"result\":{\"text\":\"released\"},\"error\":null}");
	/* The next one of the same client waited. */
	expect(a, "{\"id\":2,\"result\":{},\"error\":null}");
	close(b);
	/* A client that leaves takes its request along. */
	put(a, "{\"method\":\"park\"}\n");
	assert_alive();
	close(a);
	while (!n_cancelled)
		assert_alive();
	assert_alive();
}

static void test_descriptor(void **state)
{
	int fd = dial(), fds[2];
	char buf[256];
	size_t n_fds;
	ssize_t n;

	(void)state;
	put(fd, "{\"method\":\"fd\"}\n");
	n = sock_recv(fd, buf, sizeof buf, fds, 2, &n_fds);
	assert_true(n > 0);
	assert_int_equal(n_fds, 1);
	assert_int_equal(read(fds[0], buf, 1), 0);
	close(fds[0]);
	close(fd);
}

/* Descriptors that come with a request are the method's to take; what it leaves is closed, and never the next request's. */
static void test_descriptors_come(void **state)
{
	static const char request[] = "{\"method\":\"take\"}\n", echo[] = "{\"method\":\"echo\"}\n";
	int fd = dial(), pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_true(sock_send(fd, request, sizeof request - 1, pipes, 1) > 0);
	expect(fd, "{\"id\":null,\"result\":{\"more\":false,\"byte\":\"x\"},\"error\":null}");
	assert_true(sock_send(fd, echo, sizeof echo - 1, pipes, 2) > 0);
	expect(fd, "{\"id\":null,\"result\":{},\"error\":null}");
	put(fd, request);
	expect(fd, "{\"id\":null,\"result\":{\"more\":false,\"byte\":\"-\"},\"error\":null}");
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void test_many_clients(void **state)
{
	enum { N = 1000 };
	static int fds[N];

	(void)state;
	for (int i = 0; i < N; i++)
		fds[i] = dial();
	for (int i = 0; i < N; i++)
		put(fds[i], "{\"method\":\"echo\",\"id\":7}\n");
	for (int i = N - 1; i >= 0; i--)
		expect(fds[i], "{\"id\":7,\"result\":{},\"error\":null}");
	for (int i = 0; i < N; i++)
		close(fds[i]);
	assert_alive();
}

static void test_socket_file(void **state)
{
	struct errtext err;
	char other[80];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(sock_listen_unix(path, 0660, NULL, &err), -EADDRINUSE);
	snprintf(other, sizeof other, "%s/file", folder);
	close(creat(other, 0600));
	assert_int_equal(sock_listen_unix(other, 0660, NULL, &err), -EEXIST);
	unlink(other);
	/* What a dead process left is replaced. */
	fd = sock_listen_unix(other, 0600, NULL, &err);
	assert_true(fd >= 0);
	close(fd);
	fd = sock_listen_unix(other, 0600, "no-such-group", &err);
	assert_true(fd >= 0);
	close(fd);
	unlink(other);
}

static void test_long_path(void **state)
{
	struct errtext err;
	char deep[512], sock[600];
	int listener, fd;

	(void)state;
	snprintf(deep, sizeof deep, "%s/%0120d", folder, 0);
	assert_int_equal(mkdir(deep, 0700), 0);
	snprintf(sock, sizeof sock, "%s/s", deep);
	listener = sock_listen_unix(sock, 0660, NULL, &err);
	assert_true(listener >= 0);
	fd = sock_connect_unix(sock);
	assert_true(fd >= 0);
	close(fd);
	close(listener);
	unlink(sock);
	rmdir(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),		  cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_null_bytes),	  cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_half_and_pieces),	  cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_too_long),	  cmocka_unit_test(test_never_reads),
		cmocka_unit_test(test_stalls_in_request), cmocka_unit_test(test_big_answer),
		cmocka_unit_test(test_deferred),	  cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_descriptors_come),  cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_socket_file),	  cmocka_unit_test(test_long_path),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
