// SPDX-License-Identifier: Apache-2.0
#include "os/tc_drop.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <netlink/netlink.h>
#include <netlink/route/act/gact.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/matchall.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/util.h"

LOG_MODULE(tc_drop);

/* Ours among the filters of the hook. */
enum {
	DROP_PRIORITY = 1,
	DROP_HANDLE = 0x767377 /* "vsw" */,
	WITH_HOOK = 1 << 24 /* in the handle: the hook is ours */
};

#define PROGRAM_NAME "vsw_drop_%06x"
#define OWNER_BITS 0xffffff

#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[256];
	int n;

	(void)level;
	n = vsnprintf(line, sizeof line, fmt, args);
	if (n > 0 && (size_t)n < sizeof line && line[n - 1] == '\n')
		line[n - 1] = '\0';
	log_dbg("libbpf: %s", line);
	return n;
}

/* The program's descriptor, or -errno. Loaded once, used for all devices, closed with the process. */
static int program_fd;
static uint32_t program_owner;

void tc_drop_set_owner(uint64_t owner)
{
	program_owner = owner & OWNER_BITS;
}

static void program_name(char name[BPF_OBJ_NAME_LEN], uint64_t owner)
{
	snprintf(name, BPF_OBJ_NAME_LEN, PROGRAM_NAME, (unsigned int)(owner & OWNER_BITS));
}

bool tc_drop_is_owner(const char *name, uint64_t owner)
{
	char expected[BPF_OBJ_NAME_LEN];

	program_name(expected, owner);
	return !strcmp(name, expected);
}

static void load_program(void)
{
	static const struct bpf_insn drop_all[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char name[BPF_OBJ_NAME_LEN];

	program_name(name, program_owner);
	libbpf_set_print(quiet);
	program_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "Apache-2.0", drop_all, ARRAY_SIZE(drop_all), NULL);
	if (program_fd < 0)
		log_info("BPF is not available (error %d): trying a matchall filter", -program_fd);
}

static uint32_t handle_of(const struct tc_drop *td)
{
	return DROP_HANDLE | (td->made_hook ? WITH_HOOK : 0);
}

/* Return: 0 or -errno. */
static int query(const struct tc_drop *td, uint32_t *program_id)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = td->ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle_of(td), .priority = DROP_PRIORITY);
	int error = bpf_tc_query(&hook, &opts);

	*program_id = opts.prog_id;
	return error;
}

int tc_drop_find(struct tc_drop *td, int ifindex, uint32_t *program_id)
{
	int error;

	libbpf_set_print(quiet);
	*td = (struct tc_drop){.ifindex = ifindex, .is_bpf = true, .made_hook = true};
	error = query(td, program_id);
	if (!error)
		return 0;
	td->made_hook = false;
	return query(td, program_id);
}

static int attach_bpf(struct tc_drop *td, int fd)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = td->ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .priority = DROP_PRIORITY, .flags = BPF_TC_F_REPLACE);
	struct tc_drop there;
	uint32_t unused;
	int error;

	if (td->is_egress)
		hook.attach_point = BPF_TC_EGRESS;

	error = bpf_tc_hook_create(&hook);
	if (error && error != -EEXIST)
		return error;
	td->made_hook = !error || (!tc_drop_find(&there, td->ifindex, &unused) && there.made_hook);
	opts.handle = handle_of(td);
	opts.prog_fd = fd;
	error = bpf_tc_attach(&hook, &opts);
	td->is_bpf = !error;
	return error;
}

/* ---- the other way: netlink ---- */

static struct nl_sock *route_socket(void)
{
	struct nl_sock *sock = nl_socket_alloc();

	if (sock && nl_connect(sock, NETLINK_ROUTE)) {
		nl_socket_free(sock);
		sock = NULL;
	}
	return sock;
}

static struct rtnl_qdisc *clsact(int ifindex)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	if (!qdisc)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_CLSACT);
	rtnl_tc_set_handle(TC_CAST(qdisc), TC_H_MAKE(TC_H_CLSACT, 0));
	rtnl_tc_set_kind(TC_CAST(qdisc), "clsact");
	return qdisc;
}

static struct rtnl_cls *filter_of(int ifindex)
{
	struct rtnl_cls *cls = rtnl_cls_alloc();

	if (!cls)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(cls), ifindex);
	rtnl_tc_set_parent(TC_CAST(cls), INGRESS);
	rtnl_tc_set_handle(TC_CAST(cls), DROP_HANDLE);
	rtnl_cls_set_prio(cls, DROP_PRIORITY);
	rtnl_cls_set_protocol(cls, ETH_P_ALL);
	return cls;
}

static int add_matchall(struct nl_sock *sock, int ifindex)
{
	struct rtnl_cls *cls = filter_of(ifindex);
	struct rtnl_act *act = rtnl_act_alloc();
	int error = -NLE_NOMEM;

	if (cls && act && !rtnl_tc_set_kind(TC_CAST(act), "gact") && !rtnl_tc_set_kind(TC_CAST(cls), "matchall")) {
		rtnl_gact_set_action(act, TC_ACT_SHOT);
		rtnl_mall_append_action(cls, act);
		error = rtnl_cls_add(sock, cls, NLM_F_CREATE);
	}
	rtnl_act_put(act);
	rtnl_cls_put(cls);
	return error;
}

static int attach_matchall(struct tc_drop *td)
{
	struct nl_sock *sock = route_socket();
	struct rtnl_qdisc *qdisc = clsact(td->ifindex);
	int error = sock && qdisc ? 0 : -NLE_NOMEM;

	if (!error && !td->made_hook) {
		error = rtnl_qdisc_add(sock, qdisc, NLM_F_CREATE | NLM_F_EXCL);
		td->made_hook = !error;
		if (error == -NLE_EXIST)
			error = 0;
	}
	if (!error)
		error = add_matchall(sock, td->ifindex);
	td->is_matchall = !error;
	rtnl_qdisc_put(qdisc);
	nl_socket_free(sock);
	return error == -NLE_PERM ? -EPERM : error ? -ENOENT : 0;
}

int tc_drop_attach(struct tc_drop *td, int ifindex)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int error;

	*td = (struct tc_drop){.ifindex = ifindex};
	pthread_once(&once, load_program);
	error = program_fd < 0 ? program_fd : attach_bpf(td, program_fd);
	return error ? attach_matchall(td) : 0;
}

int tc_drop_attach_program(struct tc_drop *td, int ifindex, int fd)
{
	*td = (struct tc_drop){.ifindex = ifindex};
	return attach_bpf(td, fd);
}

int tc_drop_attach_egress(struct tc_drop *td, int ifindex, int fd)
{
	*td = (struct tc_drop){.ifindex = ifindex, .is_egress = true};
	return attach_bpf(td, fd);
}

/* ---- leaving ---- */

/* Filters of anybody at one end of the hook; 1 when it cannot be told. */
static int n_filters(struct nl_sock *sock, int ifindex, uint32_t parent)
{
	struct nl_cache *cache;
	int n;

	if (rtnl_cls_alloc_cache(sock, ifindex, parent, &cache))
		return 1;
	n = nl_cache_nitems(cache);
	nl_cache_free(cache);
	return n;
}

static void delete_matchall(struct nl_sock *sock, int ifindex)
{
	struct rtnl_cls *cls = filter_of(ifindex);

	if (cls && !rtnl_tc_set_kind(TC_CAST(cls), "matchall"))
		rtnl_cls_delete(sock, cls, 0);
	rtnl_cls_put(cls);
}

static void delete_hook_if_empty(struct nl_sock *sock, int ifindex)
{
	struct rtnl_qdisc *qdisc;

	if (n_filters(sock, ifindex, INGRESS) || n_filters(sock, ifindex, EGRESS))
		return;
	qdisc = clsact(ifindex);
	if (qdisc)
		rtnl_qdisc_delete(sock, qdisc);
	rtnl_qdisc_put(qdisc);
}

void tc_drop_detach(struct tc_drop *td)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = td->ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle_of(td), .priority = DROP_PRIORITY);
	struct nl_sock *sock = td->is_matchall || td->made_hook ? route_socket() : NULL;

	if (td->is_egress)
		hook.attach_point = BPF_TC_EGRESS;
	if (td->is_bpf)
		bpf_tc_detach(&hook, &opts);
	if (td->is_matchall && sock)
		delete_matchall(sock, td->ifindex);
	if (td->made_hook && sock)
		delete_hook_if_empty(sock, td->ifindex);
	nl_socket_free(sock);
	*td = (struct tc_drop){0};
}
