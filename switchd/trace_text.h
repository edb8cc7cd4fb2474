/* SPDX-License-Identifier: Apache-2.0 */
/* From the result of a trace (switchd/trace.h) to the text that OVS's ofproto/trace prints. */
#ifndef SWITCHD_TRACE_TEXT_H
#define SWITCHD_TRACE_TEXT_H 1

#include <jansson.h>

struct ds;

void trace_format(const json_t *result, struct ds *out);

#endif
