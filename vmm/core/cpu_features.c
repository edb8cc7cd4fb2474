// SPDX-License-Identifier: Apache-2.0
/* Names of CPU features, by register and bit, and which need which. */
#include <assert.h>
#include <string.h>

#include "vmm/core/cpu_model.h"

/* Bit 0 first; "-": no name here. */
static const char *const names[CPU_N_WORDS][32] = {
	[CPU_1_EDX] = {"fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",	"apic", "-",
		       "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",  "clflush", "-",	"ds",
		       "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",	"pbe"},
	[CPU_1_ECX] = {"sse3",	"pclmulqdq", "dtes64", "monitor", "ds-cpl",    "vmx",	 "smx",		 "est", "tm2",
		       "ssse3", "cid",	     "-",      "fma",	  "cx16",      "xtpr",	 "pdcm",	 "-",	"pcid",
		       "dca",	"sse4.1",    "sse4.2", "x2apic",  "movbe",     "popcnt", "tsc-deadline", "aes", "xsave",
		       "-",	"avx",	     "f16c",   "rdrand",  "hypervisor"},
	[CPU_7_EBX] = {"fsgsbase",   "tsc-adjust", "sgx",	 "bmi1",     "hle",	 "avx2",     "-",
		       "smep",	     "bmi2",	   "erms",	 "invpcid",  "rtm",	 "-",	     "-",
		       "mpx",	     "-",	   "avx512f",	 "avx512dq", "rdseed",	 "adx",	     "smap",
		       "avx512ifma", "pcommit",	   "clflushopt", "clwb",     "intel-pt", "avx512pf", "avx512er",
		       "avx512cd",   "sha-ni",	   "avx512bw",	 "avx512vl"},
	[CPU_7_ECX] = {"-",
		       "avx512vbmi",
		       "umip",
		       "pku",
		       "-",
		       "waitpkg",
		       "avx512vbmi2",
		       "-",
		       "gfni",
		       "vaes",
		       "vpclmulqdq",
		       "avx512vnni",
		       "avx512bitalg",
		       "-",
		       "avx512-vpopcntdq",
		       "-",
		       "la57",
		       "-",
		       "-",
		       "-",
		       "-",
		       "-",
		       "rdpid",
		       "-",
		       "-",
		       "cldemote",
		       "-",
		       "movdiri",
		       "movdir64b",
		       "-",
		       "sgxlc",
		       "pks"},
	[CPU_7_EDX] = {"-",
		       "-",
		       "avx512-4vnniw",
		       "avx512-4fmaps",
		       "fsrm",
		       "-",
		       "-",
		       "-",
		       "avx512-vp2intersect",
		       "-",
		       "md-clear",
		       "-",
		       "-",
		       "-",
		       "serialize",
		       "-",
		       "tsx-ldtrk",
		       "-",
		       "-",
		       "arch-lbr",
		       "-",
		       "-",
		       "amx-bf16",
		       "avx512-fp16",
		       "amx-tile",
		       "amx-int8",
		       "spec-ctrl",
		       "stibp",
		       "flush-l1d",
		       "arch-capabilities",
		       "core-capability",
		       "ssbd"},
	[CPU_7_1_EAX] = {"-", "-", "-",	   "-",	   "avx-vnni", "avx512-bf16", "-", "-",
			 "-", "-", "fzrm", "fsrs", "fsrc",     "-",	      "-", "-",
			 "-", "-", "-",	   "-",	   "-",	       "amx-fp16",    "-", "avx-ifma"},
	[CPU_D_1_EAX] = {"xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd"},
	[CPU_EXT1_EDX] = {"-",	     "-", "-", "-",	   "-",	      "-",	"-", "-",  "-",	       "-",    "-",
			  "syscall", "-", "-", "-",	   "-",	      "-",	"-", "-",  "-",	       "nx",   "-",
			  "mmxext",  "-", "-", "fxsr-opt", "pdpe1gb", "rdtscp", "-", "lm", "3dnowext", "3dnow"},
	[CPU_EXT1_ECX] =
		{"lahf-lm",	"cmp-legacy",	 "svm",		 "extapic",   "cr8legacy", "abm",	 "sse4a",
		 "misalignsse", "3dnowprefetch", "osvw",	 "ibs",	      "xop",	   "skinit",	 "wdt",
		 "-",		"lwp",		 "fma4",	 "tce",	      "-",	   "nodeid-msr", "-",
		 "tbm",		"topoext",	 "perfctr-core", "perfctr-nb"},
	[CPU_EXT7_EDX] = {"-", "-", "-", "-", "-", "-", "-", "-", "invtsc"},
	[CPU_EXT8_EBX] = {"clzero",   "-", "xsaveerptr", "-",	 "-", "-",    "-",	   "-",		"-",
			  "wbnoinvd", "-", "-",		 "ibpb", "-", "ibrs", "amd-stibp", "-",		"-",
			  "-",	      "-", "-",		 "-",	 "-", "-",    "amd-ssbd",  "virt-ssbd", "amd-no-ssb"},
	[CPU_KVM_EAX] = {"kvmclock-old",
			 "kvm-nopiodelay",
			 "-",
			 "kvmclock",
			 "kvm-asyncpf",
			 "kvm-steal-time",
			 "kvm-pv-eoi",
			 "kvm-pv-unhalt",
			 "-",
			 "kvm-pv-tlb-flush",
			 "-",
			 "kvm-pv-ipi",
			 "kvm-poll-control",
			 "kvm-pv-sched-yield",
			 "kvm-asyncpf-int",
			 "kvm-msi-ext-dest-id",
			 "-",
			 "-",
			 "-",
			 "-",
			 "-",
			 "-",
			 "-",
			 "-",
			 "kvmclock-stable-bit"},
};

/* Other names by which people know them. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"pni", "sse3"},
	{"sse4-1", "sse4.1"},
	{"sse4_1", "sse4.1"},
	{"sse4-2", "sse4.2"},
	{"sse4_2", "sse4.2"},
	{"i64", "lm"},
	{"xd", "nx"},
	{"lzcnt", "abm"},
	{"lahf_lm", "lahf-lm"},
	{"ffxsr", "fxsr-opt"},
	{"tsc_deadline", "tsc-deadline"},
	{"sha", "sha-ni"},
};

/* Who needs whom: without the first, the others are not there either. */
static const struct {
	const char *needed, *by;
} needs[] = {
	{"xsave", "xsaveopt,xsavec,xgetbv1,xsaves,xfd,avx,pku,mpx,amx-tile"},
	{"avx", "avx2,fma,f16c,avx512f,vaes,vpclmulqdq,avx-vnni,avx-ifma,fma4,xop"},
	{"avx512f", "avx512dq,avx512ifma,avx512pf,avx512er,avx512cd,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,"
		    "avx512vnni,avx512bitalg,"
		    "avx512-vpopcntdq,avx512-4vnniw,avx512-4fmaps,avx512-vp2intersect,avx512-fp16,avx512-bf16"},
	{"amx-tile", "amx-bf16,amx-int8,amx-fp16"},
	{"fxsr", "sse"},
	{"sse", "sse2"},
	{"sse2", "sse3,ssse3,sse4.1,sse4.2,sse4a,aes,pclmulqdq,sha-ni,gfni"},
};

static const char *canonical(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (!strcmp(aliases[i].alias, name))
			return aliases[i].name;
	return name;
}

bool cpu_feature_find(const char *name, enum cpu_word *word, uint32_t *bits)
{
	name = canonical(name);
	for (unsigned int w = 0; w < CPU_N_WORDS; w++)
		for (unsigned int bit = 0; bit < 32; bit++)
			if (names[w][bit] && *names[w][bit] != '-' && !strcmp(names[w][bit], name)) {
				*word = (enum cpu_word)w;
				*bits = 1u << bit;
				return true;
			}
	return false;
}

const char *cpu_feature_name(enum cpu_word word, unsigned int bit)
{
	const char *name = names[word][bit];

	return name && *name != '-' ? name : NULL;
}

void cpu_features_of_list(const char *list, uint32_t words[CPU_N_WORDS])
{
	while (*list) {
		size_t len = strcspn(list, ",");
		char name[32] = "";
		enum cpu_word word;
		uint32_t bits = 0;
		bool is_known;

		assert(len < sizeof name);
		memcpy(name, list, len);
		is_known = cpu_feature_find(name, &word, &bits);
		assert(is_known);
		if (is_known)
			words[word] |= bits;
		list += len + (list[len] == ',');
	}
}

void cpu_features_settle(uint32_t words[CPU_N_WORDS])
{
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		uint32_t needed[CPU_N_WORDS] = {0}, by[CPU_N_WORDS] = {0};
		bool is_there = true;

		cpu_features_of_list(needs[i].needed, needed);
		cpu_features_of_list(needs[i].by, by);
		for (unsigned int w = 0; w < CPU_N_WORDS; w++)
			is_there = is_there && (words[w] & needed[w]) == needed[w];
		for (unsigned int w = 0; !is_there && w < CPU_N_WORDS; w++)
			words[w] &= ~by[w];
	}
}
