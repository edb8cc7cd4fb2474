// SPDX-License-Identifier: Apache-2.0
#include "switchd/datapath/datapath.h"

#include <string.h>

#include "base/util.h"

static const struct datapath_ops *const kinds[] = {&datapath_ebpf, &datapath_user, &datapath_dummy};

const struct datapath_ops *datapath_by_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->type, type))
			return kinds[i];
	return NULL;
}
