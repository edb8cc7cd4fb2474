// SPDX-License-Identifier: Apache-2.0
/* Actions that write fields: set_field, load, move, push, pop, mod_*, and those on VLAN tags. */
#include "flow/ofact_parse.h"

#include <errno.h>

#include "base/errtext.h"
#include "base/util.h"

#define ETH_8021Q 0x8100
#define ETH_8021AD 0x88a8

/* Whether the flow has the header that @f is in; an error at @at when not. */
static int check_prereq(const struct ofact_parser *p, const char *at, const struct field *f)
{
	enum field_prereq prereq = f->prereq;

	/* As a match vlan_vid may say "no tag"; to write a VID there must be one. */
	if (f->id == FIELD_VLAN_VID)
		prereq = FIELD_PRE_VLAN;
	if (!p->check_prereqs || field_prereq_check(prereq, &p->flow, NULL))
		return 0;
	return scan_fail(&p->s, at, "'%s' needs %s in the match", f->name, field_prereq_text(prereq));
}

static int check_writable(const struct ofact_parser *p, const char *at, const struct field *f)
{
	if (!f->writable)
		return scan_fail(&p->s, at, "'%s' is read-only", f->name);
	if (f->id == FIELD_CT_MARK || f->id == FIELD_CT_LABEL)
		return scan_fail(&p->s, at, "'%s' can be set inside of ct(exec(...)) only, which is not supported yet",
				 f->name);
	if (f->id == FIELD_DL_VLAN || f->id == FIELD_DL_VLAN_PCP)
		return scan_fail(&p->s, at, "'%s' cannot be set by this name; use %s", f->name,
				 f->id == FIELD_DL_VLAN ? "mod_vlan_vid:N" : "mod_vlan_pcp:N");
	return check_prereq(p, at, f);
}

/* Splits "WHAT->WHERE". Return: 0 with the arrow's place, or -EINVAL. */
static int find_arrow(const struct ofact_parser *p, const struct token *t, const char **arrow)
{
	*arrow = text_find(t->value, t->value_len, "->");
	if (!*arrow)
		return scan_fail(&p->s, t->value + t->value_len, "expected '->' and a field behind '%.*s:%.*s'",
				 SHOW(t->key, t->key_len), SHOW(t->value, t->value_len));
	return 0;
}

/* The field that set_field writes, as @name means it in this flow. Return: NULL with an error set. */
static const struct field *parse_field_name(const struct ofact_parser *p, const char *name, size_t len)
{
	struct subfield sf;

	if (!len || memchr(name, '[', len)) {
		scan_fail(&p->s, name,
			  len ? "set_field writes whole fields under a mask; use load for '%.*s'"
			      : "expected a field behind '->'%.*s",
			  SHOW(name, len));
		return NULL;
	}
	if (scan_shift(&p->s, name, subfield_parse(name, len, &sf, p->s.err)))
		return NULL;
	return field_for_flow(sf.field, &p->flow);
}

static struct ofact_set_field *put_set(struct ofact_parser *p, const struct field *f, const union field_value *value,
				       const union field_value *mask, enum ofact_set_as as)
{
	struct ofact_set_field *set = ofacts_put(p->list, OFACT_SET_FIELD, sizeof *set);

	set->field = f;
	set->value = *value;
	set->mask = *mask;
	set->as = (uint8_t)as;
	set->flow_has_vlan = (p->flow.p.vlan[0].tci & BE16_C(FLOW_VLAN_PRESENT)) != 0;
	/* What follows may rely on the tag that this makes. */
	if (f->store == FIELD_AT_VLAN)
		field_set_masked(f, value, mask, &p->flow);
	return set;
}

int ofact_parse_set_field(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	union field_value value, mask;
	const struct field *f;
	const char *arrow, *name;
	int rc = find_arrow(p, t, &arrow);

	if (rc)
		return rc;
	name = arrow + 2;
	f = parse_field_name(p, name, (size_t)(t->value + t->value_len - name));
	if (!f)
		return -EINVAL;
	rc = check_writable(p, name, f);
	if (rc)
		return rc;
	rc = field_parse_value(f, t->value, (size_t)(arrow - t->value), p->names, &value, &mask, p->s.err);
	if (rc)
		return scan_shift(&p->s, t->value, rc);
	if (field_value_is_zero(f, &mask))
		return scan_fail(&p->s, t->value, "the mask is empty: this changes nothing of '%s'", f->name);
	if (f->format >= FIELD_FMT_TCP_FLAGS && t->value[0] != '+' && t->value[0] != '-')
		field_ones(f, &mask);
	if (f->id == FIELD_VLAN_VID && field_value_u64(f, &mask) & ~field_value_u64(f, &value) & FLOW_VLAN_PRESENT)
		return scan_fail(&p->s, t->value, "vlan_vid needs the bit 0x1000: write 0x%llx, or mod_vlan_vid:%llu",
				 (unsigned long long)field_value_u64(f, &value) | FLOW_VLAN_PRESENT,
				 (unsigned long long)field_value_u64(f, &value));
	put_set(p, f, &value, &mask, OFACT_AS_SET_FIELD);
	return 0;
}

static int parse_subfield(const struct ofact_parser *p, const char *text, size_t len, bool write, struct subfield *sf)
{
	int rc = scan_shift(&p->s, text, subfield_parse(text, len, sf, p->s.err));

	if (rc)
		return rc;
	return write ? check_writable(p, text, sf->field) : check_prereq(p, text, sf->field);
}

int ofact_parse_load(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	union field_value value, mask;
	struct subfield dst;
	const char *arrow;
	uint8_t number[16];
	uint128 x;
	size_t len;
	int rc = find_arrow(p, t, &arrow);

	if (rc)
		return rc;
	rc = parse_subfield(p, arrow + 2, (size_t)(t->value + t->value_len - arrow - 2), true, &dst);
	if (rc)
		return rc;
	len = (size_t)(arrow - t->value);
	if (!text_to_u128(t->value, len, &x))
		return scan_fail(&p->s, t->value, "'%.*s' is not a number to load", SHOW(t->value, len));
	if (dst.n_bits < 128 && x >> dst.n_bits)
		return scan_fail(&p->s, t->value, "'%.*s' does not fit into %u bits", SHOW(t->value, len), dst.n_bits);
	for (int i = 16; i-- > 0; x >>= 8)
		number[i] = (uint8_t)x;
	subfield_spread(&dst, number, &value, &mask);
	put_set(p, dst.field, &value, &mask, OFACT_AS_LOAD);
	return 0;
}

int ofact_parse_move(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	struct subfield src, dst;
	struct ofact_move *move;
	const char *arrow;
	int rc = find_arrow(p, t, &arrow);

	if (!rc)
		rc = parse_subfield(p, t->value, (size_t)(arrow - t->value), false, &src);
	if (!rc)
		rc = parse_subfield(p, arrow + 2, (size_t)(t->value + t->value_len - arrow - 2), true, &dst);
	if (rc)
		return rc;
	if (src.n_bits != dst.n_bits)
		return scan_fail(&p->s, t->value, "the source has %u bits and the destination %u; they must be as many",
				 src.n_bits, dst.n_bits);
	move = ofacts_put(p->list, OFACT_MOVE, sizeof *move);
	move->src = src;
	move->dst = dst;
	return 0;
}

int ofact_parse_stack(struct ofact_parser *p, const struct token *t, const struct ofact_word *w)
{
	struct ofact_stack *stack;
	struct subfield sf;
	int rc = parse_subfield(p, t->value, t->value_len, w->arg == OFACT_STACK_POP, &sf);

	if (rc)
		return rc;
	stack = ofacts_put(p->list, w->arg, sizeof *stack);
	stack->subfield = sf;
	return 0;
}

/* mod_dl_src:MAC and its kind: w->arg is the field. They do nothing to packets that lack it, so need nothing in the match. */
int ofact_parse_mod(struct ofact_parser *p, const struct token *t, const struct ofact_word *w)
{
	const struct field *f = field_by_id(w->arg);
	union field_value value, mask;
	int rc;

	if (memchr(t->value, '/', t->value_len))
		return scan_fail(&p->s, t->value, "'%.*s' takes no mask; use set_field", SHOW(t->key, t->key_len));
	rc = field_parse_value(f, t->value, t->value_len, p->names, &value, &mask, p->s.err);
	if (rc)
		return scan_shift(&p->s, t->value, rc);
	if (field_value_is_zero(f, &mask))
		return scan_fail(&p->s, t->value, "'%.*s' needs a value", SHOW(t->key, t->key_len));
	put_set(p, f, &value, &mask, OFACT_AS_MOD);
	return 0;
}

int ofact_parse_tunnel(struct ofact_parser *p, const struct token *t, const struct ofact_word *w)
{
	const struct field *f = field_by_id(FIELD_TUN_ID);
	union field_value value, mask;
	uint64_t id;

	if (!text_to_u64(t->value, t->value_len, UINT64_MAX, &id))
		return scan_fail(&p->s, t->value, "'%.*s' is not a tunnel key", SHOW(t->value, t->value_len));
	field_value_from_u64(f, id, &value);
	field_ones(f, &mask);
	put_set(p, f, &value, &mask, id > UINT32_MAX ? OFACT_AS_TUNNEL64 : (enum ofact_set_as)w->arg);
	return 0;
}

static bool has_tag(const struct ofact_parser *p)
{
	return p->flow.p.vlan[0].tci & BE16_C(FLOW_VLAN_PRESENT);
}

/* mod_vlan_vid, set_vlan_vid and those of the PCP: w->arg is the action. */
int ofact_parse_vlan(struct ofact_parser *p, const struct token *t, const struct ofact_word *w)
{
	bool vid = w->arg == OFACT_SET_VLAN_VID, push = text_is(t->key, 3, "mod");
	struct ofact_vlan *vlan;
	uint64_t value;

	if (!text_to_u64(t->value, t->value_len, vid ? 4095 : 7, &value))
		return scan_fail(&p->s, t->value, "'%.*s' is not a VLAN %s; expected 0 to %d",
				 SHOW(t->value, t->value_len), vid ? "id" : "priority", vid ? 4095 : 7);
	if (!push && p->check_prereqs && !has_tag(p))
		return scan_fail(&p->s, t->key, "'%.*s' needs 'dl_vlan' in the match or push_vlan before it",
				 SHOW(t->key, t->key_len));
	vlan = ofacts_put(p->list, w->arg, sizeof *vlan);
	vlan->value = (uint16_t)value;
	vlan->push_if_needed = push;
	vlan->flow_has_vlan = has_tag(p);
	p->flow.p.vlan[0].tci |= BE16_C(FLOW_VLAN_PRESENT);
	return 0;
}

int ofact_parse_push_vlan(struct ofact_parser *p, const struct token *t, const struct ofact_word *w VSW_UNUSED)
{
	struct vlan_key *vlan = p->flow.p.vlan;
	struct ofact_u16 *push;
	uint64_t tpid;

	if (!text_to_u64(t->value, t->value_len, UINT16_MAX, &tpid) || (tpid != ETH_8021Q && tpid != ETH_8021AD))
		return scan_fail(&p->s, t->value, "'%.*s' is no Ethernet type of a tag; expected 0x8100 or 0x88a8",
				 SHOW(t->value, t->value_len));
	if (vlan[FLOW_MAX_VLANS - 1].tci & BE16_C(FLOW_VLAN_PRESENT))
		return scan_fail(&p->s, t->key, "the packet has %d VLAN tags here already; no more fit",
				 FLOW_MAX_VLANS);
	vlan[1] = vlan[0];
	vlan[0] = (struct vlan_key){cpu_to_be16((uint16_t)tpid), BE16_C(FLOW_VLAN_PRESENT)};
	push = ofacts_put(p->list, OFACT_PUSH_VLAN, sizeof *push);
	push->value = (uint16_t)tpid;
	return 0;
}

int ofact_parse_strip_vlan(struct ofact_parser *p, const struct token *t VSW_UNUSED, const struct ofact_word *w)
{
	struct vlan_key *vlan = p->flow.p.vlan;
	struct ofact_u8 *strip = ofacts_put(p->list, OFACT_STRIP_VLAN, sizeof *strip);

	strip->value = (uint8_t)w->arg;
	vlan[0] = vlan[1];
	vlan[1] = (struct vlan_key){0, 0};
	return 0;
}
