/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenFlow actions and instructions in the form the pipeline runs, and their text.
 *
 * A list is a byte string of records, each a struct ofact header followed by its body, padded to 8 bytes; struct ofact.len covers
 * it all. The form belongs to no protocol version: wire codecs (lib/openflow) and the text of ovs-ofctl both translate to it.
 * Instructions (goto_table, write_actions, clear_actions, write_metadata, meter) are records too, in the order in which
 * OpenFlow 1.3 runs them: meter before the plain actions, the others after them.
 *
 * Lists built by the functions below are well-formed, the pipeline trusts them; equal lists are equal bytes (memcmp).
 */
#ifndef FLOW_OFACT_H
#define FLOW_OFACT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/field.h"

struct ds;
struct match;
struct port_names;

/** Longest list, in bytes. */
#define OFACTS_MAX 65528

enum ofact_type {
	OFACT_OUTPUT = 1,   /**< struct ofact_output; the port may be NORMAL, FLOOD, ALL, LOCAL or IN_PORT */
	OFACT_OUTPUT_REG,   /**< struct ofact_output_reg */
	OFACT_SET_FIELD,    /**< struct ofact_set_field: set_field, mod_*, load, set_tunnel (see `as`) */
	OFACT_MOVE,	    /**< struct ofact_move */
	OFACT_PUSH_VLAN,    /**< struct ofact_u16: TPID */
	OFACT_STRIP_VLAN,   /**< struct ofact_u8: 0 written as strip_vlan, 1 as pop_vlan */
	OFACT_SET_VLAN_VID, /**< struct ofact_vlan: mod_vlan_vid; adds a tag where there is none */
	OFACT_SET_VLAN_PCP, /**< struct ofact_vlan: mod_vlan_pcp */
	OFACT_DEC_TTL,	    /**< struct ofact */
	OFACT_STACK_PUSH,   /**< struct ofact_stack */
	OFACT_STACK_POP,
	OFACT_RESUBMIT,	      /**< struct ofact_resubmit */
	OFACT_NOTE,	      /**< struct ofact_note */
	OFACT_EXIT,	      /**< struct ofact */
	OFACT_CLONE,	      /**< struct ofact_nest */
	OFACT_CLEAR_ACTIONS,  /**< struct ofact; instruction */
	OFACT_WRITE_ACTIONS,  /**< struct ofact_nest; instruction */
	OFACT_WRITE_METADATA, /**< struct ofact_metadata; instruction */
	OFACT_GOTO_TABLE,     /**< struct ofact_u8 : table; instruction */
	OFACT_METER,	      /**< struct ofact_u32: meter number; instruction, the first of all */
	OFACT_SET_QUEUE,      /**< struct ofact_u32: queue number */
	OFACT_POP_QUEUE,      /**< struct ofact: back to the queue that the packet came with */
	OFACT_ENQUEUE,	      /**< struct ofact_enqueue */
	OFACT_N_TYPES
};

struct ofact {
	uint16_t type; /**< enum ofact_type */
	uint16_t len;  /**< bytes of the whole record, a multiple of 8 */
	uint32_t zero;
};

struct ofact_output {
	struct ofact h;
	uint16_t port;	  /**< OpenFlow port number, enum ofp_port for reserved ones */
	uint32_t max_len; /**< longest number of bytes that go out, output(port=N,max_len=M); 0: all of them */
};

struct ofact_output_reg {
	struct ofact h;
	struct subfield src;
	uint16_t max_len;
};

struct ofact_set_field {
	struct ofact h;
	const struct field *field;
	union field_value value, mask; /**< n_bytes of the field */
	uint8_t as;		       /**< enum ofact_set_as: how it was written, and so is printed */
	uint8_t flow_has_vlan;	       /**< the rule's match guarantees a tag */
};

/**
 * How a set_field was written, and so is printed: "set_field:V->F", "load:V->F[]", an OpenFlow 1.0 word such as mod_nw_src,
 * set_tunnel, set_tunnel64.
 *
 * OFACT_AS_MOD ones need nothing in the match and do nothing to packets without the header; mod_nw_src and mod_nw_dst write IPv4
 * only, mod_tp_src and mod_tp_dst (whose field is FIELD_TCP_SRC or FIELD_TCP_DST) write the port of TCP, UDP or SCTP alike.
 */
enum ofact_set_as { OFACT_AS_SET_FIELD, OFACT_AS_LOAD, OFACT_AS_MOD, OFACT_AS_TUNNEL, OFACT_AS_TUNNEL64 };

struct ofact_move {
	struct ofact h;
	struct subfield src, dst;
};

struct ofact_u16 {
	struct ofact h;
	uint16_t value;
};

struct ofact_u32 {
	struct ofact h;
	uint32_t value;
};

struct ofact_enqueue {
	struct ofact h;
	uint16_t port; /**< an ordinary port, LOCAL or IN_PORT */
	uint32_t queue;
};

struct ofact_u8 {
	struct ofact h;
	uint8_t value;
};

struct ofact_vlan {
	struct ofact h;
	uint16_t value;	     /**< VID 12 bits, or PCP 3 bits */
	bool push_if_needed; /**< mod_vlan_*: a tag is pushed where there is none; set_vlan_*: it is not */
	bool flow_has_vlan;  /**< the rule's match guarantees a tag */
};

struct ofact_stack {
	struct ofact h;
	struct subfield subfield;
};

struct ofact_resubmit {
	struct ofact h;
	uint16_t in_port; /**< OFPP_IN_PORT: the current one */
	uint8_t table;	  /**< 255: the current one, written "resubmit:PORT" */
};

struct ofact_note {
	struct ofact h;
	uint16_t n; /**< bytes, padded with zeros to 6, 14, 22, ... as the wire has them */
	uint8_t data[];
};

struct ofact_nest {
	struct ofact h;
	struct ofact actions[]; /**< h.len - sizeof h bytes of records */
};

struct ofact_metadata {
	struct ofact h;
	be64 value, mask;
};

#define OFACT_FOR_EACH(A, LEFT, OFACTS, LEN) \
	for ((A) = (const struct ofact *)(OFACTS), (LEFT) = (LEN); (LEFT) >= sizeof *(A); \
	     (LEFT) -= (A)->len, (A) = (const struct ofact *)((const char *)(A) + (A)->len))

/** A list under construction; `data` is heap memory of `len` bytes. Zero-initialise, free with ofacts_fini(). */
struct ofacts {
	void *data;
	size_t len, cap;
};

void ofacts_fini(struct ofacts *list);
/** ofacts_clone() - a copy of @len bytes of records, of exactly that size. */
void ofacts_clone(struct ofacts *list, const void *ofacts, size_t len);
/** ofacts_put() - append a zeroed record of @size bytes (padded to 8). Return: it, valid until the next append. */
void *ofacts_put(struct ofacts *list, enum ofact_type type, size_t size);

/**
 * ofacts_parse() - text behind "actions=", ovs-ofctl syntax
 * @text: @len bytes
 * @m: the rule's match, for prerequisites ("set_field:80->tcp_dst needs 'tcp' in the match"); NULL leaves them unchecked
 * @table: the table the rule goes to (goto_table must go forward; resubmit(,) defaults); 255 when not known
 * @list: appended to
 *
 * Actions and fields that OVS knows and vsw does not do yet are refused by name. On failure the list is as it was before.
 * Return: 0 or -EINVAL with column and sentence.
 */
int ofacts_parse(const char *text, size_t len, const struct port_names *names, const struct match *m, uint8_t table,
		 struct ofacts *list, struct errtext *err);
/** ofacts_format() - as ovs-ofctl prints it, "drop" for an empty list, without "actions=". */
void ofacts_format(const void *ofacts, size_t len, const struct port_names *names, struct ds *out);
/** ofact_format() - one action. */
void ofact_format(const struct ofact *a, const struct port_names *names, struct ds *out);
/** ofacts_output_to() - whether some action, nested ones included, outputs to @port (for out_port filters). */
bool ofacts_output_to(const void *ofacts, size_t len, uint16_t port);
/** ofacts_meter() - number of the meter that the list begins with, 0 when there is none. */
uint32_t ofacts_meter(const void *ofacts, size_t len);

#endif
