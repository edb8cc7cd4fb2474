// SPDX-License-Identifier: Apache-2.0
/*
 * A meter's text is words of three kinds in one row: flags, meter=N, and behind "bands=" the bands, each of which begins with type=.
 */
#include "flow/meter.h"

#include <errno.h>
#include <inttypes.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "flow/scan.h"

static const struct {
	const char *name;
	uint16_t flag;
} flags[] = {
	{"kbps", METER_KBPS},
	{"pktps", METER_PKTPS},
	{"burst", METER_BURST},
	{"stats", METER_STATS},
};

static int parse_number(const struct scan *s, const struct token *t, uint32_t *number)
{
	uint64_t n;

	if (!text_to_u64(t->value, t->value_len, UINT32_MAX, &n) || !n)
		return scan_fail(s, t->value, "%.*s: '%.*s' is no number from 1 to %u", SHOW(t->key, t->key_len),
				 SHOW(t->value, t->value_len), UINT32_MAX);
	*number = (uint32_t)n;
	return 0;
}

static int parse_id(const struct scan *s, const struct token *t, bool may_be_all, uint32_t *id)
{
	uint64_t n;

	if (may_be_all && text_is(t->value, t->value_len, "all")) {
		*id = METER_ALL;
		return 0;
	}
	if (text_is(t->value, t->value_len, "controller") || text_is(t->value, t->value_len, "slowpath")) {
		scan_fail(s, t->value, "meter=%.*s is not supported; expected a number from 1 to %u",
			  SHOW(t->value, t->value_len), METER_ID_MAX);
		return -EOPNOTSUPP;
	}
	if (!text_to_u64(t->value, t->value_len, METER_ID_MAX, &n) || !n)
		return scan_fail(s, t->value, "meter: '%.*s' is no number from 1 to %u", SHOW(t->value, t->value_len),
				 METER_ID_MAX);
	*id = (uint32_t)n;
	return 0;
}

/* ---- bands ---- */

static int begin_band(const struct scan *s, const struct token *t, struct meter_config *m)
{
	if (text_is(t->value, t->value_len, "dscp_remark")) {
		scan_fail(s, t->value, "bands of type dscp_remark are not supported; expected type=drop");
		return -EOPNOTSUPP;
	}
	if (!text_is(t->value, t->value_len, "drop"))
		return scan_fail(s, t->value, "'%.*s' is no type of band; expected type=drop",
				 SHOW(t->value, t->value_len));
	if (m->n_bands == METER_MAX_BANDS)
		return scan_fail(s, t->key, "a meter has at most %d bands", METER_MAX_BANDS);
	m->bands[m->n_bands++] = (struct meter_band){0};
	return 0;
}

static int end_band(const struct scan *s, const char *at, const struct meter_config *m)
{
	const struct meter_band *band = m->n_bands ? &m->bands[m->n_bands - 1] : NULL;

	if (!band)
		return 0;
	if (!band->rate)
		return scan_fail(s, at, "a band must have 'rate'");
	if (m->flags & METER_BURST && !band->burst)
		return scan_fail(s, at, "a band must have 'burst_size' as the flag 'burst' is set");
	if (!(m->flags & METER_BURST) && band->burst)
		return scan_fail(s, at, "a band may have 'burst_size' only when the flag 'burst' is set");
	return 0;
}

/* One word behind "bands=". */
static int parse_band_word(const struct scan *s, const struct token *t, struct meter_config *m)
{
	struct meter_band *band = m->n_bands ? &m->bands[m->n_bands - 1] : NULL;
	int error;

	if (text_is(t->key, t->key_len, "type")) {
		error = end_band(s, t->key, m);
		return error ? error : begin_band(s, t, m);
	}
	if (!band)
		return scan_fail(s, t->key, "a band must begin with type=drop");
	if (text_is(t->key, t->key_len, "rate"))
		return parse_number(s, t, &band->rate);
	if (text_is(t->key, t->key_len, "burst_size"))
		return parse_number(s, t, &band->burst);
	if (text_is(t->key, t->key_len, "prec_level"))
		return scan_fail(s, t->key, "only bands of type dscp_remark have 'prec_level'");
	return scan_fail(s, t->key, "unknown word '%.*s' in a band; expected type, rate or burst_size",
			 SHOW(t->key, t->key_len));
}

/* "bands=type=drop rate=100, type=..." up to the end: the first band's first word is the value of "bands". */
static int parse_bands(struct scan *s, const struct token *bands, struct meter_config *m)
{
	struct scan rest = scan_inside(s, bands->value, (size_t)(s->end - bands->value));
	struct token t;
	int rc;

	while ((rc = scan_token(&rest, &t)) > 0) {
		rc = parse_band_word(&rest, &t, m);
		if (rc)
			return rc;
	}
	if (!rc)
		rc = end_band(&rest, rest.end, m);
	s->p = s->end;
	return rc;
}

/* ---- the whole ---- */

static int parse_flag(const struct scan *s, const struct token *t, struct meter_config *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (text_is(t->key, t->key_len, flags[i].name) && !t->delim) {
			m->flags |= flags[i].flag;
			return 0;
		}
	}
	return scan_fail(s, t->key, "unknown word '%.*s'; expected meter=N, kbps, pktps, burst, stats or bands=...",
			 SHOW(t->key, t->key_len));
}

static int check(const struct scan *s, const struct meter_config *m)
{
	if (!m->id)
		return scan_fail(s, s->end, "a meter must have a number: meter=N");
	if (!(m->flags & (METER_KBPS | METER_PKTPS)))
		return scan_fail(s, s->end, "a meter must count either 'kbps' or 'pktps'");
	if ((m->flags & METER_KBPS) && (m->flags & METER_PKTPS))
		return scan_fail(s, s->end, "a meter counts either 'kbps' or 'pktps', not both");
	if (!m->n_bands)
		return scan_fail(s, s->end, "a meter must have bands, such as bands=type=drop,rate=1000");
	return 0;
}

int meter_parse(const char *text, size_t len, struct meter_config *m, struct errtext *err)
{
	struct scan s = scan_init(text, len, err);
	struct token t, bands = {.key = NULL};
	int rc;

	*m = (struct meter_config){0};
	while ((rc = scan_token(&s, &t)) > 0) {
		if (text_is(t.key, t.key_len, "bands") || text_is(t.key, t.key_len, "band")) {
			bands = t;
			break;
		}
		rc = text_is(t.key, t.key_len, "meter") ? parse_id(&s, &t, false, &m->id) : parse_flag(&s, &t, m);
		if (rc)
			return rc;
	}
	if (rc > 0)
		rc = parse_bands(&s, &bands, m);
	return rc ? rc : check(&s, m);
}

int meter_parse_id(const char *text, size_t len, uint32_t *id, struct errtext *err)
{
	struct scan s = scan_init(text, len, err);
	struct token t;
	int rc;

	*id = METER_ALL;
	while ((rc = scan_token(&s, &t)) > 0) {
		if (!text_is(t.key, t.key_len, "meter"))
			return scan_fail(&s, t.key, "expected meter=N or meter=all, not '%.*s'",
					 SHOW(t.key, t.key_len));
		rc = parse_id(&s, &t, true, id);
		if (rc)
			return rc;
	}
	return rc;
}

/* ---- printing ---- */

void meter_format(const struct meter_config *m, bool one_line, struct ds *out)
{
	ds_printf(out, "meter=%u", m->id);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (m->flags & flags[i].flag)
			ds_printf(out, " %s", flags[i].name);
	ds_put(out, " bands=");
	for (unsigned int i = 0; i < m->n_bands; i++) {
		if (!one_line || i)
			ds_put_char(out, one_line ? ' ' : '\n');
		ds_printf(out, "type=drop rate=%u", m->bands[i].rate);
		if (m->flags & METER_BURST)
			ds_printf(out, " burst_size=%u", m->bands[i].burst);
	}
}

void meter_format_counts(const struct meter_config *m, const struct meter_counts *c, struct ds *out)
{
	ds_printf(out,
		  "meter:%u flow_count:%u packet_in_count:%" PRIu64 " byte_in_count:%" PRIu64 " duration:%" PRId64
		  ".%03ds bands:",
		  m->id, c->n_flows, c->n_packets, c->n_bytes, c->duration_ms / 1000, (int)(c->duration_ms % 1000));
	for (unsigned int i = 0; i < m->n_bands; i++)
		ds_printf(out, "\n%u: packet_count:%" PRIu64 " byte_count:%" PRIu64, i, c->bands[i].n_packets,
			  c->bands[i].n_bytes);
}
