// SPDX-License-Identifier: Apache-2.0
#include "ctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"

/* "name(arg,arg)[--option=value]" of a line of words, or "! reason". */
static char *parse(const char *line)
{
	char *copy = xstrdup(line), *save;
	const char *words[32];
	struct invocation inv;
	struct ds ds = DS_INIT;
	struct errtext err;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	if (invocation_parse(&inv, n, words, &err)) {
		ds_printf(&ds, "! %s", err.text);
	} else {
		ds_put(&ds, inv.command->name);
		for (size_t i = 0; i < inv.n_args; i++)
			ds_printf(&ds, "%c%s", i ? ',' : '(', inv.args[i]);
		if (inv.n_args)
			ds_put_char(&ds, ')');
		for (size_t i = 0; i < inv.n_options; i++)
			ds_printf(&ds, "[%s%s%s]", inv.options[i].option->name, inv.options[i].value ? "=" : "",
				  inv.options[i].value ? inv.options[i].value : "");
		invocation_fini(&inv);
	}
	free(copy);
	return ds_steal(&ds);
}

static void lines(void **state VSW_UNUSED)
{
	static const struct {
		const char *line, *expected;
	} cases[] = {
		{"show", "show"},
		{"add-br br0", "add-br(br0)"},
		{"--may-exist add-br br0", "add-br(br0)[--may-exist]"},
		{"add-br --may-exist br0", "add-br(br0)[--may-exist]"},
		{"add-br br0 --may-exist", "add-br(br0)[--may-exist]"},
		{"--columns=name,tag list port", "list(port)[--columns=name,tag]"},
		{"--columns name,tag list port", "list(port)[--columns=name,tag]"},
		{"list port --columns name", "list(port)[--columns=name]"},
		{"--id=@p create Port name=x", "create(Port,name=x)[--id=@p]"},
		{"dump-flows br0 --sort", "dump-flows(br0)[--sort]"},
		{"dump-flows --sort br0", "dump-flows(br0)[--sort]"},
		{"--sort dump-flows br0", "dump-flows(br0)[--sort]"},
		{"dump-flows --sort=tp_dst br0", "dump-flows(br0)[--sort=tp_dst]"},
		{"trace br0 in_port=1 -generate", "trace(br0,in_port=1)[--generate]"},
		{"add-flows br0 -", "add-flows(br0,-)"},
		{"topo exec f.json h1 ping -c 1 x", "topo(exec,f.json,h1,ping,-c,1,x)"},
		{"", "! a command is missing; `vsw help` lists them"},
		{"--may-exist", "! a command is missing after --may-exist; `vsw help` lists them"},
		{"add-prt br0 p", "! there is no command 'add-prt'; did you mean add-port?"},
		{"frobnicate", "! there is no command 'frobnicate'; `vsw help` lists them"},
		{"add-port br0",
		 "! add-port: too few arguments; usage: vsw add-port BRIDGE PORT [COLUMN[:KEY]=VALUE]..."},
		{"show br0", "! show: 'br0' is one argument too many; usage: vsw show"},
		{"show --fast", "! show: unknown option '--fast' (it has none)"},
		{"del-br --fast br0", "! del-br: unknown option '--fast'; it has --if-exists"},
		{"del-br --if-exists=1 br0", "! del-br: --if-exists takes no value"},
		{"list port --columns", "! list: --columns needs a value: --columns=COLUMN,..."},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *result = parse(cases[i].line);

		assert_string_equal(result, cases[i].expected);
		free(result);
	}
}

static void options_and_args(void **state VSW_UNUSED)
{
	static const char *const words[] = {"get", "--if-exists", "--id=@a", "Port", "p1"};
	struct invocation inv;

	assert_int_equal(invocation_parse(&inv, ARRAY_SIZE(words), words, NULL), 0);
	assert_string_equal(invocation_option(&inv, "--if-exists"), "");
	assert_string_equal(invocation_option(&inv, "--id"), "@a");
	assert_null(invocation_option(&inv, "--columns"));
	assert_true(invocation_has(&inv, "--id"));
	assert_string_equal(invocation_arg(&inv, 1), "p1");
	assert_null(invocation_arg(&inv, 2));
	invocation_fini(&inv);
}

/* The table itself: what completion and help rely on. */
static void table_is_sound(void **state VSW_UNUSED)
{
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = &commands[i];
		bool chooses = false;

		assert_ptr_equal(command_find(c->name), c);
		assert_true(c->help[0] && c->synopsis);
		assert_true(c->min_args <= c->max_args);
		assert_true(c->group < N_GROUPS && group_titles[c->group]);
		assert_int_equal(c->max_args == 0, c->words[0] == WORD_END);
		assert_int_equal(c->max_args == 0, !c->synopsis[0]);
		for (size_t j = 0; j < ARRAY_SIZE(c->words); j++)
			chooses |= c->words[j] == WORD_CHOICE;
		assert_int_equal(chooses, c->choices != NULL);
		for (const struct command_option *o = c->options; o && o->name; o++) {
			assert_memory_equal(o->name, "--", 2);
			assert_true(o->help[0]);
			assert_null(option_find(global_options, o->name, strlen(o->name)));
		}
	}
	assert_null(command_find("no-such"));
}

static void short_options(void **state VSW_UNUSED)
{
	assert_string_equal(option_find(global_options, "-j", 2)->name, "--json");
	assert_null(option_find(global_options, "-Z", 2));
	assert_null(option_find(global_options, "--jso", 5));
	assert_null(option_find(NULL, "--json", 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(options_and_args),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(short_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
