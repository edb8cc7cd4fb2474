/* SPDX-License-Identifier: Apache-2.0 */
/* OpenFlow port numbers, the reserved ones, and names for them while parsing and printing. */
#ifndef FLOW_PORT_NAMES_H
#define FLOW_PORT_NAMES_H 1

#include <stddef.h>
#include <stdint.h>

/** OpenFlow port numbers are 16 bits here (as in OpenFlow 1.0 and in registers); these are reserved. */
enum ofp_port {
	OFPP_MAX = 0xff00,        /**< largest ordinary port + 1 */
	OFPP_UNSET = 0xfff7,
	OFPP_IN_PORT = 0xfff8,
	OFPP_TABLE = 0xfff9,
	OFPP_NORMAL = 0xfffa,
	OFPP_FLOOD = 0xfffb,
	OFPP_ALL = 0xfffc,
	OFPP_CONTROLLER = 0xfffd,
	OFPP_LOCAL = 0xfffe,
	OFPP_NONE = 0xffff,       /**< also ANY */
};

/** The ports of one bridge, seen from text; the owner fills in the functions. */
struct port_names {
	/** Return: port number, or a negative errno when there is no port of that name (@len bytes). */
	int (*number)(const struct port_names *self, const char *name, size_t len);
	/** Return: name valid until the next change of the bridge, or NULL. */
	const char *(*name)(const struct port_names *self, uint32_t port);
};

#endif
