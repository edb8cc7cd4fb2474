// SPDX-License-Identifier: Apache-2.0
#include "os/tc_htb.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/errtext.h"

enum {
	MAJOR = 1,
	HTB_VERSION = 3,
	RATE_TO_QUANTUM = 10,
	ETH_MIN_FRAME = 60,
	BUFFER = 32768,
};

#define HANDLE(MINOR) TC_H_MAKE((uint32_t)MAJOR << 16, MINOR)

struct talk {
	struct mnl_socket *nl;
	unsigned int seq;
	_Alignas(8) char buffer[BUFFER];
};

/* ---- netlink ---- */

static int talk_begin(struct talk *t)
{
	t->seq = 0;
	t->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!t->nl)
		return -errno;
	if (mnl_socket_bind(t->nl, 0, MNL_SOCKET_AUTOPID)) {
		int error = -errno;

		mnl_socket_close(t->nl);
		return error;
	}
	return 0;
}

static struct nlmsghdr *request(struct talk *t, uint16_t type, uint16_t flags, int ifindex, uint32_t parent,
				uint32_t handle)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(t->buffer);
	struct tcmsg *tc;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++t->seq;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof *tc);
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = parent;
	tc->tcm_handle = handle;
	return nlh;
}

/* Sends and reads all of the answer. */
static int transact(struct talk *t, const struct nlmsghdr *nlh, mnl_cb_t cb, void *aux)
{
	unsigned int seq = nlh->nlmsg_seq, port = mnl_socket_get_portid(t->nl);
	ssize_t n;
	int ret = MNL_CB_OK;

	if (mnl_socket_sendto(t->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(t->nl, t->buffer, sizeof t->buffer);
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(t->buffer, (size_t)n, seq, port, cb, aux);
	}
	return ret < 0 ? -errno : 0;
}

/* A request of one message and its acknowledgement. */
static int do_one(int ifindex, void (*fill)(struct talk *t, int ifindex, const void *arg, struct nlmsghdr **nlh),
		  const void *arg)
{
	struct talk t;
	struct nlmsghdr *nlh;
	int error = talk_begin(&t);

	if (error)
		return error;
	fill(&t, ifindex, arg, &nlh);
	error = transact(&t, nlh, NULL, NULL);
	mnl_socket_close(t.nl);
	return error;
}

static int dump(int ifindex, uint16_t type, mnl_cb_t cb, void *aux)
{
	struct talk t;
	int error = talk_begin(&t);

	if (error)
		return error;
	error = transact(&t, request(&t, type, NLM_F_DUMP, ifindex, 0, 0), cb, aux);
	mnl_socket_close(t.nl);
	return error;
}

/* ---- the kernel's units ---- */

/* Packet scheduling counts time in ticks; /proc/net/psched tells how long one is (nanoseconds in its second number). */
static uint32_t ticks_of(uint64_t bytes, uint64_t rate)
{
	static unsigned int ns_per_tick;
	uint64_t ticks;

	if (!ns_per_tick) {
		FILE *f = fopen("/proc/net/psched", "re");

		if (!f || fscanf(f, "%*x %x", &ns_per_tick) != 1 || !ns_per_tick)
			ns_per_tick = 64;
		if (f)
			fclose(f);
	}
	ticks = (uint64_t)((unsigned __int128)bytes * 1000000000 / ns_per_tick / MAX(rate, (uint64_t)1));
	ticks = MAX(ticks, (uint64_t)1);
	return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

/* ---- classes ---- */

struct class_request {
	uint32_t minor, parent;
	uint32_t mtu;
	const struct tc_htb_class *class;
};

static void put_rate(struct nlmsghdr *nlh, struct tc_ratespec *spec, uint16_t attr64, uint64_t rate)
{
	spec->rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
	spec->mpu = ETH_MIN_FRAME;
	spec->linklayer = TC_LINKLAYER_ETHERNET;
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(nlh, attr64, rate);
}

static void fill_class(struct talk *t, int ifindex, const void *arg, struct nlmsghdr **nlh)
{
	const struct class_request *r = arg;
	uint32_t burst = MAX(r->class->burst, r->mtu);
	struct tc_htb_opt opt = {.prio = r->class->priority};
	struct nlattr *options;

	*nlh = request(t, RTM_NEWTCLASS, NLM_F_ACK | NLM_F_CREATE, ifindex, r->parent, HANDLE(r->minor));
	mnl_attr_put_strz(*nlh, TCA_KIND, "htb");
	options = mnl_attr_nest_start(*nlh, TCA_OPTIONS);
	put_rate(*nlh, &opt.rate, TCA_HTB_RATE64, r->class->rate);
	put_rate(*nlh, &opt.ceil, TCA_HTB_CEIL64, r->class->ceil);
	opt.buffer = ticks_of(burst, r->class->rate);
	opt.cbuffer = ticks_of(burst, r->class->ceil);
	/* At least a frame a round. */
	if (r->class->rate / RATE_TO_QUANTUM < r->mtu)
		opt.quantum = r->mtu;
	mnl_attr_put(*nlh, TCA_HTB_PARMS, sizeof opt, &opt);
	mnl_attr_nest_end(*nlh, options);
}

static int set_class(int ifindex, uint32_t mtu, uint32_t minor, uint32_t parent, const struct tc_htb_class *class)
{
	struct class_request r = {.minor = minor, .parent = parent, .mtu = mtu, .class = class};

	return do_one(ifindex, fill_class, &r);
}

int tc_htb_set_queue(int ifindex, uint32_t mtu, uint16_t queue, const struct tc_htb_class *class)
{
	return set_class(ifindex, mtu, queue + 1u, HANDLE(TC_HTB_ROOT_CLASS), class);
}

static void fill_del_class(struct talk *t, int ifindex, const void *arg, struct nlmsghdr **nlh)
{
	*nlh = request(t, RTM_DELTCLASS, NLM_F_ACK, ifindex, 0, HANDLE(*(const uint16_t *)arg + 1u));
}

int tc_htb_del_queue(int ifindex, uint16_t queue)
{
	return do_one(ifindex, fill_del_class, &queue);
}

/* ---- what is there ---- */

struct look {
	int ifindex;
	struct tc_htb_found *found;
};

static int read_kind(const struct nlattr *attr, void *kind)
{
	if (mnl_attr_get_type(attr) == TCA_KIND)
		snprintf(kind, sizeof(((struct tc_htb_found *)0)->kind), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int see_qdisc(const struct nlmsghdr *nlh, void *aux)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct look *look = aux;

	if (tc->tcm_ifindex != look->ifindex || tc->tcm_parent != TC_H_ROOT)
		return MNL_CB_OK;
	look->found->handle = tc->tcm_handle;
	look->found->is_default = !tc->tcm_handle;
	mnl_attr_parse(nlh, sizeof *tc, read_kind, look->found->kind);
	return MNL_CB_OK;
}

static int see_class(const struct nlmsghdr *nlh, void *aux)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct look *look = aux;

	if (tc->tcm_ifindex == look->ifindex && tc->tcm_handle == HANDLE(TC_HTB_ROOT_CLASS))
		look->found->is_ours = true;
	return MNL_CB_OK;
}

int tc_htb_look(int ifindex, struct tc_htb_found *found)
{
	struct look look = {ifindex, found};
	int error;

	*found = (struct tc_htb_found){.is_default = true};
	error = dump(ifindex, RTM_GETQDISC, see_qdisc, &look);
	if (!error && found->handle == HANDLE(0) && !strcmp(found->kind, "htb"))
		error = dump(ifindex, RTM_GETTCLASS, see_class, &look);
	return error;
}

/* ---- the qdisc ---- */

static void fill_qdisc(struct talk *t, int ifindex, const void *arg, struct nlmsghdr **nlh)
{
	struct tc_htb_glob glob = {.version = HTB_VERSION, .rate2quantum = RATE_TO_QUANTUM, .defcls = 1};
	struct nlattr *options;

	(void)arg;
	*nlh = request(t, RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, ifindex, TC_H_ROOT, HANDLE(0));
	mnl_attr_put_strz(*nlh, TCA_KIND, "htb");
	options = mnl_attr_nest_start(*nlh, TCA_OPTIONS);
	mnl_attr_put(*nlh, TCA_HTB_INIT, sizeof glob, &glob);
	mnl_attr_nest_end(*nlh, options);
}

static void fill_del_qdisc(struct talk *t, int ifindex, const void *arg, struct nlmsghdr **nlh)
{
	(void)arg;
	*nlh = request(t, RTM_DELQDISC, NLM_F_ACK, ifindex, TC_H_ROOT, HANDLE(0));
}

int tc_htb_install(int ifindex, uint32_t mtu, const struct tc_htb_class *root, struct errtext *err)
{
	struct tc_htb_found found;
	int error = tc_htb_look(ifindex, &found);

	if (!error && !found.is_default && !found.is_ours)
		return errtext_set(
			err, EBUSY,
			"the device has a qdisc of somebody else's (%s %x:); delete it with `tc qdisc del`, or "
			"leave it alone with type=linux-noop",
			found.kind, found.handle >> 16);
	if (!error && !found.is_ours)
		error = do_one(ifindex, fill_qdisc, NULL);
	if (!error)
		error = set_class(ifindex, mtu, TC_HTB_ROOT_CLASS, TC_H_ROOT, root);
	if (error)
		errtext_set(err, -error, "the kernel does not put HTB on the device: %s", strerror(-error));
	return error;
}

int tc_htb_remove(int ifindex)
{
	struct tc_htb_found found;
	int error = tc_htb_look(ifindex, &found);

	return error || !found.is_ours ? error : do_one(ifindex, fill_del_qdisc, NULL);
}

/* ---- statistics ---- */

struct stats_walk {
	int ifindex;
	void (*cb)(void *aux, const struct tc_htb_stats *stats);
	void *aux;
};

static int read_stats2(const struct nlattr *attr, void *aux)
{
	struct tc_htb_stats *s = aux;

	if (mnl_attr_get_type(attr) == TCA_STATS_BASIC) {
		struct gnet_stats_basic basic;

		memset(&basic, 0, sizeof basic);
		memcpy(&basic, mnl_attr_get_payload(attr), MIN(sizeof basic, mnl_attr_get_payload_len(attr)));
		s->n_bytes = basic.bytes;
		if (!s->n_packets)
			s->n_packets = basic.packets;
	} else if (mnl_attr_get_type(attr) == TCA_STATS_PKT64) {
		memcpy(&s->n_packets, mnl_attr_get_payload(attr), MIN(8u, mnl_attr_get_payload_len(attr)));
	} else if (mnl_attr_get_type(attr) == TCA_STATS_QUEUE) {
		struct gnet_stats_queue queue;

		memset(&queue, 0, sizeof queue);
		memcpy(&queue, mnl_attr_get_payload(attr), MIN(sizeof queue, mnl_attr_get_payload_len(attr)));
		s->n_dropped = queue.drops;
	}
	return MNL_CB_OK;
}

static int read_class(const struct nlattr *attr, void *stats)
{
	if (mnl_attr_get_type(attr) == TCA_STATS2)
		mnl_attr_parse_nested(attr, read_stats2, stats);
	return MNL_CB_OK;
}

static int see_stats(const struct nlmsghdr *nlh, void *aux)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	const struct stats_walk *walk = aux;
	struct tc_htb_stats stats = {0};
	uint32_t minor = TC_H_MIN(tc->tcm_handle);

	if (tc->tcm_ifindex != walk->ifindex || TC_H_MAJ(tc->tcm_handle) != HANDLE(0) || !minor ||
	    minor == TC_HTB_ROOT_CLASS)
		return MNL_CB_OK;
	stats.queue = (uint16_t)(minor - 1);
	mnl_attr_parse(nlh, sizeof *tc, read_class, &stats);
	walk->cb(walk->aux, &stats);
	return MNL_CB_OK;
}

int tc_htb_stats(int ifindex, void (*cb)(void *aux, const struct tc_htb_stats *stats), void *aux)
{
	struct stats_walk walk = {ifindex, cb, aux};

	return dump(ifindex, RTM_GETTCLASS, see_stats, &walk);
}
