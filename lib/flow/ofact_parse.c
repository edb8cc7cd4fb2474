// SPDX-License-Identifier: Apache-2.0
/*
 * Reading actions, as ovs-ofctl(8) and ovs-actions(7) write them. A table of words says who reads which; what a flow must match
 * for an action to make sense is checked while reading, with what earlier actions did to the packet's tags taken into account.
 */
#include "flow/ofact_parse.h"

#include <pthread.h>

#include "base/errtext.h"
#include "base/util.h"
#include "flow/match.h"
#include "flow/meter.h"
#include "flow/port_names.h"
#include "flow/words.h"

#define MAX_DEPTH 64 /* of clone(clone(...)) */
#define TRUNC_MIN 14 /* an Ethernet header */

static ofact_parse_fn parse_output, parse_drop, parse_bare, parse_dec_ttl, parse_resubmit, parse_note, parse_clone,
	parse_write_actions, parse_write_metadata, parse_goto_table, parse_meter, parse_set_queue, parse_enqueue;

enum { RANK_ACTION, RANK_CLEAR, RANK_WRITE, RANK_METADATA, RANK_GOTO, RANK_FIRST };

/* clang-format off */
static const struct ofact_word words[] = {
	{ "output", parse_output, 0, 0, OFACT_W_VALUE },
	{ "drop", parse_drop, 0, 0, OFACT_W_NO_VALUE },
	{ "set_field", ofact_parse_set_field, 0, 0, OFACT_W_VALUE },
	{ "load,reg_load", ofact_parse_load, 0, 0, OFACT_W_VALUE },
	{ "move,reg_move", ofact_parse_move, 0, 0, OFACT_W_VALUE },
	{ "push", ofact_parse_stack, OFACT_STACK_PUSH, 0, OFACT_W_VALUE | OFACT_W_NO_SET },
	{ "pop", ofact_parse_stack, OFACT_STACK_POP, 0, OFACT_W_VALUE | OFACT_W_NO_SET },
	{ "mod_dl_src,set_dl_src", ofact_parse_mod, FIELD_ETH_SRC, 0, OFACT_W_VALUE },
	{ "mod_dl_dst,set_dl_dst", ofact_parse_mod, FIELD_ETH_DST, 0, OFACT_W_VALUE },
	{ "mod_nw_src,set_nw_src", ofact_parse_mod, FIELD_IPV4_SRC, 0, OFACT_W_VALUE },
	{ "mod_nw_dst,set_nw_dst", ofact_parse_mod, FIELD_IPV4_DST, 0, OFACT_W_VALUE },
	{ "mod_nw_tos,set_nw_tos", ofact_parse_mod, FIELD_IP_DSCP, 0, OFACT_W_VALUE },
	{ "mod_nw_ecn,set_nw_ecn", ofact_parse_mod, FIELD_IP_ECN, 0, OFACT_W_VALUE },
	{ "mod_nw_ttl,set_nw_ttl", ofact_parse_mod, FIELD_IP_TTL, 0, OFACT_W_VALUE },
	{ "mod_tp_src,set_tp_src", ofact_parse_mod, FIELD_TCP_SRC, 0, OFACT_W_VALUE },
	{ "mod_tp_dst,set_tp_dst", ofact_parse_mod, FIELD_TCP_DST, 0, OFACT_W_VALUE },
	{ "mod_vlan_vid,set_vlan_vid", ofact_parse_vlan, OFACT_SET_VLAN_VID, 0, OFACT_W_VALUE },
	{ "mod_vlan_pcp,set_vlan_pcp", ofact_parse_vlan, OFACT_SET_VLAN_PCP, 0, OFACT_W_VALUE },
	{ "set_tunnel", ofact_parse_tunnel, OFACT_AS_TUNNEL, 0, OFACT_W_VALUE },
	{ "set_tunnel64", ofact_parse_tunnel, OFACT_AS_TUNNEL64, 0, OFACT_W_VALUE },
	{ "push_vlan", ofact_parse_push_vlan, 0, 0, OFACT_W_VALUE },
	{ "strip_vlan", ofact_parse_strip_vlan, 0, 0, OFACT_W_NO_VALUE },
	{ "pop_vlan", ofact_parse_strip_vlan, 1, 0, OFACT_W_NO_VALUE },
	{ "dec_ttl,dec_nw_ttl", parse_dec_ttl, 0, 0, 0 },
	{ "resubmit", parse_resubmit, 0, 0, OFACT_W_VALUE },
	{ "set_queue", parse_set_queue, 0, 0, OFACT_W_VALUE },
	{ "pop_queue", parse_bare, OFACT_POP_QUEUE, 0, OFACT_W_NO_VALUE | OFACT_W_NO_SET },
	{ "enqueue", parse_enqueue, 0, 0, OFACT_W_VALUE | OFACT_W_NO_SET },
	{ "note", parse_note, 0, 0, OFACT_W_NO_SET },
	{ "exit", parse_bare, OFACT_EXIT, 0, OFACT_W_NO_VALUE | OFACT_W_NO_SET },
	{ "clone", parse_clone, 0, 0, OFACT_W_NO_SET },
	{ "meter", parse_meter, 0, RANK_FIRST, OFACT_W_VALUE },
	{ "clear_actions", parse_bare, OFACT_CLEAR_ACTIONS, RANK_CLEAR, OFACT_W_NO_VALUE },
	{ "write_actions", parse_write_actions, 0, RANK_WRITE, 0 },
	{ "write_metadata", parse_write_metadata, 0, RANK_METADATA, OFACT_W_VALUE },
	{ "goto_table", parse_goto_table, 0, RANK_GOTO, OFACT_W_VALUE },
};
/* clang-format on */

/* Actions of OVS 3.1 that are not done here yet. */
static const char unsupported_names[] =
	"bundle,bundle_load,check_pkt_larger,conjunction,controller,ct,ct_clear,debug_recirc,debug_slow,dec_mpls_ttl,"
	"dec_nsh_ttl,decap,delete_field,encap,fin_timeout,group,learn,multipath,nat,pop_mpls,"
	"push_mpls,sample,set_mpls_label,set_mpls_tc,set_mpls_ttl,set_ip_dst,set_ip_src";

static struct words dict, unsupported;
static pthread_once_t dict_once = PTHREAD_ONCE_INIT;

static void dict_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words_add_list(&dict, words[i].names, (unsigned int)i);
	words_add_list(&unsupported, unsupported_names, 0);
}

/* ---- output ---- */

static int put_output(struct ofact_parser *p, const char *at, int port, uint32_t max_len)
{
	struct ofact_output *output;

	switch (port) {
	case OFPP_CONTROLLER:
		return scan_fail(&p->s, at, "action 'controller' is not supported yet");
	case OFPP_TABLE:
		return scan_fail(&p->s, at, "a flow cannot output to TABLE; use resubmit(,0)");
	case OFPP_NONE:
	case OFPP_UNSET:
		return scan_fail(&p->s, at, "port %s cannot be sent to; to drop the packet write 'drop'",
				 port_reserved_name((uint32_t)port));
	default:
		break;
	}
	output = ofacts_put(p->list, OFACT_OUTPUT, sizeof *output);
	output->port = (uint16_t)port;
	output->max_len = max_len;
	return 0;
}

/* "port=N,max_len=M" */
static int parse_truncated(struct ofact_parser *p, const struct token *t)
{
	struct scan s = scan_inside(&p->s, t->value, t->value_len);
	uint64_t max_len = 0;
	struct token arg;
	int port = -1, rc;

	while ((rc = scan_token(&s, &arg)) > 0) {
		if (text_is(arg.key, arg.key_len, "port"))
			port = port_number_parse(arg.value, arg.value_len, p->names);
		else if (!text_is(arg.key, arg.key_len, "max_len") ||
			 !text_to_u64(arg.value, arg.value_len, UINT32_MAX, &max_len))
			return scan_fail(&s, arg.key, "expected output(port=PORT,max_len=BYTES)");
	}
	if (rc)
		return rc;
	if (port < 0)
		return scan_fail(&s, t->value, "expected output(port=PORT,max_len=BYTES) with an existing port");
	if (max_len < TRUNC_MIN)
		return scan_fail(&s, t->value, "max_len must be %d at least, the Ethernet header", TRUNC_MIN);
	if (p->place == OFACT_IN_WRITE_ACTIONS)
		return scan_fail(&s, t->key, "a truncated output cannot be in an action set");
	if (port >= OFPP_MAX && port != OFPP_LOCAL && port != OFPP_IN_PORT)
		return scan_fail(&s, t->value, "output to %s cannot be truncated",
				 port_reserved_name((uint32_t)port) ?: "it");
	return put_output(p, t->value, port, (uint32_t)max_len);
}

static int parse_output(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	struct ofact_output_reg *reg;
	struct subfield src;
	int port, rc;

	if (t->delim == '(' && memchr(t->value, '=', t->value_len))
		return parse_truncated(p, t);
	port = port_number_parse(t->value, t->value_len, p->names);
	if (port >= 0)
		return put_output(p, t->value, port, 0);
	rc = subfield_parse(t->value, t->value_len, &src, p->s.err);
	if (rc && memchr(t->value, '[', t->value_len))
		return scan_shift(&p->s, t->value, rc);
	if (rc)
		return scan_fail(&p->s, t->value,
				 "'%.*s' is no port; expected a port number or name, or a field such as NXM_NX_REG0[]",
				 SHOW(t->value, t->value_len));
	if (p->place == OFACT_IN_WRITE_ACTIONS)
		return scan_fail(&p->s, t->key, "output to a register's port cannot be in an action set");
	if (p->check_prereqs && !field_prereq_ok(src.field, &p->flow, NULL))
		return scan_fail(&p->s, t->value, "'%s' needs %s in the match", src.field->name,
				 field_prereq_text(src.field->prereq));
	reg = ofacts_put(p->list, OFACT_OUTPUT_REG, sizeof *reg);
	reg->src = src;
	return 0;
}

static int parse_drop(struct ofact_parser *p VSW_UNUSED, const struct token *t VSW_UNUSED,
		      const struct ofact_word *w VSW_UNUSED)
{
	return 0; /* parse_list() sees to it that it is alone */
}

/* A port on its own, "1", "p1" or "NORMAL", or a word that is no action at all. */
static int parse_port_or_unknown(struct ofact_parser *p, const struct token *t)
{
	int port = port_number_parse(t->key, t->key_len, p->names);
	char word[WORD_MAX + 1];

	if (port >= 0 && !t->value_len)
		return put_output(p, t->key, port, 0);
	if (port == OFPP_CONTROLLER)
		return put_output(p, t->key, port, 0); /* which says that it is not there yet, whatever its arguments */
	if (port >= 0)
		return scan_fail(&p->s, t->value, "'%.*s' takes no value", SHOW(t->key, t->key_len));
	if (words_find(&unsupported, t->key, t->key_len) >= 0)
		return scan_fail(&p->s, t->key, "action '%.*s' is not supported yet", SHOW(t->key, t->key_len));
	if (words_nearest(&dict, t->key, t->key_len, word))
		return scan_fail(&p->s, t->key, "unknown action '%.*s', did you mean '%s'?", SHOW(t->key, t->key_len),
				 word);
	return scan_fail(&p->s, t->key, "unknown action '%.*s'; expected an action such as output:1, or a port",
			 SHOW(t->key, t->key_len));
}

/* ---- the rest, in the order of the table ---- */

static int parse_bare(struct ofact_parser *p, const struct token *t VSW_UNUSED, const struct ofact_word *w)
{
	ofacts_put(p->list, w->arg, sizeof(struct ofact));
	return 0;
}

static int parse_dec_ttl(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	if (t->value_len)
		return scan_fail(&p->s, t->value, "dec_ttl with controller ids is not supported yet");
	ofacts_put(p->list, OFACT_DEC_TTL, sizeof(struct ofact));
	return 0;
}

/* A table's number; 255 stands for all tables and is none. */
static bool parse_table(const char *text, size_t len, uint8_t *table)
{
	uint64_t n;

	if (!text_to_u64(text, len, 254, &n))
		return false;
	*table = (uint8_t)n;
	return true;
}

/* The part of "PORT,TABLE,ct" up to the next comma; @rest moves behind it. */
static struct token next_part(const char **rest, const char *end)
{
	const char *comma = memchr(*rest, ',', (size_t)(end - *rest));
	struct token t = {.value = *rest, .value_len = (size_t)((comma ? comma : end) - *rest)};

	while (t.value_len && *t.value == ' ')
		t.value++, t.value_len--;
	while (t.value_len && t.value[t.value_len - 1] == ' ')
		t.value_len--;
	*rest = comma ? comma + 1 : end;
	return t;
}

static int parse_resubmit(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	const char *rest = t->value, *end = t->value + t->value_len;
	struct token port_text = next_part(&rest, end), table_text = next_part(&rest, end);
	struct ofact_resubmit *resubmit;
	uint8_t table = 255;
	int port = OFPP_IN_PORT;

	if (rest < end && text_is(rest, (size_t)(end - rest), "ct"))
		return scan_fail(&p->s, rest, "resubmit with 'ct' is not supported yet");
	if (rest < end)
		return scan_fail(&p->s, rest, "expected resubmit:PORT or resubmit(PORT,TABLE) and no '%.*s'",
				 SHOW(rest, (size_t)(end - rest)));
	if (port_text.value_len)
		port = port_number_parse(port_text.value, port_text.value_len, p->names);
	if (port < 0)
		return scan_fail(&p->s, port_text.value, "'%.*s' is no port",
				 SHOW(port_text.value, port_text.value_len));
	if (table_text.value_len && !parse_table(table_text.value, table_text.value_len, &table))
		return scan_fail(&p->s, table_text.value, "'%.*s' is no table; expected 0 to 254",
				 SHOW(table_text.value, table_text.value_len));
	if (port == OFPP_IN_PORT && table == 255)
		return scan_fail(&p->s, t->key, "resubmit needs another port or a table, or it would never end");
	resubmit = ofacts_put(p->list, OFACT_RESUBMIT, sizeof *resubmit);
	resubmit->in_port = (uint16_t)port;
	resubmit->table = table;
	return 0;
}

/* Two hexadecimal digits per byte, dots between bytes as one likes. */
static int parse_note(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	const char *s = t->value, *end = t->value + t->value_len;
	size_t n = 0, padded = ROUND_UP(t->value_len / 2 + 10, 8) - 10;
	struct ofact_note *note;

	if (t->value_len > OFACTS_MAX / 2)
		return scan_fail(&p->s, t->value, "this note is too long");
	note = ofacts_put(p->list, OFACT_NOTE, sizeof *note + padded);
	while (s < end) {
		uint64_t byte;
		char hex[4] = {'0', 'x', s[0], end - s > 1 ? s[1] : ' '};

		if (*s == '.' && n) {
			s++;
			continue;
		}
		if (!text_to_u64(hex, 4, 0xff, &byte))
			return scan_fail(&p->s, s, "expected pairs of hexadecimal digits, such as note:00.11.22");
		note->data[n++] = (uint8_t)byte;
		s += 2;
	}
	note->n = (uint16_t)(ROUND_UP(n + 10, 8) - 10);
	/* Dots counted as half bytes: give back what they took. */
	p->list->len -= note->h.len;
	note->h.len = (uint16_t)ROUND_UP(sizeof *note + note->n, 8);
	p->list->len += note->h.len;
	return 0;
}

static int parse_list(struct ofact_parser *p);

/* The actions in parentheses behind a word, as a record of @type. */
static int parse_nest(struct ofact_parser *p, const struct token *t, enum ofact_type type, enum ofact_place place)
{
	size_t ofs = p->list->len;
	struct ofact_parser nested = *p;
	int rc;

	if (p->depth >= MAX_DEPTH)
		return scan_fail(&p->s, t->key, "actions are nested more than %d deep", MAX_DEPTH);
	if (t->delim != '(')
		return scan_fail(&p->s, t->value, "expected actions in parentheses: %.*s(...)",
				 SHOW(t->key, t->key_len));
	ofacts_put(p->list, type, sizeof(struct ofact_nest));
	nested.s = scan_inside(&p->s, t->value, t->value_len);
	nested.place = (uint8_t)place;
	nested.depth++;
	nested.last_rank = RANK_ACTION;
	rc = parse_list(&nested);
	if (rc)
		return rc;
	((struct ofact *)((char *)p->list->data + ofs))->len = (uint16_t)(p->list->len - ofs);
	return 0;
}

static int parse_clone(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	return parse_nest(p, t, OFACT_CLONE, OFACT_IN_CLONE);
}

static int parse_write_actions(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	size_t before = p->list->len;
	int rc = parse_nest(p, t, OFACT_WRITE_ACTIONS, OFACT_IN_WRITE_ACTIONS);

	/* Writing nothing into the set changes nothing. */
	if (!rc && p->list->len == before + sizeof(struct ofact_nest))
		p->list->len = before;
	return rc;
}

static int parse_write_metadata(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	struct ofact_metadata *metadata;
	union field_value value, mask;
	int rc = field_parse_value(field_by_id(FIELD_METADATA), t->value, t->value_len, NULL, &value, &mask, p->s.err);

	if (rc)
		return scan_shift(&p->s, t->value, rc);
	metadata = ofacts_put(p->list, OFACT_WRITE_METADATA, sizeof *metadata);
	metadata->value = value.be64;
	metadata->mask = mask.be64;
	return 0;
}

static int parse_goto_table(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	struct ofact_u8 *go;
	uint8_t table;

	if (!parse_table(t->value, t->value_len, &table))
		return scan_fail(&p->s, t->value, "'%.*s' is no table; expected 0 to 254",
				 SHOW(t->value, t->value_len));
	if (p->table != 255 && table <= p->table)
		return scan_fail(&p->s, t->value, "goto_table goes forward only: from table %u to %u and up", p->table,
				 p->table + 1u);
	go = ofacts_put(p->list, OFACT_GOTO_TABLE, sizeof *go);
	go->value = table;
	return 0;
}

/* ---- meters and queues ---- */

static int parse_meter(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	struct ofact_u32 *meter;
	uint64_t id;

	if (!text_to_u64(t->value, t->value_len, METER_ID_MAX, &id) || !id)
		return scan_fail(&p->s, t->value, "'%.*s' is no meter; expected a number from 1 to %u",
				 SHOW(t->value, t->value_len), METER_ID_MAX);
	meter = ofacts_put(p->list, OFACT_METER, sizeof *meter);
	meter->value = (uint32_t)id;
	return 0;
}

static int parse_queue(const struct ofact_parser *p, const char *text, size_t len, uint32_t *queue)
{
	uint64_t n;

	if (!text_to_u64(text, len, UINT32_MAX, &n))
		return scan_fail(&p->s, text, "'%.*s' is no queue; expected a number from 0 to %u", SHOW(text, len),
				 UINT32_MAX);
	*queue = (uint32_t)n;
	return 0;
}

static int parse_set_queue(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	uint32_t queue = 0;
	int rc = parse_queue(p, t->value, t->value_len, &queue);

	if (!rc)
		((struct ofact_u32 *)ofacts_put(p->list, OFACT_SET_QUEUE, sizeof(struct ofact_u32)))->value = queue;
	return rc;
}

/* "PORT:QUEUE", or "PORT,QUEUE" in parentheses. */
static int parse_enqueue(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	const char *colon = memchr(t->value, ':', t->value_len), *end = t->value + t->value_len;
	struct ofact_enqueue *enqueue;
	uint32_t queue = 0;
	int port, rc;

	if (!colon)
		colon = memchr(t->value, ',', t->value_len);
	if (!colon)
		return scan_fail(&p->s, t->value, "expected enqueue:PORT:QUEUE or enqueue(PORT,QUEUE)");
	port = port_number_parse(t->value, (size_t)(colon - t->value), p->names);
	if (port < 0 || (port >= OFPP_MAX && port != OFPP_LOCAL && port != OFPP_IN_PORT))
		return scan_fail(&p->s, t->value, "'%.*s' is no port with queues",
				 SHOW(t->value, (size_t)(colon - t->value)));
	rc = parse_queue(p, colon + 1, (size_t)(end - colon - 1), &queue);
	if (rc)
		return rc;
	enqueue = ofacts_put(p->list, OFACT_ENQUEUE, sizeof *enqueue);
	enqueue->port = (uint16_t)port;
	enqueue->queue = queue;
	return 0;
}

/* ---- lists ---- */

/* A meter comes before everything else. */
static int check_first(const struct ofact_parser *p, const struct token *t)
{
	if (!p->last.key)
		return 0;
	if (text_is(p->last.key, p->last.key_len, "meter"))
		return scan_fail(&p->s, t->key, "'%.*s' is given twice", SHOW(t->key, t->key_len));
	return scan_fail(&p->s, t->key, "'%.*s' must stand before '%.*s'", SHOW(t->key, t->key_len),
			 SHOW(p->last.key, p->last.key_len));
}

/* Instructions stand behind the actions, each once, in the order in which they are run; but for the meter. */
static int check_place(struct ofact_parser *p, const struct token *t, const struct ofact_word *w)
{
	uint8_t rank = w ? w->rank : RANK_ACTION;
	uint8_t flags = w ? w->flags : 0;

	if (rank && p->place != OFACT_IN_FLOW)
		return scan_fail(&p->s, t->key, "the instruction '%.*s' cannot be inside of another action",
				 SHOW(t->key, t->key_len));
	if (p->place == OFACT_IN_WRITE_ACTIONS && flags & OFACT_W_NO_SET)
		return scan_fail(&p->s, t->key, "'%.*s' cannot be in an action set", SHOW(t->key, t->key_len));
	if (rank == RANK_FIRST)
		return check_first(p, t);
	if (rank && rank == p->last_rank)
		return scan_fail(&p->s, t->key, "'%.*s' is given twice", SHOW(t->key, t->key_len));
	if (rank < p->last_rank)
		return scan_fail(&p->s, t->key, "'%.*s' must stand before '%.*s'", SHOW(t->key, t->key_len),
				 SHOW(p->last.key, p->last.key_len));
	p->last_rank = rank;
	return 0;
}

static int check_value(const struct ofact_parser *p, const struct token *t, const struct ofact_word *w)
{
	if (w->flags & OFACT_W_VALUE && !t->value_len)
		return scan_fail(&p->s, t->value, "'%.*s' needs a value", SHOW(t->key, t->key_len));
	if (w->flags & OFACT_W_NO_VALUE && t->value_len)
		return scan_fail(&p->s, t->value, "'%.*s' takes no value", SHOW(t->key, t->key_len));
	return 0;
}

static int parse_word(struct ofact_parser *p, const struct token *t)
{
	int i = words_find(&dict, t->key, t->key_len);
	const struct ofact_word *w = i < 0 ? NULL : &words[i];
	int rc = check_place(p, t, w);

	if (!rc && w)
		rc = check_value(p, t, w);
	if (rc)
		return rc;
	rc = w ? w->parse(p, t, w) : parse_port_or_unknown(p, t);
	if (!rc && p->list->len > OFACTS_MAX)
		rc = scan_fail(&p->s, t->key, "the actions are too long: more than %d bytes", OFACTS_MAX);
	return rc;
}

static int parse_list(struct ofact_parser *p)
{
	struct token t, drop = {.key = NULL};
	unsigned int n = 0;
	int rc;

	while ((rc = scan_token(&p->s, &t)) > 0) {
		rc = parse_word(p, &t);
		if (rc)
			return rc;
		if (text_is(t.key, t.key_len, "drop"))
			drop = t;
		p->last = t;
		n++;
	}
	if (!rc && drop.key && n > 1)
		return scan_fail(&p->s, drop.key, "'drop' must stand alone, without other actions");
	return rc;
}

int ofacts_parse(const char *text, size_t len, const struct port_names *names, const struct match *m, uint8_t table,
		 struct ofacts *list, struct errtext *err)
{
	struct ofact_parser p = {
		.s = scan_init(text, len, err),
		.names = names,
		.list = list,
		.check_prereqs = m != NULL,
		.table = table,
		.place = OFACT_IN_FLOW,
	};
	size_t before = list->len;
	int rc;

	pthread_once(&dict_once, dict_init);
	if (m)
		p.flow = m->key;
	rc = parse_list(&p);
	if (rc)
		list->len = before;
	return rc;
}
