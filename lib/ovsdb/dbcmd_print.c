// SPDX-License-Identifier: Apache-2.0
/*
 * Printing tables: --format=list|table|csv|json, --data=string|bare|json.
 */
#include "ovsdb/dbcmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADING_WIDTH 20

void dbcmd_output_fini(struct dbcmd_output *out)
{
	for (size_t i = 0; i < out->n_rows * out->n_columns; i++)
		datum_fini(&out->cells[i].datum, out->cells[i].type);
	free(out->cells);
	free(out->headings);
	ds_fini(&out->text);
	ds_fini(&out->warning);
	*out = (struct dbcmd_output)DBCMD_OUTPUT_INIT;
}

static json_t *row_to_json(const struct dbcmd_output *out, size_t row)
{
	json_t *json = json_array();

	for (size_t i = 0; i < out->n_columns; i++) {
		const struct dbcmd_cell *cell = &out->cells[row * out->n_columns + i];

		json_array_append_new(json, datum_to_json(&cell->datum, cell->type));
	}
	return json;
}

json_t *dbcmd_output_json(const struct dbcmd_output *out)
{
	json_t *headings, *data;

	if (!out->n_columns)
		return json_pack("{s:s}", "text", ds_cstr(&out->text));
	headings = json_array();
	data = json_array();
	for (size_t i = 0; i < out->n_columns; i++)
		json_array_append_new(headings, json_string(out->headings[i]));
	for (size_t i = 0; i < out->n_rows; i++)
		json_array_append_new(data, row_to_json(out, i));
	return json_pack("{s:o,s:o}", "headings", headings, "data", data);
}

static void put_json(json_t *json, struct ds *text)
{
	char *s = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);

	ds_put(text, s ? s : "null");
	free(s);
	json_decref(json);
}

static void put_cell(const struct dbcmd_cell *cell, enum dbcmd_data data, struct ds *text)
{
	if (data == DBCMD_DATA_STRING)
		datum_to_text(&cell->datum, cell->type, text);
	else if (data == DBCMD_DATA_BARE)
		datum_to_bare(&cell->datum, cell->type, text);
	else
		put_json(datum_to_json(&cell->datum, cell->type), text);
}

static void print_list(const struct dbcmd_output *out, const struct dbcmd_style *style, struct ds *text)
{
	for (size_t i = 0; i < out->n_rows * out->n_columns; i++) {
		if (i && i % out->n_columns == 0)
			ds_put_char(text, '\n');
		if (!style->no_headings)
			ds_printf(text, "%-*s: ", HEADING_WIDTH, out->headings[i % out->n_columns]);
		put_cell(&out->cells[i], style->data, text);
		ds_put_char(text, '\n');
	}
}

static void pad(struct ds *text, size_t n, char c)
{
	while (n--)
		ds_put_char(text, c);
}

/* The texts of all cells first: columns are as wide as the widest. */
static char **cell_texts(const struct dbcmd_output *out, const struct dbcmd_style *style, size_t *widths)
{
	char **texts = xcalloc(out->n_rows * out->n_columns + 1, sizeof *texts);

	for (size_t i = 0; i < out->n_columns; i++)
		widths[i] = style->no_headings ? 0 : strlen(out->headings[i]);
	for (size_t i = 0; i < out->n_rows * out->n_columns; i++) {
		struct ds text = DS_INIT;

		put_cell(&out->cells[i], style->data, &text);
		widths[i % out->n_columns] = MAX(widths[i % out->n_columns], text.len);
		texts[i] = text.s ? ds_steal(&text) : xstrdup("");
	}
	return texts;
}

static void print_line(const char *const cells[], const size_t widths[], size_t n, struct ds *text)
{
	for (size_t i = 0; i < n; i++) {
		ds_printf(text, "%s%s", i ? " " : "", cells[i]);
		if (i + 1 < n)
			pad(text, widths[i] - strlen(cells[i]), ' ');
	}
	ds_put_char(text, '\n');
}

static void print_rule(const size_t widths[], size_t n, struct ds *text)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			ds_put_char(text, ' ');
		pad(text, widths[i], '-');
	}
	ds_put_char(text, '\n');
}

static void print_table(const struct dbcmd_output *out, const struct dbcmd_style *style, struct ds *text)
{
	size_t *widths = xcalloc(out->n_columns, sizeof *widths);
	char **texts = cell_texts(out, style, widths);

	if (!style->no_headings) {
		print_line(out->headings, widths, out->n_columns, text);
		print_rule(widths, out->n_columns, text);
	}
	for (size_t i = 0; i < out->n_rows; i++)
		print_line((const char *const *)&texts[i * out->n_columns], widths, out->n_columns, text);
	for (size_t i = 0; i < out->n_rows * out->n_columns; i++)
		free(texts[i]);
	free(texts);
	free(widths);
}

/* RFC 4180: quotes where they are needed, doubled inside. */
static void put_csv(const char *s, struct ds *text)
{
	if (!strpbrk(s, "\n\",")) {
		ds_put(text, s);
		return;
	}
	ds_put_char(text, '"');
	for (; *s; s++) {
		if (*s == '"')
			ds_put_char(text, '"');
		ds_put_char(text, *s);
	}
	ds_put_char(text, '"');
}

static void print_csv(const struct dbcmd_output *out, const struct dbcmd_style *style, struct ds *text)
{
	for (size_t i = 0; i < out->n_columns && !style->no_headings; i++) {
		put_csv(out->headings[i], text);
		ds_put_char(text, i + 1 < out->n_columns ? ',' : '\n');
	}
	for (size_t i = 0; i < out->n_rows * out->n_columns; i++) {
		struct ds cell = DS_INIT;

		put_cell(&out->cells[i], style->data, &cell);
		put_csv(ds_cstr(&cell), text);
		ds_put_char(text, (i + 1) % out->n_columns ? ',' : '\n');
		ds_fini(&cell);
	}
}

void dbcmd_output_print(const struct dbcmd_output *out, const struct dbcmd_style *style, struct ds *text)
{
	ds_put(text, ds_cstr(&out->text));
	if (!out->n_columns)
		return;
	switch (style->format) {
	case DBCMD_LIST:
		print_list(out, style, text);
		break;
	case DBCMD_TABLE:
		print_table(out, style, text);
		break;
	case DBCMD_CSV:
		print_csv(out, style, text);
		break;
	case DBCMD_JSON:
		put_json(dbcmd_output_json(out), text);
		ds_put_char(text, '\n');
		break;
	}
}

static int choice(const char *word, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, names[i]))
			return (int)i;
	return -1;
}

int dbcmd_style_option(struct dbcmd_style *style, const char *word, struct errtext *err)
{
	static const char *const formats[] = {"list", "table", "csv", "json"}, *const datas[] = {"string", "bare",
												 "json"};
	int i;

	if (!strcmp(word, "--bare")) {
		*style = (struct dbcmd_style){DBCMD_LIST, DBCMD_DATA_BARE, true};
	} else if (!strcmp(word, "--no-headings") || !strcmp(word, "--no-heading")) {
		style->no_headings = true;
	} else if (!strncmp(word, "--format=", 9)) {
		i = choice(word + 9, formats, ARRAY_SIZE(formats));
		if (i < 0)
			return errtext_set(err, EINVAL, "%.50s: expected list, table, csv or json", word);
		style->format = (enum dbcmd_format)i;
	} else if (!strncmp(word, "--data=", 7)) {
		i = choice(word + 7, datas, ARRAY_SIZE(datas));
		if (i < 0)
			return errtext_set(err, EINVAL, "%.50s: expected string, bare or json", word);
		style->data = (enum dbcmd_data)i;
	} else {
		return 0;
	}
	return 1;
}
