#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VXLAN, Geneve and GRE on Debian 12's kernel (6.1), which has all three kinds of devices: as the other end, and under the eBPF datapath.
if [ -z "${LAB:-}" ]; then
	exec "$(dirname "$0")/run" --timeout "${LAB_TIMEOUT:-420}" "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
echo "# $(uname -r)"
exec "$here/../system/test_tunnels_ebpf.sh"
