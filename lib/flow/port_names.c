// SPDX-License-Identifier: Apache-2.0
#include "flow/port_names.h"

#include <ctype.h>
#include <string.h>

#include "base/ds.h"
#include "base/util.h"
#include "flow/scan.h"

static const struct {
	const char *name;
	uint16_t port;
} reserved[] = {
	{"IN_PORT", OFPP_IN_PORT}, {"TABLE", OFPP_TABLE}, {"NORMAL", OFPP_NORMAL},
	{"FLOOD", OFPP_FLOOD},	   {"ALL", OFPP_ALL},	  {"CONTROLLER", OFPP_CONTROLLER},
	{"LOCAL", OFPP_LOCAL},	   {"ANY", OFPP_NONE},	  {"UNSET", OFPP_UNSET},
	{"NONE", OFPP_NONE}, /* last: numbers print as the first name */
};

/* A number from text, or of OpenFlow 1.1+ where reserved ones have 16 more bits. Return: -1 when out of range. */
static int from_number(uint64_t n)
{
	if (n >= 0xffffff00)
		n &= 0xffff;
	return n <= 0xffff ? (int)n : -1;
}

int port_number_parse(const char *text, size_t len, const struct port_names *names)
{
	uint64_t n;

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"')
		return names && names->number ? names->number(names, text + 1, len - 2) : -1;
	if (len && isdigit((unsigned char)text[0])) {
		size_t digits = 0;

		while (digits < len && isdigit((unsigned char)text[digits]))
			digits++;
		while (digits == len && len > 1 && *text == '0')
			text++, len--, digits--; /* decimal, whatever it starts with */
		if (digits == len)
			return text_to_u64(text, len, UINT32_MAX, &n) ? from_number(n) : -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (text_is(text, len, reserved[i].name))
			return reserved[i].port;
	return len && names && names->number ? names->number(names, text, len) : -1;
}

const char *port_reserved_name(uint32_t port)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (reserved[i].port == port)
			return reserved[i].name;
	return NULL;
}

/* Names that read as something else, or would end a word, are quoted. */
static bool needs_quotes(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return true;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return true;
	return port_number_parse(name, strlen(name), NULL) >= 0;
}

void port_name_put(const char *name, struct ds *out)
{
	bool quote = needs_quotes(name);

	if (quote)
		ds_put_char(out, '"');
	ds_put(out, name);
	if (quote)
		ds_put_char(out, '"');
}

void port_number_format(uint32_t port, const struct port_names *names, struct ds *out)
{
	const char *name = port_reserved_name(port);

	if (name)
		ds_put(out, name);
	else if (names && names->name && (name = names->name(names, port)) != NULL)
		port_name_put(name, out);
	else
		ds_put_u64(out, port);
}
