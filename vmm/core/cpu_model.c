// SPDX-License-Identifier: Apache-2.0
/* CPU models: the table of them, what is asked for, and CPUID leaves as the guest gets them. */
#include "vmm/core/cpu_model.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"

/* What every 64-bit PC has had, as in QEMU's models of these names. */
#define QEMU64 \
	"fpu,de,pse,tsc,msr,pae,mce,cx8,apic,sep,mtrr,pge,mca,cmov,pat,pse36,clflush,mmx,fxsr,sse,sse2,sse3,cx16," \
	"syscall," \
	"nx,lm"
#define KVM64 QEMU64 ",vme"
#define V2 QEMU64 ",lahf-lm,popcnt,sse4.1,sse4.2,ssse3"
#define V3 V2 ",avx,avx2,bmi1,bmi2,f16c,fma,abm,movbe,xsave"
#define V4 V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

/** What KVM makes itself, whatever the host is: in every model, as far as it is there. */
#define OF_KVM \
	"x2apic,tsc-deadline,hypervisor,kvmclock-old,kvm-nopiodelay,kvmclock,kvm-asyncpf,kvm-steal-time,kvm-pv-eoi," \
	"kvm-pv-unhalt," \
	"kvm-pv-tlb-flush,kvm-pv-ipi,kvm-poll-control,kvm-pv-sched-yield,kvm-asyncpf-int,kvmclock-stable-bit"

/** Features that do not survive a move to another host. */
#define OF_THE_HOST "invtsc,monitor,intel-pt,arch-lbr,perfctr-core,perfctr-nb,ibs,lwp,pdcm,dtes64,ds,ds-cpl"

enum kind { ALL, NAMED, BASELINE };

static const struct baseline {
	const char *name, *what;
	enum kind kind;
	uint32_t signature; /* leaf 1, EAX: family, model, stepping */
	const char *features;
} baselines[] = {
	{"host-passthrough", "all that host and KVM have", ALL, 0, ""},
	{"host-model", "the same without what belongs to this host alone", NAMED, 0, ""},
	{"kvm64", "what every 64-bit PC has had", BASELINE, 0x00000f61, KVM64},
	{"qemu64", "the same with the numbers of QEMU's CPU", BASELINE, 0x00060fb1, QEMU64 ",lahf-lm"},
	{"x86-64-v2", "since 2009: SSE4.2, POPCNT", BASELINE, 0x00000f61, V2},
	{"x86-64-v3", "since 2013: AVX2, BMI2, FMA", BASELINE, 0x00000f61, V3},
	{"x86-64-v4", "servers: AVX-512", BASELINE, 0x00000f61, V4},
};

struct cpu_model {
	const struct baseline *base;
	uint32_t needed[CPU_N_WORDS];  /* by the model or by name: must be there */
	uint32_t removed[CPU_N_WORDS]; /* by name */
};

/* ---- what is asked for ---- */

const char *cpu_model_name(const struct cpu_model *model)
{
	return model->base->name;
}

static int find_base(const char *name, struct cpu_model *model, struct errtext *err)
{
	struct ds known = DS_INIT;
	int error;

	for (size_t i = 0; i < ARRAY_SIZE(baselines); i++) {
		if (!strcmp(baselines[i].name, name)) {
			model->base = &baselines[i];
			cpu_features_of_list(baselines[i].features, model->needed);
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(baselines); i++)
		ds_printf(&known, "%s%s", i ? ", " : "", baselines[i].name);
	error = errtext_set(err, EINVAL, "--cpu: %s: no such model; there are %s", name, ds_cstr(&known));
	ds_fini(&known);
	return error;
}

/* "+avx2", "-avx2", "avx2=on", "avx2=off". */
static int add_feature(char *part, struct cpu_model *model, struct errtext *err)
{
	char *equals = strchr(part, '=');
	bool on = *part == '+' || (equals && !strcmp(equals + 1, "on"));
	const char *name = *part == '+' || *part == '-' ? part + 1 : part;
	enum cpu_word word;
	uint32_t bits;

	if (name == part && (!equals || (!on && strcmp(equals + 1, "off") != 0)))
		return errtext_set(err, EINVAL, "--cpu: %s: +FEATURE or -FEATURE was expected", part);
	if (equals && name == part)
		*equals = '\0';
	if (!cpu_feature_find(name, &word, &bits))
		return errtext_set(err, EINVAL, "--cpu: %s: no such feature; --cpu help lists them", name);
	/* The last word counts. */
	model->needed[word] = on ? model->needed[word] | bits : model->needed[word] & ~bits;
	model->removed[word] = on ? model->removed[word] & ~bits : model->removed[word] | bits;
	return 0;
}

int cpu_model_parse(const char *text, struct cpu_model **result, struct errtext *err)
{
	struct cpu_model *model = xzalloc(sizeof *model);
	char *copy = xstrdup(text), *rest = copy;
	int error = find_base(strsep(&rest, ","), model, err);

	while (!error && rest)
		error = add_feature(strsep(&rest, ","), model, err);
	free(copy);
	if (error) {
		free(model);
		return error;
	}
	*result = model;
	return 0;
}

void cpu_model_free(struct cpu_model *model)
{
	free(model);
}

void cpu_model_help(struct ds *text)
{
	size_t column = 0;

	ds_put(text, "Models:\n");
	for (size_t i = 0; i < ARRAY_SIZE(baselines); i++)
		ds_printf(text, "  %-18s %s\n", baselines[i].name, baselines[i].what);
	ds_put(text, "Features:\n ");
	for (unsigned int w = 0; w < CPU_N_WORDS; w++) {
		for (unsigned int bit = 0; bit < 32; bit++) {
			const char *name = cpu_feature_name((enum cpu_word)w, bit);

			if (!name)
				continue;
			column += strlen(name) + 1;
			if (column > 110) {
				ds_put(text, "\n ");
				column = strlen(name) + 1;
			}
			ds_printf(text, " %s", name);
		}
	}
	ds_put_char(text, '\n');
}

/* ---- leaves ---- */

static uint32_t *word_in(struct kvm_cpuid_entry2 *e, enum cpu_word word)
{
	static const struct {
		uint32_t leaf, index;
		enum { EAX, EBX, ECX, EDX } reg;
	} where[CPU_N_WORDS] = {
		[CPU_1_EDX] = {1, 0, EDX},
		[CPU_1_ECX] = {1, 0, ECX},
		[CPU_7_EBX] = {7, 0, EBX},
		[CPU_7_ECX] = {7, 0, ECX},
		[CPU_7_EDX] = {7, 0, EDX},
		[CPU_7_1_EAX] = {7, 1, EAX},
		[CPU_D_1_EAX] = {0xd, 1, EAX},
		[CPU_EXT1_EDX] = {0x80000001, 0, EDX},
		[CPU_EXT1_ECX] = {0x80000001, 0, ECX},
		[CPU_EXT7_EDX] = {0x80000007, 0, EDX},
		[CPU_EXT8_EBX] = {0x80000008, 0, EBX},
		[CPU_KVM_EAX] = {0x40000001, 0, EAX},
	};

	if (e->function != where[word].leaf || e->index != where[word].index)
		return NULL;
	switch (where[word].reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	case EDX:
		return &e->edx;
	}
	return NULL;
}

static void read_words(struct kvm_cpuid2 *leaves, uint32_t words[CPU_N_WORDS])
{
	memset(words, 0, CPU_N_WORDS * sizeof *words);
	for (uint32_t i = 0; i < leaves->nent; i++) {
		for (unsigned int w = 0; w < CPU_N_WORDS; w++) {
			const uint32_t *value = word_in(&leaves->entries[i], (enum cpu_word)w);

			if (value)
				words[w] = *value;
		}
	}
}

static int check_needed(const struct cpu_model *model, const uint32_t host[CPU_N_WORDS], struct errtext *err)
{
	struct ds lacks = DS_INIT;
	int error = 0;

	for (unsigned int w = 0; w < CPU_N_WORDS; w++)
		for (unsigned int bit = 0; bit < 32; bit++)
			if ((model->needed[w] & ~host[w]) >> bit & 1)
				ds_printf(&lacks, "%s%s", lacks.len ? ", " : "",
					  cpu_feature_name((enum cpu_word)w, bit));
	if (lacks.len)
		error = errtext_set(
			err, ENOTSUP,
			"--cpu %s: this host, or its KVM, lacks %s; another model, or -FEATURE, does without",
			model->base->name, ds_cstr(&lacks));
	ds_fini(&lacks);
	return error;
}

/* Which features are to be seen. */
static void choose(const struct cpu_model *model, const uint32_t host[CPU_N_WORDS], uint32_t words[CPU_N_WORDS])
{
	uint32_t kvm[CPU_N_WORDS] = {0}, own[CPU_N_WORDS] = {0};

	cpu_features_of_list(OF_KVM, kvm);
	cpu_features_of_list(OF_THE_HOST, own);
	for (unsigned int w = 0; w < CPU_N_WORDS; w++) {
		uint32_t named = 0;

		for (unsigned int bit = 0; bit < 32; bit++)
			named |= cpu_feature_name((enum cpu_word)w, bit) ? 1u << bit : 0;
		if (model->base->kind == ALL)
			words[w] = host[w];
		else if (model->base->kind == NAMED)
			words[w] = (host[w] & named & ~own[w]) | model->needed[w];
		else
			words[w] = model->needed[w] | (kvm[w] & host[w]);
		words[w] &= ~model->removed[w];
	}
	cpu_features_settle(words);
}

/* State components of XSAVE (SDM volume 1, 13.1) that belong to the features shown. */
static uint64_t components(const uint32_t words[CPU_N_WORDS])
{
	static const struct {
		const char *feature;
		uint64_t bits;
	} map[] = {{"avx", 1 << 2}, {"mpx", 3 << 3}, {"avx512f", 7 << 5}, {"pku", 1 << 9}, {"amx-tile", 3 << 17}};
	uint64_t all = 3; /* x87 and SSE */

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		enum cpu_word word;
		uint32_t bits;

		if (cpu_feature_find(map[i].feature, &word, &bits) && words[word] & bits)
			all |= map[i].bits;
	}
	return all;
}

/* Leaf 0xd: components, and how large the area is. */
static void trim_xsave(struct kvm_cpuid2 *leaves, const uint32_t words[CPU_N_WORDS])
{
	bool has_xsave = words[CPU_1_ECX] >> 26 & 1;
	uint64_t shown = components(words);
	uint32_t size = 576;

	for (uint32_t i = 0; i < leaves->nent; i++) {
		struct kvm_cpuid_entry2 *e = &leaves->entries[i];

		if (e->function != 0xd || e->index == 1)
			continue;
		if (e->index >= 2 && (!has_xsave || e->index > 63 || !(shown >> e->index & 1)))
			e->eax = e->ebx = e->ecx = e->edx = 0;
		else if (e->index >= 2 && !(e->ecx & 1)) /* a user's component, at its place in the standard format */
			size = MAX(size, e->ebx + e->eax);
	}
	for (uint32_t i = 0; i < leaves->nent; i++) {
		struct kvm_cpuid_entry2 *e = &leaves->entries[i];

		if (e->function != 0xd || e->index > 1)
			continue;
		if (e->index == 0) {
			e->eax &= (uint32_t)shown;
			e->edx &= (uint32_t)(shown >> 32);
			e->ebx = MIN(e->ebx, size);
			e->ecx = size;
		} else {
			e->ecx = e->edx = 0; /* no supervisor's components */
		}
		if (!has_xsave)
			e->eax = e->ebx = e->ecx = e->edx = 0;
	}
}

/* A baseline looks the same on every host: number, name, and no leaves of what it has not. */
static void set_identity(struct kvm_cpuid_entry2 *e, const struct baseline *base)
{
	char brand[48] = "vsw ";

	if (e->function == 1)
		e->eax = base->signature;
	if (e->function == 0xa || e->function == 0x12 || e->function == 0x14 ||
	    (e->function >= 0x1d && e->function <= 0x24 && e->function != 0x1f) || (e->function == 7 && e->index > 1) ||
	    e->function == 0x8000001f || e->function == 0x80000021 || e->function == 0x80000022)
		e->eax = e->ebx = e->ecx = e->edx = 0;
	if (e->function < 0x80000002 || e->function > 0x80000004)
		return;
	strncat(brand, base->name, sizeof brand - 5);
	memcpy(&e->eax, brand + 16 * (e->function - 0x80000002), 4);
	memcpy(&e->ebx, brand + 16 * (e->function - 0x80000002) + 4, 4);
	memcpy(&e->ecx, brand + 16 * (e->function - 0x80000002) + 8, 4);
	memcpy(&e->edx, brand + 16 * (e->function - 0x80000002) + 12, 4);
}

static void write_words(struct kvm_cpuid_entry2 *e, const uint32_t words[CPU_N_WORDS])
{
	/* AMD repeats these of leaf 1 in 0x80000001. */
	const uint32_t repeated = 0x0183f3ff;

	for (unsigned int w = 0; w < CPU_N_WORDS; w++) {
		uint32_t *value = word_in(e, (enum cpu_word)w);

		if (value && w == CPU_EXT1_EDX)
			*value = (words[w] & ~repeated) | (*value & repeated & words[CPU_1_EDX]);
		else if (value)
			*value = words[w];
	}
}

int cpu_model_apply(const struct cpu_model *model, struct kvm_cpuid2 *leaves, struct errtext *err)
{
	uint32_t host[CPU_N_WORDS], words[CPU_N_WORDS];
	int error;

	read_words(leaves, host);
	error = check_needed(model, host, err);
	if (error)
		return error;
	choose(model, host, words);
	if (model->base->kind == ALL && !memcmp(host, words, sizeof host))
		return 0;
	for (uint32_t i = 0; i < leaves->nent; i++) {
		write_words(&leaves->entries[i], words);
		if (model->base->kind == BASELINE)
			set_identity(&leaves->entries[i], model->base);
		if (leaves->entries[i].function == 0x8000000a && !(words[CPU_EXT1_ECX] >> 2 & 1)) /* of SVM */
			leaves->entries[i].eax = leaves->entries[i].ebx = leaves->entries[i].ecx =
				leaves->entries[i].edx = 0;
	}
	trim_xsave(leaves, words);
	return 0;
}
