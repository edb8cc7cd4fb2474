#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What vsw-vmm says when it cannot: one line, what and where. None of this runs a guest.
. "$(dirname "$0")/../lib.sh"
python3 "$TOP/tests/tools/vmm_payload.py" "$T/kernel"
vmm() { vsw-vmm --name x --kernel "$T/kernel" "$@"; }

check_fails "no name" "--name: " vsw-vmm --kernel "$T/kernel"
check_fails "no kernel" "--kernel: " vsw-vmm --name x
check_fails "an option that is none" "--frob: no such option" vmm --frob
check_fails "an argument too many" "disk.img: no argument" vmm disk.img
check_fails "a value is missing" "--memory: it needs a value" vmm --memory
check_fails "memory that is no size" "size=lots: a size such as" vmm --memory lots
check_fails "a key that is none" "--memory: numma: no such key; it knows size, " vmm --memory 512M,numma=0
check_fails "a value that is none" "thp=maybe: on or off" vmm --memory 512M,thp=maybe
check_fails "huge pages of no size" "hugepages=4K: 2M or 1G" vmm --memory 512M,hugepages=4K
check_fails "huge pages are no anonymous memory" "backend=anonymous: .*memfd" vmm --memory 512M,hugepages=2M,backend=anonymous
check_fails "a format that is none" "format=qcow3: raw" vmm --disk x.img,format=qcow3
check_fails "a serial number too long" "at most 20 characters" vmm --disk x.img,serial=123456789012345678901
check_fails "a key without value" "readonly=yes: it takes no value" vmm --disk x.img,readonly=yes
check_fails "a disk without image" "an image was expected" vmm --disk readonly
check_fails "a console that is none" "kind=tty: stdio, socket or none" vmm --console tty
check_fails "a switch that is none" "--rng maybe: on or off" vmm --rng maybe
check_fails "a CPU that is none" "pentium: no such model; there are host-passthrough" vmm --cpu pentium
check_fails "a CPU feature that is none" "frob: no such feature" vmm --cpu kvm64,+frob
check_fails "an image that is not there" "disk $T/none: No such file" vmm --disk "$T/none"
check_fails "a folder as image" "disk /tmp: Is a directory" vmm --disk /tmp
: >"$T/empty"
check_fails "an empty image" "it is empty" vmm --disk "$T/empty"
check_fails "a kernel that is not there" "kernel $T/none: No such file" vsw-vmm --name x --kernel "$T/none"
check_fails "a kernel that is empty" "something in it" vsw-vmm --name x --kernel "$T/empty"
check_fails "an initrd that is not there" "initrd $T/none: No such file" vmm --initrd "$T/none"
check_fails "a run folder that is a file" "Not a directory" vmm --control "$T/empty/ctl"
check_fails "a control socket that is another file" "empty" vmm --control "$T/empty"
check_fails "no KVM" "/dev/kvm: there is none; load" unshare -m sh -c 'mount -t tmpfs dev /dev && exec "$0" "$@"' vsw-vmm --name x --kernel "$T/kernel"
if [ -e /dev/kvm ]; then
	check_fails "no permission" "/dev/kvm: no permission; run as root, or join" unshare -m sh -c '
		mount -t tmpfs dev /dev && mknod -m 600 /dev/kvm c 10 232 && mknod -m 666 /dev/null c 1 3 && chmod 755 '"$T"' && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$@"' \
		"$(command -v vsw-vmm)" --name x --kernel "$T/kernel"
fi
if [ -r /dev/kvm ]; then
	check_fails "a kernel that is none" "neither a bzImage nor an ELF" vsw-vmm --name x --kernel "$0" --memory 64M
	check_fails "a CPU feature that no host has" "lacks .*3dnowext" vmm --cpu host-passthrough,+3dnowext,+avx512-4fmaps,+tbm,+ia64
	check_fails "too little memory" "16 MiB at least" vmm --memory 8M
	check_fails "more memory than the host has" "more than this host has" vmm --memory 4096G
	check_fails "huge pages that the host has not" "huge pages|hugepages" vmm --memory 1G,hugepages=1G
	check_fails "a node that the host has not" "NUMA node 63" vmm --memory 64M,numa=63
	truncate -s 300M "$T/large"
	check_fails "an initrd too large" "do not fit the guest's memory" vmm --initrd "$T/large" --memory 64M
fi
check "help" eval 'vsw-vmm --help | grep -q -- "--disk FILE"'
finish
