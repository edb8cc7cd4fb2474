// SPDX-License-Identifier: Apache-2.0
/*
 * LACP with a stopped clock: two systems joined by wires that the tests cut, and single systems that are told lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "proto/lacp.h"

#define N_WIRES 3

struct system {
	struct lacp lacp;
	struct lacp_member members[N_WIRES];
};

struct world {
	struct system a, b;
	bool is_cut[N_WIRES]; /* PDUs are lost, carrier stays */
	int64_t now_ms;
};

static const struct lacp_config config_a = {.system = {2, 0, 0, 0, 0, 0xa},
					    .system_priority = 100,
					    .is_active = true,
					    .is_fast = true,
					    .wait_ms = LACP_AGGREGATE_WAIT_MS};
static const struct lacp_config config_b = {.system = {2, 0, 0, 0, 0, 0xb},
					    .system_priority = 200,
					    .is_active = true,
					    .is_fast = true,
					    .wait_ms = LACP_AGGREGATE_WAIT_MS};

static void system_init(struct system *s, const struct lacp_config *config, uint16_t key)
{
	lacp_init(&s->lacp, config);
	for (uint16_t i = 0; i < N_WIRES; i++) {
		struct lacp_member_config mc = {.port = (uint16_t)(i + 1), .port_priority = 0x8000, .key = key};

		lacp_member_add(&s->lacp, &s->members[i], &mc);
	}
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->now_ms = 1000;
	system_init(&w->a, &config_a, 7);
	system_init(&w->b, &config_b, 9);
}

static void links(struct world *w, bool up)
{
	for (int i = 0; i < N_WIRES; i++) {
		lacp_member_set_link(&w->a.members[i], up);
		lacp_member_set_link(&w->b.members[i], up);
	}
}

static bool carry(struct world *w, struct system *from, struct system *to, int wire)
{
	uint8_t pdu[SLOW_PDU_LEN];

	if (!lacp_transmit(&from->lacp, &from->members[wire], w->now_ms, pdu))
		return false;
	if (!w->is_cut[wire])
		lacp_receive(&to->lacp, &to->members[wire], pdu, sizeof pdu, w->now_ms);
	return true;
}

/* Let @ms pass, in steps as the machines ask for, at most 100 ms. */
static void pass(struct world *w, int64_t ms)
{
	int64_t end = w->now_ms + ms;

	for (;;) {
		int64_t wake = MIN(lacp_run(&w->a.lacp, w->now_ms), lacp_run(&w->b.lacp, w->now_ms));
		bool sent = false;

		for (int i = 0; i < N_WIRES; i++) {
			sent |= carry(w, &w->a, &w->b, i);
			sent |= carry(w, &w->b, &w->a, i);
		}
		if (sent)
			continue;
		if (w->now_ms >= end)
			return;
		w->now_ms = MIN(end, MAX(w->now_ms + 1, MIN(wake, w->now_ms + 100)));
	}
}

static unsigned int n_distributing(const struct system *s)
{
	unsigned int n = 0;

	for (int i = 0; i < N_WIRES; i++)
		n += s->members[i].may_distribute;
	return n;
}

/* ---- the wire ---- */

/* Laid out by hand after figure 6-7; tshark reads it as actor 02:00:00:00:00:0a key 7, partner 02:00:00:00:00:0b key 9. */
static const uint8_t golden[SLOW_PDU_LEN] = {1, 1, 1,	 20, 0, 100, 2,	   0,  0, 0,   0, 0xa, 0, 7, 0x80, 0,
					     0, 1, 0x3f, 0,  0, 0,   2,	   20, 0, 200, 2, 0,   0, 0, 0,	   0xb,
					     0, 9, 0x80, 1,  0, 2,   0x3d, 0,  0, 0,   3, 16,  0, 5};

static const struct lacp_pdu golden_pdu = {
	.actor = {.system_priority = 100,
		  .system = {2, 0, 0, 0, 0, 0xa},
		  .key = 7,
		  .port_priority = 0x8000,
		  .port = 1,
		  .state = 0x3f},
	.partner = {.system_priority = 200,
		    .system = {2, 0, 0, 0, 0, 0xb},
		    .key = 9,
		    .port_priority = 0x8001,
		    .port = 2,
		    .state = 0x3d},
	.collector_max_delay = 5,
};

static void pdus_are_built_and_read(void **state)
{
	uint8_t built[SLOW_PDU_LEN];
	struct lacp_pdu pdu;

	(void)state;
	lacp_pdu_build(&golden_pdu, built);
	assert_memory_equal(built, golden, sizeof golden);
	memset(&pdu, 0xee, sizeof pdu);
	assert_int_equal(lacp_pdu_parse(golden, sizeof golden, &pdu), 0);
	lacp_pdu_build(&pdu, built);
	assert_memory_equal(built, golden, sizeof golden);
}

static void bad_pdus_are_refused_and_counted(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		int result;
	} cases[] = {
		{"another protocol", 0, 2, -1},	 {"version 0", 1, 0, -1},	  {"version 2 is read as 1", 1, 2, 0},
		{"actor's type", 2, 2, -1},	 {"actor's length", 3, 19, -1},	  {"partner's type", 22, 1, -1},
		{"partner's length", 23, 0, -1}, {"collector's type", 42, 0, -1}, {"collector's length", 43, 255, -1},
		{"a reserved byte", 21, 1, 0},	 {"terminator", 58, 9, 0},
	};
	struct world w;

	(void)state;
	world_init(&w);
	lacp_member_set_link(&w.a.members[0], true);
	lacp_run(&w.a.lacp, w.now_ms);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t data[SLOW_PDU_LEN];
		struct lacp_pdu pdu;

		memcpy(data, golden, sizeof data);
		data[cases[i].at] = cases[i].value;
		if ((lacp_pdu_parse(data, sizeof data, &pdu) < 0) != (cases[i].result < 0))
			fail_msg("%s", cases[i].what);
	}
	for (size_t len = 0; len < SLOW_PDU_LEN; len++)
		lacp_receive(&w.a.lacp, &w.a.members[0], golden, len, w.now_ms);
	assert_int_equal(w.a.members[0].stats.n_bad, SLOW_PDU_LEN);
	assert_int_equal(w.a.members[0].rx, LACP_RX_EXPIRED);
}

static void markers_are_answered(void **state)
{
	uint8_t marker[SLOW_PDU_LEN] = {2, 1, 1, 16, 0, 3, 2, 0, 0, 0, 0, 0xa, 0, 0, 0, 42}, reply[SLOW_PDU_LEN];

	(void)state;
	assert_true(marker_reply(marker, sizeof marker, reply));
	assert_int_equal(reply[2], 2);
	assert_memory_equal(reply + 3, marker + 3, sizeof marker - 3);
	assert_false(marker_reply(reply, sizeof reply, marker)); /* no answer to an answer */
	assert_false(marker_reply(marker, 109, reply));
}

/* ---- two systems ---- */

static void two_systems_find_each_other(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	pass(&w, 1000);
	assert_int_equal(w.a.members[0].rx, LACP_RX_PORT_DISABLED);
	assert_int_equal(w.a.members[0].stats.n_tx, 0);
	links(&w, true);
	pass(&w, 100);
	assert_int_equal(w.a.members[0].rx, LACP_RX_CURRENT);
	assert_int_equal(w.a.members[0].mux, LACP_WAITING);
	assert_int_equal(n_distributing(&w.a), 0);
	pass(&w, LACP_AGGREGATE_WAIT_MS);
	/* Up to three PDUs a second each: the rest of the handshake may take one second more. */
	pass(&w, 1000);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
	assert_int_equal(n_distributing(&w.b), N_WIRES);
	assert_ptr_equal(w.a.lacp.lead, &w.a.members[0]);
	assert_int_equal(w.a.members[2].actor.state, 0x3f);
	assert_int_equal(w.a.members[2].partner.key, 9);
	assert_int_equal(w.a.members[2].partner.port, 3);
	assert_true(lacp_is_negotiated(&w.a.lacp));
}

static void fast_means_one_pdu_a_second(void **state)
{
	struct world w;
	uint64_t before;

	(void)state;
	world_init(&w);
	links(&w, true);
	pass(&w, 10000);
	before = w.a.members[0].stats.n_tx;
	pass(&w, 20000);
	assert_in_range(w.a.members[0].stats.n_tx - before, 20, 21);
	/* The partner that asks for slow gets slow, and speaks fast to us who ask for fast. */
	{
		struct lacp_config slow = config_b;

		slow.is_fast = false;
		lacp_configure(&w.b.lacp, &slow);
	}
	pass(&w, 2000);
	assert_int_equal(w.a.members[0].periodic, LACP_SLOW_PERIODIC);
	assert_int_equal(w.b.members[0].periodic, LACP_FAST_PERIODIC);
	before = w.a.members[0].stats.n_tx;
	pass(&w, 90000);
	assert_in_range(w.a.members[0].stats.n_tx - before, 3, 4);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
}

static void silence_is_noticed_in_three_seconds(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	links(&w, true);
	pass(&w, 10000);
	w.is_cut[1] = true;
	pass(&w, LACP_SHORT_TIMEOUT_MS + 100);
	assert_int_equal(w.a.members[1].rx, LACP_RX_EXPIRED);
	assert_false(w.a.members[1].may_distribute);
	assert_false(w.b.members[1].may_distribute);
	assert_int_equal(n_distributing(&w.a), N_WIRES - 1);
	pass(&w, LACP_SHORT_TIMEOUT_MS);
	assert_int_equal(w.a.members[1].rx, LACP_RX_DEFAULTED);
	assert_int_equal(w.a.members[1].mux, LACP_DETACHED);
	w.is_cut[1] = false;
	pass(&w, LACP_AGGREGATE_WAIT_MS + 2100);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
	assert_int_equal(n_distributing(&w.b), N_WIRES);
}

static void lost_carrier_is_noticed_at_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	links(&w, true);
	pass(&w, 10000);
	lacp_member_set_link(&w.a.members[0], false);
	lacp_run(&w.a.lacp, w.now_ms);
	assert_false(w.a.members[0].may_collect);
	assert_int_equal(w.a.members[0].mux, LACP_DETACHED);
	assert_int_equal(n_distributing(&w.a), N_WIRES - 1);
	assert_ptr_equal(w.a.lacp.lead, &w.a.members[1]);
	lacp_member_set_link(&w.a.members[0], true);
	pass(&w, LACP_AGGREGATE_WAIT_MS + 2100);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
	/* The lead stays where the bond is: nobody is detached for the sake of a better number. */
	assert_int_equal(w.b.members[1].mux, LACP_MUX_DISTRIBUTING);
}

static void two_passive_systems_stay_silent(void **state)
{
	struct lacp_config passive_a = config_a, passive_b = config_b;
	struct world w;

	(void)state;
	world_init(&w);
	passive_a.is_active = passive_b.is_active = false;
	lacp_configure(&w.a.lacp, &passive_a);
	lacp_configure(&w.b.lacp, &passive_b);
	links(&w, true);
	pass(&w, 10000);
	assert_int_equal(w.a.members[0].stats.n_tx, 0);
	assert_int_equal(w.a.members[0].rx, LACP_RX_DEFAULTED);
	passive_b.is_active = true;
	lacp_configure(&w.b.lacp, &passive_b);
	pass(&w, 6000);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
}

static void a_partner_that_restarts_is_found_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	links(&w, true);
	pass(&w, 10000);
	system_init(&w.b, &config_b, 9); /* it knows nothing of us now, and our carrier never fell */
	for (int i = 0; i < N_WIRES; i++)
		lacp_member_set_link(&w.b.members[i], true);
	pass(&w, 50);
	assert_int_equal(n_distributing(&w.a), 0); /* it says that it is not in synchronisation */
	pass(&w, 6000);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
	assert_int_equal(n_distributing(&w.b), N_WIRES);
}

static void a_wire_to_somebody_else_is_left_out(void **state)
{
	struct lacp_member_config other_key = {.port = 3, .port_priority = 0x8000, .key = 55};
	struct world w;

	(void)state;
	world_init(&w);
	links(&w, true);
	pass(&w, 10000);
	lacp_member_configure(&w.b.lacp, &w.b.members[2], &other_key);
	pass(&w, 6000);
	assert_false(w.a.members[2].is_selected);
	assert_int_equal(w.a.members[2].mux, LACP_DETACHED);
	assert_int_equal(n_distributing(&w.a), N_WIRES - 1);
}

static void better_priority_leads(void **state)
{
	struct lacp_member_config best = {.port = 3, .port_priority = 1, .key = 7};
	struct world w;

	(void)state;
	world_init(&w);
	lacp_member_configure(&w.a.lacp, &w.a.members[2], &best);
	links(&w, true);
	pass(&w, 10000);
	assert_ptr_equal(w.a.lacp.lead, &w.a.members[2]);
	assert_int_equal(n_distributing(&w.a), N_WIRES);
}

/* ---- liars ---- */

static void our_own_pdus_make_no_bond(void **state)
{
	struct world w;
	uint8_t pdu[SLOW_PDU_LEN];

	(void)state;
	world_init(&w);
	lacp_member_set_link(&w.a.members[0], true);
	for (int i = 0; i < 100; i++) {
		w.now_ms += 100;
		lacp_run(&w.a.lacp, w.now_ms);
		if (lacp_transmit(&w.a.lacp, &w.a.members[0], w.now_ms, pdu))
			lacp_receive(&w.a.lacp, &w.a.members[0], pdu, sizeof pdu, w.now_ms);
	}
	assert_true(w.a.members[0].is_loopback);
	assert_false(w.a.members[0].is_selected);
	assert_false(lacp_is_negotiated(&w.a.lacp));
}

static void a_flood_gets_three_answers_a_second(void **state)
{
	struct lacp_pdu lie = golden_pdu;
	struct world w;
	uint64_t n_tx = 0;

	(void)state;
	world_init(&w);
	lacp_member_set_link(&w.a.members[0], true);
	lie.actor = golden_pdu.partner;
	for (int i = 0; i < 100000; i++) {
		uint8_t data[SLOW_PDU_LEN], answer[SLOW_PDU_LEN];

		lie.partner.key = (uint16_t)i; /* never what we are: each one asks for an answer */
		lie.actor.state = (uint8_t)(i >> 3);
		lacp_pdu_build(&lie, data);
		if (i % 100 == 0)
			w.now_ms++;
		lacp_receive(&w.a.lacp, &w.a.members[0], data, sizeof data, w.now_ms);
		lacp_run(&w.a.lacp, w.now_ms);
		n_tx += lacp_transmit(&w.a.lacp, &w.a.members[0], w.now_ms, answer);
	}
	assert_in_range(n_tx, 1, 2 * LACP_MAX_TX); /* one second has passed */
	assert_false(w.a.members[0].may_distribute);
}

static void indecision_is_churn(void **state)
{
	struct lacp_pdu pdu = {.actor = golden_pdu.partner};
	struct world w;
	uint8_t data[SLOW_PDU_LEN];

	(void)state;
	world_init(&w);
	lacp_member_set_link(&w.a.members[0], true);
	pdu.actor.state = LACP_ACTIVITY | LACP_TIMEOUT | LACP_AGGREGATION; /* never in synchronisation */
	for (int i = 0; i <= LACP_CHURN_DETECTION_MS / 1000 + 3; i++) {
		lacp_pdu_build(&pdu, data);
		lacp_receive(&w.a.lacp, &w.a.members[0], data, sizeof data, w.now_ms);
		lacp_run(&w.a.lacp, w.now_ms);
		w.now_ms += 1000;
	}
	assert_int_equal(w.a.members[0].partner_churn, LACP_CHURN);
	assert_int_equal(w.a.members[0].actor_churn, LACP_NO_CHURN); /* we are: attached, waiting for it */
	assert_int_equal(w.a.members[0].mux, LACP_ATTACHED);
}

static void an_individual_link_stays_alone(void **state)
{
	struct lacp_pdu pdu = {.actor = golden_pdu.partner};
	struct world w;
	uint8_t data[SLOW_PDU_LEN];

	(void)state;
	world_init(&w);
	pdu.actor.state = LACP_ACTIVITY | LACP_TIMEOUT | LACP_SYNCHRONIZATION | LACP_COLLECTING | LACP_DISTRIBUTING;
	for (int i = 0; i < 10; i++) {
		for (int wire = 0; wire < 2; wire++) {
			lacp_member_set_link(&w.a.members[wire], true);
			lacp_pdu_build(&pdu, data);
			lacp_receive(&w.a.lacp, &w.a.members[wire], data, sizeof data, w.now_ms);
		}
		lacp_run(&w.a.lacp, w.now_ms);
		w.now_ms += 1000;
	}
	assert_true(w.a.members[0].may_distribute);
	assert_false(w.a.members[1].is_selected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pdus_are_built_and_read),
		cmocka_unit_test(bad_pdus_are_refused_and_counted),
		cmocka_unit_test(markers_are_answered),
		cmocka_unit_test(two_systems_find_each_other),
		cmocka_unit_test(fast_means_one_pdu_a_second),
		cmocka_unit_test(silence_is_noticed_in_three_seconds),
		cmocka_unit_test(lost_carrier_is_noticed_at_once),
		cmocka_unit_test(two_passive_systems_stay_silent),
		cmocka_unit_test(a_partner_that_restarts_is_found_again),
		cmocka_unit_test(a_wire_to_somebody_else_is_left_out),
		cmocka_unit_test(better_priority_leads),
		cmocka_unit_test(our_own_pdus_make_no_bond),
		cmocka_unit_test(a_flood_gets_three_answers_a_second),
		cmocka_unit_test(indecision_is_churn),
		cmocka_unit_test(an_individual_link_stays_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
