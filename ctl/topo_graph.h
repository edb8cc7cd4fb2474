/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of topologies. */
#ifndef CTL_TOPO_GRAPH_H
#define CTL_TOPO_GRAPH_H 1

#include "base/ds.h"
#include "ctl/topo.h"

/** topo_graph_dot() - append text for Graphviz' dot. It depends on the file alone. */
void topo_graph_dot(const struct topo *topo, struct ds *out);

/** topo_graph_checksum() - CRC32C of that text, as an SVG carries it. */
uint32_t topo_graph_checksum(const struct ds *dot);

/** topo_graph_svg() - append the picture that the program dot makes of @dot. Return: 0, or -errno with @err (-ENOENT: not installed). */
VSW_MUST_USE int topo_graph_svg(const struct ds *dot, struct ds *svg, struct errtext *err);

#endif
