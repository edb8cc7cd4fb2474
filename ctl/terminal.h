/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal as a screen, for programs that show something and wait for a key: its size, single keys without echo, and everything
 * put back at the end, also when a signal ends the program.
 */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H 1

#include <stdbool.h>

/** terminal_enter() - take over standard input and output. Return: false when they are no terminal; nothing is changed then. */
bool terminal_enter(void);
/** terminal_leave() - put it back; no effect when it was not entered. */
void terminal_leave(void);
/** terminal_size() - as it is now; 80 by 24 when nobody knows. */
void terminal_size(int *columns, int *rows);

/** What terminal_wait() may return beside a character. */
enum { TERMINAL_TIME = 0, TERMINAL_RESIZED = -1, TERMINAL_END = -2 };

/**
 * terminal_wait() - for a key, @ms at the longest
 *
 * Return: the key, TERMINAL_TIME, TERMINAL_RESIZED, or TERMINAL_END when a signal or a hangup asks to end.
 */
int terminal_wait(int ms);

#endif
