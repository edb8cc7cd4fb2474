#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The eBPF datapath on Debian 12's kernel (6.1): its program passes that verifier, and forwards.
if [ -z "${LAB:-}" ]; then
	exec "$(dirname "$0")/run" --timeout "${LAB_TIMEOUT:-420}" "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
export VSW_TOOLS=${VSW_TOOLS:-$here/../../build/opt/tests/tools}
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
failed=0
echo "# $(uname -r)"
for t in "${@:-test_ebpf.sh test_forwarding_ebpf.sh}"; do
	for one in $t; do
		echo "# $one"
		"$here/../system/$one" || failed=1
	done
done
exit $failed
