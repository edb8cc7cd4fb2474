/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A match: a key and a mask, both whole. Rules keep the compressed form (struct minimatch, flow/classifier.h).
 * Text is that of ovs-ofctl ("tcp,nw_src=10.0.0.0/8,tp_dst=80"), read and written from the field table.
 */
#ifndef FLOW_MATCH_H
#define FLOW_MATCH_H 1

#include "flow/field.h"

/** Bits outside @mask are 0 in @key (kept by every function here). */
struct match {
	struct flow_key key, mask;
};

void match_init_any(struct match *m);
/** match_set() - exact value of one field; match_set_masked() - under a mask. */
void match_set(struct match *m, const struct field *f, const union field_value *value);
void match_set_masked(struct match *m, const struct field *f, const union field_value *value,
		      const union field_value *mask);
bool match_equal(const struct match *a, const struct match *b);
/** match_has() - every bit of the field in the mask. */
bool match_is_exact(const struct match *m, const struct field *f);

/** match_matches() - whether @key falls under @m. */
bool match_matches(const struct match *m, const struct flow_key *key);

/**
 * match_parse() - one "field=value" list, comma or space separated, shorthands (ip, tcp, arp, icmp6, ...) included
 * @text: @len bytes
 *
 * Return: 0, or -EINVAL with column and sentence: unknown field (nearest name), field known but not supported yet (by name),
 * value, mask, prerequisite missing ("'nw_dst' needs 'ip' (or arp) before it"), field twice.
 */
int match_parse(const char *text, size_t len, const struct port_names *names, struct match *m, struct errtext *err);

/**
 * match_format() - as ovs-ofctl dump-flows prints it
 * @priority: printed in front as "priority=N," unless negative or the default 32768
 */
void match_format(const struct match *m, const struct port_names *names, int priority, struct ds *out);

/** flow_key_parse() - a flow for `trace`: like a match, but every field exact; absent ones are zero, an absent in_port OFPP_NONE. Return: as match_parse(). */
int flow_key_parse(const char *text, size_t len, const struct port_names *names, struct flow_key *key,
		   struct errtext *err);
/** flow_key_format() - as OVS prints the "Flow:" line of a trace (flow_format). */
void flow_key_format(const struct flow_key *key, const struct port_names *names, struct ds *out);
/** megaflow_format() - as OVS prints "Megaflow:" of a trace: the fields and bits that @mask has. */
void megaflow_format(const struct flow_key *key, const struct flow_key *mask, const struct port_names *names,
		     struct ds *out);

/** dp_flow_key_format() - key and mask in the syntax of OVS's dpctl/dump-flows: "recirc_id(0),in_port(1),eth(...),eth_type(0x0800),ipv4(...)". */
void dp_flow_key_format(const struct pkt_key *key, const struct pkt_key *mask, const struct port_names *names,
			struct ds *out);

#endif
