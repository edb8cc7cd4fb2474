// SPDX-License-Identifier: Apache-2.0
/* CPU models on leaves of an imagined host. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vmm/core/cpu_model.h"

#define LM (1u << 29)
#define AVX (1u << 28)
#define AVX2 (1u << 5)
#define XSAVE (1u << 26)
#define INVTSC (1u << 8)

/* A host with everything up to AVX2, on AMD; AVX's state lies at 576, PKU's, which is of no avail here, at 2688. */
static struct kvm_cpuid2 *host(void)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0, .eax = 0x10},
		{.function = 1, .eax = 0x00a20f10, .ecx = 0xfffa3203 | XSAVE | AVX, .edx = 0x178bfbff},
		{.function = 7, .index = 0, .ebx = 0x219c97a9, .ecx = 0x0040069c},
		{.function = 0xd, .index = 0, .eax = 0x207, .ebx = 2696, .ecx = 2696},
		{.function = 0xd, .index = 1, .eax = 0xf, .ebx = 2696, .ecx = 0x1800},
		{.function = 0xd, .index = 2, .eax = 256, .ebx = 576},
		{.function = 0xd, .index = 9, .eax = 8, .ebx = 2688},
		{.function = 0x40000001, .eax = 0x01007efb},
		{.function = 0x80000001, .ecx = 0x75c237ff, .edx = 0x2fd3fbff},
		{.function = 0x80000002},
		{.function = 0x80000003},
		{.function = 0x80000007, .edx = INVTSC},
		{.function = 0x80000008, .ebx = 0x0111f205},
		{.function = 0x8000000a, .eax = 1, .ebx = 0x8000},
	};
	struct kvm_cpuid2 *leaves = xzalloc(sizeof *leaves + sizeof entries);

	leaves->nent = ARRAY_SIZE(entries);
	memcpy(leaves->entries, entries, sizeof entries);
	return leaves;
}

static struct kvm_cpuid_entry2 *leaf(struct kvm_cpuid2 *leaves, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < leaves->nent; i++)
		if (leaves->entries[i].function == function && leaves->entries[i].index == index)
			return &leaves->entries[i];
	abort();
}

/* What @text makes of the host; the caller frees it. */
static struct kvm_cpuid2 *apply(const char *text)
{
	struct kvm_cpuid2 *leaves = host();
	struct cpu_model *model;
	struct errtext err = {0};

	if (cpu_model_parse(text, &model, &err) || cpu_model_apply(model, leaves, &err))
		fail_msg("%s: %s", text, err.text);
	cpu_model_free(model);
	return leaves;
}

static void passthrough_changes_nothing(void **state)
{
	struct kvm_cpuid2 *leaves = apply("host-passthrough"), *plain = host();

	(void)state;
	assert_memory_equal(leaves, plain, sizeof *plain + plain->nent * sizeof plain->entries[0]);
	free(leaves);
	free(plain);
}

static void passthrough_without(void **state)
{
	struct kvm_cpuid2 *leaves = apply("host-passthrough,-avx,-svm");

	(void)state;
	assert_int_equal(leaf(leaves, 1, 0)->ecx & AVX, 0);
	assert_int_equal(leaf(leaves, 7, 0)->ebx & AVX2, 0); /* which needs it */
	assert_int_equal(leaf(leaves, 0xd, 0)->eax, 0x203 & ~4u);
	assert_int_equal(leaf(leaves, 0xd, 2)->eax, 0);
	assert_int_equal(leaf(leaves, 0x80000001, 0)->ecx & 4, 0);
	assert_int_equal(leaf(leaves, 0x8000000a, 0)->eax, 0);
	assert_int_equal(leaf(leaves, 1, 0)->eax, 0x00a20f10);
	free(leaves);
}

static void host_model_leaves_out_what_is_the_hosts(void **state)
{
	struct kvm_cpuid2 *leaves = apply("host-model"), *with = apply("host-model,+invtsc");

	(void)state;
	assert_int_equal(leaf(leaves, 0x80000007, 0)->edx, 0);
	assert_int_equal(leaf(with, 0x80000007, 0)->edx, INVTSC);
	assert_int_equal(leaf(leaves, 7, 0)->ebx & AVX2, AVX2);
	assert_int_equal(leaf(leaves, 1, 0)->eax, 0x00a20f10);
	free(leaves);
	free(with);
}

static void baselines_are_the_same_everywhere(void **state)
{
	struct kvm_cpuid2 *v1 = apply("kvm64"), *v2 = apply("x86-64-v2"), *v3 = apply("x86-64-v3"),
			  *qemu64 = apply("qemu64");

	(void)state;
	assert_int_equal(leaf(v1, 1, 0)->eax, 0x00000f61);
	assert_int_equal(leaf(v1, 1, 0)->edx, 0x078bfbff);
	assert_int_equal(leaf(qemu64, 1, 0)->edx, 0x078bfbfd);
	assert_int_equal(leaf(qemu64, 1, 0)->eax, 0x00060fb1);
	assert_int_equal(leaf(qemu64, 0x80000001, 0)->ecx, 1);
	assert_int_equal(leaf(v1, 1, 0)->ecx, 0x81202001); /* sse3 cx16 x2apic deadline hypervisor */
	assert_int_equal(leaf(v1, 0x80000001, 0)->edx & ~0x0183f3ffu, LM | 1 << 20 | 1 << 11);
	assert_int_equal(leaf(v1, 0x80000001, 0)->ecx, 0);
	assert_int_equal(leaf(v1, 0xd, 0)->eax, 0); /* no XSAVE */
	assert_memory_equal(&leaf(v1, 0x80000002, 0)->eax, "vsw ", 4);
	assert_memory_equal(&leaf(v1, 0x80000002, 0)->ebx, "kvm6", 4);
	assert_int_equal(leaf(v2, 1, 0)->ecx & (1 << 20 | 1 << 23), 1 << 20 | 1 << 23);
	assert_int_equal(leaf(v2, 1, 0)->ecx & (XSAVE | AVX), 0);
	assert_int_equal(leaf(v3, 7, 0)->ebx, AVX2 | 1 << 3 | 1 << 8);
	assert_int_equal(leaf(v3, 7, 0)->ecx, 0);
	assert_int_equal(leaf(v3, 0xd, 0)->eax, 7); /* x87, SSE, AVX; not PKU */
	assert_int_equal(leaf(v3, 0xd, 0)->ecx, 832);
	assert_int_equal(leaf(v3, 0xd, 9)->eax, 0);
	free(qemu64);
	free(v1);
	free(v2);
	free(v3);
}

static void what_the_host_lacks_is_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"x86-64-v4", "lacks avx512f, avx512dq, avx512cd, avx512bw, avx512vl"},
		{"host-passthrough,+amx-tile", "lacks amx-tile"},
		{"kvm64,+amx-tile,-amx-tile", NULL},
		{"kvm64,avx=off,sse4_1=on", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kvm_cpuid2 *leaves = host();
		struct errtext err = {0};
		struct cpu_model *model;

		assert_int_equal(cpu_model_parse(cases[i].text, &model, NULL), 0);
		assert_int_equal(cpu_model_apply(model, leaves, &err), cases[i].says ? -ENOTSUP : 0);
		if (cases[i].says)
			assert_non_null(strstr(err.text, cases[i].says));
		cpu_model_free(model);
		free(leaves);
	}
}

static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "no such model"},
		{"pentium", "pentium: no such model; there are host-passthrough"},
		{"kvm64,+frob", "frob: no such feature"},
		{"kvm64,avx2", "+FEATURE or -FEATURE"},
		{"kvm64,avx2=maybe", "+FEATURE or -FEATURE"},
		{"kvm64,", "+FEATURE or -FEATURE"},
		{"kvm64,+-", "no such feature"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpu_model *model;
		struct errtext err = {0};

		assert_int_equal(cpu_model_parse(cases[i].text, &model, &err), -EINVAL);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s': '%s', expected '%s'", cases[i].text, err.text, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passthrough_changes_nothing),
		cmocka_unit_test(passthrough_without),
		cmocka_unit_test(host_model_leaves_out_what_is_the_hosts),
		cmocka_unit_test(baselines_are_the_same_everywhere),
		cmocka_unit_test(what_the_host_lacks_is_named),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
