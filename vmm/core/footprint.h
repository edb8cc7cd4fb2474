/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest costs the host beside its RAM. One process is little, but there is one for each guest, and another that waits for it (isolate.h).
 *
 * Most of it is not what the program keeps but what libraries and the C library take beforehand: a heap for each thread, stacks so large that the kernel
 * backs their first byte with a huge page, and the code that ran once at the start.
 */
#ifndef VMM_CORE_FOOTPRINT_H
#define VMM_CORE_FOOTPRINT_H 1

/** footprint_init() - one heap, large blocks apart from it, small stacks for threads to come. The first thing that main() does. */
void footprint_init(void);
/**
 * footprint_release() - what was needed once goes back: free memory of the heap, and pages of programs and libraries, which
 * are read from their files again when they are wanted. Any thread, at any time.
 */
void footprint_release(void);

#endif
