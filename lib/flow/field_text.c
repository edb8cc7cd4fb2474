// SPDX-License-Identifier: Apache-2.0
/*
 * Values of fields as text, as ovs-ofctl reads and prints them: "10.0.0.0/8", "0x5/0xf", "+syn-ack", "LOCAL".
 *
 * Every reader gets the whole "VALUE[/MASK]" and fills both; bits of the value outside of the mask are cleared.
 */
#include "flow/field.h"

#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/addr_text.h"
#include "flow/port_names.h"
#include "flow/scan.h"

/* VALUE and MASK of a text; a mask that is not there has length 0 and mask NULL. */
struct masked_text {
	const char *value, *mask;
	size_t value_len, mask_len;
};

static struct masked_text split_mask(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	struct masked_text t = {text, NULL, len, 0};

	if (slash) {
		t.value_len = (size_t)(slash - text);
		t.mask = slash + 1;
		t.mask_len = len - t.value_len - 1;
	}
	return t;
}

static void store_u128(const struct field *f, uint128 x, union field_value *value)
{
	*value = (union field_value){.b = {0}};
	for (size_t i = f->n_bytes; i-- > 0; x >>= 8)
		value->b[i] = (uint8_t)x;
}

/* One number, not wider than the bytes of the field. */
static int parse_number(const struct scan *s, const struct field *f, const char *p, size_t len,
			union field_value *value)
{
	uint128 x, max = f->n_bytes == 16 ? ~(uint128)0 : ((uint128)1 << f->n_bytes * 8) - 1;

	if (!len)
		return scan_fail(s, p, "'%s' needs a number", f->name);
	if (!text_to_u128(p, len, &x))
		return scan_fail(s, p, "'%.*s' is not a number for '%s'; write decimal or 0x hexadecimal", SHOW(p, len),
				 f->name);
	if (x > max)
		return scan_fail(s, p, "'%.*s' is too large for '%s', which has %u bits", SHOW(p, len), f->name,
				 f->n_bits);
	store_u128(f, x, value);
	return 0;
}

static int parse_integer(const struct scan *s, const struct field *f, struct masked_text t, union field_value *value,
			 union field_value *mask)
{
	int rc = parse_number(s, f, t.value, t.value_len, value);

	if (!rc && t.mask)
		rc = parse_number(s, f, t.mask, t.mask_len, mask);
	return rc;
}

static int parse_eth(const struct scan *s, const struct field *f, struct masked_text t, union field_value *value,
		     union field_value *mask)
{
	if (!eth_from_text(t.value, t.value_len, value->b))
		return scan_fail(s, t.value,
				 "'%.*s' is not an Ethernet address for '%s'; it looks like 00:11:22:33:44:55",
				 SHOW(t.value, t.value_len), f->name);
	if (t.mask && !eth_from_text(t.mask, t.mask_len, mask->b))
		return scan_fail(s, t.mask, "'%.*s' is not an Ethernet mask; it looks like ff:ff:ff:00:00:00",
				 SHOW(t.mask, t.mask_len));
	return 0;
}

/* An address of IPv4, or of IPv6 where the field has so many bytes. */
static int parse_ip(const struct scan *s, const struct field *f, struct masked_text t, union field_value *value,
		    union field_value *mask)
{
	bool (*read)(const char *, size_t, uint8_t *) = f->n_bytes == 4 ? ipv4_from_text : ipv6_from_text;
	const char *kind = f->n_bytes == 4 ? "IPv4" : "IPv6";
	uint64_t prefix;

	if (!read(t.value, t.value_len, value->b))
		return scan_fail(s, t.value, "'%.*s' is not an %s address for '%s'", SHOW(t.value, t.value_len), kind,
				 f->name);
	if (!t.mask || read(t.mask, t.mask_len, mask->b))
		return 0;
	if (!text_to_u64(t.mask, t.mask_len, f->n_bytes * 8, &prefix))
		return scan_fail(s, t.mask, "'%.*s' is not an %s mask; expected a prefix of 0 to %u or an address",
				 SHOW(t.mask, t.mask_len), kind, f->n_bytes * 8u);
	prefix_to_mask((unsigned int)prefix, mask->b, f->n_bytes);
	return 0;
}

static int parse_port(const struct scan *s, const struct field *f, struct masked_text t, const struct port_names *names,
		      union field_value *value)
{
	size_t len = t.value_len + (t.mask ? t.mask_len + 1 : 0);
	int port = port_number_parse(t.value, len, names);

	if (port < 0)
		return scan_fail(s, t.value,
				 "'%.*s' is not a port for '%s'; expected a port number, a port name or LOCAL",
				 SHOW(t.value, len), f->name);
	/* 16 bits; reserved ones of 32-bit fields are the same with 16 more bits in front. */
	field_value_from_u64(
		f, f->n_bytes == 4 && port >= OFPP_MAX ? 0xffff0000u | (unsigned int)port : (unsigned int)port, value);
	return 0;
}

static const struct {
	const char *name;
	uint8_t value, mask;
} frag_names[] = {
	{"no", 0, 3},	 {"yes", FLOW_NW_FRAG_ANY, FLOW_NW_FRAG_ANY}, {"first", FLOW_NW_FRAG_ANY, 3},
	{"later", 3, 3}, {"not_later", 0, FLOW_NW_FRAG_LATER},
};

static int parse_frag(const struct scan *s, struct masked_text t, union field_value *value, union field_value *mask)
{
	size_t len = t.value_len + (t.mask ? t.mask_len + 1 : 0);

	for (size_t i = 0; i < ARRAY_SIZE(frag_names); i++)
		if (text_is(t.value, len, frag_names[i].name)) {
			value->b[0] = frag_names[i].value;
			mask->b[0] = frag_names[i].mask;
			return 0;
		}
	return scan_fail(s, t.value, "'%.*s' is no kind of fragment; expected no, yes, first, later or not_later",
			 SHOW(t.value, len));
}

static const struct flag_names *flag_names_of(const struct field *f)
{
	return f->format == FIELD_FMT_TCP_FLAGS	 ? &tcp_flag_names
	       : f->format == FIELD_FMT_CT_STATE ? &ct_state_names
						 : &tun_oam_names;
}

static int parse_flags(const struct scan *s, const struct field *f, struct masked_text t, union field_value *value,
		       union field_value *mask)
{
	size_t len = t.value_len + (t.mask ? t.mask_len + 1 : 0);
	uint32_t v, m, all = (uint32_t)field_value_u64(f, mask);

	if (!flags_from_text(t.value, len, flag_names_of(f), all, &v, &m)) {
		struct ds known = DS_INIT;
		int rc;

		flags_put(&known, flag_names_of(f), all, ' ');
		rc = scan_fail(s, t.value, "'%.*s' is not a set of flags for '%s'; write +A-B, A|B or 0x1/0x3 with %s",
			       SHOW(t.value, len), f->name, ds_cstr(&known));
		ds_fini(&known);
		return rc;
	}
	field_value_from_u64(f, v, value);
	field_value_from_u64(f, m, mask);
	return 0;
}

/* A mask that the field allows, and no bits that it does not have. */
static int check_value(const struct scan *s, const struct field *f, struct masked_text t, union field_value *value,
		       const union field_value *mask)
{
	if (f->maskable == FIELD_MASK_NONE && !field_value_is_zero(f, mask) && !field_value_is_ones(f, mask))
		return scan_fail(s, t.mask ? t.mask : t.value, "'%s' cannot be masked", f->name);
	for (size_t i = 0; i < f->n_bytes; i++)
		value->b[i] &= mask->b[i];
	return 0;
}

static int parse_by_format(const struct scan *s, const struct field *f, struct masked_text t,
			   const struct port_names *names, union field_value *value, union field_value *mask)
{
	switch ((enum field_format)f->format) {
	case FIELD_FMT_ETH:
		return parse_eth(s, f, t, value, mask);
	case FIELD_FMT_IPV4:
	case FIELD_FMT_IPV6:
		return parse_ip(s, f, t, value, mask);
	case FIELD_FMT_PORT:
		return parse_port(s, f, t, names, value);
	case FIELD_FMT_FRAG:
		return parse_frag(s, t, value, mask);
	case FIELD_FMT_TCP_FLAGS:
	case FIELD_FMT_CT_STATE:
	case FIELD_FMT_TUN_FLAGS:
		return parse_flags(s, f, t, value, mask);
	case FIELD_FMT_DECIMAL:
	case FIELD_FMT_HEX:
		break;
	}
	return parse_integer(s, f, t, value, mask);
}

int field_parse_value(const struct field *f, const char *text, size_t len, const struct port_names *names,
		      union field_value *value, union field_value *mask, struct errtext *err)
{
	struct scan s = scan_init(text, len, err);
	struct masked_text t = split_mask(text, len);
	bool masked;
	int rc;

	*value = (union field_value){.b = {0}};
	*mask = *value;
	if (len == 1 && *text == '*')
		return 0;
	/* An exact match of a number looks at all bytes, so that bits the field does not have are seen to be wrong. */
	memset(mask->b, 0xff, f->n_bytes);
	if (f->format >= FIELD_FMT_FRAG)
		field_ones(f, mask); /* sets of flags choose their own mask */
	rc = parse_by_format(&s, f, t, names, value, mask);
	if (rc)
		return rc;
	masked = (t.mask || f->format >= FIELD_FMT_FRAG) && !field_value_is_ones(f, mask);
	rc = check_value(&s, f, t, value, mask);
	if (rc)
		return rc;
	if (!field_value_valid(f, value)) {
		/* dl_vlan=0xffff, no tag at all, is the one value outside of the range. */
		if (f->id == FIELD_DL_VLAN && field_value_u64(f, value) == 0xffff && !masked)
			return 0;
		if (f->id == FIELD_IP_DSCP)
			return scan_fail(&s, text,
					 "'%.*s' has bits of the ECN set; nw_tos takes multiples of 4 up to 252",
					 SHOW(text, len));
		return scan_fail(&s, text, "'%.*s' is too large for '%s', which has %u bits", SHOW(text, len), f->name,
				 f->id == FIELD_ARP_OP ? 8u : f->n_bits);
	}
	if (!masked)
		field_ones(f, mask);
	return 0;
}

static void put_hex(struct ds *out, const uint8_t *b, size_t n)
{
	while (n > 1 && !*b)
		b++, n--;
	if (n == 1 && !*b) {
		ds_put_char(out, '0');
		return;
	}
	ds_printf(out, "0x%x", *b);
	while (--n)
		ds_printf(out, "%02x", *++b);
}

static void put_integer(const struct field *f, const union field_value *value, const union field_value *mask,
			struct ds *out)
{
	if (f->format == FIELD_FMT_DECIMAL)
		ds_printf(out, "%llu", (unsigned long long)field_value_u64(f, value));
	else
		put_hex(out, value->b, f->n_bytes);
	if (mask && !field_value_is_ones(f, mask)) {
		ds_put_char(out, '/');
		put_hex(out, mask->b, f->n_bytes);
	}
}

static void put_frag(const union field_value *value, const union field_value *mask, struct ds *out)
{
	uint8_t m = mask ? mask->b[0] & 3 : 3;

	for (size_t i = 0; i < ARRAY_SIZE(frag_names); i++)
		if (frag_names[i].mask == m && frag_names[i].value == (value->b[0] & m)) {
			ds_put(out, frag_names[i].name);
			return;
		}
	/* Later alone, without looking at the other bit: OVS has words for these two only when printing. */
	ds_put(out, m == FLOW_NW_FRAG_ANY ? "no" : m == FLOW_NW_FRAG_LATER ? "later" : "<error>");
}

static void put_flags(const struct field *f, const union field_value *value, const union field_value *mask,
		      struct ds *out)
{
	if (!mask || field_value_is_ones(f, mask))
		flags_put(out, flag_names_of(f), (uint32_t)field_value_u64(f, value), '|');
	else
		flags_put_masked(out, flag_names_of(f), (uint32_t)field_value_u64(f, value),
				 (uint32_t)field_value_u64(f, mask));
}

void field_format_value(const struct field *f, const union field_value *value, const union field_value *mask,
			const struct port_names *names, struct ds *out)
{
	if (mask && field_value_is_zero(f, mask)) {
		ds_put(out, "ANY");
		return;
	}
	switch ((enum field_format)f->format) {
	case FIELD_FMT_ETH:
		eth_put_masked(out, value->b, mask ? mask->b : NULL);
		break;
	case FIELD_FMT_IPV4:
		ipv4_put_masked(out, value->b, mask ? mask->b : NULL);
		break;
	case FIELD_FMT_IPV6:
		ipv6_put_masked(out, value->b, mask ? mask->b : NULL);
		break;
	case FIELD_FMT_PORT:
		port_number_format((uint32_t)field_value_u64(f, value) & 0xffff, names, out);
		break;
	case FIELD_FMT_FRAG:
		put_frag(value, mask, out);
		break;
	case FIELD_FMT_TCP_FLAGS:
	case FIELD_FMT_CT_STATE:
	case FIELD_FMT_TUN_FLAGS:
		put_flags(f, value, mask, out);
		break;
	case FIELD_FMT_DECIMAL:
	case FIELD_FMT_HEX:
		put_integer(f, value, mask, out);
	}
}
