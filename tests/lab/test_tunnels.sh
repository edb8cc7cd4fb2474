#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VXLAN, Geneve and GRE on Debian 12's kernel (6.1), which has all three kinds of devices: as the other end, and under the eBPF datapath.
lab_seconds=420
. "$(dirname "$0")/enter.sh"
exec "$here/../system/test_tunnels_ebpf.sh"
