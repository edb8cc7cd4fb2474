/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models: which of the host's features a guest's CPUs show.
 *
 *   host-passthrough   all that host and KVM have, the host's name and numbers
 *   host-model         likewise, but only features that are known by name here and mean the same on another host (no invtsc, no performance counters)
 *   a baseline         kvm64, qemu64 and the levels of the x86-64 psABI (x86-64-v2, -v3, -v4): the same features everywhere, so that a guest may go
 *                      from host to host; the vendor is the host's, as it decides how system calls are made
 *
 * Features are added and taken away by name ("+avx2", "-svm", "avx2=on"), names as in QEMU. What is asked for, by the model or by name, and is not there
 * is refused by name: nothing is ever shown that the host lacks. What needs a feature that was taken away goes with it.
 *
 * Sources: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; x86-64 psABI, "Micro-Architecture Levels"; Linux
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#ifndef VMM_CORE_CPU_MODEL_H
#define VMM_CORE_CPU_MODEL_H 1

#include <stdbool.h>
#include <stdint.h>

#include "base/errtext.h"
#include "base/util.h"

struct ds;
struct kvm_cpuid2;

/** Registers of CPUID that are features, bit by bit. */
enum cpu_word {
	CPU_1_EDX,
	CPU_1_ECX,
	CPU_7_EBX,
	CPU_7_ECX,
	CPU_7_EDX,
	CPU_7_1_EAX,
	CPU_D_1_EAX,
	CPU_EXT1_EDX, /**< 0x80000001 */
	CPU_EXT1_ECX,
	CPU_EXT7_EDX, /**< 0x80000007 */
	CPU_EXT8_EBX, /**< 0x80000008 */
	CPU_KVM_EAX,  /**< 0x40000001 */
	CPU_N_WORDS,
};

struct cpu_model;

/** cpu_model_parse() - "MODEL[,+FEATURE][,-FEATURE]...". Return: 0, or -EINVAL with the sentence. */
VSW_MUST_USE int cpu_model_parse(const char *text, struct cpu_model **model, struct errtext *err);
void cpu_model_free(struct cpu_model *model);
const char *cpu_model_name(const struct cpu_model *model);
/** cpu_model_help() - models and features, as text. */
void cpu_model_help(struct ds *text);

/**
 * cpu_model_apply() - take away what the model has not
 * @leaves: what host and KVM support (KVM_GET_SUPPORTED_CPUID), changed in place
 *
 * Return: 0, or -ENOTSUP with the features that the host lacks.
 */
VSW_MUST_USE int cpu_model_apply(const struct cpu_model *model, struct kvm_cpuid2 *leaves, struct errtext *err);

/* ---- cpu_features.c ---- */

/** cpu_feature_find() - Return: whether there is a feature of that name; then where it is. */
bool cpu_feature_find(const char *name, enum cpu_word *word, uint32_t *bits);
/** cpu_feature_name() - of one bit; NULL: it has none. */
const char *cpu_feature_name(enum cpu_word word, unsigned int bit);
/** cpu_features_of_list() - or the bits of "sse,sse2,..." into @words; every name is known. */
void cpu_features_of_list(const char *list, uint32_t words[CPU_N_WORDS]);
/** cpu_features_settle() - take away what depends on features that are not there. */
void cpu_features_settle(uint32_t words[CPU_N_WORDS]);

#endif
