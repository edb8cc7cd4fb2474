/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compressed kernel inside of a bzImage, unpacked on the host.
 *
 * A bzImage is a small program that unpacks the kernel and jumps to it. As a guest it does that with a cold cache of addresses, page fault by page fault of
 * nested paging; here it is a library's work on memory that is mapped already. The setup header says where the payload lies (payload_offset,
 * payload_length: boot protocol 2.08) and its first bytes say by what it was compressed; its last four bytes are its length unpacked, which gzip
 * has of itself and the kernel's build appends to the others (scripts/Makefile.lib: size_append).
 *
 * Sources: Linux Documentation/arch/x86/boot.rst; RFC 1952 (gzip); The .xz File Format 1.1.0; RFC 8878 (Zstandard); LZ4 frame format, "legacy frame".
 */
#ifndef VMM_CORE_UNPACK_H
#define VMM_CORE_UNPACK_H 1

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/**
 * unpack_length() - how long the payload at @data is when it is unpacked
 * @len: its length with the four bytes at the end
 *
 * Return: 0 when nothing here knows the format (bzip2, LZO, plain LZMA).
 */
size_t unpack_length(const uint8_t *data, size_t len);

/**
 * unpack() - do it
 * @out: @out_len bytes: what unpack_length() says
 *
 * Return: 0; -EBADMSG when the payload is damaged or of another length; -ENOTSUP when its format is not known. @out has anything in it then.
 */
VSW_MUST_USE int unpack(const uint8_t *data, size_t len, uint8_t *out, size_t out_len);

#endif
