/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a JSON text something stands: jansson forgets it, people want "file:line".
 */
#ifndef CTL_JSON_LINE_H
#define CTL_JSON_LINE_H 1

#include <stddef.h>

/**
 * json_line_of() - the line on which a value, or the key before it, begins
 * @text: valid JSON, null-terminated
 * @path: @depth steps from the root: keys of objects (as written, without escapes), decimal indexes of arrays
 *
 * A step that leads nowhere ends the walk. Return: 1-based line of the deepest value that was found.
 */
unsigned int json_line_of(const char *text, const char *const path[], size_t depth);

#endif
