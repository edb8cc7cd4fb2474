// SPDX-License-Identifier: Apache-2.0
#include "switchd/source_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "switchd/config_rows.h"
#include "switchd/hosts.h"

struct address {
	bool is_v6;
	uint8_t ip[16];
};

struct source_guard {
	char *text; /* as set */
	uint8_t mac[6];
	bool any_ip, finds_out;
	pthread_mutex_t lock; /* guards the rest */
	unsigned int n, n_v4;
	struct address addresses[SOURCE_GUARD_MAX + 1]; /* one for IPv4 where they are found out */
};

static int add_word(struct source_guard *g, const char *word, struct errtext *err)
{
	struct address *a = &g->addresses[g->n];

	if (!strcmp(word, "any")) {
		g->any_ip = true;
		return 0;
	}
	if (g->n == SOURCE_GUARD_MAX)
		return errtext_set(err, EINVAL, "more than %d addresses", SOURCE_GUARD_MAX);
	if (inet_pton(AF_INET, word, a->ip) != 1) {
		a->is_v6 = true;
		if (inet_pton(AF_INET6, word, a->ip) != 1)
			return errtext_set(err, EINVAL, "'%.50s' is no IP address, nor \"any\"", word);
	}
	g->n++;
	return 0;
}

static int parse(struct source_guard *g, char *words, struct errtext *err)
{
	char *rest, *word = strtok_r(words, " ,", &rest);
	int error = mac_parse(word ? word : "", g->mac, err);

	while (!error && (word = strtok_r(NULL, " ,", &rest)))
		error = add_word(g, word, err);
	g->finds_out = !g->n && !g->any_ip;
	return error;
}

int source_guard_parse(const char *text, struct source_guard **guard, struct errtext *err)
{
	struct source_guard *g = xzalloc(sizeof *g);
	char *words = xstrdup(text);
	int error;

	g->text = xstrdup(text);
	pthread_mutex_init(&g->lock, NULL);
	error = parse(g, words, err);
	free(words);
	if (error) {
		errtext_prefix(err, "other_config:anti-spoof");
		source_guard_free(g);
		return error;
	}
	*guard = g;
	return 0;
}

void source_guard_free(struct source_guard *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g->text);
	free(g);
}

bool source_guard_same(const struct source_guard *a, const struct source_guard *b)
{
	return a && b ? !strcmp(a->text, b->text) : a == b;
}

const uint8_t *source_guard_mac(const struct source_guard *g)
{
	return g->mac;
}

bool source_guard_any_ip(const struct source_guard *g)
{
	return g->any_ip;
}

static bool has(const struct source_guard *g, bool is_v6, const uint8_t ip[16])
{
	for (unsigned int i = 0; i < g->n; i++)
		if (g->addresses[i].is_v6 == is_v6 && !memcmp(g->addresses[i].ip, ip, 16))
			return true;
	return false;
}

static void put(struct source_guard *g, bool is_v6, const uint8_t ip[16])
{
	struct address *a = &g->addresses[g->n++];

	a->is_v6 = is_v6;
	memcpy(a->ip, ip, sizeof a->ip);
	g->n_v4 += !is_v6;
}

/* Somebody else's, who was not dropped when he said so. */
static bool is_taken(const struct source_guard *g, bool is_v6, const uint8_t ip[16], const struct port *port,
		     struct hosts *hosts)
{
	struct host host;

	return hosts && hosts_find(hosts, is_v6, ip, -1, &host) && !host.is_dropped &&
	       (host.port != port || memcmp(host.mac, g->mac, sizeof host.mac) != 0);
}

bool source_guard_allows(struct source_guard *g, bool is_v6, const uint8_t ip[16], const struct port *port,
			 struct hosts *hosts, bool may_learn)
{
	bool allowed;

	if (g->any_ip)
		return true;
	pthread_mutex_lock(&g->lock);
	allowed = has(g, is_v6, ip);
	if (!allowed && g->finds_out && (is_v6 ? g->n - g->n_v4 < SOURCE_GUARD_MAX : !g->n_v4) &&
	    !is_taken(g, is_v6, ip, port, hosts)) {
		allowed = true;
		if (may_learn)
			put(g, is_v6, ip);
	}
	pthread_mutex_unlock(&g->lock);
	return allowed;
}

bool source_guard_lease(struct source_guard *g, const uint8_t ip[16])
{
	bool is_new = false;

	pthread_mutex_lock(&g->lock);
	if (g->finds_out && !has(g, false, ip)) {
		is_new = true;
		for (unsigned int i = 0; i < g->n; i++)
			if (!g->addresses[i].is_v6)
				g->addresses[i] = g->addresses[--g->n];
		g->n_v4 = 0;
		put(g, false, ip);
	}
	pthread_mutex_unlock(&g->lock);
	return is_new;
}
