/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link emulation: Interface.other_config:link-* as text, and the stages (datapath/link_stage.h) in the port's lines that do it.
 *
 * What goes out of the port meets it, as with tc-netem(8) on the device; with link-direction=in what comes in, with both either way, each for
 * itself. On every datapath: with `ebpf` the daemon sends what goes out there, and receives what comes in.
 */
#ifndef SWITCHD_LINK_SETTINGS_H
#define SWITCHD_LINK_SETTINGS_H 1

#include "base/errtext.h"
#include "switchd/datapath/link_stage.h"

struct db_row;
struct db_txn;
struct iface;

/** link_settings_of() - of an Interface row; all zero: none. Return: 0, or -EINVAL with @err, which names the key. */
int link_settings_of(const struct db_row *row, const struct db_txn *txn, struct link_settings *s, struct errtext *err);
/** link_follow() - make the port's line what the interface's settings say. No effect while it has no device. */
void link_follow(struct iface *iface);

#endif
