// SPDX-License-Identifier: Apache-2.0
/*
 * The file that carries a forwarding database over a restart of the daemon.
 *
 *   vsw-fdb 1 WALL_MS        when it was written, milliseconds since the epoch
 *   VLAN MAC AGE_MS PORT     one line an entry; AGE_MS is "static" for static entries; PORT goes to the end of the line
 *   end N                    number of entries
 *
 * It is written beside and renamed, so a reader finds the old one or the new one. A file without its last line was cut: its entries are
 * as good as any, because a wrong entry is corrected by the first packet, so they are taken all the same.
 */
#include "switchd/fdb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "switchd/bridge.h"
#include "switchd/fdb_table.h"

#define MAC_FMT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(M) (M)[0], (M)[1], (M)[2], (M)[3], (M)[4], (M)[5]

static int write_entries(FILE *f, const struct fdb_entry *entries, size_t n, int64_t wall_ms)
{
	fprintf(f, "vsw-fdb 1 %" PRId64 "\n", wall_ms);
	for (size_t i = 0; i < n; i++) {
		const struct fdb_entry *e = &entries[i];

		fprintf(f, "%u " MAC_FMT " ", e->vlan, MAC_ARGS(e->mac));
		if (e->is_static)
			fprintf(f, "static %s\n", e->port->name);
		else
			fprintf(f, "%" PRId64 " %s\n", e->age_ms, e->port->name);
	}
	fprintf(f, "end %zu\n", n);
	return fflush(f) || ferror(f) ? -errno : 0;
}

int fdb_save(struct fdb *fdb, const char *path, int64_t now_ms, int64_t wall_ms, struct errtext *err)
{
	struct fdb_entry *entries;
	size_t n = fdb_snapshot(fdb, now_ms, &entries);
	char *tmp = xasprintf("%s.new", path);
	FILE *f = fopen(tmp, "we");
	int error = f ? write_entries(f, entries, n, wall_ms) : -errno;

	if (f && fclose(f) && !error)
		error = -errno;
	if (!error && rename(tmp, path))
		error = -errno;
	if (error) {
		errtext_set(err, -error, "%s: cannot write the forwarding database: %s", path, strerror(-error));
		unlink(tmp);
	}
	free(tmp);
	free(entries);
	return error;
}

/* One line, chomped. Return: whether it is an entry; *port_name points into the line. */
static bool parse_entry(const char *line, struct fdb_entry *e, const char **port_name)
{
	unsigned int vlan, mac[6];
	char age[24];
	uint64_t age_ms = 0;
	int n = 0;

	if (sscanf(line, "%4u %2x:%2x:%2x:%2x:%2x:%2x %23s %n", &vlan, &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		   &mac[5], age, &n) != 8 ||
	    !n || !line[n] || vlan >= N_VLANS)
		return false;
	e->vlan = (uint16_t)vlan;
	for (int i = 0; i < 6; i++)
		e->mac[i] = (uint8_t)mac[i];
	e->is_static = !strcmp(age, "static");
	if (!e->is_static && !str_to_uint(age, 10, INT64_MAX / 4, &age_ms))
		return false;
	e->age_ms = (int64_t)age_ms;
	*port_name = line + n;
	return true;
}

struct loader {
	struct port *(*find_port)(void *aux, const char *name);
	void *aux;
	int64_t away_ms; /* how long nobody ran */
	struct fdb_entry *entries;
	size_t n, cap;
};

static void load_line(struct loader *l, char *line)
{
	struct fdb_entry e;
	const char *port_name;

	line[strcspn(line, "\n")] = '\0';
	if (l->n == FDB_MAX_ENTRIES || !parse_entry(line, &e, &port_name))
		return;
	e.port = l->find_port(l->aux, port_name);
	if (!e.port)
		return;
	if (!e.is_static)
		e.age_ms += l->away_ms;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->entries = xrealloc(l->entries, l->cap * sizeof *l->entries);
	}
	l->entries[l->n++] = e;
}

static int oldest_first(const void *a_, const void *b_)
{
	const struct fdb_entry *a = a_, *b = b_;

	return (a->age_ms < b->age_ms) - (a->age_ms > b->age_ms);
}

int fdb_load(struct fdb *fdb, const char *path, struct port *(*find_port)(void *aux, const char *name), void *aux,
	     int64_t now_ms, int64_t wall_ms, struct errtext *err)
{
	struct loader l = {.find_port = find_port, .aux = aux};
	FILE *f = fopen(path, "re");
	int64_t saved_ms;
	char line[512];
	int n = 0;

	if (!f)
		return errtext_set(err, errno, "%s: cannot read the forwarding database: %s", path, strerror(errno));
	if (!fgets(line, sizeof line, f) || sscanf(line, "vsw-fdb 1 %" SCNd64, &saved_ms) != 1) {
		fclose(f);
		return errtext_set(err, EINVAL, "%s: not a forwarding database of this version; it is left out", path);
	}
	l.away_ms = MAX(wall_ms - saved_ms, 0);
	while (fgets(line, sizeof line, f))
		load_line(&l, line);
	fclose(f);
	if (l.n)
		qsort(l.entries, l.n, sizeof *l.entries, oldest_first);
	for (size_t i = 0; i < l.n; i++)
		n += fdb_restore(fdb, &l.entries[i], now_ms);
	free(l.entries);
	if (n)
		fdb_restored(fdb);
	return n;
}
