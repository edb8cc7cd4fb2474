#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab_vmm.sh [ROUNDS [LINE,... [MODEL,...]]]: runs in the lab (tests/lab/run), whose KVM runs stock kernels: guests under vsw-vmm beside QEMU's.
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/guests.py" --rounds "${1:-3}" ${2:+--only "$2"} ${3:+--models "$3"}
