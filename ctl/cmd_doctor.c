// SPDX-License-Identifier: Apache-2.0
/*
 * `vsw doctor`: the host's findings are made here, the switch's asked of the daemon, if one runs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/doctor.h"
#include "ctl/handlers.h"
#include "ctl/rpc.h"

static const char *const state_names[] = {"yes", "limited", "no", "unknown"};

/* "" leaves it out. */
static void put_clause(json_t *finding, const char *key, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

static void put_clause(json_t *finding, const char *key, const char *fmt, va_list args)
{
	char text[400];

	vsnprintf(text, sizeof text, fmt, args);
	if (text[0])
		json_object_set_new(finding, key, json_string(text));
}

json_t *doctor_find(json_t *findings, const char *area, const char *what, enum doctor_state state, const char *detail,
		    ...)
{
	json_t *finding = json_pack("{s:s, s:s, s:s}", "area", area, "what", what, "state", state_names[state]);
	va_list args;

	va_start(args, detail);
	put_clause(finding, "detail", detail, args);
	va_end(args);
	json_array_append_new(findings, finding);
	return finding;
}

static bool is_fine(const json_t *finding)
{
	return !strcmp(json_string_value(json_object_get(finding, "state")), "yes");
}

void doctor_instead(json_t *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (!is_fine(finding))
		put_clause(finding, "instead", fmt, args);
	va_end(args);
}

void doctor_mend(json_t *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (!is_fine(finding))
		put_clause(finding, "mend", fmt, args);
	va_end(args);
}

/* What a running daemon has to say. Return: 0, or negative errno: nothing was added; -ENOENT or -ECONNREFUSED: none runs. */
static int ask_switch(const struct ctl *ctl, const char *method, json_t *findings, struct errtext *err)
{
	struct rpc *rpc;
	json_t *result;
	int error = rpc_open(&rpc, ctl->rundir, ctl->timeout_ms < 0 ? RPC_FOREVER : ctl->timeout_ms, err);

	if (error)
		return error;
	error = rpc_call(rpc, method, json_pack("{s:s}", "format", "json"), &result, err);
	if (!error) {
		json_array_extend(findings, json_object_get(result, "findings"));
		json_decref(result);
	}
	rpc_close(rpc);
	return error;
}

static void print_finding(const json_t *f)
{
	const char *what = "", *state = "", *detail = NULL, *instead = NULL, *mend = NULL;

	json_unpack((json_t *)f, "{s:s, s:s, s?s, s?s, s?s}", "what", &what, "state", &state, "detail", &detail,
		    "instead", &instead, "mend", &mend);
	printf("  %-8s %s%s%s\n", state, what, detail ? ": " : "", detail ? detail : "");
	if (instead)
		printf("           instead: %s\n", instead);
	if (mend)
		printf("           to mend: %s\n", mend);
}

static void print_findings(const json_t *findings)
{
	const char *area = "";
	json_t *f;
	size_t i;

	json_array_foreach(findings, i, f) {
		const char *this_area = json_string_value(json_object_get(f, "area"));

		if (strcmp(this_area, area) != 0)
			printf("%s%s\n", i ? "\n" : "", this_area);
		area = this_area;
		print_finding(f);
	}
}

static int print(const struct ctl *ctl, json_t *findings)
{
	json_t *result = json_pack("{s:o}", "findings", findings);

	if (ctl->json)
		ctl_print_json(result);
	else
		print_findings(findings);
	json_decref(result);
	return CTL_OK;
}

/* A daemon that is not there is a finding, too. */
static void ask_about_switch(const struct ctl *ctl, json_t *findings)
{
	struct errtext err;
	int error = ask_switch(ctl, "doctor/switch", findings, &err);
	json_t *f;

	if (!error)
		return;
	f = doctor_find(findings, "switch", "the daemon", rpc_is_absent(error) ? DOCTOR_NO : DOCTOR_UNKNOWN, "%s",
			rpc_is_absent(error) ? "does not run" : err.text);
	doctor_mend(f, "vsw service start");
}

int cmd_doctor(struct ctl *ctl, const struct invocation *inv)
{
	json_t *findings = json_array();
	struct errtext err;
	int error;

	if (invocation_has(inv, "--mtu")) {
		error = ask_switch(ctl, "doctor/mtu", findings, &err);
		if (!error)
			return print(ctl, findings);
		json_decref(findings);
		return ctl_error(ctl, error, &err);
	}
	doctor_bpf(findings);
	doctor_network(findings);
	doctor_guests(findings);
	doctor_limits(findings);
	ask_about_switch(ctl, findings);
	return print(ctl, findings);
}
