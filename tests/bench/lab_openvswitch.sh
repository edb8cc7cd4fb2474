#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab_openvswitch.sh [ROUNDS [LINE,...]]: runs in the lab (tests/lab/run): the `ebpf` datapath beside openvswitch.ko, which this machine's kernel
# need not have.
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/run" --rounds "${1:-5}" --peers vsw-ebpf,ovs-kernel,bridge,veth --only "${2:-tcp,ping,connections}" --out "$LAB_OUT/bench"
