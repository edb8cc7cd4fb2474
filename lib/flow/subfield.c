// SPDX-License-Identifier: Apache-2.0
/* Runs of bits within fields: "NXM_NX_REG0[0..15]". Fields are at most 128 bits wide, so a run is a 128-bit number. */
#include "flow/field.h"

#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/scan.h"

static uint128 ones(unsigned int n_bits)
{
	return n_bits >= 128 ? ~(uint128)0 : ((uint128)1 << n_bits) - 1;
}

static uint128 load(const uint8_t *p, size_t n)
{
	uint128 x = 0;

	for (size_t i = 0; i < n; i++)
		x = x << 8 | p[i];
	return x;
}

static void store(uint8_t *p, size_t n, uint128 x)
{
	for (size_t i = n; i-- > 0; x >>= 8)
		p[i] = (uint8_t)x;
}

/* "", "[]", "[bit]" or "[first..last]" at @s->p. */
static int parse_range(const struct scan *s, struct subfield *sf)
{
	size_t len = (size_t)(s->end - s->p);
	uint64_t first, last;
	const char *dots;

	sf->ofs = 0;
	sf->n_bits = sf->field->n_bits;
	if (!len || (len == 2 && s->p[1] == ']'))
		return 0;
	if (s->end[-1] != ']')
		return scan_fail(s, s->p, "'%.*s': expected '[]', '[BIT]' or '[FIRST..LAST]'", SHOW(s->p, len));
	dots = text_find(s->p, len, "..");
	if (!text_to_u64(s->p + 1, (size_t)((dots ? dots : s->end - 1) - s->p - 1), UINT16_MAX, &first) ||
	    (dots && !text_to_u64(dots + 2, (size_t)(s->end - 1 - dots - 2), UINT16_MAX, &last)))
		return scan_fail(s, s->p, "'%.*s': expected '[]', '[BIT]' or '[FIRST..LAST]'", SHOW(s->p, len));
	if (!dots)
		last = first;
	if (last >= sf->field->n_bits)
		return scan_fail(s, s->p, "bit %u is not in '%s', which has bits 0 to %u", (unsigned int)last,
				 sf->field->name, sf->field->n_bits - 1u);
	if (first > last)
		return scan_fail(s, s->p, "the first bit %u is behind the last one, %u", (unsigned int)first,
				 (unsigned int)last);
	sf->ofs = (uint16_t)first;
	sf->n_bits = (uint16_t)(last - first + 1);
	return 0;
}

int subfield_parse(const char *text, size_t len, struct subfield *sf, struct errtext *err)
{
	const char *bracket = memchr(text, '[', len);
	size_t name_len = bracket ? (size_t)(bracket - text) : len;
	struct scan s = scan_init(text, len, err);
	char word[WORD_MAX + 1];

	if (!len)
		return scan_fail(&s, text, "expected a field, such as reg0[0..15]");
	*sf = (struct subfield){.field = field_by_name(text, name_len)};
	if (!sf->field) {
		if (field_unsupported(text, name_len))
			return scan_fail(&s, text, "field '%.*s' is not supported yet", SHOW(text, name_len));
		if (field_nearest(text, name_len, word))
			return scan_fail(&s, text, "unknown field '%.*s', did you mean '%s'?", SHOW(text, name_len),
					 word);
		return scan_fail(&s, text, "unknown field '%.*s'", SHOW(text, name_len));
	}
	s.p = text + name_len;
	return parse_range(&s, sf);
}

void subfield_format(const struct subfield *sf, struct ds *out)
{
	const struct field *f = sf->field;

	ds_put(out, f->nxm_name ? f->nxm_name : f->oxm_name ? f->oxm_name : f->name);
	if (!sf->ofs && sf->n_bits == f->n_bits)
		ds_put(out, "[]");
	else if (sf->n_bits == 1)
		ds_printf(out, "[%u]", sf->ofs);
	else
		ds_printf(out, "[%u..%u]", sf->ofs, sf->ofs + sf->n_bits - 1u);
}

void subfield_get(const struct subfield *sf, const struct flow_key *key, uint8_t out[16])
{
	union field_value value;

	field_get(sf->field, key, &value);
	store(out, 16, load(value.b, sf->field->n_bytes) >> sf->ofs & ones(sf->n_bits));
}

uint64_t subfield_get_u64(const struct subfield *sf, const struct flow_key *key)
{
	uint8_t out[16];

	subfield_get(sf, key, out);
	return (uint64_t)load(out, 16);
}

void subfield_spread(const struct subfield *sf, const uint8_t in[16], union field_value *value, union field_value *mask)
{
	size_t n = sf->field->n_bytes;

	memset(value, 0, sizeof *value);
	memset(mask, 0, sizeof *mask);
	store(value->b, n, (load(in, 16) & ones(sf->n_bits)) << sf->ofs);
	store(mask->b, n, ones(sf->n_bits) << sf->ofs);
}

void subfield_set(const struct subfield *sf, const uint8_t in[16], struct flow_key *key)
{
	union field_value value, mask;

	subfield_spread(sf, in, &value, &mask);
	field_set_masked(sf->field, &value, &mask, key);
}

void subfield_mask_set(const struct subfield *sf, struct flow_key *key_mask)
{
	static const uint8_t zero[16];
	union field_value value, mask;

	subfield_spread(sf, zero, &value, &mask);
	if (sf->n_bits == sf->field->n_bits)
		field_mask_set(sf->field, key_mask);
	else
		field_mask_set_masked(sf->field, &mask, key_mask);
}
