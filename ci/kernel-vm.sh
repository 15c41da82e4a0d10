#!/bin/sh
# Runs the runtime's kernel tests in another kernel: boots a Debian kernel image in QEMU (no KVM needed) with the
# tests and what they call in an initramfs, and fails unless all of them pass.
#
#   apt-get install --no-install-recommends qemu-system-x86 busybox-static cpio bpftool iproute2 util-linux
#   apt-get download linux-image-6.1.0-56-amd64
#   ci/kernel-vm.sh linux-image-*.deb [TEST...]
#
# The tests that measure traffic are left out unless they are named: an emulated CPU is too slow for them.
#
# Debian's kernels have CAKE and fq_codel, and 6.1 has no tcx: what the machine that builds may lack, or has instead.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 linux-image.deb [TEST...]" >&2; exit 2; }
image=$(readlink -f "$1")
shift
[ $# -gt 0 ] || set -- kernel_leaves kernel_queueing kernel_programs kernel_pins
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
root=$work/root
mkdir -p "$root/bin" "$root/usr/sbin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" "$root/mods" \
  "$root/tests" "$root/etc"

# A program with the libraries it is linked against.
put() {
  cp -L "$1" "$2"
  for library in $(ldd "$1" 2>/dev/null | grep -oE '/[^ ]+'); do
    mkdir -p "$root/$(dirname "$library")"
    cp -Ln "$library" "$root/$library" 2>/dev/null || true
  done
}

put "$(command -v busybox)" "$root/bin/busybox"
for name in sh mount umount insmod ls cat echo mkdir rm chmod rmdir sleep poweroff grep uname tail; do
  ln -s busybox "$root/bin/$name"
done
for name in ip tc bridge bpftool setpriv; do
  path=$(command -v "$name") || { echo "$name is not installed" >&2; exit 1; }
  put "$path" "$root/usr/sbin/$name"
done

for name in "$@"; do
  cargo test -q -p weir-runtime --test "$name" --no-run
done
deps=${CARGO_TARGET_DIR:-target}/debug/deps
for name in "$@"; do
  newest=
  for path in "$deps/$name"-*; do
    case $path in *.d) continue ;; esac
    [ -n "$newest" ] && [ "$newest" -nt "$path" ] || newest=$path
  done
  put "$newest" "$root/tests/$name"
  strip -g "$root/tests/$name"
done

dpkg-deb -x "$image" "$work/image"
modules="llc stp bridge sch_htb sch_cake sch_fq_codel sch_ingress sch_tbf cls_bpf veth"
for name in $modules; do
  find "$work/image/lib/modules" -name "$name.ko" -exec cp {} "$root/mods/" \;
done

cat >"$root/init" <<INIT
#!/bin/sh
export PATH=/bin:/usr/sbin HOME=/tmp TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
for name in $modules; do
  [ ! -e /mods/\$name.ko ] || insmod /mods/\$name.ko
done
ip link set lo up
uname -r
cd /tmp
failed=
for name in $*; do
  echo "== \$name"
  /tests/\$name --test-threads 1 || failed="\$failed \$name"
done
[ -n "\$failed" ] && echo "FAILED:\$failed" || echo "ALL PASSED"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs"

qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
  -kernel "$(ls "$work"/image/boot/vmlinuz-*)" -initrd "$work/initramfs" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable" \
  -nographic -no-reboot -nic none -monitor none -serial stdio </dev/null | tee "$work/log"
grep -q "^ALL PASSED" "$work/log"
