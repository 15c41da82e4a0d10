#!/usr/bin/env bash
# Makes the Debian package `weir` of two built programs. The same inputs and SOURCE_DATE_EPOCH make the same bytes.
# It knows nothing of how the programs are built, but for `--build`.
#
#   packaging/deb/build.sh [--build] [--weir FILE] [--runtime FILE] [--pages DIR] [--version V] [--compress xz|gzip] [--out DIR]
#
#   --build     build both programs first: cargo build --release --locked
#   --weir, --runtime    programs to package (default: target/release/weir, target/release/weir-runtime)
#   --pages     what `cargo xtask manuals` and `cargo xtask licences` made (default: they are run)
#   --version   version of the package (default: that of Cargo.toml)
#   --out       directory for the package (default: target/deb); its path is printed
#
# SOURCE_DATE_EPOCH is the time of everything in it; by default the time of the last commit.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
weir=$target/release/weir
runtime=$target/release/weir-runtime
out=$target/deb
compress=xz
pages=
version=
build=

while [ "$#" -gt 0 ]; do
    case $1 in
        --build) build=yes && shift && continue ;;
        --weir | --runtime | --pages | --version | --compress | --out)
            [ "$#" -ge 2 ] || { echo "$1 wants a value" >&2 && exit 2; }
            printf -v "${1#--}" '%s' "$2"
            shift 2
            ;;
        *) echo "unknown option: $1; the head of $0 lists them" >&2 && exit 2 ;;
    esac
done

if [ -n "$build" ]; then
    (cd "$top" && cargo build --release --locked -p weir-compiler -p weir-runtime)
fi
for program in "$weir" "$runtime"; do
    [ -x "$program" ] || { echo "there is no program $program: build it, or name it with --weir or --runtime" >&2 && exit 1; }
done
if [ -z "$version" ]; then
    version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")
fi
# `1.2.0-rc.1` is before `1.2.0`: for dpkg that is `1.2.0~rc.1`.
version=${version/-/\~}
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -c safe.directory='*' -C "$top" log -1 --format=%ct)
fi
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
if [ -z "$pages" ]; then
    pages=$work/pages
    (cd "$top" && cargo run --locked -p xtask -- manuals --out "$pages" && cargo run --locked -p xtask -- licences --out "$pages/licences") >&2
fi

file() { # MODE FROM TO
    install -D -m "$1" "$2" "$root/$3"
}

# Programs, without what only a debugger reads.
file 0755 "$weir" usr/bin/weir
file 0755 "$runtime" usr/bin/weir-runtime
strip --strip-unneeded --remove-section=.comment "$root/usr/bin/weir" "$root/usr/bin/weir-runtime"

# Manuals and completions.
mkdir -p "$root/usr/share/man/man1"
"$weir" man --out "$root/usr/share/man/man1"
cp "$pages"/man/*.1 "$root/usr/share/man/man1/"
gzip -9n "$root"/usr/share/man/man1/*.1
bash=usr/share/bash-completion/completions zsh=usr/share/zsh/vendor-completions fish=usr/share/fish/vendor_completions.d
mkdir -p "$root/$bash" "$root/$zsh" "$root/$fish"
"$weir" completions bash >"$root/$bash/weir"
"$weir" completions zsh >"$root/$zsh/_weir"
"$weir" completions fish >"$root/$fish/weir.fish"
file 0644 "$pages/completions/weir-runtime.bash" "$bash/weir-runtime"
file 0644 "$pages/completions/weir-runtime.zsh" "$zsh/_weir-runtime"
file 0644 "$pages/completions/weir-runtime.fish" "$fish/weir-runtime.fish"

# Services.
for unit in weir.service weir-run.service weir-run.timer weir-runtime.service; do
    file 0644 "$top/packaging/systemd/$unit" "usr/lib/systemd/system/$unit"
done
file 0644 "$top/packaging/systemd/weir-runtime.sysusers" usr/lib/sysusers.d/weir-runtime.conf
file 0644 "$top/packaging/systemd/weir.sysusers" usr/lib/sysusers.d/weir.conf
file 0644 "$top/packaging/systemd/weir.tmpfiles" usr/lib/tmpfiles.d/weir.conf

# Settings, and what people read.
file 0644 "$here/runtime.toml" etc/weir/runtime.toml
file 0644 "$here/README.Debian" usr/share/doc/weir/README.Debian
file 0644 "$here/copyright" usr/share/doc/weir/copyright
file 0644 "$pages/licences" usr/share/doc/weir/licences
file 0644 "$top/CHANGELOG.md" usr/share/doc/weir/changelog
for page in "$top"/docs/*.md "$top"/docs/crm/*.md; do
    name=${page#"$top"/docs/}
    [ "$name" = SUMMARY.md ] || file 0644 "$page" "usr/share/doc/weir/$name"
done
file 0644 "$top/packaging/grafana/weir.json" usr/share/weir/grafana/weir.json
cat >"$root/usr/share/doc/weir/changelog.Debian" <<END
weir ($version) stable; urgency=medium

  * What changed is in changelog.gz.

 -- The Weir contributors <weir-project@users.noreply.github.com>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9n "$root/usr/share/doc/weir/changelog" "$root/usr/share/doc/weir/changelog.Debian" "$root/usr/share/doc/weir/licences"

# The oldest libc that has every symbol.
glibc=$(objdump -T "$root/usr/bin/weir" "$root/usr/bin/weir-runtime" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
[ -n "$glibc" ] || { echo "no version of libc in the programs" >&2 && exit 1; }
case $(objdump -f "$root/usr/bin/weir") in
    *x86-64*) architecture=amd64 ;;
    *aarch64*) architecture=arm64 ;;
    *) echo "no name for the architecture of $weir" >&2 && exit 1 ;;
esac

# What dpkg reads.
mkdir "$root/DEBIAN"
size=$(du -k -s --apparent-size "$root" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" -e "s/@GLIBC@/$glibc/" \
    "$here/control" >"$root/DEBIAN/control"
(cd "$root" && find etc -type f | sort | sed 's|^|/|') >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f | sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
for script in postinst prerm postrm; do
    install -m 0755 "$here/$script" "$root/DEBIAN/$script"
done

find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
package=$out/weir_${version}_$architecture.deb
dpkg-deb --root-owner-group --threads-max=1 "-Z$compress" --build "$root" "$package" >&2
printf '%s\n' "$package"
