/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about a captured packet: what became of it, where it came from, the rules that decided. For the capture thread. */
#ifndef SWITCHD_CAPTURE_NOTE_H
#define SWITCHD_CAPTURE_NOTE_H 1

struct ds;
struct sight;

/** capture_note() - "forwarded to p2, p3 by table=0,cookie=0x5", "dropped: rule-drop by table=0,cookie=0x9", "from p1 by ...". */
void capture_note(const struct sight *sight, struct ds *out);

#endif
