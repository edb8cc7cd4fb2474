/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow for the answer, before it comes.
 *
 * Whoever opens a TCP connection wants an answer, and by the rules that look at ports that is a second new flow: its first packet
 * would come up as well, wake a thread and wait for it. The key of the answer is known when the first packet is at hand: the same addresses and ports, the
 * other way round, from the port that the packet leaves by. So it is translated there and then, and its flow put beside the other.
 *
 * The flow is what a packet of that key would have made: it comes out of the same translation, holds for the same mask, and is
 * revalidated, counted and removed as all are; until a packet comes it has counted none. What a first packet does besides must
 * not be lost, so there is no such flow where
 *   - it would teach the switch something (xlate_out.would_teach): its source address is not known to be there, or the port has a source guard;
 *   - each packet has to come up, or it tells who has an address;
 *   - the answer would be dropped, so that nothing is gained;
 *   - the rules look at what is not known of it: its TTL, TOS, flow label, TCP flags or marks;
 *   - the packet does not go, as it is, to one port: who answers is then not known, or not by this key.
 * The same is asked again whenever it is revalidated, until a packet has been counted.
 * When more packets wait than ANSWER_MAX_WAITING, somebody may be opening connections that nobody answers; a flow for each packet is then enough.
 */
#ifndef SWITCHD_ANSWER_H
#define SWITCHD_ANSWER_H 1

struct xlate_in;
struct xlate_out;

#define ANSWER_MAX_WAITING 32

/**
 * answer_install() - put a flow for the answer to a packet, if there is to be one
 * @in: the packet, whose flow has just been put
 * @out: its translation
 *
 * Within the critical section of that translation (switch_rdlock(), rcu_read_lock()); its credits may share memory with no other call's of this thread.
 */
void answer_install(const struct xlate_in *in, const struct xlate_out *out);

#endif
