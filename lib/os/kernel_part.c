// SPDX-License-Identifier: Apache-2.0
#include "os/kernel_part.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/util.h"

static bool is_in_sysfs(const char *module)
{
	char path[128];

	snprintf(path, sizeof path, "/sys/module/%s", module);
	return !access(path, F_OK);
}

/* Does "kernel/drivers/net/vxlan/vxlan.ko.xz: ..." name the module? The names of files may have '-' for '_'. */
static bool names_module(const char *line, const char *module)
{
	const char *end = line + strcspn(line, ":\n"), *name = line;
	size_t len = strlen(module);

	for (const char *c = line; c < end; c++)
		if (*c == '/')
			name = c + 1;
	for (size_t i = 0; i < len; i++)
		if (name[i] != module[i] && !(name[i] == '-' && module[i] == '_'))
			return false;
	return !strncmp(name + len, ".ko", 3);
}

/* In modules.dep or modules.builtin of the running kernel. Return: -1 when there is no such file. */
static int is_listed(const char *file, const char *module)
{
	struct utsname u;
	char *line = NULL, path[256];
	size_t size = 0;
	bool found = false;
	FILE *f;

	uname(&u);
	snprintf(path, sizeof path, "/lib/modules/%s/%s", u.release, file);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (!found && getline(&line, &size, f) >= 0)
		found = names_module(line, module);
	free(line);
	fclose(f);
	return found;
}

/* ---- trying a kind of device ---- */

struct attempt {
	const char *kind;
	enum kernel_part result;
};

/* Return: what the kernel answers, as errno. */
static int add_link(const char *kind)
{
	_Alignas(NLMSG_ALIGNTO) char buf[1024];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	struct nlattr *info;
	ssize_t n = -1;

	if (!nl)
		return errno;
	h->nlmsg_type = RTM_NEWLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, "vsw-probe");
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(h, info);
	errno = 0;
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) >= 0)
		n = mnl_socket_recvfrom(nl, buf, sizeof buf);
	if (n > 0)
		mnl_cb_run(buf, (size_t)n, 0, 0, NULL, NULL);
	n = errno;
	mnl_socket_close(nl);
	return (int)n;
}

/* A kind that is known complains about what is missing at worst. */
static void *attempt_thread(void *attempt_)
{
	struct attempt *a = attempt_;
	int error;

	if (unshare(CLONE_NEWNET))
		return NULL;
	error = add_link(a->kind);
	a->result = error == EOPNOTSUPP ? KERNEL_PART_ABSENT : error == EPERM ? KERNEL_PART_UNKNOWN : KERNEL_PART_HERE;
	return NULL;
}

static enum kernel_part try_kind(const char *kind)
{
	struct attempt a = {kind, KERNEL_PART_UNKNOWN};
	sigset_t all, old;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, NULL, attempt_thread, &a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!error)
		pthread_join(thread, NULL);
	return a.result;
}

enum kernel_part kernel_part_find(const char *module, const char *link_kind)
{
	int loadable;

	if (is_in_sysfs(module) || is_listed("modules.builtin", module) == 1)
		return KERNEL_PART_HERE;
	loadable = is_listed("modules.dep", module);
	if (loadable >= 0)
		return loadable ? KERNEL_PART_LOADABLE : KERNEL_PART_ABSENT;
	return link_kind ? try_kind(link_kind) : KERNEL_PART_UNKNOWN;
}
