// SPDX-License-Identifier: Apache-2.0
/*
 * Any text as a flow line, a match, a trace's flow, actions. What must hold:
 *  - nothing is read outside of the text (its memory has the exact size, for ASan);
 *  - what is refused has a sentence and a column in the text, and leaves nothing behind;
 *  - what is accepted prints as text that is accepted, gives the same flow and prints the same again.
 *
 * Input: one byte that chooses, then the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/dp_action.h"
#include "flow/flow_text.h"
#include "flow/meter.h"
#include "flow/port_names.h"

#define MUST(COND, TEXT) \
	do { \
		if (!(COND)) { \
			fprintf(stderr, "%s:%d: broken promise: %s: %s\n", __FILE__, __LINE__, #COND, TEXT); \
			abort(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int port_number(const struct port_names *self VSW_UNUSED, const char *name, size_t len)
{
	return len == 2 && name[0] == 'p' && name[1] >= '1' && name[1] <= '9' ? name[1] - '0' : len == 5 ? 77 : -1;
}

static const char *port_name(const struct port_names *self VSW_UNUSED, uint32_t port)
{
	static const char *const names[] = {NULL, "p1", "p2", "p3", NULL};

	return port < ARRAY_SIZE(names) ? names[port] : NULL;
}

static const struct port_names names = {port_number, port_name};

static void check_error(const struct errtext *err, size_t len, const char *text)
{
	MUST(*err->text, text);
	MUST(err->column >= 1 && err->column <= len + 1, err->text);
}

static bool same_actions(const struct ofacts *a, const struct ofacts *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static void one_line(const char *text, size_t len, enum flow_mod_command command)
{
	struct errtext err = {0};
	struct flow_mod fm, again;
	struct ds out = DS_INIT, twice = DS_INIT;

	if (flow_mod_parse(text, len, command, &names, &fm, &err)) {
		check_error(&err, len, "flow line");
		return;
	}
	flow_mod_format(&fm, &names, &out);
	MUST(!flow_mod_parse(ds_cstr(&out), out.len, fm.command, &names, &again, &err), ds_cstr(&out));
	MUST(match_equal(&fm.match, &again.match), ds_cstr(&out));
	MUST(same_actions(&fm.actions, &again.actions), ds_cstr(&out));
	MUST(fm.table == again.table && fm.flags == again.flags && fm.out_port == again.out_port, ds_cstr(&out));
	flow_mod_format(&again, &names, &twice);
	MUST(!strcmp(ds_cstr(&out), ds_cstr(&twice)), ds_cstr(&out));
	flow_mod_fini(&fm);
	flow_mod_fini(&again);
	ds_fini(&out);
	ds_fini(&twice);
}

static void one_match(const char *text, size_t len)
{
	struct errtext err = {0};
	struct match m, again;
	struct ds out = DS_INIT;

	if (match_parse(text, len, &names, &m, &err)) {
		check_error(&err, len, "match");
		return;
	}
	match_format(&m, NULL, -1, &out);
	MUST(!match_parse(ds_cstr(&out), out.len, &names, &again, &err), ds_cstr(&out));
	MUST(match_equal(&m, &again), ds_cstr(&out));
	megaflow_format(&m.key, &m.mask, NULL, &out);
	dp_flow_key_format(&m.key.p, &m.mask.p, &names, &out);
	ds_fini(&out);
}

static void one_flow(const char *text, size_t len)
{
	struct errtext err = {0};
	struct flow_key key;
	struct ds out = DS_INIT;

	if (flow_key_parse(text, len, &names, &key, &err)) {
		check_error(&err, len, "flow");
		return;
	}
	flow_key_format(&key, &names, &out);
	ds_fini(&out);
}

static void one_list(const char *text, size_t len)
{
	struct ofacts list = {NULL, 0, 0}, again = {NULL, 0, 0};
	struct errtext err = {0};
	struct ds out = DS_INIT;

	if (ofacts_parse(text, len, &names, NULL, 255, &list, &err)) {
		check_error(&err, len, "actions");
		MUST(!list.len, err.text);
	} else {
		ofacts_format(list.data, list.len, NULL, &out);
		MUST(!ofacts_parse(ds_cstr(&out), out.len, &names, NULL, 255, &again, &err), ds_cstr(&out));
		MUST(same_actions(&list, &again), ds_cstr(&out));
		ofacts_output_to(list.data, list.len, 1);
	}
	ofacts_fini(&list);
	ofacts_fini(&again);
	ds_fini(&out);
}

static void one_meter(const char *text, size_t len)
{
	struct meter_config meter, again;
	struct errtext err = {0};
	struct ds out = DS_INIT;

	if (meter_parse(text, len, &meter, &err)) {
		check_error(&err, len, "meter");
		return;
	}
	meter_format(&meter, true, &out);
	MUST(!meter_parse(ds_cstr(&out), out.len, &again, &err), ds_cstr(&out));
	MUST(!memcmp(&meter, &again, sizeof meter), ds_cstr(&out));
	ds_fini(&out);
}

/* Bytes that claim to be datapath actions: judged, and printed when they are. */
static void one_dp_list(const void *data, size_t len)
{
	struct ds out = DS_INIT;

	if (dp_actions_valid(data, len))
		dp_actions_format(data, len, NULL, &out);
	ds_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	size_t len;

	if (!size)
		return 0;
	len = size - 1;
	text = malloc(len ? len : 1);
	memcpy(text, data + 1, len);
	switch (data[0] % 10) {
	case FLOW_ADD:
	case FLOW_MODIFY:
	case FLOW_MODIFY_STRICT:
	case FLOW_DELETE:
	case FLOW_DELETE_STRICT:
		one_line(text, len, (enum flow_mod_command)(data[0] % 10));
		break;
	case 5:
		one_match(text, len);
		break;
	case 6:
		one_flow(text, len);
		break;
	case 7:
		one_list(text, len);
		break;
	case 8:
		one_dp_list(text, len);
		break;
	default:
		one_meter(text, len);
	}
	free(text);
	return 0;
}
