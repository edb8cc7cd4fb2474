/* SPDX-License-Identifier: Apache-2.0 */
/* OpenFlow port numbers, the reserved ones, and names for them while parsing and printing. */
#ifndef FLOW_PORT_NAMES_H
#define FLOW_PORT_NAMES_H 1

#include <stddef.h>
#include <stdint.h>

/** OpenFlow port numbers are 16 bits here (as in OpenFlow 1.0 and in registers); these are reserved. */
enum ofp_port {
	OFPP_MAX = 0xff00, /**< largest ordinary port + 1 */
	OFPP_UNSET = 0xfff7,
	OFPP_IN_PORT = 0xfff8,
	OFPP_TABLE = 0xfff9,
	OFPP_NORMAL = 0xfffa,
	OFPP_FLOOD = 0xfffb,
	OFPP_ALL = 0xfffc,
	OFPP_CONTROLLER = 0xfffd,
	OFPP_LOCAL = 0xfffe,
	OFPP_NONE = 0xffff, /**< also ANY */
};

/** The ports of one bridge, seen from text; the owner fills in the functions. */
struct port_names {
	/** Return: port number, or a negative errno when there is no port of that name (@len bytes). */
	int (*number)(const struct port_names *self, const char *name, size_t len);
	/** Return: name valid until the next change of the bridge, or NULL. */
	const char *(*name)(const struct port_names *self, uint32_t port);
};

struct ds;

/**
 * port_number_parse() - a port in a match or an action: decimal number, reserved name in any case, or a port's name
 * @text: @len bytes; a name may stand in double quotes (and must when it looks like a number or a reserved name)
 * @names: may be NULL
 *
 * Return: port number (those of OpenFlow 1.1+ from 0xffffff00 on give the 16-bit one), or a negative number when there is none.
 */
int port_number_parse(const char *text, size_t len, const struct port_names *names);

/** port_reserved_name() - "NORMAL", "ANY" etc. Return: NULL for an ordinary port. */
const char *port_reserved_name(uint32_t port);

/** port_name_put() - a port's name, in quotes where it needs them to be read back. */
void port_name_put(const char *name, struct ds *out);

/** port_number_format() - reserved name, name of @names if that is not NULL and has one, or the number. */
void port_number_format(uint32_t port, const struct port_names *names, struct ds *out);

#endif
