/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that a guest has unless it is told otherwise: random numbers and the balloon. They come last on the bus, so that they move nothing else. */
#ifndef VMM_EXTRAS_H
#define VMM_EXTRAS_H 1

#include "base/errtext.h"
#include "base/util.h"

struct guest;

/** extras_plug() - Return: 0 or -errno with the sentence. */
VSW_MUST_USE int extras_plug(struct guest *guest, struct errtext *err);

#endif
