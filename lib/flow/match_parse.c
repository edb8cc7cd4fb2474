// SPDX-License-Identifier: Apache-2.0
/*
 * Reading matches. Deviations from ovs-ofctl, all of them towards saying what is wrong: a field whose prerequisite is
 * missing is an error instead of being dropped silently, as is a field given twice, a field without a value, and a
 * value that another one contradicts.
 */
#include "flow/match_parse.h"

#include <pthread.h>

#include "base/errtext.h"
#include "base/util.h"
#include "flow/port_names.h"

/* Words that stand for an Ethernet type and perhaps an IP protocol. */
static const struct shorthand {
	const char *names;
	uint16_t eth_type;
	uint8_t nw_proto; /* 0: any */
} shorthands[] = {
	{"eth", 0, 0},		 {"ip,ipv4,ip4", 0x0800, 0}, {"icmp,icmp4", 0x0800, 1},
	{"tcp,tcp4", 0x0800, 6}, {"udp,udp4", 0x0800, 17},   {"sctp,sctp4", 0x0800, 132},
	{"arp", 0x0806, 0},	 {"rarp", 0x8035, 0},	     {"ipv6,ip6", 0x86dd, 0},
	{"tcp6", 0x86dd, 6},	 {"udp6", 0x86dd, 17},	     {"sctp6", 0x86dd, 132},
	{"mpls", 0x8847, 0},	 {"mplsm", 0x8848, 0},	     {"icmp6", 0x86dd, 58},
};

static struct words words;
static pthread_once_t words_once = PTHREAD_ONCE_INIT;

static void words_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(shorthands); i++)
		words_add_list(&words, shorthands[i].names, (unsigned int)i);
}

static int find_shorthand(const char *key, size_t len)
{
	pthread_once(&words_once, words_init);
	return words_find(&words, key, len);
}

void match_parser_init(struct match_parser *p, struct match *m, const struct port_names *names, bool exact)
{
	match_init_any(m);
	p->m = m;
	p->names = names;
	p->exact = exact;
	p->seen[0] = p->seen[1] = 0;
	p->n_needs = 0;
}

/* Whether @m already asks something else of the bits that @value under @mask asks for. */
static bool contradicts(const struct match *m, const struct field *f, const union field_value *value,
			const union field_value *mask)
{
	union field_value have, have_mask;

	field_get_mask(f, &m->mask, &have_mask);
	field_get(f, &m->key, &have);
	for (size_t i = 0; i < f->n_bytes; i++)
		if ((have.b[i] ^ value->b[i]) & have_mask.b[i] & mask->b[i])
			return true;
	return false;
}

static int set_number(struct match_parser *p, const struct scan *s, const struct token *t, enum field_id id, uint64_t x)
{
	const struct field *f = field_by_id(id);
	union field_value value, mask;

	field_value_from_u64(f, x, &value);
	field_ones(f, &mask);
	if (contradicts(p->m, f, &value, &mask))
		return scan_fail(s, t->key, "'%.*s' contradicts what is matched before it: the %s differs",
				 SHOW(t->key, t->key_len), id == FIELD_ETH_TYPE ? "Ethernet type" : "IP protocol");
	match_set(p->m, f, &value);
	return 0;
}

static int set_shorthand(struct match_parser *p, const struct scan *s, const struct token *t,
			 const struct shorthand *sh)
{
	int rc;

	if (t->value_len)
		return scan_fail(s, t->value, "'%.*s' takes no value", SHOW(t->key, t->key_len));
	rc = sh->eth_type ? set_number(p, s, t, FIELD_ETH_TYPE, sh->eth_type) : 0;
	if (!rc && sh->nw_proto)
		rc = set_number(p, s, t, FIELD_IP_PROTO, sh->nw_proto);
	return rc ? rc : 1;
}

/* A VLAN id without the bit that says that there is a tag can be in no packet. */
static int check_vlan_vid(const struct scan *s, const struct token *t, const struct field *f,
			  const union field_value *value, const union field_value *mask)
{
	uint64_t vid = field_value_u64(f, value);

	if (f->id != FIELD_VLAN_VID || !vid || vid & FLOW_VLAN_PRESENT ||
	    !(field_value_u64(f, mask) & FLOW_VLAN_PRESENT))
		return 0;
	return scan_fail(s, t->value,
			 "vlan_vid needs the bit 0x1000 for a tagged packet: write vlan_vid=0x%llx or dl_vlan=%llu",
			 (unsigned long long)vid | FLOW_VLAN_PRESENT, (unsigned long long)vid);
}

/* The value of a word, checked against what is there already. */
static int parse_value(const struct match_parser *p, const struct scan *s, const struct token *t, const struct field *f,
		       union field_value *value, union field_value *mask)
{
	int rc;

	if (!t->value_len)
		return scan_fail(s, t->value, "'%.*s' needs a value: %.*s=...", SHOW(t->key, t->key_len),
				 SHOW(t->key, t->key_len));
	rc = field_parse_value(f, t->value, t->value_len, p->names, value, mask, s->err);
	if (rc)
		return scan_shift(s, t->value, rc);
	if (p->exact && !field_value_is_ones(f, mask))
		return scan_fail(s, t->value, "'%.*s' needs one exact value in a packet, not a mask",
				 SHOW(t->key, t->key_len));
	rc = check_vlan_vid(s, t, f, value, mask);
	if (rc)
		return rc;
	if (contradicts(p->m, f, value, mask) && !(f->id == FIELD_DL_VLAN && field_value_u64(f, value) == 0xffff))
		return scan_fail(s, t->key, "'%.*s' contradicts what is matched before it", SHOW(t->key, t->key_len));
	return 0;
}

int match_parser_word(struct match_parser *p, const struct scan *s, const struct token *t)
{
	int sh = find_shorthand(t->key, t->key_len);
	union field_value value, mask;
	enum field_prereq prereq;
	const struct field *f;
	int rc;

	if (sh >= 0)
		return set_shorthand(p, s, t, &shorthands[sh]);
	f = field_by_name_prereq(t->key, t->key_len, &prereq);
	if (!f)
		return 0;
	if (p->seen[f->id / 64] & 1ull << f->id % 64)
		return scan_fail(s, t->key, "'%.*s' is given twice", SHOW(t->key, t->key_len));
	rc = parse_value(p, s, t, f, &value, &mask);
	if (rc)
		return rc;
	p->seen[f->id / 64] |= 1ull << f->id % 64;
	if (prereq != FIELD_PRE_NONE && prereq != FIELD_PRE_VLAN)
		p->needs[p->n_needs++] =
			(struct match_need){t->key, (uint16_t)MIN(t->key_len, UINT16_MAX), (uint8_t)prereq};
	match_set_masked(p->m, f, &value, &mask);
	return 1;
}

/* Type and code of ICMP may be matched in later fragments, as in OVS, where they are 0; ports may not. */
static bool in_later_fragments(enum field_prereq prereq)
{
	return prereq == FIELD_PRE_ICMPV4 || prereq == FIELD_PRE_ICMPV6 || prereq == FIELD_PRE_ICMP_ANY ||
	       prereq == FIELD_PRE_ND || prereq == FIELD_PRE_ND_SOLICIT || prereq == FIELD_PRE_ND_ADVERT;
}

int match_parser_finish(const struct match_parser *p, const struct scan *s)
{
	struct flow_key whole = p->m->key;

	whole.p.nw_frag = 0;
	for (unsigned int i = 0; i < p->n_needs; i++) {
		const struct match_need *need = &p->needs[i];

		if (!field_prereq_check(need->prereq, &whole, NULL))
			return scan_fail(s, need->at, "'%.*s' needs %s before it", SHOW(need->at, need->len),
					 field_prereq_text(need->prereq));
		if (!in_later_fragments(need->prereq) && !field_prereq_check(need->prereq, &p->m->key, NULL))
			return scan_fail(s, need->at, "'%.*s' is not in later fragments, which nw_frag selects",
					 SHOW(need->at, need->len));
	}
	return 0;
}

int match_unknown_word(const struct scan *s, const struct token *t)
{
	char word[WORD_MAX + 1];

	if (field_unsupported(t->key, t->key_len) || text_is(t->key, t->key_len, "nsh"))
		return scan_fail(s, t->key, "field '%.*s' is not supported yet", SHOW(t->key, t->key_len));
	if (words_nearest(&words, t->key, t->key_len, word) || field_nearest(t->key, t->key_len, word))
		return scan_fail(s, t->key, "unknown field '%.*s', did you mean '%s'?", SHOW(t->key, t->key_len), word);
	return scan_fail(s, t->key,
			 "unknown field '%.*s'; expected a field such as in_port=1, or a protocol such as tcp",
			 SHOW(t->key, t->key_len));
}

static int parse_words(const char *text, size_t len, struct match_parser *p, struct errtext *err)
{
	struct scan s = scan_init(text, len, err);
	struct token t;
	int rc;

	while ((rc = scan_token(&s, &t)) > 0) {
		rc = match_parser_word(p, &s, &t);
		if (rc <= 0)
			return rc ? rc : match_unknown_word(&s, &t);
	}
	return rc ? rc : match_parser_finish(p, &s);
}

int match_parse(const char *text, size_t len, const struct port_names *names, struct match *m, struct errtext *err)
{
	struct match_parser p;

	match_parser_init(&p, m, names, false);
	return parse_words(text, len, &p, err);
}

int flow_key_parse(const char *text, size_t len, const struct port_names *names, struct flow_key *key,
		   struct errtext *err)
{
	struct match_parser p;
	struct match m;
	int rc;

	match_parser_init(&p, &m, names, true);
	rc = parse_words(text, len, &p, err);
	if (rc)
		return rc;
	*key = m.key;
	if (!(p.seen[FIELD_IN_PORT / 64] & 1ull << FIELD_IN_PORT % 64))
		key->p.in_port = OFPP_NONE;
	if (key->p.vlan[0].tci)
		key->p.vlan[0].tpid = BE16_C(0x8100);
	return 0;
}
