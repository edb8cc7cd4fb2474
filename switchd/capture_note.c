// SPDX-License-Identifier: Apache-2.0
/*
 * The rules are those of the datapath flow that the packet had; the book of megaflows knows them. A packet that had none (it was translated by
 * itself) is translated once more, without consequences. Flows are remembered for a moment, as thousands of packets have the same.
 */
#include "switchd/capture_note.h"

#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include "base/clock.h"
#include "base/ds.h"
#include "base/util.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "switchd/bond.h"
#include "switchd/bridge.h"
#include "switchd/datapath/watch.h"
#include "switchd/megaflow.h"

enum { N_REMEMBERED = 256, REMEMBER_MS = 500 };

/* One flow's part of the sentence. */
static struct remembered {
	uint64_t id;
	const struct datapath *dp;
	int64_t made_ms;
	struct ds to, rules; /* "p2, p3"; " by table=0,cookie=0x5" */
	uint32_t in_port;
} remembered[N_REMEMBERED];

static void put_name(const struct datapath *dp, uint32_t port, struct ds *out)
{
	const char *name = switch_dp_port_name(dp, port);

	if (name)
		ds_put(out, name);
	else
		ds_printf(out, "port %u", port);
}

/* By the member that always carries it, or by whichever its headers choose. */
static void put_bond(uint32_t arg, struct ds *out)
{
	const struct bond_port *bond = bond_by_id(arg);
	const char *member = bond && arg >> 16 ? bond_member_of_bucket(bond, (arg >> 16) - 1) : NULL;

	if (!bond)
		ds_put(out, "a bond");
	else if (member)
		ds_printf(out, "%s (%s)", bond->name, member);
	else
		ds_put(out, bond->name);
}

/* Every port that a list sends to, also from within. */
static void put_outputs(const struct datapath *dp, const void *actions, size_t len, struct ds *out)
{
	const struct dp_action *a;
	size_t left;

	DP_ACTION_FOR_EACH(a, left, actions, len) {
		if (a->type == DP_CLONE || a->type == DP_SAMPLE) {
			put_outputs(dp, a + 1, a->len - sizeof *a, out);
		} else if (a->type == DP_OUTPUT) {
			ds_put(out, out->len ? ", " : "");
			put_name(dp, a->arg, out);
		} else if (a->type == DP_LB_OUTPUT) {
			ds_put(out, out->len ? ", " : "");
			put_bond(a->arg, out);
		} else if (a->type == DP_USERSPACE) {
			ds_put(out, out->len ? ", " : "");
			ds_put(out, "the daemon");
		}
	}
}

static void put_rules(const struct megaflow_note *note, struct ds *out)
{
	for (size_t i = 0; i < note->n_rules; i++) {
		ds_printf(out, "%s table=%u", i ? "" : " by", note->rules[i].table);
		if (note->rules[i].has_rule)
			ds_printf(out, ",cookie=0x%llx", (unsigned long long)note->rules[i].cookie);
		else
			ds_put(out, ",no rule");
	}
}

/* What would become of the packet now. */
static bool translate(const struct sight *s, struct megaflow_note *note)
{
	static struct xlate_credit credits[XLATE_MAX_RULES];
	static uint64_t actions[DP_ACTIONS_MAX / 8];
	struct packet p = {.data = (uint8_t *)s->bytes, .len = s->n_bytes, .orig_len = s->len, .in_port = s->in_port};
	struct xlate_out out = {.actions = {.data = (uint8_t *)actions, .cap = sizeof actions}, .credits = credits};
	struct xlate_in in = {.dp = (struct datapath *)s->dp, .now_ms = clock_now_ms()};
	struct pkt_key key;

	if (s->is_out || packet_parse(&p, &key) == DROP_MALFORMED_ETH)
		return false;
	in.key = &key;
	switch_rdlock();
	rcu_read_lock();
	xlate_run(&in, &out);
	megaflow_note_fill(note, actions, out.actions.len, credits, out.n_credits);
	rcu_read_unlock();
	switch_rdunlock();
	note->in_port = s->in_port;
	return true;
}

static void write_down(struct remembered *r, const struct sight *s, const struct megaflow_note *note)
{
	r->id = s->flow_id;
	r->dp = s->dp;
	r->made_ms = clock_now_ms();
	r->in_port = note->in_port;
	ds_clear(&r->to);
	ds_clear(&r->rules);
	switch_rdlock();
	put_outputs(s->dp, note->actions, note->actions_len, &r->to);
	switch_rdunlock();
	put_rules(note, &r->rules);
}

/* Return: NULL when nothing is known. */
static const struct remembered *recall(const struct sight *s)
{
	struct remembered *r = &remembered[hash_u64(s->flow_id, 0) % N_REMEMBERED];
	struct megaflow_note note;
	bool known = false;

	if (s->flow_id && r->id == s->flow_id && r->dp == s->dp && clock_now_ms() - r->made_ms < REMEMBER_MS)
		return r;
	if (s->flow_id) {
		megaflows_lock();
		known = megaflow_get_note(s->flow_id, &note);
		megaflows_unlock();
	}
	if (!known && !translate(s, &note))
		return NULL;
	write_down(r, s, &note);
	return r;
}

void capture_note(const struct sight *s, struct ds *out)
{
	const struct remembered *r = recall(s);

	if (s->is_out) {
		ds_put(out, "from ");
		switch_rdlock();
		put_name(s->dp, r ? r->in_port : s->in_port, out);
		switch_rdunlock();
	} else if (s->reason) {
		ds_printf(out, "dropped: %s", drop_reason_name(s->reason));
	} else {
		ds_printf(out, "forwarded to %s", r && r->to.len ? ds_cstr(&r->to) : "somewhere");
	}
	if (r)
		ds_put(out, ds_cstr(&r->rules));
}
