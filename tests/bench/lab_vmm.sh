#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab_vmm.sh [OPTION...]: runs in the lab (tests/lab/run), whose KVM runs stock kernels: guests under vsw-vmm beside QEMU's. Options: of guests.py.
exec python3 "$(dirname "$0")/guests.py" "$@"
