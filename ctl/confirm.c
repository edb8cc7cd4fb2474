// SPDX-License-Identifier: Apache-2.0
#include "ctl/confirm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"

enum { MAX_SECONDS = 86400 };

bool ctl_parse_seconds(const struct ctl *ctl, const char *command, const char *text, uint64_t *seconds)
{
	if (str_to_uint(text, 10, MAX_SECONDS, seconds) && *seconds)
		return true;
	ctl_fail(ctl, "%s: --confirm=%s: expected 1 to %d seconds", command, text, MAX_SECONDS);
	return false;
}

/* Return: whether a line was typed in time. */
static bool await_enter(uint64_t seconds)
{
	struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[256];
	int n;

	printf("Press Enter within %llu s to keep it: ", (unsigned long long)seconds);
	fflush(stdout);
	do
		n = poll(&pfd, 1, (int)seconds * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0 && fgets(line, sizeof line, stdin);
}

int confirm_at_terminal(const struct ctl *ctl, const char *method, json_t *params, uint64_t seconds)
{
	if (!isatty(STDIN_FILENO) || ctl->json) {
		json_decref(params);
		return CTL_OK;
	}
	if (await_enter(seconds))
		return ctl_ask(ctl, method, params);
	json_decref(params);
	printf("\nNot confirmed.\n");
	return CTL_FAILED;
}
