# SPDX-License-Identifier: Apache-2.0
# The way into the lab: a script that sources this runs on Debian's kernel, from its first line on; outside it boots that kernel for itself.
#
#   lab_seconds=240             no longer than that (LAB_TIMEOUT in the environment overrides it)
#   lab_append=lockdown=...     more words for the kernel's command line
#   lab_memory=4096             MiB, instead of 2048
#   . "$(dirname "$0")/enter.sh"
#
# Afterwards `here` is the folder of the lab's scripts.
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${LAB:-}" ]; then
	exec "$here/run" --timeout "${LAB_TIMEOUT:-$lab_seconds}" ${lab_append:+--append "$lab_append"} ${lab_memory:+--memory "$lab_memory"} "$0" "$@"
fi
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
echo "# $(uname -r)"
