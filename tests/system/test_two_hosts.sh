#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shortest way to see it work: one command, two hosts, a private daemon, and nothing left behind.
. "$(dirname "$0")/../lib.sh"

before=$(ip netns; ip -br link; ls "$VSW_RUNDIR")
vsw topo test "$TOP/topologies/two-hosts.json" --datapath "$DATAPATH" >"$T/out" 2>&1
same "two hosts on a switch" 0 $?
sed 's/^/    /' "$T/out"
same "every expectation is told" 5 "$(grep -c '^ok ' "$T/out")"
same "nothing is left" "$before" "$(ip netns; ip -br link; ls "$VSW_RUNDIR")"
finish
