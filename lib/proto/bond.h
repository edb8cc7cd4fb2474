/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bonds: which member carries what. The words, modes and rules are those of Open vSwitch (ovs-vswitchd.conf.db(5), "Bonding Configuration").
 *
 * Pure, as lacp.h: events and time come in, decisions come out. The caller tells of links, of LACP (when there is) and of load; after
 * bond_run() it reads which members are enabled, which is active and where each bucket goes, and is told what changed.
 *
 * Modes
 *   active-backup  one member, the `active` one, carries all; the others wait
 *   balance-slb    frames are spread by source MAC and VLAN over the enabled members; the switch at the other end knows nothing of it, so broadcasts
 *                  are taken from the active member only, and a frame of ours that comes back is known by its source (BOND_DROP_IF_MOVED)
 *   balance-tcp    spread by addresses and ports; needs LACP, whose partner treats the members as one
 *
 * Buckets
 *   A frame's hash chooses one of BOND_N_BUCKETS; each belongs to an enabled member. When a member is disabled its buckets go to the others at once. When one
 *   comes, idle buckets go to it at once and loaded ones by rebalancing only, every rebalance_ms, from the most to the least loaded
 *   member, as far as that makes the difference smaller: each move may put frames of a flow out of order once.
 *
 * Delays
 *   A member whose link came up is enabled after updelay_ms, one whose link fell is disabled after downdelay_ms; but when nobody else is
 *   enabled a link that is up is taken at once, and what LACP says holds at once.
 */
#ifndef PROTO_BOND_H
#define PROTO_BOND_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

#define BOND_N_BUCKETS 256

enum bond_mode { BOND_ACTIVE_BACKUP, BOND_BALANCE_SLB, BOND_BALANCE_TCP };

struct bond_config {
	enum bond_mode mode;
	int64_t updelay_ms, downdelay_ms;
	int64_t rebalance_ms; /**< 0: never */
	uint32_t hash_basis;
	bool has_lacp;		 /**< LACP is configured: members need it */
	bool lacp_fallback_ab;	 /**< active-backup while no partner answers */
	bool all_members_active; /**< active-backup: take frames from backups, too */
};

/** Caller-owned. Set by the caller before bond_member_add(): name, is_primary; the rest is read, not written. */
struct bond_member {
	struct cds_list_head node; /* in bond.members, by name */
	const char *name;
	bool is_primary; /**< preferred as the active one */
	bool link_up;	 /**< carrier */
	bool lacp_ok;	 /**< LACP lets frames be sent to it */
	bool is_enabled;
	int64_t change_ms; /**< when a change of the link is believed; BOND_NEVER: none pending */
	unsigned int n_buckets;
	uint64_t load; /**< of its buckets, bytes; halved at each rebalancing */
};

#define BOND_NEVER INT64_MAX

struct bond_bucket {
	struct bond_member *member; /**< NULL while nobody is enabled */
	uint64_t load;		    /**< bytes, halved at each rebalancing */
};

struct bond {
	struct bond_config config;
	struct cds_list_head members; /* struct bond_member.node */
	struct bond_member *active;   /**< NULL while nobody is enabled */
	bool is_negotiated;	      /**< LACP has a partner */
	struct bond_bucket buckets[BOND_N_BUCKETS];
	int64_t rebalance_at_ms; /**< BOND_NEVER: not yet begun */
};

/** What bond_run() and the functions that decide have changed; or'ed. */
enum bond_change {
	BOND_ENABLED = 1,    /**< some member's is_enabled */
	BOND_ACTIVE = 2,     /**< the active member: the other end must learn where MACs are now */
	BOND_BUCKETS = 4,    /**< some bucket's member */
	BOND_REBALANCED = 8, /**< and that for the sake of balance: of a bucket that was in use */
};

/** What to do with a frame that came in on a member. */
enum bond_verdict {
	BOND_ACCEPT,
	BOND_DROP, /**< wrong member, or it is not enabled */
	BOND_DROP_IF_MOVED /**< when its source is known on another port it is a frame of ours that came back; a gratuitous ARP is not */
};

void bond_init(struct bond *bond, const struct bond_config *config);
/** bond_fini() - its members are removed already. */
void bond_fini(struct bond *bond);
/** bond_configure() - new settings; buckets and their load stay. */
void bond_configure(struct bond *bond, const struct bond_config *config);

void bond_member_add(struct bond *bond, struct bond_member *member);
/** bond_member_del() - its buckets go to others. Return: or'ed enum bond_change. */
unsigned int bond_member_del(struct bond *bond, struct bond_member *member);
/** bond_member_set_link() - carrier; believed after the delays. */
void bond_member_set_link(struct bond *bond, struct bond_member *member, bool up, int64_t now_ms);
/** bond_set_lacp() - has a partner been found? Members' lacp_ok are set by bond_member_set_lacp(). */
void bond_set_lacp(struct bond *bond, bool is_negotiated);
void bond_member_set_lacp(struct bond_member *member, bool ok);

/**
 * bond_run() - decide
 * @wake_ms: when to call again at the latest
 * Return: or'ed enum bond_change.
 */
unsigned int bond_run(struct bond *bond, int64_t now_ms, int64_t *wake_ms);

/** bond_mode_now() - the mode in force: active-backup while LACP falls back. */
enum bond_mode bond_mode_now(const struct bond *bond);
/** bond_bucket_of() - of a hash that the caller made of the frame with config.hash_basis. */
static inline unsigned int bond_bucket_of(uint32_t hash)
{
	return hash % BOND_N_BUCKETS;
}
/** bond_choose() - the member that a frame of @bucket leaves by; the active one in active-backup. NULL: none, drop it. */
struct bond_member *bond_choose(const struct bond *bond, unsigned int bucket);
/** bond_admit() - a frame came in on @member; @is_multicast: its destination is a group. */
enum bond_verdict bond_admit(const struct bond *bond, const struct bond_member *member, bool is_multicast);
/** bond_account() - @n_bytes of @bucket have been sent. */
void bond_account(struct bond *bond, unsigned int bucket, uint64_t n_bytes);

/* What a person may decide (`vsw bond ...`). Return: or'ed enum bond_change, or -EINVAL when the member is not enabled. */

int bond_set_active(struct bond *bond, struct bond_member *member);
int bond_migrate(struct bond *bond, unsigned int bucket, struct bond_member *member);
/** bond_member_enable() - now, whatever the delays say; the next change of the link decides anew. */
unsigned int bond_member_enable(struct bond *bond, struct bond_member *member, bool enable);

const char *bond_mode_name(enum bond_mode mode);
/** bond_mode_parse() - Return: 0 or -EINVAL. */
int bond_mode_parse(const char *name, enum bond_mode *mode);

#endif
