#!/usr/bin/env bash
# Tests the Debian package in a clean Debian root: install, upgrade, downgrade, remove, purge; what is left, what is
# kept, and whether the programs and units in it work. Needs root and mmdebstrap; where it cannot run it says so and passes.
#
#   packaging/deb/test.sh [--suite NAME] [--root FILE] [options of build.sh]
#
#   --suite   Debian release to test in (default: bookworm)
#   --root    a tar of a clean root with systemd in it, made before; written there when it is missing
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=bookworm
tar=
options=()
while [ "$#" -gt 0 ]; do
    case $1 in
        --suite) suite=$2 && shift 2 ;;
        --root) tar=$2 && shift 2 ;;
        *) options+=("$1") && shift ;;
    esac
done

skip() {
    echo "skipped: the Debian package: $1"
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip "this is not root"
command -v dpkg-deb >/dev/null || skip "there is no dpkg-deb here"

work=$(mktemp -d)
root=$work/root
mounted=
finish() {
    if [ -n "$mounted" ]; then umount "$root/proc" || true; fi
    rm -rf "$work"
}
trap finish EXIT
[ -n "$tar" ] || tar=$work/clean.tar
if [ ! -f "$tar" ]; then
    command -v mmdebstrap >/dev/null || skip "there is no mmdebstrap here"
    mmdebstrap --quiet --variant=minbase --include=systemd,bash-completion,kmod "$suite" "$tar" >"$work/mmdebstrap.log" 2>&1 || {
        tail -n 3 "$work/mmdebstrap.log"
        skip "no clean root of $suite can be made"
    }
fi
mkdir "$root"
tar -C "$root" --exclude=./dev -xf "$tar"
mkdir -p "$root/dev" "$root/proc"
for device in null:3 zero:5 random:8 urandom:9; do
    mknod -m 0666 "$root/dev/${device%:*}" c 1 "${device#*:}" || skip "no device nodes can be made here"
done
mount -t proc proc "$root/proc" || skip "nothing can be mounted here"
mounted=yes

in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive HOME=/root chroot "$root" "$@"
}
fail() {
    echo "FAIL: $*" >&2
    exit 1
}
check() { # WHAT COMMAND...
    local what=$1
    shift
    "$@" >"$work/out" 2>&1 || {
        cat "$work/out" >&2
        fail "$what"
    }
    echo "ok    $what"
}
# Every file but what dpkg and its log remember, and what programs of the system make anew.
listing() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./tmp -o -path ./run \) -prune \
        -o -printf '%p %y %m %U %G\n' | sort)
}
installed() { in_root dpkg-query -W -f '${Version}' weir; }

# Three packages: the one, the same again, and a newer. How small they are is of no matter here.
build() { "$here/build.sh" ${options[@]+"${options[@]}"} --fast --out "$work/$1" "${@:2}"; }
code=0
one=$(build one --version 0.5.0) || code=$?
[ "$code" -ne 3 ] || skip "there is no cargo-deb here"
[ "$code" -eq 0 ] || fail "no package could be made"
again=$(build again --version 0.5.0)
newer=$(build newer --version 0.6.0)
check "the same inputs make the same bytes" cmp "$one" "$again"
cp "$one" "$newer" "$root/tmp/"
one=/tmp/$(basename "$one") newer=/tmp/$(basename "$newer")

listing >"$work/before"
check "installs" in_root dpkg -i "$one"
grep -q "nothing is started" "$work/out" || fail "installing does not say what comes next"
check "weir runs" in_root weir --version
grep -q "^weir " "$work/out" || fail "weir --version says $(cat "$work/out")"
check "weir-runtime runs" in_root weir-runtime --version

# The settings it comes with are taken, and doctor gives a verdict of this box: 0, or 1 with lines of what to do.
code=0
in_root weir-runtime doctor --format json >"$work/doctor" 2>"$work/err" || code=$?
[ "$code" -le 1 ] && grep -q '"weir.runtime-doctor/1"' "$work/doctor" || fail "weir-runtime doctor: exit $code: $(cat "$work/err")"
echo "ok    weir-runtime doctor gives a verdict"

for user in weir weir-runtime; do
    check "user $user is there, without a shell" in_root sh -c "getent passwd $user | grep -q nologin"
done
check "weir-runtime may read what group weir may" in_root sh -c "id -nG weir-runtime | grep -qw weir"
check "no service is enabled" in_root sh -c '! find /etc/systemd -name "weir*" | grep .'
check "units are right" in_root systemd-analyze verify weir.service weir-run.service weir-run.timer weir-runtime.service
check "manuals are there" in_root sh -c 'cd /usr/share/man/man1 && for p in weir weir-build weir-doctor weir-runtime weir-runtime-run; do gzip -t $p.1.gz || exit 1; done'
check "completions are bash" in_root sh -c 'cd /usr/share/bash-completion/completions && bash -n weir && bash -n weir-runtime'
check "what the units read is there" in_root test -s /usr/share/doc/weir/runtime.md
check "no file is of somebody else" in_root sh -c '! dpkg -L weir | xargs -d "\n" stat -c "%U:%G %n" | grep -v "^root:root "'
check "files are as they were packaged" in_root dpkg --verify weir

# A project of user weir, as the first hour makes it.
check "user weir makes a project" in_root setpriv --reuid=weir --regid=weir --clear-groups env HOME=/var/lib/weir weir init /var/lib/weir/project
# It has no export yet, so the answer is no, with what to do about each thing; 5 is "a source is incomplete".
code=0
in_root setpriv --reuid=weir --regid=weir --clear-groups env HOME=/var/lib/weir sh -c "cd /var/lib/weir/project && weir doctor --gate" >"$work/gate" 2>&1 || code=$?
[ "$code" -eq 5 ] && grep -q '^no-go: ' "$work/gate" && grep -q '^fail  data' "$work/gate" || fail "weir doctor --gate: exit $code: $(cat "$work/gate")"
grep -q '^fail  box  weir-runtime is not on this machine' "$work/gate" && fail "weir does not find the weir-runtime beside it"
echo "ok    weir doctor --gate says what is left to do"
check "which others cannot look into" in_root sh -c '! setpriv --reuid=nobody --regid=nogroup --clear-groups ls /var/lib/weir'

echo '# mine' >>"$root/etc/weir/runtime.toml"
check "upgrades" in_root dpkg -i "$newer"
[ "$(installed)" = 0.6.0 ] || fail "the newer version is not installed"
check "a changed setting is kept" grep -q '^# mine' "$root/etc/weir/runtime.toml"
check "downgrades" in_root dpkg -i "$one"
[ "$(installed)" = 0.5.0 ] || fail "the older version is not installed"
check "and keeps it" grep -q '^# mine' "$root/etc/weir/runtime.toml"

check "removes" in_root dpkg -r weir
[ ! -e "$root/usr/bin/weir" ] && [ ! -e "$root/usr/lib/systemd/system/weir.service" ] || fail "programs or units are left"
check "settings stay" test -f "$root/etc/weir/runtime.toml"
check "installs again over them" in_root dpkg -i "$one"
check "purges" in_root dpkg -P weir
grep -q "stays" "$work/out" || fail "purging does not say that a project stays"
check "the project is still there" test -f "$root/var/lib/weir/project/weir.toml"
rm -rf "$root/var/lib/weir/project"
check "purges what has no project" in_root sh -c "dpkg -i $one >/dev/null && dpkg -P weir"

# Users stay, and the lines that made them.
listing >"$work/after"
left=$(diff "$work/before" "$work/after" | grep '^[<>]' | grep -v -e './etc/\(passwd\|group\|shadow\|gshadow\|\.pwd\.lock\)' || true)
[ -z "$left" ] || fail "purging left or took something:
$left"
echo "ok    nothing is left"
