// SPDX-License-Identifier: Apache-2.0
/* Lines of the control socket as JSON, and refusals as JSON. */
#include "os/control_impl.h"

#include <errno.h>
#include <string.h>

#include "base/ds.h"

enum { MAX_VALUES = 1000000 }; /* JSON values in one request: three bytes of text can cost a hundred of memory */

/* Roughly how many JSON values a text has. */
static size_t count_values(const char *text, size_t len)
{
	bool in_string = false;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (text[i] == '\\' && in_string)
			i++;
		else if (!in_string && (text[i] == ',' || text[i] == '[' || text[i] == '{'))
			n++;
	}
	return n;
}

json_t *control_parse(const char *line, size_t len)
{
	json_error_t why;
	json_t *message =
		count_values(line, len) > MAX_VALUES ? NULL : json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);

	if (json_is_object(message))
		return message;
	json_decref(message);
	return NULL;
}

/* Overlong forms and surrogates are what may still be wrong with it. */
static json_t *sentence_json(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("the request is refused; why cannot be said in UTF-8");
}

json_t *control_error_object(int error, const struct errtext *err)
{
	const char *code = strerrorname_np(error < 0 ? -error : error);
	const char *text = err && err->text[0] ? err->text : strerror(error < 0 ? -error : error);
	json_t *object = json_object();

	json_object_set_new(object, "text", sentence_json(text));
	json_object_set_new(object, "code", json_string(code ? code : "EIO"));
	if (err && err->column)
		json_object_set_new(object, "column", json_integer((json_int_t)err->column));
	return object;
}
