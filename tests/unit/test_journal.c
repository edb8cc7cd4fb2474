/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new process finds: after a graceful stop, a kill -9 at any instant, a journal cut at any byte, damaged at any byte,
 * a full disk, and many changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "switchd/pipeline/journal.h"
#include "table_helper.h"

static char dir[] = "/tmp/test_journal.XXXXXX";
static char path[64], damaged_path[80], new_path[80];
static int64_t wall;

static int64_t wall_ms(void)
{
	return wall;
}

static int open_tables(int64_t now_ms, struct tables **tables, struct errtext *err)
{
	const struct tables_config config = {.name = "br0", .journal = path, .wall_ms = wall_ms};

	return tables_new(&config, now_ms, tables, err);
}

static struct tables *must_open(int64_t now_ms)
{
	struct tables *tables;
	struct errtext err;

	if (open_tables(now_ms, &tables, &err))
		fail_msg("%s", err.text);
	return tables;
}

static char *read_file(const char *name, size_t *len)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = xmalloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	data[st.st_size] = '\0';
	*len = (size_t)st.st_size;
	close(fd);
	return data;
}

static void write_file(const char *name, const char *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void start_afresh(void)
{
	unlink(path);
	unlink(damaged_path);
	unlink(new_path);
	wall = 1700000000000;
}

static void test_graceful_stop(void **state)
{
	struct tables *tables;

	(void)state;
	start_afresh();
	tables = must_open(5000);
	apply(tables,
	      "cookie=9,priority=3,hard_timeout=60,idle_timeout=30,importance=4,send_flow_rem,tcp,in_port=LOCAL "
	      "actions=set_field:1.2.3.4->nw_dst,NORMAL\ntable=7,actions=drop",
	      5000);
	rule_account(find(tables, "tcp,in_port=65534"), 10, 1000, 6000);
	wall += 8000;
	apply(tables, "modify tcp actions=output:3", 13000);
	tables_expire(tables, 15000);
	wall += 2000;
	tables_free(tables);

	/* The host's clock went on by 20 s, the new process has its own. */
	wall += 20000;
	tables = must_open(777000);
	expect_stats(
		tables, 777000,
		" cookie=0x9, duration=30s, table=0, n_packets=10, n_bytes=1000, idle_timeout=30, hard_timeout=60, "
		"send_flow_rem importance=4, idle_age=9, hard_age=22, priority=3,tcp,in_port=LOCAL actions=output:3\n"
		" cookie=0x0, duration=30s, table=7, n_packets=0, n_bytes=0, idle_age=10, actions=drop\n");
	/* 60 s from the modification, of which 22 have passed; idle 9 s of 30. */
	rule_account(find(tables, "tcp,in_port=65534"), 1, 1, 777000 + 20000);
	tables_expire(tables, 777000 + 37999);
	assert_int_equal(tables_count(tables), 2);
	tables_expire(tables, 777000 + 38000);
	assert_int_equal(tables_count(tables), 1);
	tables_free(tables);
	tables = must_open(0);
	expect_flows(tables, " table=7, actions=drop\n");
	tables_free(tables);
}

static void test_delete_journal(void **state)
{
	struct tables *tables;

	(void)state;
	start_afresh();
	tables = must_open(0);
	apply(tables, "ip actions=1", 0);
	tables_delete_journal(tables);
	apply(tables, "arp actions=1", 0);
	tables_free(tables);
	assert_int_equal(access(path, F_OK), -1);
	tables = must_open(0);
	expect_flows(tables, "");
	tables_free(tables);
}

/* Transactions and the state after each of them. */
static const char *const steps[] = {
	"ip actions=1\narp actions=2\npriority=5,udp actions=3",
	"modify ip actions=7",
	"delete arp\narp actions=9",
	"cookie=5,ip actions=4\ntable=3,actions=resubmit(,4)",
	"delete_strict priority=5,udp\ntable=3,actions=drop",
	"delete table=3",
	"arp actions=8\ntcp actions=1\ndelete arp\ndelete tcp",
};

static char *state_after(size_t n)
{
	const struct tables_config config = {.name = "br0"};
	struct tables *tables;
	char *text;

	assert_int_equal(tables_new(&config, 0, &tables, NULL), 0);
	for (size_t i = 0; i < n; i++)
		apply(tables, steps[i], 0);
	text = dump_flows(tables, true, 0);
	tables_free(tables);
	return text;
}

/* The journal of all steps, without the rewrite of a graceful stop. @ends: its size after each step. */
static char *journal_of_steps(size_t *len, size_t ends[])
{
	struct tables *tables;
	struct stat st;
	char *data;

	start_afresh();
	tables = must_open(0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		stat(path, &st);
		ends[i] = (size_t)st.st_size;
		apply(tables, steps[i], 0);
	}
	stat(path, &st);
	ends[ARRAY_SIZE(steps)] = (size_t)st.st_size;
	data = read_file(path, len);
	tables_free(tables);
	return data;
}

static void test_cut_anywhere(void **state)
{
	size_t ends[ARRAY_SIZE(steps) + 1], len, whole = 0;
	char *data = journal_of_steps(&len, ends), *expected = state_after(0);

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct tables *tables;
		char *got;

		while (whole < ARRAY_SIZE(steps) && ends[whole + 1] <= cut) {
			free(expected);
			expected = state_after(++whole);
		}
		start_afresh();
		write_file(path, data, cut);
		tables = must_open(0);
		got = dump_flows(tables, true, 0);
		if (strcmp(got, expected))
			fail_msg("cut at %zu: got\n%s, expected\n%s", cut, got, expected);
		free(got);
		assert_int_equal(access(damaged_path, F_OK), -1);
		/* And it goes on from there. */
		apply(tables, "table=9,actions=1", 0);
		tables_free(tables);
		tables = must_open(0);
		apply(tables, "delete table=9", 0);
		got = dump_flows(tables, true, 0);
		assert_string_equal(got, expected);
		free(got);
		tables_free(tables);
	}
	free(expected);
	free(data);
}

static bool is_state_of_steps(struct tables *tables, char *const states[])
{
	char *got = dump_flows(tables, true, 0);
	bool found = false;

	for (size_t i = 0; i <= ARRAY_SIZE(steps); i++)
		found |= !strcmp(got, states[i]);
	free(got);
	return found;
}

static void test_damaged_anywhere(void **state)
{
	size_t ends[ARRAY_SIZE(steps) + 1], len, kept_len;
	char *data = journal_of_steps(&len, ends), *states[ARRAY_SIZE(steps) + 1];

	(void)state;
	for (size_t i = 0; i <= ARRAY_SIZE(steps); i++)
		states[i] = state_after(i);
	for (size_t at = 0; at < len; at++) {
		struct tables *tables;
		char *kept;

		start_afresh();
		data[at] ^= 0x15;
		write_file(path, data, len);
		tables = must_open(0);
		if (!is_state_of_steps(tables, states))
			fail_msg("damage at %zu", at);
		/* Only the last line's newline makes damage look like an unfinished write. */
		if (at + 1 < len && !access(damaged_path, F_OK)) {
			kept = read_file(damaged_path, &kept_len);
			assert_int_equal(kept_len, len);
			assert_memory_equal(kept, data, len);
			free(kept);
		} else if (at < ends[ARRAY_SIZE(steps) - 1]) {
			fail_msg("damage at %zu was not noticed", at);
		}
		tables_free(tables);
		data[at] ^= 0x15;
	}
	for (size_t i = 0; i <= ARRAY_SIZE(steps); i++)
		free(states[i]);
	free(data);
}

static void test_unreadable_line(void **state)
{
	static const char lines[] =
		"add 0 0 0 0 0 ip actions=output:1\nadd 0 0 0 0 0 ip,from_the_future=1 actions=output:1\n"
		"add 0 0 x 0 0 udp actions=1\nwhat\nadd 0 0 0 0 0 arp actions=output:2\n";
	struct journal_info info;
	struct journal *journal;
	struct tables *tables;

	(void)state;
	start_afresh();
	assert_int_equal(journal_open(path, NULL, NULL, &info, &journal, NULL), 0);
	assert_int_equal(journal_append(journal, lines, strlen(lines), NULL), 0);
	journal_close(journal);
	tables = must_open(0);
	expect_flows(tables, " ip actions=output:1\n arp actions=output:2\n");
	assert_int_equal(access(damaged_path, F_OK), 0);
	tables_free(tables);
}

static void test_cannot_open(void **state)
{
	struct tables *tables;
	struct errtext err;

	(void)state;
	start_afresh();
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_tables(0, &tables, &err), -EISDIR);
	assert_non_null(strstr(err.text, path));
	rmdir(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(open_tables(0, &tables, &err), -ELOOP);
	start_afresh();
}

static void limit_file_size(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that may not grow answers like a disk that is full: a part of the write, then an error. */
static void test_disk_full(void **state)
{
	struct tables *tables;
	struct errtext err;
	struct stat before, after;
	size_t failed, len;
	char *data;

	(void)state;
	start_afresh();
	signal(SIGXFSZ, SIG_IGN);
	tables = must_open(0);
	apply(tables, "ip actions=1\nhard_timeout=5,arp actions=1", 0);
	stat(path, &before);
	for (rlim_t room = 0; room < 60; room += 7) {
		limit_file_size((rlim_t)before.st_size + room);
		assert_int_equal(apply_at(tables, "ip actions=2\ndelete arp\ntcp actions=3", 0, &failed, &err), -EIO);
		assert_non_null(strstr(err.text, "no flow was changed"));
		assert_int_equal(failed, 3);
		stat(path, &after);
		assert_int_equal(after.st_size, before.st_size);
		expect_flows(tables, " ip actions=output:1\n hard_timeout=5, arp actions=output:1\n");
	}
	/* Time does not wait for the disk; the file says so once there is room again. */
	limit_file_size((rlim_t)before.st_size);
	tables_expire(tables, 5000);
	expect_flows(tables, " ip actions=output:1\n");
	limit_file_size(RLIM_INFINITY);
	apply(tables, "udp actions=3", 5000);
	tables_expire(tables, 15000);
	data = read_file(path, &len);
	tables_free(tables);
	write_file(path, data, len); /* as a killed process leaves it */
	free(data);
	tables = must_open(0);
	expect_flows(tables, " ip actions=output:1\n udp actions=output:3\n");
	tables_free(tables);
}

static void test_compaction(void **state)
{
	struct tables *tables;
	struct stat st;
	size_t len;
	char *data;

	(void)state;
	start_afresh();
	tables = must_open(0);
	apply(tables, "actions=1", 0);
	rule_account(find(tables, "ip"), 7, 700, 0);
	for (int i = 0; i < 3000; i++) {
		apply(tables, i % 2 ? "modify actions=1" : "modify actions=2", 0);
		tables_expire(tables, 0);
	}
	stat(path, &st);
	assert_true(st.st_size < 1000 * 60);
	/* As a killed process leaves it. */
	data = read_file(path, &len);
	tables_free(tables);
	write_file(path, data, len);
	free(data);
	tables = must_open(0);
	expect_stats(tables, 0,
		     " cookie=0x0, duration=0s, table=0, n_packets=7, n_bytes=700, idle_age=0, actions=output:1\n");
	tables_free(tables);
	assert_int_equal(access(new_path, F_OK), -1);
}

/*
 * kill -9. The child (this program again, with --apply) makes the Nth change of a fixed series and then writes a byte; the parent
 * kills it, counts the bytes, and must find the state after that many changes, or one more: the last one may have been written
 * down without the word having got out.
 */
#define N_CHANGES 1000
#define N_KILLS 12

static void make_change(struct tables *tables, unsigned int i)
{
	struct ds text = DS_INIT;

	switch (i % 5) {
	case 0:
		for (unsigned int k = 0; k < 40; k++)
			ds_printf(&text, "cookie=%u,ip,nw_src=10.0.%u.%u actions=output:%u\n", i, i / 5 % 16, k,
				  i % 100);
		break;
	case 1:
		ds_printf(&text, "cookie=%u,priority=%u,tcp,tp_dst=%u actions=output:1", i, i, i);
		break;
	case 2:
		ds_printf(&text, "modify ip,nw_src=10.0.%u.0/24 actions=output:%u", i / 7 % 16, 1 + i % 50);
		break;
	case 3:
		ds_printf(&text, "delete ip,nw_src=10.0.%u.0/24\ntable=5,udp,tp_src=%u actions=drop", i / 11 % 16,
			  i % 30);
		break;
	default:
		ds_printf(&text, "delete_strict priority=%u,tcp,tp_dst=%u", (i + 897) % 1000, (i + 897) % 1000);
		break;
	}
	apply(tables, ds_cstr(&text), i);
	ds_fini(&text);
}

static int child_main(const char *journal)
{
	struct tables *tables;

	snprintf(path, sizeof path, "%s", journal);
	rcu_register_thread();
	tables = must_open(0);
	for (unsigned int i = 0; i < N_CHANGES; i++) {
		make_change(tables, i);
		if (i % 100 == 99)
			tables_expire(tables, i);
		if (write(STDOUT_FILENO, "", 1) != 1)
			return 1;
	}
	pause();
	return 1;
}

static pid_t start_child(int *fd)
{
	int pipe_fds[2];
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		close(pipe_fds[0]);
		execl("/proc/self/exe", "test_journal", "--apply", path, NULL);
		_exit(127);
	}
	close(pipe_fds[1]);
	*fd = pipe_fds[0];
	return pid;
}

/* Kill a child once @n changes were acknowledged. Return: how many were in the end. */
static unsigned int run_and_kill(unsigned int n)
{
	unsigned int acknowledged = 0;
	int fd, status;
	pid_t pid = start_child(&fd);
	char bytes[256];
	ssize_t got;

	while (acknowledged < n && (got = read(fd, bytes, MIN(sizeof bytes, (size_t)(n - acknowledged)))) > 0)
		acknowledged += (unsigned int)got;
	kill(pid, SIGKILL);
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		acknowledged += (unsigned int)got;
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return acknowledged;
}

static char *state_after_changes(unsigned int n)
{
	const struct tables_config config = {.name = "br0"};
	struct tables *tables;
	char *text;

	assert_int_equal(tables_new(&config, 0, &tables, NULL), 0);
	for (unsigned int i = 0; i < n; i++)
		make_change(tables, i);
	text = dump_flows(tables, true, 0);
	tables_free(tables);
	return text;
}

static void test_kill(void **state)
{
	unsigned int x = (unsigned int)getpid();

	(void)state;
	print_message("seed %u\n", x);
	for (unsigned int i = 0; i < N_KILLS; i++) {
		struct tables *tables;
		unsigned int n;
		char *got, *expected, *one_more;

		start_afresh();
		x = x * 1103515245 + 12345;
		n = run_and_kill(i ? (x >> 16) % N_CHANGES : N_CHANGES);
		assert_true(n <= N_CHANGES);
		tables = must_open(0);
		got = dump_flows(tables, true, 0);
		expected = state_after_changes(n);
		one_more = n < N_CHANGES ? state_after_changes(n + 1) : xstrdup("");
		if (strcmp(got, expected) && strcmp(got, one_more))
			fail_msg("after %u changes: neither the state of then nor of one more", n);
		assert_int_equal(access(damaged_path, F_OK), -1);
		free(got);
		free(expected);
		free(one_more);
		tables_free(tables);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graceful_stop),
		cmocka_unit_test(test_delete_journal),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_damaged_anywhere),
		cmocka_unit_test(test_unreadable_line),
		cmocka_unit_test(test_cannot_open),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_compaction),
		cmocka_unit_test(test_kill),
	};
	int ret;

	log_set_level(NULL, LOG_LEVEL_OFF);
	if (argc == 3 && !strcmp(argv[1], "--apply")) {
		wall = 1700000000000;
		return child_main(argv[2]);
	}
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/flows", dir);
	snprintf(damaged_path, sizeof damaged_path, "%s.damaged", path);
	snprintf(new_path, sizeof new_path, "%s.new", path);
	rcu_register_thread();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	start_afresh();
	rmdir(dir);
	rcu_barrier();
	rcu_unregister_thread();
	return ret;
}
