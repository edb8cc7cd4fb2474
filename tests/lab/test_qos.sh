#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Meters, policing and queues on Debian 12's kernel (6.1): the program with its meters passes that verifier, HTB is a module there.
if [ -z "${LAB:-}" ]; then
	exec "$(dirname "$0")/run" --timeout "${LAB_TIMEOUT:-300}" "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
export VSW_TOOLS=${VSW_TOOLS:-$here/../../build/opt/tests/tools}
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
VSW_TEST_DATAPATH=ebpf VSW_TEST_SLOW=1 exec "$here/../system/test_qos.sh"
