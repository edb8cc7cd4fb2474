#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_guard.sh, with the eBPF datapath.
VSW_TEST_DATAPATH=ebpf exec "$(dirname "$0")/test_guard.sh" "$@"
