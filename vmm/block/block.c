// SPDX-License-Identifier: Apache-2.0
/* Opening an image by its format. */
#include "vmm/block/block.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/block/raw.h"

static const struct block_ops *const formats[] = {&block_raw};

/* Return: the format's operations, or NULL with the sentence. */
static const struct block_ops *check_config(const struct block_config *config, struct errtext *err)
{
	if (config->serial && strlen(config->serial) > BLOCK_SERIAL_MAX) {
		errtext_set(err, EINVAL, "disk %s: serial %s: 20 characters at most were expected", config->path,
			    config->serial);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(config->format, formats[i]->format))
			return formats[i];
	errtext_set(err, EINVAL, "disk %s: format %s: raw was expected", config->path, config->format);
	return NULL;
}

int block_open(const struct block_config *config, unsigned int n_rings, struct block **block, struct errtext *err)
{
	const struct block_ops *ops = check_config(config, err);
	int error;

	if (!ops) {
		if (config->fd_plus_1)
			close(config->fd_plus_1 - 1);
		return -EINVAL;
	}
	error = ops->open(config, n_rings, block, err);
	if (!error && config->serial)
		memcpy((*block)->serial, config->serial, strlen(config->serial) + 1);
	return error;
}

void block_close(struct block *block)
{
	if (block)
		block->ops->close(block);
}
