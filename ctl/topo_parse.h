/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the topology parser, one per section of the file. Each reads from @r and stops at its first complaint.
 */
#ifndef CTL_TOPO_PARSE_H
#define CTL_TOPO_PARSE_H 1

#include "ctl/json_reader.h"
#include "ctl/topo.h"

void topo_parse_hosts(struct json_reader *r, struct topo *topo, const json_t *hosts);
void topo_parse_switches(struct json_reader *r, struct topo *topo, const json_t *switches);
void topo_parse_links(struct json_reader *r, struct topo *topo, const json_t *links);
void topo_parse_expects(struct json_reader *r, struct topo *topo, const json_t *expects);

/** topo_find_address() - who has it? Return: index of the host, or SIZE_MAX. */
size_t topo_find_address(const struct topo *topo, const struct rtnl_prefix *addr);

/** topo_ifname_ok() - may a network device be called so? */
bool topo_ifname_ok(const char *name);

/** topo_host_new_iface(), topo_switch_new_port() - a new one at the end, zero but for its name, which must outlive the topology. */
struct topo_iface *topo_host_new_iface(struct topo_host *host, const char *name);
struct topo_port *topo_switch_new_port(struct topo_switch *sw, const char *name);

#endif
