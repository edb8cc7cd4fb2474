// SPDX-License-Identifier: Apache-2.0
#include "switchd/flow_lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "switchd/bridge.h"

void flow_where(struct errtext *err, const char *verb, const char *file, unsigned int line)
{
	if (err->column)
		errtext_prefix(err, "column %zu", err->column);
	if (line)
		errtext_prefix(err, "%s %.100s line %u", verb, file ? file : "-", line);
	else
		errtext_prefix(err, "%s", verb);
}

void flow_lines_fini(struct flow_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		flow_mod_fini(&lines->mods[i]);
	free(lines->mods);
	free(lines->lines);
	*lines = (struct flow_lines){0};
}

void flow_lines_append(struct flow_lines *lines, struct flow_mod *fm, unsigned int line)
{
	/* Room for 1, 3, 7, 15 ... of them. */
	if (!(lines->n & (lines->n + 1))) {
		size_t cap = lines->n ? lines->n * 2 + 1 : 1;

		lines->mods = xrealloc(lines->mods, cap * sizeof *lines->mods);
		lines->lines = xrealloc(lines->lines, cap * sizeof *lines->lines);
	}
	lines->mods[lines->n] = *fm;
	lines->lines[lines->n++] = line;
	fm->actions = (struct ofacts){0};
}

static int parse_one(const struct bridge *br, enum flow_mod_command command, const char *text, size_t len,
		     unsigned int line, struct flow_lines *lines, struct errtext *err)
{
	struct flow_mod fm;
	int error = flow_mod_parse(text, len, command, br ? &br->port_names : NULL, &fm, err);

	if (!error)
		flow_lines_append(lines, &fm, line);
	return error;
}

/* A line without its comment; *len is 0 when nothing is left. Return: its first character that counts. */
static const char *trim(const char *line, size_t *len)
{
	const char *end = line + *len, *hash = memchr(line, '#', *len);

	if (hash)
		end = hash;
	while (line < end && isspace((unsigned char)*line))
		line++;
	while (line < end && isspace((unsigned char)end[-1]))
		end--;
	*len = (size_t)(end - line);
	return line;
}

int flow_lines_parse(const struct bridge *br, const char *verb, enum flow_mod_command command, const char *flow,
		     const char *flows, const char *file, struct flow_lines *lines, struct errtext *err)
{
	unsigned int number = 0;
	int error;

	*lines = (struct flow_lines){0};
	if (flow) {
		error = parse_one(br, command, flow, strlen(flow), 0, lines, err);
		if (error)
			flow_where(err, verb, file, 0);
		return error;
	}
	for (const char *p = flows ? flows : ""; *p; p += *p == '\n') {
		size_t whole = strcspn(p, "\n"), len = whole;
		const char *text = trim(p, &len);

		number++;
		error = len ? parse_one(br, command, text, len, number, lines, err) : 0;
		if (error) {
			/* The column is that of the line as the file has it. */
			err->column += err->column ? (size_t)(text - p) : 0;
			flow_where(err, verb, file, number);
			return error;
		}
		p += whole;
	}
	return 0;
}
