// SPDX-License-Identifier: Apache-2.0
/*
 * Topology files. Whatever is in one, it is read or refused with one sentence that begins with file and line; what was read can be drawn, and the
 * drawing is the same twice.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/topo.h"
#include "ctl/topo_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(const struct topo *topo)
{
	struct ds first = DS_INIT, second = DS_INIT;

	topo_graph_dot(topo, &first);
	topo_graph_dot(topo, &second);
	if (topo_graph_checksum(&first) != topo_graph_checksum(&second))
		abort();
	ds_fini(&first);
	ds_fini(&second);
}

/* "t.json:3: ..." or, before there are lines, "t.json: ..." */
static void check_sentence(const struct errtext *err)
{
	if (strncmp(err->text, "t.json:", 7) != 0 || strchr(err->text, '\n'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errtext err = {0};
	struct topo *topo;

	if (topo_parse_text("t.json", (const char *)data, size, &topo, &err))
		check_sentence(&err);
	else
		draw(topo);
	topo_free(topo);
	return 0;
}
