// SPDX-License-Identifier: Apache-2.0
/*
 * A report as a screen. Lines that do not fit are cut; of ports, drops and flows there are as many as the height allows: flows get a third,
 * drops a fifth, ports what is left.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "ctl/top.h"

struct screen {
	FILE *out;
	int columns, left; /* 0 columns: no limit; lines left */
};

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void line(struct screen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void line(struct screen *s, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (s->left-- <= 0)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	fprintf(s->out, "%.*s\n", s->columns ? s->columns : (int)sizeof text, text);
}

/* 1234567 -> "1.23M"; four significant characters or so. */
static const char *short_number(double x, char buf[16])
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	while (x >= 999.5 && unit < 4) {
		x /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(buf, 16, x > 0 && x < 9.95 ? "%.1f" : "%.0f", x);
	else
		snprintf(buf, 16, "%.*f%c", x < 9.995 ? 2 : x < 99.95 ? 1 : 0, x, units[unit]);
	return buf;
}

static void put_cpu(struct screen *s, const json_t *report)
{
	const json_t *cpu = json_object_get(report, "cpu"), *machine = json_object_get(report, "machine");

	line(s, "cpu of one core: forwarding %.1f%%  translation %.1f%%  revalidator %.1f%%  main %.1f%%  other %.1f%%",
	     number(cpu, "forwarding"), number(cpu, "translation"), number(cpu, "revalidator"), number(cpu, "main"),
	     number(cpu, "other") + number(cpu, "capture"));
	line(s, "machine: %.0f cpus, %.0f%% busy, softirq %.0f%%", number(machine, "cpus"), number(machine, "busy"),
	     number(machine, "softirq"));
}

static void put_datapaths(struct screen *s, const json_t *report)
{
	const json_t *upcalls = json_object_get(report, "upcalls"), *dp;
	char hits[16], misses[16], lost[16], slow[16];
	size_t i;

	json_array_foreach(json_object_get(report, "datapaths"), i, dp) {
		line(s, "%s: %.0f flows, %.0f masks; per second: %s hits, %s misses, %s lost%s", text_of(dp, "type"),
		     number(dp, "flows"), number(dp, "masks"), short_number(number(dp, "hits_ps"), hits),
		     short_number(number(dp, "misses_ps"), misses), short_number(number(dp, "lost_ps"), lost),
		     number(dp, "daemon_flows") > 0 ? "; some flows run in the daemon (`vsw dp-show`)" : "");
	}
	line(s, "upcalls per second: %s misses, %s by the slow path, %s for a controller",
	     short_number(number(upcalls, "misses"), misses), short_number(number(upcalls, "slow_path"), slow),
	     short_number(number(upcalls, "for_controller"), hits));
}

static void put_ports(struct screen *s, const json_t *report, int max)
{
	const json_t *ports = json_object_get(report, "ports"), *p;
	size_t i;

	line(s, "%-16s %-10s %9s %9s %9s %9s %8s %7s", "PORT", "BRIDGE", "IN pkt/s", "IN bit/s", "OUT pkt/s",
	     "OUT bit/s", "DROPS/s", "QUEUED");
	json_array_foreach(ports, i, p) {
		char n[6][16];

		if (max-- <= 0)
			break;
		line(s, "%-16.16s %-10.10s %9s %9s %9s %9s %8s %7s%s", text_of(p, "name"), text_of(p, "bridge"),
		     short_number(number(p, "rx_pps"), n[0]), short_number(number(p, "rx_bps"), n[1]),
		     short_number(number(p, "tx_pps"), n[2]), short_number(number(p, "tx_bps"), n[3]),
		     short_number(number(p, "drops_ps"), n[4]), short_number(number(p, "queued"), n[5]),
		     json_is_true(json_object_get(p, "up")) ? "" : "  down");
	}
}

static void put_drops(struct screen *s, const json_t *report, int max)
{
	const json_t *drops = json_object_get(report, "drops"), *d;
	size_t i;

	if (!json_array_size(drops))
		return;
	line(s, "%-32s %9s %12s", "DROP REASON", "per s", "TOTAL");
	json_array_foreach(drops, i, d) {
		char rate[16];

		if (max-- <= 0)
			break;
		line(s, "%-32s %9s %12.0f", text_of(d, "reason"), short_number(number(d, "per_s"), rate),
		     number(d, "total"));
	}
}

static void put_flows(struct screen *s, const json_t *report, int max)
{
	const json_t *flows = json_object_get(report, "flows"), *f;
	size_t i;

	if (!json_array_size(flows))
		return;
	line(s, "%9s %9s  %s", "pkt/s", "bit/s", "BUSIEST FLOWS");
	json_array_foreach(flows, i, f) {
		char pps[16], bps[16];

		if (max-- <= 0)
			break;
		line(s, "%9s %9s  %s -> %s", short_number(number(f, "pps"), pps), short_number(number(f, "bps"), bps),
		     text_of(f, "flow"), text_of(f, "actions"));
	}
}

void top_draw(FILE *out, const json_t *report, enum top_sort sort, int columns, int rows)
{
	struct screen s = {out, columns, rows ? rows : 1000000};
	int n_ports = (int)json_array_size(json_object_get(report, "ports"));
	int n_drops = MIN((int)json_array_size(json_object_get(report, "drops")), rows ? rows / 5 : 1000);
	int n_flows = MIN((int)json_array_size(json_object_get(report, "flows")), rows ? rows / 3 : 1000);
	int fixed;

	line(&s, "vsw top: the last %.1f s; ports by %s", number(report, "interval_s"), top_sort_name(sort));
	put_cpu(&s, report);
	put_datapaths(&s, report);
	line(&s, "%s", "");
	/* Headings and blank lines below. */
	fixed = 1 + (n_drops ? 2 + n_drops : 0) + (n_flows ? 2 + n_flows : 0);
	put_ports(&s, report, rows ? MAX(MIN(n_ports, s.left - fixed), 1) : n_ports);
	if (n_drops)
		line(&s, "%s", "");
	put_drops(&s, report, n_drops);
	if (n_flows)
		line(&s, "%s", "");
	put_flows(&s, report, n_flows);
}
