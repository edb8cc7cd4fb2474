/* SPDX-License-Identifier: Apache-2.0 */
/* What the methods on bridges share: one bridge or all of them, as text and as JSON. */
#ifndef SWITCHD_COMMAND_UTIL_H
#define SWITCHD_COMMAND_UTIL_H 1

#include <jansson.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "switchd/bridge.h"

/** An answer about one or several bridges under construction. */
struct answer {
	bool as_json;
	struct ds text;
	json_t *bridges; /**< array, when as_json */
};

/** need_bridge() - the "bridge" parameter, which must be there. Return: 0, -EINVAL or -ENOENT with @err. */
int need_bridge(const json_t *params, struct bridge **br, struct errtext *err);

/**
 * each_bridge() - the one that "bridge" names, or all, by name, each with a heading in text
 * @one: adds to answer->text, or to @json, which has "name" already; return negative errno to stop
 * @result: {"text"} or {"bridges"}
 */
int each_bridge(const json_t *params,
		int (*one)(struct bridge *br, struct answer *answer, json_t *json, void *aux, struct errtext *err),
		void *aux, json_t **result, struct errtext *err);

/** iface_of_word() - a port of @br by name, by number, or "LOCAL". Return: 0 or -ENOENT with @err. */
int iface_of_word(const struct bridge *br, const char *word, struct iface **iface, struct errtext *err);

/** ifaces_by_number() - the interfaces of a bridge in order of their numbers. Return: heap array of *n. */
struct iface **ifaces_by_number(const struct bridge *br, size_t *n);

/** put_port() - a port number as people read it: "LOCAL" for the bridge's own; its name when @names. @width: of a number, 0: none. */
void put_port(struct ds *out, const struct iface *iface, bool names, int width);

/** hex_to_bytes() - pairs of digits; blanks and colons are skipped. Return: number of bytes, or -EINVAL, -EMSGSIZE with @err. */
ssize_t hex_to_bytes(const char *text, uint8_t *bytes, size_t size, struct errtext *err);

#endif
