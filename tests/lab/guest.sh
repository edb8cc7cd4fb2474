# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Guests of the lab's tests: Debian's own kernel with an initial RAM disk of busybox, some of the kernel's modules and the test's /init.

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/lab
kernel=$lab/vmlinuz

# make_initrd FILE MODULE...: /init is what comes on standard input, after busybox, /proc, /sys, /dev are there and the modules are loaded.
# `word NAME`, in the guest, is the value of NAME=... on the kernel's command line.
make_initrd()
{
	local file=$1 root m
	shift
	root=$(mktemp -d "$T/initrd.XXXXXX")
	mkdir -p "$root/bin" "$root/modules"
	cp "$(command -v busybox || echo "$lab/busybox/bin/busybox")" "$root/bin/busybox"
	for m in "$@"; do
		modprobe -d "$lab/package" -S "$(cat "$lab/version")" --show-depends "$m" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' >"$T/modules"
	while read -r m; do
		cp "$m" "$root/modules/"
		basename "$m" >>"$root/modules/order"
	done <"$T/modules"
	cat - >"$T/script"
	cat - "$T/script" >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
word() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
[ ! -s /modules/order ] || while read -r m; do insmod /modules/$m; done </modules/order
INIT
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$file"
	rm -rf "$root" "$T/modules" "$T/script"
}
