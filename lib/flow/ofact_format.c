// SPDX-License-Identifier: Apache-2.0
/* Printing actions in the form they were written in, so that reading them again gives the same list. */
#include "flow/ofact.h"

#include "base/ds.h"
#include "base/util.h"
#include "flow/port_names.h"
#include "flow/scan.h"

/** The OpenFlow 1.0 words of set_field records, by field. */
static const char *mod_name(const struct field *f)
{
	switch (f->id) {
	case FIELD_ETH_SRC:
		return "mod_dl_src";
	case FIELD_ETH_DST:
		return "mod_dl_dst";
	case FIELD_IPV4_SRC:
		return "mod_nw_src";
	case FIELD_IPV4_DST:
		return "mod_nw_dst";
	case FIELD_IP_DSCP:
		return "mod_nw_tos";
	case FIELD_IP_ECN:
		return "mod_nw_ecn";
	case FIELD_IP_TTL:
		return "mod_nw_ttl";
	case FIELD_TCP_SRC:
		return "mod_tp_src";
	case FIELD_TCP_DST:
		return "mod_tp_dst";
	default:
		return NULL;
	}
}

/* The run of bits that @mask covers; load writes exactly one. */
static struct subfield loaded_bits(const struct field *f, const union field_value *mask)
{
	struct subfield sf = {.field = f};
	unsigned int bit = 0, n = f->n_bytes * 8u;

	while (bit < n && !(mask->b[f->n_bytes - 1 - bit / 8] >> bit % 8 & 1))
		bit++;
	sf.ofs = (uint16_t)bit;
	while (bit < n && mask->b[f->n_bytes - 1 - bit / 8] >> bit % 8 & 1)
		bit++;
	sf.n_bits = (uint16_t)(bit - sf.ofs);
	return sf;
}

static void put_load(const struct ofact_set_field *set, struct ds *out)
{
	struct subfield sf = loaded_bits(set->field, &set->mask);
	uint128 x = 0;

	for (size_t i = 0; i < set->field->n_bytes; i++)
		x = x << 8 | set->value.b[i];
	x >>= sf.ofs;
	ds_put(out, "load:");
	if (!x)
		ds_put_char(out, '0');
	else if (x >> 64)
		ds_printf(out, "0x%llx%016llx", (unsigned long long)(x >> 64), (unsigned long long)x);
	else
		ds_printf(out, "0x%llx", (unsigned long long)x);
	ds_put(out, "->");
	subfield_format(&sf, out);
}

static void put_set_field(const struct ofact_set_field *set, const struct port_names *names, struct ds *out)
{
	const struct field *f = set->field;

	switch ((enum ofact_set_as)set->as) {
	case OFACT_AS_LOAD:
		put_load(set, out);
		return;
	case OFACT_AS_TUNNEL:
	case OFACT_AS_TUNNEL64:
		ds_printf(out, "set_tunnel%s:%#llx", set->as == OFACT_AS_TUNNEL64 ? "64" : "",
			  (unsigned long long)field_value_u64(f, &set->value));
		return;
	case OFACT_AS_MOD:
		ds_printf(out, "%s:", mod_name(f));
		field_format_value(f, &set->value, NULL, names, out);
		return;
	case OFACT_AS_SET_FIELD:
		break;
	}
	ds_put(out, "set_field:");
	field_format_value(f, &set->value, &set->mask, names, out);
	ds_printf(out, "->%s", f->name);
}

static void put_output(const struct ofact_output *output, const struct port_names *names, struct ds *out)
{
	if (output->max_len)
		ds_put(out, "output(port=");
	else if (!port_reserved_name(output->port))
		ds_put(out, "output:");
	port_number_format(output->port, names, out);
	if (output->max_len)
		ds_printf(out, ",max_len=%u)", output->max_len);
}

static void put_resubmit(const struct ofact_resubmit *resubmit, const struct port_names *names, struct ds *out)
{
	if (resubmit->table == 255) {
		ds_put(out, "resubmit:");
		port_number_format(resubmit->in_port, names, out);
		return;
	}
	ds_put(out, "resubmit(");
	if (resubmit->in_port != OFPP_IN_PORT)
		port_number_format(resubmit->in_port, names, out);
	ds_printf(out, ",%u)", resubmit->table);
}

static void put_note(const struct ofact_note *note, struct ds *out)
{
	ds_put(out, "note:");
	for (unsigned int i = 0; i < note->n; i++)
		ds_printf(out, i ? ".%02x" : "%02x", note->data[i]);
}

static void put_nest(const char *name, const struct ofact *a, const struct port_names *names, struct ds *out)
{
	ds_printf(out, "%s(", name);
	ofacts_format(((const struct ofact_nest *)a)->actions, a->len - sizeof *a, names, out);
	ds_put_char(out, ')');
}

static void put_metadata(const struct ofact_metadata *metadata, struct ds *out)
{
	unsigned long long mask = be64_to_cpu(metadata->mask);

	ds_printf(out, "write_metadata:%#llx", (unsigned long long)be64_to_cpu(metadata->value));
	if (mask != UINT64_MAX)
		ds_printf(out, "/%#llx", mask);
}

static void put_vlan(const struct ofact_vlan *vlan, const char *what, struct ds *out)
{
	ds_printf(out, "%s_vlan_%s:%u", vlan->push_if_needed ? "mod" : "set", what, vlan->value);
}

static void put_subfield(const char *before, const struct subfield *sf, struct ds *out)
{
	ds_put(out, before);
	subfield_format(sf, out);
}

void ofact_format(const struct ofact *a, const struct port_names *names, struct ds *out)
{
	switch ((enum ofact_type)a->type) {
	case OFACT_OUTPUT:
		put_output((const struct ofact_output *)a, names, out);
		break;
	case OFACT_OUTPUT_REG:
		put_subfield("output:", &((const struct ofact_output_reg *)a)->src, out);
		break;
	case OFACT_SET_FIELD:
		put_set_field((const struct ofact_set_field *)a, names, out);
		break;
	case OFACT_MOVE:
		put_subfield("move:", &((const struct ofact_move *)a)->src, out);
		put_subfield("->", &((const struct ofact_move *)a)->dst, out);
		break;
	case OFACT_PUSH_VLAN:
		ds_printf(out, "push_vlan:0x%04x", ((const struct ofact_u16 *)a)->value);
		break;
	case OFACT_STRIP_VLAN:
		ds_put(out, ((const struct ofact_u8 *)a)->value ? "pop_vlan" : "strip_vlan");
		break;
	case OFACT_SET_VLAN_VID:
		put_vlan((const struct ofact_vlan *)a, "vid", out);
		break;
	case OFACT_SET_VLAN_PCP:
		put_vlan((const struct ofact_vlan *)a, "pcp", out);
		break;
	case OFACT_DEC_TTL:
		ds_put(out, "dec_ttl");
		break;
	case OFACT_STACK_PUSH:
		put_subfield("push:", &((const struct ofact_stack *)a)->subfield, out);
		break;
	case OFACT_STACK_POP:
		put_subfield("pop:", &((const struct ofact_stack *)a)->subfield, out);
		break;
	case OFACT_RESUBMIT:
		put_resubmit((const struct ofact_resubmit *)a, names, out);
		break;
	case OFACT_NOTE:
		put_note((const struct ofact_note *)a, out);
		break;
	case OFACT_EXIT:
		ds_put(out, "exit");
		break;
	case OFACT_CLONE:
		put_nest("clone", a, names, out);
		break;
	case OFACT_CLEAR_ACTIONS:
		ds_put(out, "clear_actions");
		break;
	case OFACT_WRITE_ACTIONS:
		put_nest("write_actions", a, names, out);
		break;
	case OFACT_WRITE_METADATA:
		put_metadata((const struct ofact_metadata *)a, out);
		break;
	case OFACT_GOTO_TABLE:
		ds_printf(out, "goto_table:%u", ((const struct ofact_u8 *)a)->value);
		break;
	case OFACT_METER:
		ds_printf(out, "meter:%u", ((const struct ofact_u32 *)a)->value);
		break;
	case OFACT_SET_QUEUE:
		ds_printf(out, "set_queue:%u", ((const struct ofact_u32 *)a)->value);
		break;
	case OFACT_POP_QUEUE:
		ds_put(out, "pop_queue");
		break;
	case OFACT_ENQUEUE:
		ds_put(out, "enqueue:");
		port_number_format(((const struct ofact_enqueue *)a)->port, names, out);
		ds_printf(out, ":%u", ((const struct ofact_enqueue *)a)->queue);
		break;
	case OFACT_N_TYPES:
		break;
	}
}

void ofacts_format(const void *ofacts, size_t len, const struct port_names *names, struct ds *out)
{
	const struct ofact *a;
	size_t left;

	if (!len)
		ds_put(out, "drop");
	OFACT_FOR_EACH(a, left, ofacts, len) {
		if ((const void *)a != ofacts)
			ds_put_char(out, ',');
		ofact_format(a, names, out);
	}
}
