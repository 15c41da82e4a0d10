#!/bin/sh
# The first and only program of the machine that loses power: says what the disk holds, then builds and promotes
# until it is dead. Lines that begin with @ are read by the drill; each is said after what it says was acknowledged.
export PATH=/bin HOME=/tmp TMPDIR=/tmp USER=drill
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
# Which needs which differs between kernels: what lacked something goes in the second time.
for pass in 1 2 3; do
  for name in crc32c_generic crc16 mbcache jbd2 ext4 virtio_ring virtio virtio_pci_legacy_dev \
    virtio_pci_modern_dev virtio_pci virtio_blk; do
    [ ! -e /mods/$name.ko ] || insmod /mods/$name.ko 2>/dev/null
  done
done
mkdir -p /d
# The least that ext4 promises: data and metadata in any order, and no flush that nobody asked for.
mount -t ext4 -o data=writeback,noauto_da_alloc,commit=30 /dev/vda /d || { echo "@broken the disk cannot be mounted"; poweroff -f; }
cd /d/isp

# Number and digest of the head, as its file has them.
head_now() {
  seq=0 digest=none
  [ ! -e .weir/store/heads/production.json ] || {
    seq=$(sed -n 's/^  "seq": \([0-9]*\),$/\1/p' .weir/store/heads/production.json)
    digest=$(sed -n 's/^  "digest": "\([0-9a-f]*\)",$/\1/p' .weir/store/heads/production.json)
  }
}

# A control file holds its number twice, far apart.
control() {
  n=none
  [ ! -e "/d/$1/now" ] || {
    first=$(head -n 1 "/d/$1/now")
    last=$(tail -n 1 "/d/$1/now")
    [ "$first" = "$last" ] && [ -n "$first" ] && n=$first || n=torn
  }
  echo "@$1-found $n"
}

head_now
echo "@head $seq $digest"
if [ "$seq" != 0 ]; then
  weir verify >/tmp/said 2>&1 || { echo "@broken weir verify: $(tail -n 3 /tmp/said | tr '\n' ' ')"; poweroff -f; }
  echo "@verified"
fi
control synced
control unsynced
mkdir -p /d/synced /d/unsynced

# The drill says on the command line where to go on.
n=$(sed 's/.*weir\.n=\([0-9]*\).*/\1/' /proc/cmdline)
while :; do
  n=$((n + 1))
  sed "s/KBPS/$((20000 + n))/" /isp.json >export/inventory.json
  echo "@building $n"
  weir build --format json >/tmp/built 2>/tmp/said ||
    { echo "@broken weir build: $(tail -n 3 /tmp/said | tr '\n' ' ')"; poweroff -f; }
  built=$(sed -n 's/.*"digest": *"\([0-9a-f]\{64\}\)".*/\1/p' /tmp/built | head -n 1)
  echo "@promoting $built"
  weir promote "$built" --to production -q >/tmp/said 2>&1 ||
    { echo "@broken weir promote: $(tail -n 3 /tmp/said | tr '\n' ' ')"; poweroff -f; }
  head_now
  echo "@promoted $seq $digest"
  if [ $((n % 3)) = 0 ]; then
    echo "@rolling back"
    weir rollback production -q >/tmp/said 2>&1 ||
      { echo "@broken weir rollback: $(tail -n 3 /tmp/said | tr '\n' ' ')"; poweroff -f; }
    head_now
    echo "@promoted $seq $digest"
  fi
  # The same shape of writing: with what makes it last, and without.
  { echo $n; cat /filler; echo $n; } >/d/synced/new
  sync /d/synced/new
  mv /d/synced/new /d/synced/now
  sync /d/synced
  echo "@synced $n"
  { echo $n; cat /filler; echo $n; } >/d/unsynced/new
  mv /d/unsynced/new /d/unsynced/now
  echo "@unsynced $n"
  [ $((n % 5)) != 0 ] || { weir gc -q >/tmp/said 2>&1 || { echo "@broken weir gc: $(tail -n 3 /tmp/said | tr '\n' ' ')"; poweroff -f; }; }
done
