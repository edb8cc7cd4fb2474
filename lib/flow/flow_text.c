// SPDX-License-Identifier: Apache-2.0
/*
 * Lines of flows. A table of words says who reads which and in which commands it may stand; everything else is part of the match,
 * and what follows "actions=" belongs to ofacts_parse(). Words may come in any order, separated by commas or blanks.
 */
#include "flow/flow_text.h"

#include <pthread.h>
#include <string.h>

#include "base/ds.h"
#include "base/errtext.h"
#include "base/util.h"
#include "flow/match_parse.h"
#include "flow/port_names.h"
#include "flow/scan.h"
#include "flow/words.h"

/** Commands that a word may stand in, as bits of enum flow_mod_command. */
enum {
	IN_ADD = 1 << FLOW_ADD,
	IN_MODIFY = 1 << FLOW_MODIFY | 1 << FLOW_MODIFY_STRICT,
	IN_DELETE = 1 << FLOW_DELETE | 1 << FLOW_DELETE_STRICT,
	IN_STRICT = 1 << FLOW_MODIFY_STRICT | 1 << FLOW_DELETE_STRICT,
	IN_ALL = IN_ADD | IN_MODIFY | IN_DELETE,
};

/** A line being read. */
struct line {
	struct scan s;
	const struct port_names *names;
	struct flow_mod *fm;
	struct match_parser match;
	const char *actions; /**< text behind "actions=", NULL without one */
};

struct line_word;
typedef int line_word_fn(struct line *l, const struct token *t, const struct line_word *w);

struct line_word {
	const char *name;
	line_word_fn *parse;
	uint16_t arg; /**< offset of a 16-bit member of struct flow_mod, or a flag */
	uint8_t commands;
};

static line_word_fn parse_u16, parse_flag, parse_table, parse_cookie, parse_out_port, skip, refuse_internal,
	refuse_group;

#define U16(NAME, MEMBER, COMMANDS) \
	{ \
		NAME, parse_u16, offsetof(struct flow_mod, MEMBER), COMMANDS \
	}
#define FLAG(NAME, FLAG) \
	{ \
		NAME, parse_flag, FLAG, IN_ADD | IN_MODIFY \
	}

static const struct line_word words[] = {
	{"table", parse_table, 0, IN_ALL},
	{"cookie", parse_cookie, 0, IN_ALL},
	U16("priority", priority, IN_ADD | IN_MODIFY | IN_STRICT),
	U16("idle_timeout", idle_timeout_s, IN_ADD | IN_MODIFY),
	U16("hard_timeout", hard_timeout_s, IN_ADD | IN_MODIFY),
	U16("importance", importance, IN_ADD),
	FLAG("send_flow_rem", FLOW_F_SEND_FLOW_REM),
	FLAG("check_overlap", FLOW_F_CHECK_OVERLAP),
	FLAG("reset_counts", FLOW_F_RESET_COUNTS),
	FLAG("no_packet_counts", FLOW_F_NO_PKT_COUNTS),
	FLAG("no_byte_counts", FLOW_F_NO_BYT_COUNTS),
	{"out_port", parse_out_port, 0, IN_DELETE},
	{"out_group", refuse_group, 0, IN_DELETE},
	{"recirc_id", refuse_internal, 0, IN_ALL},
	{"dp_hash", refuse_internal, 0, IN_ALL},
	/* What dump-flows prints besides. */
	{"duration", skip, 0, IN_ALL},
	{"n_packets", skip, 0, IN_ALL},
	{"n_bytes", skip, 0, IN_ALL},
	{"idle_age", skip, 0, IN_ALL},
	{"hard_age", skip, 0, IN_ALL},
};

static const struct {
	const char *name;
	enum flow_mod_command command;
} commands[] = {
	{"add", FLOW_ADD},
	{"delete", FLOW_DELETE},
	{"delete_strict", FLOW_DELETE_STRICT},
	{"modify", FLOW_MODIFY},
	{"modify_strict", FLOW_MODIFY_STRICT},
};

static struct words dict;
static pthread_once_t dict_once = PTHREAD_ONCE_INIT;

static void dict_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words_add(&dict, words[i].name, strlen(words[i].name), (unsigned int)i);
}

static int parse_u16(struct line *l, const struct token *t, const struct line_word *w)
{
	uint64_t x;
	uint16_t x16;

	if (!text_to_u64(t->value, t->value_len, UINT16_MAX, &x))
		return scan_fail(&l->s, t->value, "'%.*s' is not a %s; expected a number from 0 to 65535",
				 SHOW(t->value, t->value_len), w->name);
	x16 = (uint16_t)x;
	memcpy((char *)l->fm + w->arg, &x16, sizeof x16);
	return 0;
}

static int parse_flag(struct line *l, const struct token *t, const struct line_word *w)
{
	if (t->value_len)
		return scan_fail(&l->s, t->value, "'%s' takes no value", w->name);
	l->fm->flags |= w->arg;
	return 0;
}

static int parse_table(struct line *l, const struct token *t, const struct line_word *w VSW_UNUSED)
{
	uint64_t max = l->fm->command == FLOW_ADD ? 254 : 255, table;

	if (!text_to_u64(t->value, t->value_len, max, &table))
		return scan_fail(&l->s, t->value, "'%.*s' is not a table; expected 0 to 254",
				 SHOW(t->value, t->value_len));
	l->fm->table = (uint8_t)table;
	return 0;
}

/* -1 is all ones. */
static bool parse_u64(const char *s, size_t len, uint64_t *x)
{
	if (text_is(s, len, "-1")) {
		*x = UINT64_MAX;
		return true;
	}
	return text_to_u64(s, len, UINT64_MAX, x);
}

/* "cookie=V" sets the cookie, "cookie=V/MASK" chooses flows by it. */
static int parse_cookie(struct line *l, const struct token *t, const struct line_word *w VSW_UNUSED)
{
	const char *slash = memchr(t->value, '/', t->value_len);
	size_t len = slash ? (size_t)(slash - t->value) : t->value_len;
	struct flow_mod *fm = l->fm;
	uint64_t cookie;

	if (!parse_u64(t->value, len, &cookie))
		return scan_fail(&l->s, t->value, "'%.*s' is not a cookie; expected a 64-bit number",
				 SHOW(t->value, len));
	if (slash && fm->command == FLOW_ADD)
		return scan_fail(&l->s, slash, "a flow that is added has one cookie, without a mask");
	if (!slash && (1 << fm->command) & IN_DELETE)
		return scan_fail(&l->s, t->value, "to choose flows by cookie write a mask, cookie=%.*s/-1",
				 SHOW(t->value, len));
	if (!slash) {
		fm->new_cookie = cookie;
		fm->modify_cookie = true;
		return 0;
	}
	if (!parse_u64(slash + 1, t->value_len - len - 1, &fm->cookie_mask))
		return scan_fail(&l->s, slash + 1, "'%.*s' is not a mask of a cookie; -1 is all bits",
				 SHOW(slash + 1, t->value_len - len - 1));
	fm->cookie = cookie & fm->cookie_mask;
	return 0;
}

static int parse_out_port(struct line *l, const struct token *t, const struct line_word *w VSW_UNUSED)
{
	int port = port_number_parse(t->value, t->value_len, l->names);

	if (port < 0)
		return scan_fail(&l->s, t->value, "'%.*s' is no port", SHOW(t->value, t->value_len));
	l->fm->out_port = (uint16_t)port;
	return 0;
}

static int skip(struct line *l VSW_UNUSED, const struct token *t VSW_UNUSED, const struct line_word *w VSW_UNUSED)
{
	return 0;
}

static int refuse_internal(struct line *l, const struct token *t, const struct line_word *w)
{
	return scan_fail(&l->s, t->key, "'%s' belongs to the switch itself; a flow cannot match it", w->name);
}

static int refuse_group(struct line *l, const struct token *t, const struct line_word *w VSW_UNUSED)
{
	return scan_fail(&l->s, t->key, "'out_group' is not supported yet");
}

/* Moves over separators. Return: whether "actions=" stands there; then the text behind it is taken. */
static bool take_actions(struct line *l)
{
	struct scan *s = &l->s;
	const char *p;

	scan_skip(s);
	p = s->p;
	if (s->end - p < 7 || memcmp(p, "action", 6) != 0)
		return false;
	p += 6;
	if (*p == 's')
		p++;
	if (p == s->end || *p != '=')
		return false;
	l->actions = p + 1;
	return true;
}

static int parse_word(struct line *l, const struct token *t)
{
	int i = words_find(&dict, t->key, t->key_len), rc;
	char word[WORD_MAX + 1];

	if (i < 0) {
		rc = match_parser_word(&l->match, &l->s, t);
		if (rc)
			return rc < 0 ? rc : 0;
		if (words_nearest(&dict, t->key, t->key_len, word))
			return scan_fail(&l->s, t->key, "unknown word '%.*s', did you mean '%s'?",
					 SHOW(t->key, t->key_len), word);
		return match_unknown_word(&l->s, t);
	}
	if (!(words[i].commands & 1 << l->fm->command))
		return scan_fail(&l->s, t->key, "'%s' cannot stand in this command", words[i].name);
	return words[i].parse(l, t, &words[i]);
}

/* A first word "add", "delete" and so on. */
static void take_command(struct line *l)
{
	struct scan s = l->s;
	struct token t;

	s.err = NULL;
	if (l->fm->command != FLOW_ADD || scan_token(&s, &t) <= 0 || t.delim)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (text_is(t.key, t.key_len, commands[i].name)) {
			l->fm->command = commands[i].command;
			l->s.p = s.p;
		}
}

static int parse_words(struct line *l)
{
	struct token t;
	int rc = 0;

	while (!take_actions(l) && (rc = scan_token(&l->s, &t)) > 0) {
		rc = parse_word(l, &t);
		if (rc)
			return rc;
	}
	return rc ? rc : match_parser_finish(&l->match, &l->s);
}

static int parse_actions(struct line *l)
{
	struct flow_mod *fm = l->fm;
	uint8_t table = fm->command == FLOW_ADD && fm->table == FLOW_TABLE_ALL ? 0 : fm->table;
	int rc;

	if ((1 << fm->command) & IN_DELETE) {
		if (!l->actions)
			return 0;
		return scan_fail(&l->s, l->s.p, "a command that deletes or selects flows takes no actions");
	}
	if (!l->actions)
		return scan_fail(&l->s, l->s.end, "expected 'actions=' and what to do; 'actions=drop' drops");
	rc = ofacts_parse(l->actions, (size_t)(l->s.end - l->actions), l->names, &fm->match, table, &fm->actions,
			  l->s.err);
	return scan_shift(&l->s, l->actions, rc);
}

int flow_mod_parse(const char *text, size_t len, enum flow_mod_command command, const struct port_names *names,
		   struct flow_mod *fm, struct errtext *err)
{
	struct line l; /* not cleared as a whole: it is large, and lines are many */
	int rc;

	pthread_once(&dict_once, dict_init);
	*fm = (struct flow_mod){.command = command, .table = FLOW_TABLE_ALL, .priority = 32768, .out_port = OFPP_NONE};
	l.s = scan_init(text, len, err);
	l.names = names;
	l.fm = fm;
	l.actions = NULL;
	match_parser_init(&l.match, &fm->match, names, false);
	take_command(&l);
	rc = parse_words(&l);
	if (!rc)
		rc = parse_actions(&l);
	if (rc)
		ofacts_fini(&fm->actions);
	else if (fm->command == FLOW_ADD && fm->table == FLOW_TABLE_ALL)
		fm->table = 0;
	return rc;
}

void flow_mod_fini(struct flow_mod *fm)
{
	ofacts_fini(&fm->actions);
}

static void put_duration(uint64_t ms, struct ds *out)
{
	ds_printf(out, "duration=%llu", (unsigned long long)(ms / 1000));
	if (ms % 1000) {
		ds_printf(out, ".%03u", (unsigned int)(ms % 1000));
		while (ds_chomp(out, '0'))
			;
	}
	ds_put(out, "s, ");
}

static void put_flags(uint16_t flags, struct ds *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].parse == parse_flag && flags & words[i].arg)
			ds_printf(out, "%s ", words[i].name);
}

void flow_stats_format(const struct flow_stats *fs, const struct port_names *names, unsigned int options,
		       struct ds *out)
{
	bool stats = !(options & FLOW_STATS_NO_STATS);
	size_t before;

	ds_put_char(out, ' ');
	if (stats || fs->cookie)
		ds_printf(out, "cookie=0x%llx, ", (unsigned long long)fs->cookie);
	if (stats)
		put_duration(fs->duration_ms, out);
	if (stats || fs->table)
		ds_printf(out, "table=%u, ", fs->table);
	if (stats)
		ds_printf(out, "n_packets=%llu, n_bytes=%llu, ", (unsigned long long)fs->n_packets,
			  (unsigned long long)fs->n_bytes);
	if (fs->idle_timeout_s)
		ds_printf(out, "idle_timeout=%u, ", fs->idle_timeout_s);
	if (fs->hard_timeout_s)
		ds_printf(out, "hard_timeout=%u, ", fs->hard_timeout_s);
	put_flags(fs->flags, out);
	if (fs->importance)
		ds_printf(out, "importance=%u, ", fs->importance);
	if (stats && fs->idle_age_s >= 0)
		ds_printf(out, "idle_age=%lld, ", (long long)fs->idle_age_s);
	if (stats && fs->hard_age_s >= 0 && (uint64_t)fs->hard_age_s != fs->duration_ms / 1000)
		ds_printf(out, "hard_age=%lld, ", (long long)fs->hard_age_s);
	before = out->len;
	match_format(fs->match, names, fs->priority, out);
	if (out->len > before) {
		ds_chomp(out, ',');
		ds_put_char(out, ' ');
	}
	ds_put(out, "actions=");
	ofacts_format(fs->actions, fs->actions_len, names, out);
}

/* The words in front of the match, and the match itself. */
static void put_selection(const struct flow_mod *fm, const struct port_names *names, struct ds *out)
{
	if (fm->table && (fm->table != FLOW_TABLE_ALL || fm->command == FLOW_ADD))
		ds_printf(out, "table=%u,", fm->table);
	else if (!fm->table && fm->command != FLOW_ADD)
		ds_put(out, "table=0,");
	if (fm->cookie_mask)
		ds_printf(out, "cookie=0x%llx/0x%llx,", (unsigned long long)fm->cookie,
			  (unsigned long long)fm->cookie_mask);
	if (fm->modify_cookie)
		ds_printf(out, "cookie=0x%llx,", (unsigned long long)fm->new_cookie);
	if (fm->idle_timeout_s)
		ds_printf(out, "idle_timeout=%u,", fm->idle_timeout_s);
	if (fm->hard_timeout_s)
		ds_printf(out, "hard_timeout=%u,", fm->hard_timeout_s);
	if (fm->importance)
		ds_printf(out, "importance=%u,", fm->importance);
	put_flags(fm->flags, out);
	if (fm->out_port != OFPP_NONE) {
		ds_put(out, "out_port=");
		port_number_format(fm->out_port, names, out);
		ds_put_char(out, ',');
	}
	match_format(&fm->match, names, fm->priority, out);
	ds_chomp(out, ',');
}

void flow_mod_format(const struct flow_mod *fm, const struct port_names *names, struct ds *out)
{
	size_t before = out->len;

	put_selection(fm, names, out);
	if ((1 << fm->command) & IN_DELETE)
		return;
	if (out->len > before && out->s[out->len - 1] != ' ')
		ds_put_char(out, ' ');
	ds_put(out, "actions=");
	ofacts_format(fm->actions.data, fm->actions.len, names, out);
}
