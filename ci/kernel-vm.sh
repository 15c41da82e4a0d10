#!/bin/sh
# Runs the runtime's kernel tests in another kernel: boots a Debian kernel image in QEMU (no KVM needed) with the
# tests and what they call in an initramfs, and fails unless all of them pass.
#
#   apt-get install --no-install-recommends qemu-system-x86 busybox-static dash cpio bpftool iproute2 util-linux xz-utils
#   ci/kernel-vm.sh linux-image-*.deb TEST...
#
# `cargo run -p xtask -- kernels` fetches the images, says which tests, and makes a table of what came of it.
#
# Debian's kernels have CAKE and fq_codel, and 6.1 has no tcx: what the machine that builds may lack, or has instead.
set -eu
[ $# -gt 1 ] || { echo "usage: $0 linux-image.deb TEST..." >&2; exit 2; }
image=$(readlink -f "$1")
shift
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
root=$work/root
mkdir -p "$root/bin" "$root/usr/sbin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" "$root/mods" \
  "$root/tests" "$root/etc" "$root/scratch"

# A program with the libraries it is linked against.
put() {
  cp -L "$1" "$2"
  for library in $(ldd "$1" 2>/dev/null | grep -oE '/[^ ]+'); do
    mkdir -p "$root/$(dirname "$library")"
    cp -Ln "$library" "$root/$library" 2>/dev/null || true
  done
}

put "$(command -v busybox)" "$root/bin/busybox"
for name in mount umount insmod ls cat echo mkdir rm chmod chown rmdir sleep poweroff grep uname tail true; do
  ln -s busybox "$root/bin/$name"
done
# A shell that runs the programs there are: busybox's prefers its own `tc`.
put "$(command -v dash)" "$root/bin/sh"
for name in ip tc bridge bpftool setpriv; do
  path=$(command -v "$name") || { echo "$name is not installed" >&2; exit 1; }
  put "$path" "$root/usr/sbin/$name"
done

# BUILT=1: by whoever starts this for several kernels.
if [ -z "${BUILT:-}" ]; then
  for name in "$@"; do
    cargo test -q -p weir-runtime --test "$name" --no-run
  done
fi
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

# What tests look for where they were built: the object, pages that they prove, and the binary that some start.
mkdir -p "$root$PWD/runtime" "$root$PWD/ebpf" "$root$PWD/docs" "$root$(readlink -f "$deps/..")"
cp ebpf/weir.bpf.o "$root$PWD/ebpf/"
cp docs/*.md "$root$PWD/docs/"
if [ -e "$deps/../weir-runtime" ]; then
  put "$deps/../weir-runtime" "$root$(readlink -f "$deps/..")/weir-runtime"
  strip -g "$root$(readlink -f "$deps/..")/weir-runtime"
fi

dpkg-deb -x "$image" "$work/image"
modules="llc stp bridge sch_htb sch_cake sch_fq_codel sch_ingress sch_tbf cls_bpf veth"
for name in $modules; do
  find "$work/image/lib/modules" \( -name "$name.ko" -o -name "$name.ko.xz" \) -exec cp {} "$root/mods/" \;
done
find "$root/mods" -name '*.xz' -exec xz -d {} +

cat >"$root/init" <<INIT
#!/bin/sh
export PATH=/bin:/usr/sbin HOME=/scratch TMPDIR=/scratch
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# Not over /tmp: the tests may have been built below it.
mount -t tmpfs tmp /scratch
mount -t tmpfs run /run
mkdir -p /sys/fs/bpf
mount -t bpf bpf /sys/fs/bpf
for name in $modules; do
  [ ! -e /mods/\$name.ko ] || insmod /mods/\$name.ko
done
ip link set lo up
echo "kernel: \$(uname -r)"
cd /scratch
failed=
for name in $*; do
  echo "== \$name"
  /tests/\$name --test-threads 1 --nocapture || failed="\$failed \$name"
done
[ -n "\$failed" ] && echo "FAILED:\$failed" || echo "ALL PASSED"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs"

qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
  -kernel "$(ls "$work"/image/boot/vmlinuz-*)" -initrd "$work/initramfs" \
  -append "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off nokaslr tsc=reliable" \
  -nographic -no-reboot -nic none -monitor none -serial stdio </dev/null | tee "$work/log"
grep -q "^ALL PASSED" "$work/log"
