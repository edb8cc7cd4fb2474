/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that are taken back unless somebody says that he is still there (`uplink --confirm`, `apply --confirm`). The daemon keeps the time;
 * at a terminal, Enter is the word, anywhere else another command is.
 */
#ifndef CTL_CONFIRM_H
#define CTL_CONFIRM_H 1

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/ctl.h"

/** ctl_parse_seconds() - of --confirm: 1 to 86400. @command: for the message. Return: false after ctl_fail(). */
bool ctl_parse_seconds(const struct ctl *ctl, const char *command, const char *text, uint64_t *seconds);

/**
 * confirm_at_terminal() - when standard input is a terminal, wait for Enter and then call @method
 * @params: reference taken
 * @seconds: how long the daemon waits
 *
 * Return: exit status; CTL_OK at once when it is no terminal.
 */
int confirm_at_terminal(const struct ctl *ctl, const char *method, json_t *params, uint64_t seconds);

#endif
