/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topologies: a file that describes hosts, switches and links (vsw-topology(5)), and what `vsw topo` makes of it.
 *
 * topo_parse.c      file -> struct topo; complains with file, line and what was expected
 * topo_state.c      what was made, on disk before it is made: `down` needs nothing else
 * topo_up.c         namespaces, links, the daemon, bridges, flows, programs
 * topo_down.c       all of it away again, also after a crash half-way
 * topo_check.c      the `expect` list: topo_ping.c, topo_tcp.c
 *
 * A host is a network namespace; a switch is a bridge of a daemon. That daemon is the one of the run folder when it runs, else a
 * private one with a namespace, a run folder and a database of its own, which lives and dies with the topology. A switch that is "on" a
 * host lives in that host's namespace, with a daemon of the host's own.
 *
 * A new key is a row of a table and a few lines that read it: host_keys and iface_keys in topo_hosts.c, switch_keys in topo_nodes.c,
 * link_keys in topo_links.c, expect_keys in topo_expects.c, root_keys in topo_parse.c. Their "known here" lists and the test that the
 * manual page explains each of them follow.
 */
#ifndef CTL_TOPO_H
#define CTL_TOPO_H 1

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"
#include "os/rtnl.h"

/** A network device of a host. */
struct topo_iface {
	const char *name;
	struct rtnl_prefix *addrs;
	size_t n_addrs;
	uint8_t mac[6];
	bool has_mac;
	bool linked;		/**< a link ends here */
	bool internal;		/**< a switch on the host makes it: its own device, or an internal port */
	const char *parent;	/**< of a VLAN device, else NULL */
	uint16_t vid, protocol; /**< of a VLAN device; 0x8100 or 0x88a8 */
	uint32_t mtu;		/**< 0: the kernel's, or the link's */
};

struct topo_route {
	struct rtnl_prefix to, via;
	bool has_via;
	const char *dev; /**< or NULL */
};

struct topo_host {
	const char *name;
	struct topo_iface *ifaces; /**< a VLAN device stands behind its parent */
	size_t n_ifaces;
	struct topo_route *routes;
	size_t n_routes;
	json_t *programs; /**< list of lists of words, or NULL */
	json_t *sysctls;  /**< values by name, or NULL */
	uint32_t mtu;	  /**< of interfaces that say nothing else; 0: the kernel's, or the link's */
	bool forward;	  /**< it routes */
};

/** A bond is a port, and so is each of its members: there links end. */
struct topo_port {
	const char *name;
	json_t *columns; /**< or NULL; of a bond with `interfaces`: its members and their columns */
	bool linked;
	bool is_bond;	  /**< links end at its members */
	const char *bond; /**< it is a member of this one; NULL: of none */
};

struct topo_switch {
	const char *name;
	size_t on;	    /**< host that its daemon lives on, or SIZE_MAX */
	const char *uplink; /**< device of that host whose addresses move to the bridge, or NULL */
	json_t *settings;   /**< columns of the bridge, or NULL */
	json_t *flows;	    /**< list of texts, or NULL */
	json_t *mirrors;    /**< columns by name, or NULL */
	json_t *qos;	    /**< by port: keys of a QoS, and its queues, or NULL */
	struct topo_port *ports;
	size_t n_ports;
};

/** Where a link ends: exactly one of `host` and `sw` is set; indexes, because arrays move while the file is read. */
struct topo_end {
	bool is_switch;
	size_t node;	     /**< in topo.hosts or topo.switches */
	char name[IFNAMSIZ]; /**< device of the host, port of the switch */
};

struct topo_link {
	struct topo_end ends[2];
	uint32_t mtu;	   /**< 0: the kernel's */
	bool is_patch;	   /**< between switches of one daemon: patch ports, not a pair of devices */
	json_t *emulation; /**< what it is made worse by: texts by link word (base/link_words.h), owned; NULL: nothing */
};

enum topo_expect_kind { EXPECT_PING, EXPECT_TCP, EXPECT_UDP, EXPECT_THROUGHPUT };

/** What is to be reached: an address, and what it is called in messages. */
struct topo_target {
	size_t host; /**< in topo.hosts, or SIZE_MAX for an address outside */
	struct rtnl_prefix addr;
	char *label; /**< owned */
};

struct topo_expect {
	enum topo_expect_kind kind;
	bool reaches; /**< what is expected */
	size_t *from; /**< indexes of hosts */
	size_t n_from;
	struct topo_target *to;
	size_t n_to;
	uint16_t port;	 /**< TCP, UDP */
	bool no_listen;	 /**< TCP, UDP: a program of the host must listen; we do not */
	uint32_t size;	 /**< ping: bytes of the IP packet; 0: the usual */
	double min_ms;	 /**< ping: it takes at least so long; 0: any */
	double mbps;	 /**< throughput: at least this */
	double max_mbps; /**< throughput: and no more; 0: any */
	double seconds;	 /**< throughput: for so long */
	double within_s; /**< what should be reached may take so long to be */
};

struct topo {
	char *name; /**< file name without folder and .json */
	const char *description;
	struct topo_host *hosts;
	size_t n_hosts;
	struct topo_switch *switches;
	size_t n_switches;
	struct topo_link *links;
	size_t n_links;
	struct topo_expect *expects;
	size_t n_expects;
	json_t *root; /* the strings above belong to it */
};

/** topo_parse() - read a file. Return: 0 or -errno with @err; topo_free() after success. */
VSW_MUST_USE int topo_parse(const char *file, struct topo **topo, struct errtext *err);
/** topo_parse_text() - the same of @len bytes of @text, which @file is the name of in messages. */
VSW_MUST_USE int topo_parse_text(const char *file, const char *text, size_t len, struct topo **topo,
				 struct errtext *err);
/** topo_free() - takes NULL. */
void topo_free(struct topo *topo);

/** topo_name_of_file() - "topologies/two-hosts.json" -> "two-hosts"; free() it. */
char *topo_name_of_file(const char *file);
/** topo_name_ok() - may a topology, a host be called so? */
bool topo_name_ok(const char *name);
/** topo_find_host(), topo_find_switch() - Return: index, or SIZE_MAX. */
size_t topo_find_host(const struct topo *topo, const char *name);
size_t topo_find_switch(const struct topo *topo, const char *name);
/** topo_has_switch_on() - does host @on have switches, and so a daemon of its own? SIZE_MAX: are there any on no host? */
bool topo_has_switch_on(const struct topo *topo, size_t on);
/** topo_host_iface() - Return: NULL when there is none. */
struct topo_iface *topo_host_iface(const struct topo_host *host, const char *name);

#endif
