/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of drops, for people. */
#ifndef SWITCHD_DROP_TEXT_H
#define SWITCHD_DROP_TEXT_H 1

#include "vsw/dp_action.h"

/** drop_reason_sentence() - what happened, in words without a full stop: "no rule matched". Never NULL. */
const char *drop_reason_sentence(enum drop_reason reason);

#endif
