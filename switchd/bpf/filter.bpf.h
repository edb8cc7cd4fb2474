/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of captures: classic BPF programs, as libpcap makes them, run on a packet before anything is spent on it. So a packet that is one in a
 * million is found among all of them, and not among those few that the budget lets be looked at.
 *
 * The daemon has checked the program; what it could not check (loads behind the packet's end) ends it with "no", as in the kernel's own. An
 * interpreter, because a program that is made for each filter would have to be put into programs that are pinned and attached already.
 * Its state is in the scratch, where the verifier does not follow it: one look at one step is enough. Stack is short on this way (the frames of all
 * callers together have 512 bytes): what is rare and needs much is left to the daemon, which runs the filter once more.
 *
 * Offsets are those of the frame as it is on the wire: a tag that the kernel keeps beside the packet lies behind the addresses.
 */
#ifndef BPF_FILTER_H
#define BPF_FILTER_H 1

/* included by maps.bpf.h, behind the maps */

struct filter_run {
	struct __sk_buff *skb;
	struct filter_state *t;
	const struct bpf_filter *f;
};

enum { TAG_AT = 12, TAG_END = 16 };

enum { FILTER_GOES_ON, FILTER_ENDS, FILTER_UNSURE };

/* Return: FILTER_GOES_ON with *value; FILTER_ENDS: there are no such bytes; FILTER_UNSURE: they lie half in a tag that is beside the packet. */
static __always_inline int filter_load(struct __sk_buff *skb, uint32_t at, uint32_t size, uint32_t *value)
{
	uint32_t v4 = 0;
	uint16_t v2 = 0;
	uint8_t v1 = 0;
	int error;

	if (skb->vlan_present && at + size > TAG_AT) {
		uint32_t tag = bpf_ntohs(skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);

		if (at < TAG_END && (at < TAG_AT || at + size > TAG_END))
			return FILTER_UNSURE;
		if (at < TAG_END) {
			tag >>= 8 * (TAG_END - at - size) & 31;
			*value = size == 4 ? tag : size == 2 ? tag & 0xffff : tag & 0xff;
			return FILTER_GOES_ON;
		}
		at -= TAG_END - TAG_AT;
	}
	if (size == 4) {
		error = bpf_skb_load_bytes(skb, at, &v4, 4);
		*value = bpf_ntohl(v4);
	} else if (size == 2) {
		error = bpf_skb_load_bytes(skb, at, &v2, 2);
		*value = bpf_ntohs(v2);
	} else {
		error = bpf_skb_load_bytes(skb, at, &v1, 1);
		*value = v1;
	}
	return error ? FILTER_ENDS : FILTER_GOES_ON;
}

static __always_inline uint32_t filter_size(uint32_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static __always_inline uint32_t filter_len(const struct __sk_buff *skb)
{
	return skb->len + (skb->vlan_present ? TAG_END - TAG_AT : 0);
}

/* The ways of loading that both registers have. Return: as filter_load(). */
static __always_inline int filter_get(struct filter_run *r, uint32_t code, uint32_t k, uint32_t *value)
{
	uint32_t mode = BPF_MODE(code);
	int end;

	switch (mode) {
	case BPF_IMM:
		*value = k;
		return FILTER_GOES_ON;
	case BPF_LEN:
		*value = filter_len(r->skb);
		return FILTER_GOES_ON;
	case BPF_MEM:
		*value = r->t->mem[k & (BPF_FILTER_WORDS - 1)];
		return FILTER_GOES_ON;
	case BPF_IND:
		if (__builtin_add_overflow(k, r->t->x, &k))
			return FILTER_ENDS;
		break;
	default: /* ABS, MSH */
		break;
	}
	end = filter_load(r->skb, k, mode == BPF_MSH ? 1 : filter_size(code), value);
	if (mode == BPF_MSH)
		*value = (*value & 15) << 2;
	return end;
}

static __always_inline int filter_compute(struct filter_state *t, uint32_t code, uint32_t v)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		t->a += v;
		return 0;
	case BPF_SUB:
		t->a -= v;
		return 0;
	case BPF_MUL:
		t->a *= v;
		return 0;
	case BPF_DIV:
		if (v)
			t->a /= v;
		return !v;
	case BPF_MOD:
		if (v)
			t->a %= v;
		return !v;
	case BPF_AND:
		t->a &= v;
		return 0;
	case BPF_OR:
		t->a |= v;
		return 0;
	case BPF_XOR:
		t->a ^= v;
		return 0;
	case BPF_LSH:
		t->a = v < 32 ? t->a << (v & 31) : 0;
		return 0;
	case BPF_RSH:
		t->a = v < 32 ? t->a >> (v & 31) : 0;
		return 0;
	case BPF_NEG:
		t->a = -t->a;
		return 0;
	default:
		return -1;
	}
}

static __always_inline void filter_jump(struct filter_state *t, const struct bpf_filter_insn *in, uint32_t v)
{
	int yes;

	switch (BPF_OP(in->code)) {
	case BPF_JA:
		t->pc += in->k;
		return;
	case BPF_JEQ:
		yes = t->a == v;
		break;
	case BPF_JGT:
		yes = t->a > v;
		break;
	case BPF_JGE:
		yes = t->a >= v;
		break;
	default: /* JSET */
		yes = !!(t->a & v);
		break;
	}
	t->pc += yes ? in->jt : in->jf;
}

/* What cannot be told here is wanted: the daemon looks again. */
static __always_inline long filter_got(struct filter_state *t, int end)
{
	t->result = end == FILTER_UNSURE;
	return end != FILTER_GOES_ON;
}

/* One instruction. Return: 1 at the program's end. */
static long filter_step(uint32_t i, struct filter_run *r)
{
	struct filter_state *t = r->t;
	const struct bpf_filter_insn *in;
	uint32_t pc = t->pc, v = 0;

	(void)i;
	if (pc >= BPF_FILTER_MAX)
		return 1;
	in = &r->f->insns[pc];
	t->pc = pc + 1;
	v = BPF_SRC(in->code) == BPF_X ? t->x : in->k;
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		return filter_got(t, filter_get(r, in->code, in->k, &t->a));
	case BPF_LDX:
		return filter_got(t, filter_get(r, in->code, in->k, &t->x));
	case BPF_ST:
		t->mem[in->k & (BPF_FILTER_WORDS - 1)] = t->a;
		return 0;
	case BPF_STX:
		t->mem[in->k & (BPF_FILTER_WORDS - 1)] = t->x;
		return 0;
	case BPF_ALU:
		return !!filter_compute(t, in->code, v);
	case BPF_JMP:
		filter_jump(t, in, v);
		return 0;
	case BPF_RET:
		t->result = BPF_RVAL(in->code) == BPF_A ? t->a : in->k;
		return 1;
	default: /* MISC */
		if (BPF_MISCOP(in->code) == BPF_TAX)
			t->x = t->a;
		else
			t->a = t->x;
		return 0;
	}
}

/* Return: whether the filter of @slot wants the packet. */
static __always_inline int filter_run(struct filter_run *r, uint32_t slot)
{
	uint32_t n;

	r->f = bpf_map_lookup_elem(&filters, &slot);
	if (!r->f)
		return 1;
	n = r->f->n;
	/* Too long for here: the daemon runs it. */
	if (!n)
		return 1;
	r->t->a = r->t->x = r->t->pc = r->t->result = 0;
	bpf_loop(n > BPF_FILTER_MAX ? BPF_FILTER_MAX : n, filter_step, r, 0);
	return !!r->t->result;
}

/* Return: whether the packet is wanted by one of those of s->looked_for, a bit for each filter. (No loop: that of 6.1 takes none with a call in it.) */
static __always_inline int filter_wants(struct __sk_buff *skb, struct scratch *s)
{
	struct filter_run r = {.skb = skb, .t = &s->filter};

#pragma clang loop unroll(full)
	for (uint32_t slot = 0; slot < BPF_N_FILTERS; slot++)
		if (s->looked_for >> slot & 1 && filter_run(&r, slot))
			return 1;
	return 0;
}

#endif
