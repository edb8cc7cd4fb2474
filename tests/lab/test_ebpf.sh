#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The eBPF datapath on Debian 12's kernel (6.1): its program passes that verifier, and forwards.
lab_seconds=420
. "$(dirname "$0")/enter.sh"
failed=0
for t in "${@:-test_ebpf.sh test_forwarding_ebpf.sh}"; do
	for one in $t; do
		echo "# $one"
		"$here/../system/$one" || failed=1
	done
done
exit $failed
