// SPDX-License-Identifier: Apache-2.0
/* --nic, read. */
#include "vmm/nic_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/net/backend.h"

static const char *const models[] = {[NIC_VIRTIO] = "virtio", [NIC_E1000] = "e1000", [NIC_RTL8139] = "rtl8139"};

const char *nic_model_name(enum nic_model model)
{
	return models[model];
}

/* ---- values ---- */

static int set_model(struct nic_config *c, const char *value, struct errtext *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(value, models[i])) {
			c->model = (enum nic_model)i;
			return 0;
		}
	return errtext_set(err, EINVAL, "model=%.40s: virtio, e1000 or rtl8139 was expected", value);
}

static int set_mac(struct nic_config *c, const char *value, struct errtext *err)
{
	static const uint8_t zero[6];
	unsigned int b[6];
	int n = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &n) != 6 || n != 17 ||
	    value[n])
		return errtext_set(err, EINVAL,
				   "mac=%.40s: six pairs of hexadecimal digits were expected, such as "
				   "52:54:00:12:34:56",
				   value);
	for (int i = 0; i < 6; i++)
		c->mac[i] = (uint8_t)b[i];
	if (c->mac[0] & 1)
		return errtext_set(err, EINVAL, "mac=%s: a multicast address; a card has a unicast one", value);
	if (!memcmp(c->mac, zero, sizeof zero))
		return errtext_set(err, EINVAL, "mac=%s: no card has that address", value);
	c->has_mac = true;
	return 0;
}

static int set_queues(struct nic_config *c, const char *value, struct errtext *err)
{
	uint64_t n;

	if (!str_to_uint(value, 10, NET_MAX_QUEUES, &n) || !n)
		return errtext_set(err, EINVAL, "queues=%.40s: a number from 1 to %d was expected", value,
				   NET_MAX_QUEUES);
	c->n_queues = (unsigned int)n;
	return 0;
}

static int set_flag(bool *flag, const char *key, const char *value, struct errtext *err)
{
	*flag = !strcmp(value, "on");
	if (!*flag && strcmp(value, "off") != 0)
		return errtext_set(err, EINVAL, "%s=%.40s: on or off was expected", key, value);
	return 0;
}

static int set_vhost(struct nic_config *c, const char *value, struct errtext *err)
{
	int error = set_flag(&c->no_vhost, "vhost", value, err);

	c->no_vhost = !c->no_vhost;
	return error;
}

static int set_anti_spoof(struct nic_config *c, const char *value, struct errtext *err)
{
	return set_flag(&c->anti_spoof, "anti-spoof", value, err);
}

static int set_classic(struct nic_config *c, const char *value, struct errtext *err)
{
	return set_flag(&c->classic, "classic", value, err);
}

static int set_mtu(struct nic_config *c, const char *value, struct errtext *err)
{
	uint64_t n;

	if (!str_to_uint(value, 10, 65535, &n) || n < 68)
		return errtext_set(err, EINVAL, "mtu=%.40s: a number from 68 to 65535 was expected", value);
	c->mtu = (uint32_t)n;
	return 0;
}

static int set_port(struct nic_config *c, const char *value, struct errtext *err)
{
	(void)err;
	c->port = value;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct nic_config *c, const char *value, struct errtext *err);
} keys[] = {
	{"model", set_model}, {"mac", set_mac},	  {"queues", set_queues},	  {"mtu", set_mtu},
	{"vhost", set_vhost}, {"port", set_port}, {"anti-spoof", set_anti_spoof}, {"classic", set_classic},
};

/* ---- the whole ---- */

static int add_column(struct nic_config *c, const char *word, struct errtext *err)
{
	if (c->n_columns == NIC_MAX_COLUMNS)
		return errtext_set(err, EINVAL, "more than %d settings", NIC_MAX_COLUMNS);
	c->columns[c->n_columns++] = word;
	return 0;
}

/* "KEY=VALUE", or the bridge as the first word. */
static int read_word(struct nic_config *c, char *word, bool is_first, struct errtext *err)
{
	char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : 0;

	if (!equals && is_first && *word) {
		c->bridge = word;
		return 0;
	}
	if (!len)
		return errtext_set(err, EINVAL, "'%.40s': KEY=VALUE was expected", word);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strlen(keys[i].key) == len && !memcmp(word, keys[i].key, len))
			return keys[i].set(c, equals + 1, err);
	return add_column(c, word, err);
}

static int check(const struct nic_config *c, struct errtext *err)
{
	if (!c->bridge && !c->port)
		return errtext_set(err, EINVAL, "a bridge, or port= and a port, was expected first");
	if (!c->bridge && (c->n_columns || c->anti_spoof || c->mtu))
		return errtext_set(err, EINVAL, "port %s is there already: its settings are set with `vsw set port`",
				   c->port);
	if (c->classic && c->model != NIC_RTL8139)
		return errtext_set(err, EINVAL, "classic=on is for model=rtl8139");
	if (c->model != NIC_VIRTIO && c->n_queues > 1)
		return errtext_set(err, EINVAL, "queues=%u: model=%s has one", c->n_queues, models[c->model]);
	return 0;
}

int nic_config_parse(const char *text, struct nic_config *c, struct errtext *err)
{
	char *rest, *word;
	bool is_first = true;
	int error = 0;

	*c = (struct nic_config){.n_queues = 1, .text = xstrdup(text)};
	rest = c->text;
	while (!error && (word = strsep(&rest, ","))) {
		error = read_word(c, word, is_first, err);
		is_first = false;
	}
	if (!error)
		error = check(c, err);
	if (error) {
		errtext_prefix(err, "--nic %.80s", text);
		nic_config_fini(c);
	}
	return error;
}

void nic_config_fini(struct nic_config *c)
{
	free(c->text);
	c->text = NULL;
}
