/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines with a module name and a level that can be changed at run time (`vsw log`).
 *
 * Each .c file that logs has `LOG_MODULE(name);` once, then log_warn("...") and friends. A line is
 * "2026-01-02T03:04:05.678Z|module|WARN|text". Lines go to stderr until log_set_file() or log_set_syslog() says otherwise.
 * Thread-safe. LOG_RATE lines are dropped beyond a burst of 30 per minute and site, and the number dropped is told.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H 1

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_OFF, LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DBG };

struct log_module {
	const char *name;
	int level; /**< enum log_level, read without a lock */
	struct log_module *next;
};

/** One per call site of a rate-limited line. */
struct log_rate {
	int64_t window_start_ms;
	unsigned int n, n_dropped;
};

void log_register(struct log_module *m);
void log_write(const struct log_module *m, enum log_level level, struct log_rate *rate, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define LOG_MODULE(NAME) \
	static struct log_module log_this_module = {#NAME, LOG_LEVEL_INFO, 0}; \
	__attribute__((constructor)) static void log_register_this_module(void) \
	{ \
		log_register(&log_this_module); \
	} \
	struct log_module

#define log_at__(LEVEL, RATE, ...) \
	do { \
		if (log_this_module.level >= (LEVEL)) \
			log_write(&log_this_module, LEVEL, RATE, __VA_ARGS__); \
	} while (0)

#define log_err(...) log_at__(LOG_LEVEL_ERR, NULL, __VA_ARGS__)
#define log_warn(...) log_at__(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_info(...) log_at__(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_dbg(...) log_at__(LOG_LEVEL_DBG, NULL, __VA_ARGS__)
/** For lines that input can provoke. */
#define log_warn_rl(...) \
	do { \
		static struct log_rate rate__; \
		log_at__(LOG_LEVEL_WARN, &rate__, __VA_ARGS__); \
	} while (0)
/** The same with a limit of the caller's, a struct log_rate: one for each of many things at one place. */
#define log_warn_rate(RATE, ...) log_at__(LOG_LEVEL_WARN, RATE, __VA_ARGS__)
#define log_info_rl(...) \
	do { \
		static struct log_rate rate__; \
		log_at__(LOG_LEVEL_INFO, &rate__, __VA_ARGS__); \
	} while (0)

/** log_level_from_name() - "off" "err" "warn" "info" "dbg". Return: the level or -EINVAL. */
int log_level_from_name(const char *name);
const char *log_level_name(int level);
/** log_set_level() - of one module, or of all when @module is NULL. Return: 0 or -ENOENT. */
int log_set_level(const char *module, enum log_level level);
/** log_modules() - the registered ones, linked by next, sorted by name. */
const struct log_module *log_modules(void);
/** log_set_file() - append to @path from now on. Return: 0 or -errno. */
int log_set_file(const char *path);
void log_set_syslog(const char *ident);

#endif
