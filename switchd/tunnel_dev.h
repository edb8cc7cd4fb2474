/* SPDX-License-Identifier: Apache-2.0 */
/* The datapath ports and network devices behind tunnel ports; see tunnel.h. For tunnel.c alone. */
#ifndef SWITCHD_TUNNEL_DEV_H
#define SWITCHD_TUNNEL_DEV_H 1

#include "switchd/tunnel.h"
#include "switchd/tunnel_options.h"

/** tunnel_dev_get() - the datapath port for such tunnels, with one more user; made when it is the first. Return: 0, or negative errno with @err. */
int tunnel_dev_get(struct datapath *dp, const struct tunnel_config *config, struct tunnel_dev **dev,
		   struct errtext *err);
/** tunnel_dev_put() - one user less. */
void tunnel_dev_put(struct tunnel_dev *dev);

/** tunnel_dev_by_port(), tunnel_dev_by_ifindex() - NULL when there is none. */
struct tunnel_dev *tunnel_dev_by_port(const struct datapath *dp, uint32_t dp_port);
struct tunnel_dev *tunnel_dev_by_ifindex(int ifindex);

#endif
