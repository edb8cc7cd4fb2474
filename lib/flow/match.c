// SPDX-License-Identifier: Apache-2.0
#include "flow/match.h"

#include <string.h>

/* The key and the mask as words: both structs are whole numbers of 64-bit words without holes (vsw/flow_key.h). */
static inline uint64_t word(const struct flow_key *key, size_t i)
{
	uint64_t x;

	memcpy(&x, (const char *)key + i * 8, sizeof x);
	return x;
}

void match_init_any(struct match *m)
{
	memset(m, 0, sizeof *m);
}

/* Writing a VLAN field makes a tag, of which more than what is matched may be set. */
static void clear_unmatched_tag(struct match *m)
{
	m->key.p.vlan[0].tci &= m->mask.p.vlan[0].tci;
	m->key.p.vlan[0].tpid &= m->mask.p.vlan[0].tpid;
}

void match_set_masked(struct match *m, const struct field *f, const union field_value *value,
		      const union field_value *mask)
{
	if (field_value_is_zero(f, mask))
		return;
	field_mask_set_masked(f, mask, &m->mask);
	/* "No tag" is one thing, whichever field says so: a TCI of 0. */
	if ((f->id == FIELD_DL_VLAN && field_value_u64(f, value) == 0xffff) ||
	    (f->id == FIELD_VLAN_VID && field_value_is_ones(f, mask) && field_value_is_zero(f, value))) {
		m->mask.p.vlan[0].tci = BE16_C(0xffff);
		m->key.p.vlan[0].tci = 0;
		return;
	}
	if (field_value_is_ones(f, mask))
		field_set(f, value, &m->key);
	else
		field_set_masked(f, value, mask, &m->key);
	if (f->store == FIELD_AT_VLAN)
		clear_unmatched_tag(m);
}

void match_set(struct match *m, const struct field *f, const union field_value *value)
{
	union field_value mask;

	field_ones(f, &mask);
	match_set_masked(m, f, value, &mask);
}

bool match_equal(const struct match *a, const struct match *b)
{
	return !memcmp(a, b, sizeof *a);
}

bool match_is_exact(const struct match *m, const struct field *f)
{
	union field_value mask;

	field_get_mask(f, &m->mask, &mask);
	return field_value_is_ones(f, &mask);
}

bool match_matches(const struct match *m, const struct flow_key *key)
{
	for (size_t i = 0; i < FLOW_KEY_WORDS; i++)
		if ((word(&m->key, i) ^ word(key, i)) & word(&m->mask, i))
			return false;
	return true;
}
