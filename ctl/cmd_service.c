// SPDX-License-Identifier: Apache-2.0
#include "ctl/ctl.h"
#include "ctl/handlers.h"
int cmd_service(struct ctl *ctl, const struct invocation *inv){(void)inv;return ctl_fail(ctl,"x");}
int cmd_topo(struct ctl *ctl, const struct invocation *inv){(void)inv;return ctl_fail(ctl,"x");}
