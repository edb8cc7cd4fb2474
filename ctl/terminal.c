// SPDX-License-Identifier: Apache-2.0
#include "ctl/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/util.h"

#define ESC "\033["
/* The other screen, no cursor; and back. */
#define BEGIN_SCREEN ESC "?1049h" ESC "?25l"
#define END_SCREEN ESC "?25h" ESC "?1049l"

static struct termios before;
static bool entered;
static volatile sig_atomic_t resized, ended;

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

/* poll() is interrupted all the same; writing to a slow terminal is not. */
static void catch_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_resize, .sa_flags = SA_RESTART};

	sigaction(SIGWINCH, &action, NULL);
	action.sa_handler = on_end;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaction(ends[i], &action, NULL);
}

bool terminal_enter(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before))
		return false;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return false;
	entered = true;
	catch_signals();
	fputs(BEGIN_SCREEN, stdout);
	fflush(stdout);
	return true;
}

void terminal_leave(void)
{
	if (!entered)
		return;
	entered = false;
	fputs(END_SCREEN, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void terminal_size(int *columns, int *rows)
{
	struct winsize size = {0};

	*columns = 80;
	*rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		return;
	*columns = size.ws_col;
	*rows = size.ws_row;
}

int terminal_wait(int ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char key;
	int n = ended || resized ? 0 : poll(&p, 1, ms);

	if (ended)
		return TERMINAL_END;
	if (resized) {
		resized = 0;
		return TERMINAL_RESIZED;
	}
	if (n <= 0)
		return TERMINAL_TIME;
	return read(STDIN_FILENO, &key, 1) == 1 && key ? key : TERMINAL_END;
}
