/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options that are lists, such as "disk.img,format=raw,readonly": a table says which keys there are, and how each is judged.
 *
 * A comma separates, two commas are one comma of the value (as in QEMU's options). The first part may stand without its key.
 */
#ifndef VMM_SUBOPTIONS_H
#define VMM_SUBOPTIONS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct suboption {
	const char *key;
	const char *expected; /**< "raw", "on or off": for the sentence about a wrong value; NULL: it has no value */
	/**
	 * @target: what is filled; @value: of the key, to be copied; NULL where `expected` is. Return: whether it is right.
	 */
	bool (*set)(void *target, const char *value);
};

/**
 * suboptions_parse() - take a list apart
 * @option: "--disk", for sentences
 * @text: the list
 * @rows: @n of them; the first is that of the part without a key
 *
 * Return: 0 or -EINVAL with the sentence: which key or value, what was expected.
 */
VSW_MUST_USE int suboptions_parse(const char *option, const char *text, const struct suboption *rows, size_t n,
				  void *target, struct errtext *err);

/** suboption_switch() - "on", "off". Return: whether it is one of them. */
bool suboption_switch(const char *value, bool *on);
/** suboption_size() - "512M", "4G", without a unit MiB; more than 0. Return: whether it is a size, then in bytes. */
bool suboption_size(const char *value, uint64_t *size);

#endif
