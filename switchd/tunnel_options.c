// SPDX-License-Identifier: Apache-2.0
#include "switchd/tunnel_options.h"

#include <errno.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/addr_text.h"

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

enum { VNI_MAX = 0xffffff };

const char *tunnel_kind_name(enum tunnel_kind kind)
{
	return kind == TUNNEL_VXLAN ? "vxlan" : kind == TUNNEL_GENEVE ? "geneve" : kind == TUNNEL_GRE ? "gre" : "none";
}

bool tunnel_options_is_known(const char *name)
{
	static const char *const names[] = {"remote_ip", "local_ip", "key",  "in_key",	   "out_key",	     "dst_port",
					    "ttl",	 "tos",	     "csum", "df_default", "egress_pkt_mark"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* ---- addresses ---- */

bool tunnel_addr_is_ipv4(const uint8_t *addr)
{
	return !memcmp(addr, ipv4_prefix, sizeof ipv4_prefix);
}

bool tunnel_addr_is_set(const uint8_t *addr)
{
	static const uint8_t none[16];

	return memcmp(addr, none, sizeof none) != 0;
}

void tunnel_addr_put(const uint8_t *addr, struct ds *out)
{
	if (tunnel_addr_is_ipv4(addr))
		ipv4_put(out, addr + sizeof ipv4_prefix);
	else
		ipv6_put(out, addr);
}

static bool addr_of_text(const char *text, uint8_t addr[16])
{
	size_t len = strlen(text);

	if (ipv4_from_text(text, len, addr + sizeof ipv4_prefix)) {
		memcpy(addr, ipv4_prefix, sizeof ipv4_prefix);
		return true;
	}
	return ipv6_from_text(text, len, addr);
}

static bool is_multicast(const uint8_t *addr)
{
	return tunnel_addr_is_ipv4(addr) ? (addr[12] & 0xf0) == 0xe0 : addr[0] == 0xff;
}

/* ---- one option ---- */

struct parser {
	const struct tunnel_source *source;
	enum tunnel_kind kind;
	struct errtext *err;
};

static const char *option(const struct parser *p, const char *name)
{
	return p->source->option(p->source->aux, name);
}

static int read_addr(const struct parser *p, const char *name, uint8_t addr[16], bool *is_flow)
{
	const char *text = option(p, name);

	if (!text)
		return 0;
	*is_flow = !strcmp(text, "flow");
	if (*is_flow)
		return 0;
	if (!addr_of_text(text, addr) || !tunnel_addr_is_set(addr))
		return errtext_set(p->err, EINVAL,
				   "bad %s '%s': '%.60s' is no address; expected one such as 10.0.0.2 or fd00::2, or "
				   "flow",
				   tunnel_kind_name(p->kind), name, text);
	if (is_multicast(addr))
		return errtext_set(p->err, EINVAL, "multicast %s=%s not allowed", name, text);
	return 0;
}

static int read_addrs(const struct parser *p, struct tunnel_config *c)
{
	const char *kind = tunnel_kind_name(p->kind);
	int error = read_addr(p, "remote_ip", c->remote, &c->remote_is_flow);

	if (!error)
		error = read_addr(p, "local_ip", c->local, &c->local_is_flow);
	if (error)
		return error;
	if (!c->remote_is_flow && !tunnel_addr_is_set(c->remote))
		return errtext_set(p->err, EINVAL,
				   "%s type requires valid 'remote_ip' argument: options:remote_ip=ADDRESS, or flow",
				   kind);
	if (c->local_is_flow && !c->remote_is_flow)
		return errtext_set(p->err, EINVAL, "%s type requires 'remote_ip=flow' with 'local_ip=flow'", kind);
	if (tunnel_addr_is_set(c->local) && tunnel_addr_is_set(c->remote) &&
	    tunnel_addr_is_ipv4(c->local) != tunnel_addr_is_ipv4(c->remote))
		return errtext_set(p->err, EINVAL, "'remote_ip' and 'local_ip' has to be of the same address family");
	return 0;
}

/* Of one direction: @name, or `key` where that is not set. */
static int read_key(const struct parser *p, const char *name, uint64_t *key, bool *is_flow, bool *is_set)
{
	uint64_t max = p->kind == TUNNEL_GRE ? UINT32_MAX : VNI_MAX;
	const char *text = option(p, name);

	if (!text) {
		name = "key";
		text = option(p, name);
	}
	if (!text)
		return 0;
	*is_set = true;
	*is_flow = !strcmp(text, "flow");
	if (!*is_flow && !str_to_uint(text, 0, max, key))
		return errtext_set(p->err, EINVAL, "options:%s: '%.40s' is no key of %s; expected 0 to %llu, or flow",
				   name, text, tunnel_kind_name(p->kind), (unsigned long long)max);
	return 0;
}

static int read_number(const struct parser *p, const char *name, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *text = option(p, name);

	if (text && (!str_to_uint(text, 0, max, value) || *value < min))
		return errtext_set(p->err, EINVAL, "options:%s: '%.40s' is no number from %llu to %llu", name, text,
				   (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int read_byte(const struct parser *p, const char *name, uint8_t min, uint8_t max, uint8_t *value, bool *inherits)
{
	const char *text = option(p, name);
	uint64_t number = *value;
	int error;

	*inherits = text && !strcmp(text, "inherit");
	if (*inherits)
		return 0;
	error = read_number(p, name, min, max, &number);
	if (error)
		return errtext_set(p->err, EINVAL, "options:%s: '%.40s' is no number from %u to %u, nor inherit", name,
				   text, min, max);
	*value = (uint8_t)number;
	return 0;
}

static int read_bool(const struct parser *p, const char *name, bool *value)
{
	const char *text = option(p, name);

	if (!text)
		return 0;
	*value = !strcmp(text, "true");
	if (!*value && strcmp(text, "false") != 0)
		return errtext_set(p->err, EINVAL, "options:%s: '%.40s' is neither true nor false", name, text);
	return 0;
}

/* ---- all ---- */

static int read_port(const struct parser *p, struct tunnel_config *c)
{
	uint64_t port = p->kind == TUNNEL_VXLAN ? TUNNEL_VXLAN_PORT : TUNNEL_GENEVE_PORT;
	int error;

	if (p->kind == TUNNEL_GRE)
		return option(p, "dst_port") ? errtext_set(p->err, EINVAL, "options:dst_port: gre has no ports") : 0;
	error = read_number(p, "dst_port", 1, UINT16_MAX, &port);
	c->dst_port = (uint16_t)port;
	return error;
}

static int read_mark(const struct parser *p, struct tunnel_config *c)
{
	uint64_t mark = 0;
	int error = read_number(p, "egress_pkt_mark", 0, UINT32_MAX, &mark);

	c->sets_mark = option(p, "egress_pkt_mark");
	c->pkt_mark = (uint32_t)mark;
	return error;
}

int tunnel_options_parse(enum tunnel_kind kind, const struct tunnel_source *source, struct tunnel_config *c,
			 struct errtext *err)
{
	struct parser p = {source, kind, err};
	int error;

	memset(c, 0, sizeof *c);
	c->kind = (uint8_t)kind;
	c->ttl = TUNNEL_TTL;
	c->df = true;
	error = read_addrs(&p, c);
	if (!error)
		error = read_key(&p, "in_key", &c->in_key, &c->in_key_is_flow, &c->has_in_key);
	if (!error)
		error = read_key(&p, "out_key", &c->out_key, &c->out_key_is_flow, &c->has_out_key);
	if (!error)
		error = read_port(&p, c);
	if (!error)
		error = read_byte(&p, "ttl", 1, UINT8_MAX, &c->ttl, &c->inherits_ttl);
	if (!error)
		error = read_byte(&p, "tos", 0, UINT8_MAX, &c->tos, &c->inherits_tos);
	c->tos &= 0xfc; /* the ECN bits are always the inner packet's (RFC 6040) */
	if (!error)
		error = read_bool(&p, "csum", &c->csum);
	if (!error)
		error = read_bool(&p, "df_default", &c->df);
	return error ? error : read_mark(&p, c);
}

static void put_end(const uint8_t *addr, bool is_flow, struct ds *out)
{
	if (is_flow)
		ds_put(out, "flow");
	else
		tunnel_addr_put(addr, out);
}

static void put_keys(const struct tunnel_config *c, struct ds *out)
{
	if (c->in_key_is_flow)
		ds_put(out, ", key=flow");
	else
		ds_printf(out, c->in_key ? ", key=%#llx" : ", key=%llu", (unsigned long long)c->in_key);
}

/* The key of the other direction, where it is another one. */
static void put_out_key(const struct tunnel_config *c, struct ds *out)
{
	if (c->out_key_is_flow == c->in_key_is_flow && c->out_key == c->in_key)
		return;
	if (c->out_key_is_flow)
		ds_put(out, ", out_key=flow");
	else
		ds_printf(out, ", out_key=%#llx", (unsigned long long)c->out_key);
}

void tunnel_options_format(const struct tunnel_config *c, uint32_t dp_port, struct ds *out)
{
	ds_printf(out, "%s: ", tunnel_kind_name(c->kind));
	put_end(c->local, c->local_is_flow, out);
	ds_put(out, "->");
	put_end(c->remote, c->remote_is_flow, out);
	put_keys(c, out);
	ds_printf(out, ", legacy_l2, dp port=%u", dp_port);
	put_out_key(c, out);
	if (c->inherits_ttl)
		ds_put(out, ", ttl=inherit");
	else
		ds_printf(out, ", ttl=%u", c->ttl);
	if (c->inherits_tos)
		ds_put(out, ", tos=inherit");
	else if (c->tos)
		ds_printf(out, ", tos=%#x", c->tos);
	if (!c->df)
		ds_put(out, ", df=false");
	if (c->csum)
		ds_put(out, ", csum=true");
}
