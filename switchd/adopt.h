/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that a predecessor left in the datapath, brought into this daemon's book.
 *
 * Each is translated as if its packet came now. The answer usually is what the flow does already, and it goes on untouched; where it is
 * another one the datapath changes it in place. A flow whose translation now looks at bits that its mask does not have, or whose port
 * is gone, is not adopted: the datapath removes it, and its next packet is a miss.
 *
 * The MAC tables of a killed daemon are gone. What its flows say about who is where is learnt first, in the order in which they
 * were used: were it not, traffic that had found its way would be flooded again.
 */
#ifndef SWITCHD_ADOPT_H
#define SWITCHD_ADOPT_H 1

struct datapath;

/** adopt_flows() - once the bridges and ports of the configuration are there. Main thread, outside of the switch's locks. */
void adopt_flows(struct datapath *dp);

#endif
