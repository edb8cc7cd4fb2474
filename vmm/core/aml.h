/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing AML (ACPI 6.4 chapter 20) into a string: what acpi.c needs of it. A package (device, scope, buffer) is begun, filled and ended; its length is
 * written when it ends.
 */
#ifndef VMM_CORE_AML_H
#define VMM_CORE_AML_H 1

#include <stddef.h>
#include <stdint.h>

struct ds;

/** Where a package that is not yet ended begins. */
struct aml_mark {
	size_t start;
};

struct aml_mark aml_begin_scope(struct ds *aml, const char *name);
struct aml_mark aml_begin_device(struct ds *aml, const char *name);
/** aml_begin_package() - of @n elements. */
struct aml_mark aml_begin_package(struct ds *aml, uint8_t n);
/** aml_begin_method() - with @n_args arguments, one call at a time. */
struct aml_mark aml_begin_method(struct ds *aml, const char *name, unsigned int n_args);
void aml_end(struct ds *aml, struct aml_mark mark);

/* Code, inside of a method. */

/** aml_load() - Local0 = *@field. aml_store() - *@field = Local0. @field: 4 characters. */
void aml_load(struct ds *aml, const char *field);
void aml_store(struct ds *aml, const char *field);
/** aml_store_integer() - *@field = @value. */
void aml_store_integer(struct ds *aml, uint64_t value, const char *field);
/** aml_begin_if() - when Local0 has one of the bits in @mask. */
struct aml_mark aml_begin_if(struct ds *aml, uint64_t mask);
/** aml_notify() - @path: as aml_path() takes it. */
void aml_notify(struct ds *aml, const char *path, uint64_t value);
/** aml_path() - "\\_SB_.PCI0.S01_": from the root, names of 4 characters. */
void aml_path(struct ds *aml, const char *path);

/** aml_io_fields() - ports from @base on as fields of 32 bits each, with these @n names. */
void aml_io_fields(struct ds *aml, const char *region, uint16_t base, const char *const *names, unsigned int n);

/** aml_name() - Name (NAME, ...): the object that follows. @name: 4 characters. */
void aml_name(struct ds *aml, const char *name);
void aml_integer(struct ds *aml, uint64_t value);
void aml_string(struct ds *aml, const char *text);
/** aml_eisa_id() - "PNP0A08" as a number. */
void aml_eisa_id(struct ds *aml, const char *id);
/** aml_resources() - a ResourceTemplate: @bytes, to which the end tag is added. */
void aml_resources(struct ds *aml, const struct ds *bytes);

/* Resource descriptors (6.4), appended to the bytes of a template. */

void aml_res_io(struct ds *res, uint16_t base, uint8_t len);
void aml_res_irq(struct ds *res, unsigned int irq);
void aml_res_bus(struct ds *res, uint16_t first, uint16_t last);
/** aml_res_io_window(), aml_res_mem32_window(), aml_res_mem64_window() - what a bridge hands down. */
void aml_res_io_window(struct ds *res, uint16_t first, uint16_t last);
void aml_res_mem32_window(struct ds *res, uint32_t first, uint32_t last);
void aml_res_mem64_window(struct ds *res, uint64_t first, uint64_t last);
/** aml_res_mem32_fixed() - taken by the device itself. */
void aml_res_mem32_fixed(struct ds *res, uint32_t base, uint32_t len);

#endif
