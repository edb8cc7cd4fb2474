# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What system tests share. Source it first thing; the test then runs in a sandbox of its own:
#   - network, mount and PID namespaces: whatever the test starts or makes dies with it, also on kill -9
#   - a private /run (so `ip netns` names are the test's own) and a temporary folder $T, removed at the end
# Programs come from $VSW_BIN (default: build/bin), test tools from $VSW_TOOLS.
#
# A test calls `ok NAME`, `not_ok NAME WHY`, `skip NAME WHY`, or `check NAME COMMAND...`, and ends with `finish`.

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$TESTS")
VSW_BIN=${VSW_BIN:-$TOP/build/bin}
VSW_TOOLS=${VSW_TOOLS:-$TOP/build/opt/tests/tools}
export VSW_BIN VSW_TOOLS

if [ -z "${VSW_TEST_SANDBOX:-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "skip $(basename "$0"): needs root (namespaces)"
		exit 77
	fi
	T=$(mktemp -d "${TMPDIR:-/tmp}/vsw-test.XXXXXX") || exit 1
	# Settings that only the first network namespace has; put back at the end. One such test at a time.
	declare -A _sysctls
	if [ -n "${TEST_SYSCTLS:-}" ]; then
		exec 8<"$TESTS/lib.sh"
		flock 8
	fi
	for _s in ${TEST_SYSCTLS:-}; do
		_sysctls[${_s%%=*}]=$(sysctl -n "${_s%%=*}")
		sysctl -qw "$_s"
	done
	trap 'rm -rf "$T"; for _s in "${!_sysctls[@]}"; do sysctl -qw "$_s=${_sysctls[$_s]}"; done' EXIT
	trap 'kill "$child" 2>/dev/null; wait "$child"; exit 143' TERM INT HUP
	T=$T VSW_TEST_SANDBOX=1 unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@" 8>&- &
	child=$!
	wait "$child"
	exit $?
fi

mount --make-rprivate /
mount -t tmpfs tmpfs /run
# What daemons pin is the test's own, and goes with it.
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mkdir -p /run/netns /run/lock
ip link set lo up
export VSW_RUNDIR=$T/run
export PATH=$VSW_BIN:$VSW_TOOLS:$PATH
# Sanitizer reports are failures of the test, wherever they happen.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
mkdir -p "$VSW_RUNDIR"
_failed=0 _passed=0 _skipped=0 _failures=()
DATAPATH=${VSW_TEST_DATAPATH:-user}

ok() { _passed=$((_passed + 1)); echo "ok $1"; }
not_ok() { _failed=$((_failed + 1)); _failures+=("$1: ${2:-}"); echo "not ok $1: ${2:-}"; }
skip() { _skipped=$((_skipped + 1)); echo "skip $1: $2"; }

# check NAME COMMAND...: the command succeeds. Its output is shown when not.
check()
{
	local name=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then
		ok "$name"
	else
		sed 's/^/    /' "$T/check.out" | tail -25
		not_ok "$name" "'$*' failed"
		return 1
	fi
}

# check_fails NAME TEXT COMMAND...: the command exits with status 1 and says TEXT (a grep -E pattern), on one line of stderr.
check_fails()
{
	local name=$1 text=$2 status
	shift 2
	"$@" >"$T/check.out" 2>"$T/check.err"
	status=$?
	if [ $status != 1 ]; then
		not_ok "$name" "'$*' exited $status, expected 1: $(cat "$T/check.err")"
	elif ! grep -qE -- "$text" "$T/check.err"; then
		not_ok "$name" "'$*' said '$(cat "$T/check.err")', expected '$text'"
	elif [ "$(wc -l <"$T/check.err")" != 1 ]; then
		not_ok "$name" "'$*' said more than one line: $(cat "$T/check.err")"
	else
		ok "$name"
	fi
}

# same NAME EXPECTED ACTUAL
same()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		diff <(echo "$2") <(echo "$3") | sed 's/^/    /' | head -20
		not_ok "$1" "differs (< expected, > got)"
	fi
}

# wait_for SECONDS COMMAND...: until it succeeds. Polls every 20 ms; the condition decides, never the time.
wait_for()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		read -rt 0.02 <> <(:) || :
	done
}

# start_switchd [OPTION...]: the daemon of $VSW_RUNDIR, ready when this returns; pid in $switchd_pid.
start_switchd()
{
	vsw-switchd --rundir "$VSW_RUNDIR" --db "$VSW_RUNDIR/conf.db" --datapath "$DATAPATH" "$@" >>"$T/switchd.log" 2>&1 &
	switchd_pid=$!
	if ! wait_for 90 vsw version; then
		tail -20 "$T/switchd.log"
		if grep -q 'BPF is not allowed here' "$T/switchd.log"; then
			skip "$DATAPATH datapath" "BPF is not allowed here"
			exit 77
		fi
		not_ok "daemon starts" "no answer in 90 s"
		finish
	fi
}

# stop_switchd [SIGNAL]: and wait for its end. A sanitizer's report or a crash is a failure.
stop_switchd()
{
	local status
	kill "-${1:-TERM}" "$switchd_pid" 2>/dev/null
	wait "$switchd_pid" 2>/dev/null
	status=$?
	if [ "${1:-TERM}" = TERM ] && [ $status != 0 ]; then
		tail -40 "$T/switchd.log"
		not_ok "daemon ends in order" "status $status"
	fi
	switchd_pid=
}

# mkhost NAME ADDRESS/LEN [MTU]: a namespace with eth0, whose other end is the device NAME-p here. An IPv6 address fd00::<last octet of ADDRESS> too.
mkhost()
{
	local name=$1 addr=$2 mtu=${3:-1500} last
	last=${addr%/*}
	last=${last##*.}
	ip netns add "$name"
	ip link add "$name-p" mtu "$mtu" type veth peer name eth0 netns "$name" mtu "$mtu"
	ip -n "$name" link set lo up
	ip -n "$name" addr add "$addr" dev eth0
	ip -n "$name" addr add "fd00::$last/64" dev eth0 nodad
	ip -n "$name" link set eth0 up
	ip link set "$name-p" up
}

# mkcable LEFT RIGHT: a veth pair with both ends here, up.
mkcable()
{
	ip link add "$1" type veth peer name "$2"
	ip link set "$1" up
	ip link set "$2" up
}

# mkbridge BRIDGE N: a bridge with hosts h1 to hN (10.0.0.1 ...) on it.
mkbridge()
{
	local i

	vsw add-br "$1"
	for ((i = 1; i <= $2; i++)); do
		mkhost "h$i" "10.0.0.$i/24"
		vsw add-port "$1" "h$i-p"
	done
}

# at HOST COMMAND...: run there.
at()
{
	local ns=$1
	shift
	ip netns exec "$ns" "$@"
}

pings() { at "$1" ping -q -c "${3:-1}" -i 0.05 -W 2 "$2"; }
# Nothing gets through: three tries, none answered.
no_ping() { ! at "$1" ping -q -c 3 -i 0.05 -W 0.3 "$2"; }

finish()
{
	if [ -n "${switchd_pid:-}" ]; then
		stop_switchd
	fi
	if grep -qE 'AddressSanitizer|LeakSanitizer|runtime error:' "$T/switchd.log" 2>/dev/null; then
		grep -E -A25 'AddressSanitizer|LeakSanitizer|runtime error:' "$T/switchd.log" | head -60
		not_ok "sanitizers are silent" "see above"
	fi
	if [ $_failed != 0 ] && [ -s "$T/switchd.log" ]; then
		echo "--- end of the daemon's log"
		tail -30 "$T/switchd.log"
	fi
	# Once more where nobody has to look for it: the last thing said.
	[ $_failed = 0 ] || printf '    failed: %s\n' "${_failures[@]}"
	[ $_failed = 0 ] || exit 1
	[ $_passed != 0 ] || exit 77
	exit 0
}
