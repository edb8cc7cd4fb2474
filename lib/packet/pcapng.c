// SPDX-License-Identifier: Apache-2.0
#include "packet/pcapng.h"

#include <errno.h>
#include <string.h>

#include "base/errtext.h"
#include "base/util.h"
#include "packet/wire.h"

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in both byte orders */
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OLD = 2,
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
};

enum option_code {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_EPB_FLAGS = 2,
	OPT_IF_NAME = 2,
	OPT_SHB_APPLICATION = 4,
	OPT_IF_TSRESOL = 9,
	OPT_IF_TSOFFSET = 14,
};

enum magic {
	MAGIC_NG = 0x1a2b3c4d,
	MAGIC_PCAP_US = 0xa1b2c3d4,
	MAGIC_PCAP_NS = 0xa1b23c4d,
};

#define BLOCK_MIN 12 /* type, length, length again */
#define PCAP_HEADER_LEN 24
#define PCAP_RECORD_LEN 16
#define RESOLUTION_NS 9
#define RESOLUTION_US 6

/* ---- writer ---- */

/* Counts what is put and writes as much of it as there is room for. */
struct out {
	uint8_t *buf;
	size_t cap, len;
};

static void out_put(struct out *o, const void *p, size_t n)
{
	static const uint8_t zeros[4];
	size_t pad = -n & 3;

	if (n && o->len <= o->cap && n <= o->cap - o->len)
		memcpy(o->buf + o->len, p, n);
	o->len += n;
	if (pad && o->len <= o->cap && pad <= o->cap - o->len)
		memcpy(o->buf + o->len, zeros, pad);
	o->len += pad;
}

static void out_put32(struct out *o, uint32_t x)
{
	out_put(o, &x, sizeof x);
}

static void out_option(struct out *o, uint16_t code, const void *p, size_t n)
{
	uint16_t head[2] = {code, (uint16_t)MIN(n, UINT16_MAX)};

	out_put(o, head, sizeof head);
	out_put(o, p, head[1]);
}

static struct out block_begin(void *buf, size_t cap, uint32_t type)
{
	struct out o = {buf, cap, 0};

	out_put32(&o, type);
	out_put32(&o, 0);
	return o;
}

/* Ends the options, and writes the length to both ends of the block. Returns it. */
static size_t block_end(struct out *o)
{
	uint32_t total;

	out_option(o, OPT_END, NULL, 0);
	total = (uint32_t)(o->len + sizeof total);
	out_put32(o, total);
	if (total <= o->cap)
		memcpy(o->buf + 4, &total, sizeof total);
	return total;
}

size_t pcapng_put_section(void *buf, size_t cap, const char *application)
{
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		int64_t section_len;
	} body = {MAGIC_NG, 1, 0, -1};
	struct out o = block_begin(buf, cap, BLOCK_SECTION);

	out_put(&o, &body, sizeof body);
	out_option(&o, OPT_SHB_APPLICATION, application, strlen(application));
	return block_end(&o);
}

size_t pcapng_put_interface(void *buf, size_t cap, const char *name, uint16_t link_type, uint32_t snaplen)
{
	const uint16_t type_reserved[2] = {link_type, 0};
	const uint8_t resolution = RESOLUTION_NS;
	struct out o = block_begin(buf, cap, BLOCK_INTERFACE);

	out_put(&o, type_reserved, sizeof type_reserved);
	out_put32(&o, snaplen);
	out_option(&o, OPT_IF_NAME, name, strlen(name));
	out_option(&o, OPT_IF_TSRESOL, &resolution, sizeof resolution);
	return block_end(&o);
}

size_t pcapng_put_frame(void *buf, size_t cap, const struct pcap_frame *f)
{
	const uint32_t flags = f->direction & 3;
	struct out o = block_begin(buf, cap, BLOCK_ENHANCED);

	out_put32(&o, f->if_id);
	out_put32(&o, (uint32_t)(f->ts_ns >> 32));
	out_put32(&o, (uint32_t)f->ts_ns);
	out_put32(&o, f->len);
	out_put32(&o, f->orig_len);
	out_put(&o, f->data, f->len);
	if (flags)
		out_option(&o, OPT_EPB_FLAGS, &flags, sizeof flags);
	if (f->comment)
		out_option(&o, OPT_COMMENT, f->comment, f->comment_len);
	return block_end(&o);
}

/* ---- reader ---- */

static uint16_t get16(const struct pcap_reader *r, const uint8_t *p)
{
	uint16_t x = wire_load16(p);

	return r->swapped ? __builtin_bswap16(x) : x;
}

static uint32_t get32(const struct pcap_reader *r, const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof x);
	return r->swapped ? __builtin_bswap32(x) : x;
}

static uint64_t get64(const struct pcap_reader *r, const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof x);
	return r->swapped ? __builtin_bswap64(x) : x;
}

static uint64_t power_of_ten(unsigned int n)
{
	uint64_t x = 1;

	while (n--)
		x *= 10;
	return x;
}

/* @ticks of the interface's resolution, in nanoseconds. A nonsensical resolution gives a nonsensical time, not more. */
static uint64_t ticks_to_ns(const struct pcap_interface *i, uint64_t ticks)
{
	unsigned int n = i->ts_resolution & 0x7f;
	uint64_t ns;

	if (i->ts_resolution & 0x80)
		ns = n < 64 ? (uint64_t)(((unsigned __int128)ticks * 1000000000) >> n) : 0;
	else if (n <= RESOLUTION_NS)
		ns = ticks * power_of_ten(RESOLUTION_NS - n);
	else
		ns = n <= RESOLUTION_NS + 19 ? ticks / power_of_ten(n - RESOLUTION_NS) : 0;
	return ns + i->ts_offset_s * 1000000000;
}

/* A block's body while it is read: options start where the fixed part ended. */
struct body {
	const uint8_t *p;
	size_t left;
};

/* The next option, or false at the end (also when the rest makes no sense). */
static bool next_option(const struct pcap_reader *r, struct body *b, uint16_t *code, struct body *value)
{
	size_t padded;

	if (b->left < 4)
		return false;
	*code = get16(r, b->p);
	*value = (struct body){b->p + 4, get16(r, b->p + 2)};
	padded = ROUND_UP(value->left, 4);
	if (*code == OPT_END || padded > b->left - 4)
		return false;
	b->p += 4 + padded;
	b->left -= 4 + padded;
	return true;
}

static int damaged(const struct pcap_reader *r, struct errtext *err, const char *what)
{
	errtext_set(err, EINVAL, "damaged capture file: %s at byte %zu", what, r->pos);
	return -EINVAL;
}

static int read_interface(struct pcap_reader *r, struct body b, struct errtext *err)
{
	struct pcap_interface *i = &r->interfaces[r->n_interfaces];
	struct body value;
	uint16_t code;

	if (r->n_interfaces == PCAP_MAX_INTERFACES)
		return damaged(r, err, "more than 256 interfaces");
	if (b.left < 8)
		return damaged(r, err, "interface description too short");
	*i = (struct pcap_interface){
		.link_type = get16(r, b.p),
		.snaplen = get32(r, b.p + 4),
		.ts_resolution = RESOLUTION_US,
	};
	b = (struct body){b.p + 8, b.left - 8};
	while (next_option(r, &b, &code, &value)) {
		if (code == OPT_IF_TSRESOL && value.left == 1)
			i->ts_resolution = value.p[0];
		else if (code == OPT_IF_TSOFFSET && value.left == 8)
			i->ts_offset_s = get64(r, value.p);
	}
	r->n_interfaces++;
	return 0;
}

static void read_frame_options(struct pcap_reader *r, struct body b, struct pcap_frame *f)
{
	struct body value;
	uint16_t code;

	while (next_option(r, &b, &code, &value)) {
		if (code == OPT_COMMENT && !f->comment) {
			f->comment = (const char *)value.p;
			f->comment_len = value.left;
		} else if (code == OPT_EPB_FLAGS && value.left == 4) {
			f->direction = get32(r, value.p) & 3;
		}
	}
}

/* Enhanced and old packet blocks differ in the first word: the old one has a 16-bit interface number and a drop count. */
static int read_frame(struct pcap_reader *r, struct body b, bool old, struct pcap_frame *f, struct errtext *err)
{
	uint64_t ticks;

	if (b.left < 20)
		return damaged(r, err, "packet block too short");
	*f = (struct pcap_frame){
		.if_id = old ? get16(r, b.p) : get32(r, b.p),
		.len = get32(r, b.p + 12),
		.orig_len = get32(r, b.p + 16),
		.data = b.p + 20,
	};
	if (f->if_id >= r->n_interfaces)
		return damaged(r, err, "packet of an interface that is not described");
	if (f->len > b.left - 20)
		return damaged(r, err, "packet longer than its block");
	f->link_type = r->interfaces[f->if_id].link_type;
	ticks = (uint64_t)get32(r, b.p + 4) << 32 | get32(r, b.p + 8);
	f->ts_ns = ticks_to_ns(&r->interfaces[f->if_id], ticks);
	if (ROUND_UP((size_t)f->len, 4) <= b.left - 20) {
		b = (struct body){b.p + 20 + ROUND_UP((size_t)f->len, 4), b.left - 20 - ROUND_UP((size_t)f->len, 4)};
		read_frame_options(r, b, f);
	}
	return 1;
}

/* A simple packet block is of interface 0, has no time, and its captured length follows from the snapshot length. */
static int read_simple_frame(struct pcap_reader *r, struct body b, struct pcap_frame *f, struct errtext *err)
{
	uint32_t snaplen = r->interfaces[0].snaplen;

	if (b.left < 4 || !r->n_interfaces)
		return damaged(r, err, "simple packet block too short or without interface");
	*f = (struct pcap_frame){
		.link_type = r->interfaces[0].link_type,
		.orig_len = get32(r, b.p),
		.data = b.p + 4,
	};
	f->len = snaplen ? MIN(f->orig_len, snaplen) : f->orig_len;
	return f->len > b.left - 4 ? damaged(r, err, "packet longer than its block") : 1;
}

/* Learns the byte order of the section that starts at r->pos. */
static int read_section(struct pcap_reader *r, struct errtext *err)
{
	r->swapped = false;
	if (r->len - r->pos < 28)
		return damaged(r, err, "section header cut off");
	if (get32(r, r->data + r->pos + 8) != MAGIC_NG) {
		r->swapped = true;
		if (get32(r, r->data + r->pos + 8) != MAGIC_NG)
			return damaged(r, err, "section header without byte-order magic");
	}
	if (get16(r, r->data + r->pos + 12) != 1)
		return damaged(r, err, "pcapng of a major version that is not 1");
	r->n_interfaces = 0;
	return 0;
}

/* The block at r->pos: its type and body. r->pos stays, *next is behind it. */
static int read_block(struct pcap_reader *r, uint32_t *type, struct body *b, size_t *next, struct errtext *err)
{
	size_t left = r->len - r->pos;
	uint32_t total;

	if (left < BLOCK_MIN)
		return damaged(r, err, "block cut off");
	*type = get32(r, r->data + r->pos);
	if (*type == BLOCK_SECTION) {
		int ret = read_section(r, err);

		if (ret)
			return ret;
	}
	total = get32(r, r->data + r->pos + 4);
	if (total < BLOCK_MIN || total % 4 || total > left)
		return damaged(r, err, "impossible block length");
	if (get32(r, r->data + r->pos + total - 4) != total)
		return damaged(r, err, "block whose two lengths differ");
	*b = (struct body){r->data + r->pos + 8, total - BLOCK_MIN};
	*next = r->pos + total;
	return 0;
}

static int next_ng(struct pcap_reader *r, struct pcap_frame *f, struct errtext *err)
{
	while (r->pos < r->len) {
		struct body b;
		uint32_t type;
		size_t next;
		int ret = read_block(r, &type, &b, &next, err);

		if (ret)
			return ret;
		if (type == BLOCK_INTERFACE)
			ret = read_interface(r, b, err);
		else if (type == BLOCK_ENHANCED || type == BLOCK_PACKET_OLD)
			ret = read_frame(r, b, type == BLOCK_PACKET_OLD, f, err);
		else if (type == BLOCK_SIMPLE)
			ret = read_simple_frame(r, b, f, err);
		if (ret < 0)
			return ret;
		r->pos = next;
		if (ret)
			return ret;
	}
	return 0;
}

static int next_pcap(struct pcap_reader *r, struct pcap_frame *f, struct errtext *err)
{
	const struct pcap_interface *i = &r->interfaces[0];
	const uint8_t *p = r->data + r->pos;
	size_t left = r->len - r->pos;
	uint64_t fraction;

	if (!left)
		return 0;
	if (left < PCAP_RECORD_LEN)
		return damaged(r, err, "packet header cut off");
	*f = (struct pcap_frame){
		.data = p + PCAP_RECORD_LEN,
		.len = get32(r, p + 8),
		.orig_len = get32(r, p + 12),
		.link_type = i->link_type,
	};
	if (f->len > left - PCAP_RECORD_LEN)
		return damaged(r, err, "packet cut off");
	fraction = get32(r, p + 4);
	f->ts_ns = get32(r, p) * 1000000000ull + ticks_to_ns(i, fraction);
	r->pos += PCAP_RECORD_LEN + f->len;
	return 1;
}

static int init_pcap(struct pcap_reader *r, bool ns, struct errtext *err)
{
	if (r->len < PCAP_HEADER_LEN)
		return damaged(r, err, "file header cut off");
	r->interfaces[0] = (struct pcap_interface){
		.link_type = (uint16_t)get32(r, r->data + 20),
		.snaplen = get32(r, r->data + 16),
		.ts_resolution = ns ? RESOLUTION_NS : RESOLUTION_US,
	};
	r->n_interfaces = 1;
	r->pos = PCAP_HEADER_LEN;
	return 0;
}

int pcap_reader_init(struct pcap_reader *r, const void *data, size_t len, struct errtext *err)
{
	uint32_t magic;

	r->data = data;
	r->len = len;
	r->pos = 0;
	r->ng = false;
	r->n_interfaces = 0;
	for (int swapped = 0; swapped < 2; swapped++) {
		r->swapped = swapped;
		magic = len < 4 ? 0 : get32(r, r->data);
		if (magic == MAGIC_PCAP_US || magic == MAGIC_PCAP_NS)
			return init_pcap(r, magic == MAGIC_PCAP_NS, err);
	}
	if (magic != BLOCK_SECTION)
		return errtext_set(err, EINVAL,
				   "not a capture file: it starts with neither the magic of pcap nor of pcapng");
	r->ng = true;
	return 0;
}

int pcap_reader_next(struct pcap_reader *r, struct pcap_frame *f, struct errtext *err)
{
	return r->ng ? next_ng(r, f, err) : next_pcap(r, f, err);
}
