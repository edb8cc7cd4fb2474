// SPDX-License-Identifier: Apache-2.0
/* Opening an image by its format. */
#include "vmm/block/block.h"

#include <errno.h>
#include <string.h>

#include "vmm/block/raw.h"

static const struct block_ops *const formats[] = {&block_raw};

int block_open(const struct block_config *config, unsigned int n_rings, struct block **block, struct errtext *err)
{
	if (config->serial && strlen(config->serial) > BLOCK_SERIAL_MAX)
		return errtext_set(err, EINVAL, "disk %s: serial %s: 20 characters at most were expected", config->path,
				   config->serial);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		int error;

		if (strcmp(config->format, formats[i]->format))
			continue;
		error = formats[i]->open(config, n_rings, block, err);
		if (!error && config->serial)
			memcpy((*block)->serial, config->serial, strlen(config->serial) + 1);
		return error;
	}
	return errtext_set(err, EINVAL, "disk %s: format %s: raw was expected", config->path, config->format);
}

void block_close(struct block *block)
{
	if (block)
		block->ops->close(block);
}
