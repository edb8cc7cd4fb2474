// SPDX-License-Identifier: Apache-2.0
/*
 * What to do, as the words of the command line say: "rng", "blk", ... an honest test, "all" every one; "lies" all lies, and then the honest tests again; "once"
 * one lie, told often; "steady" the honest tests over and over until a byte comes to COM1. Then the machine ends with code 7.
 */
#include "liar.h"

void liar_main(const uint8_t *boot_params);

static const char *command_line;

/* ---- the command line ---- */

static bool starts_with(const char *text, const char *word)
{
	while (*word)
		if (*text++ != *word++)
			return false;
	return !*text || *text == ' ';
}

bool word_given(const char *word)
{
	for (const char *p = command_line; *p; p++)
		if ((p == command_line || p[-1] == ' ') && starts_with(p, word))
			return true;
	return false;
}

static const struct {
	const char *word;
	void (*test)(void);
} tests[] = {
	{"board", test_board},	   {"rng", test_rng}, {"blk", test_blk},     {"console", test_console},
	{"balloon", test_balloon}, {"net", test_net}, {"e1000", test_e1000}, {"rtl8139", test_rtl8139},
};

static const struct {
	const char *word;
	enum virtio_type type;
} liars[] = {
	{"rng", VIRTIO_RNG},	     {"blk", VIRTIO_BLK}, {"console", VIRTIO_CONSOLE},
	{"balloon", VIRTIO_BALLOON}, {"net", VIRTIO_NET},
};

static void run_honest(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (word_given("all") || word_given(tests[i].word))
			tests[i].test();
}

static void run_lies(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(liars); i++)
		lie_virtio(liars[i].type, liars[i].word);
	lie_e1000();
	lie_rtl8139();
}

void liar_main(const uint8_t *boot_params)
{
	uint32_t at;

	memcpy(&at, boot_params + 0x228, sizeof at);
	command_line = (const char *)(uint64_t)at;
	interrupts_init();
	pci_init();
	say("up\n");
	run_honest();
	if (word_given("lies")) {
		run_lies();
		say("and honest again\n");
		pci_init();
		run_honest();
	}
	if (word_given("once"))
		lie_once();
	while (word_given("steady") && !(inb(0x3fd) & 1)) /* line status: received */
		run_honest();
	say("done\n");
	outb(0xf4, 7);
}
