// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

void json_put_word(struct ds *out, const json_t *value)
{
	json_t *element;
	size_t i;

	if (json_is_string(value))
		ds_put(out, json_string_value(value));
	else if (json_is_integer(value))
		ds_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		ds_printf(out, "%.17g", json_real_value(value));
	else if (json_is_boolean(value))
		ds_put(out, json_is_true(value) ? "true" : "false");
	else if (!json_array_size(value))
		ds_put(out, "[]");
	json_array_foreach(value, i, element) {
		if (i)
			ds_put_char(out, ',');
		json_put_word(out, element);
	}
}
