// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list, the rates and the sink */
static struct log_module *modules;
static int sink_fd = STDERR_FILENO;
static bool to_syslog;

enum { RATE_BURST = 30, RATE_WINDOW_MS = 60000 };

static const char *const level_names[] = {"off", "err", "warn", "info", "dbg"};
static const char *const level_tags[] = {"OFF", "ERR", "WARN", "INFO", "DBG"};

void log_register(struct log_module *m)
{
	struct log_module **p = &modules;

	pthread_mutex_lock(&lock);
	while (*p && strcmp((*p)->name, m->name) < 0)
		p = &(*p)->next;
	m->next = *p;
	*p = m;
	pthread_mutex_unlock(&lock);
}

const struct log_module *log_modules(void)
{
	return modules;
}

int log_level_from_name(const char *name)
{
	for (int i = LOG_LEVEL_OFF; i <= LOG_LEVEL_DBG; i++)
		if (!strcasecmp(name, level_names[i]))
			return i;
	return -EINVAL;
}

const char *log_level_name(int level)
{
	return level >= LOG_LEVEL_OFF && level <= LOG_LEVEL_DBG ? level_names[level] : "?";
}

int log_set_level(const char *module, enum log_level level)
{
	bool found = !module;

	for (struct log_module *m = modules; m; m = m->next)
		if (!module || !strcmp(m->name, module)) {
			m->level = (int)level;
			found = true;
		}
	return found ? 0 : -ENOENT;
}

int log_set_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	if (sink_fd > STDERR_FILENO)
		close(sink_fd);
	sink_fd = fd;
	to_syslog = false;
	pthread_mutex_unlock(&lock);
	return 0;
}

void log_set_syslog(const char *ident)
{
	openlog(ident, LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

/* Whether this line may pass; *n_dropped says how many before it did not. Caller holds the lock. */
static bool rate_allows(struct log_rate *rate, int64_t now_ms, unsigned int *n_dropped)
{
	*n_dropped = 0;
	if (!rate)
		return true;
	if (now_ms - rate->window_start_ms >= RATE_WINDOW_MS) {
		*n_dropped = rate->n_dropped;
		*rate = (struct log_rate){.window_start_ms = now_ms};
	}
	if (rate->n >= RATE_BURST) {
		rate->n_dropped++;
		return false;
	}
	rate->n++;
	return true;
}

void log_write(const struct log_module *m, enum log_level level, struct log_rate *rate, const char *fmt, ...)
{
	static const int priorities[] = {0, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	struct timespec now;
	struct tm tm;
	char line[1200], stamp[32];
	unsigned int n_dropped;
	va_list args;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&lock);
	if (!rate_allows(rate, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, &n_dropped))
		goto out;

	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line, sizeof line, "%s.%03ldZ|%s|%s|", stamp, now.tv_nsec / 1000000, m->name, level_tags[level]);
	va_start(args, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n, fmt, args);
	va_end(args);
	if ((size_t)n >= sizeof line - 48)
		n = sizeof line - 48;
	if (n_dropped)
		n += snprintf(line + n, sizeof line - (size_t)n, " (%u such lines dropped)", n_dropped);
	if (to_syslog) {
		syslog(priorities[level], "%.*s", n, line);
	} else {
		line[n++] = '\n';
		if (write(sink_fd, line, (size_t)n) < 0) {
			/* Nowhere left to say it. */
		}
	}
out:
	pthread_mutex_unlock(&lock);
}
