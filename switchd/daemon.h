/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon, for those methods that end it or turn its log over. */
#ifndef SWITCHD_DAEMON_H
#define SWITCHD_DAEMON_H 1

#include <stdbool.h>

#include "base/errtext.h"

/** daemon_quit() - end in order once the events at hand are handled. @purge: and leave nothing in the kernel. */
void daemon_quit(bool purge);
/** daemon_datapath_asked() - what --datapath said: "auto", or a type. */
const char *daemon_datapath_asked(void);
/** daemon_reopen_log() - open the log file anew (after somebody renamed it). Return: 0 or negative errno with @err. */
int daemon_reopen_log(struct errtext *err);

#endif
