#!/usr/bin/env bash
# Makes the Debian package `weir` of two built programs with cargo-deb. What is in it stands in `[package.metadata.deb]` of
# compiler/Cargo.toml, and nowhere else; here is made what is not a file of the tree: manuals, completions, licences, the
# changelog of the version. The same inputs and SOURCE_DATE_EPOCH make the same bytes. It knows nothing of how the programs
# are built, but for `--build`.
#
#   packaging/deb/build.sh [--build] [--weir FILE] [--runtime FILE] [--pages DIR] [--version V] [--fast] [--out DIR]
#   packaging/deb/build.sh --prepare
#
#   --build     build both programs first: cargo build --release --locked
#   --weir, --runtime    programs to package (default: target/release/weir, target/release/weir-runtime)
#   --pages     what `cargo xtask manuals` and `cargo xtask licences` made (default: they are run)
#   --version   version of the package (default: that of Cargo.toml)
#   --fast      compress less: for tests
#   --out       directory for the package (default: target/deb); its path is printed
#   --prepare   make no package, but target/release/package, for `cargo deb -p weir-compiler --no-build --strip`
#
# SOURCE_DATE_EPOCH is the time of everything in it; by default the time of the last commit. CARGO_DEB names cargo-deb; by
# default the one on PATH is taken, or one is installed below target/. Ends with 3 where there is none.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
# Another version may make other bytes.
cargo_deb_version=3.8.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
weir=$target/release/weir
runtime=$target/release/weir-runtime
out=$target/deb
pages=
version=
build=
prepare=
fast=()

while [ "$#" -gt 0 ]; do
    case $1 in
        --build) build=yes && shift && continue ;;
        --prepare) prepare=yes && shift && continue ;;
        --fast) fast=(--fast) && shift && continue ;;
        --weir | --runtime | --pages | --version | --out)
            [ "$#" -ge 2 ] || { echo "$1 wants a value" >&2 && exit 2; }
            printf -v "${1#--}" '%s' "$2"
            shift 2
            ;;
        *) echo "unknown option: $1; the head of $0 lists them" >&2 && exit 2 ;;
    esac
done

if [ -n "$build" ]; then
    (cd "$top" && cargo build --release --locked -p weir-compiler -p weir-runtime) >&2
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

cargo_deb=${CARGO_DEB:-$(command -v cargo-deb || true)}
if [ -z "$cargo_deb" ] && [ -z "$prepare" ]; then
    cargo_deb=$top/target/deb-tools/bin/cargo-deb
    [ -x "$cargo_deb" ] || cargo install cargo-deb --version "$cargo_deb_version" --locked --quiet \
        --root "$top/target/deb-tools" >&2 || {
        echo "cargo-deb $cargo_deb_version cannot be installed: name one with CARGO_DEB" >&2
        exit 3
    }
fi

# Paths in Cargo.toml begin with `target/release`, which cargo-deb takes for that of CARGO_TARGET_DIR. Here it is a
# directory of this package alone, so that nothing older gets into it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/target/release
made=$stage/package
mkdir -p "$made/man" "$made/completions"
if [ -z "$pages" ]; then
    pages=$work/pages
    (cd "$top" && cargo run --locked -p xtask -- manuals --out "$pages" && cargo run --locked -p xtask -- licences --out "$pages/licences") >&2
fi
"$weir" man --out "$made/man" >&2
cp "$pages"/man/*.1 "$made/man/"
gzip -9n "$made"/man/*.1
for shell in bash zsh fish; do
    "$weir" completions "$shell" >"$made/completions/weir.$shell"
done
cp "$pages"/completions/weir-runtime.* "$made/completions/"
gzip -9nc "$pages/licences" >"$made/licences.gz"
gzip -9nc >"$made/changelog.Debian.gz" <<END
weir ($version) stable; urgency=medium

  * What changed is in changelog.gz.

 -- The Weir contributors <weir-project@users.noreply.github.com>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
if [ -n "$prepare" ]; then
    rm -rf "$target/release/package"
    mkdir -p "$target/release"
    cp -r "$made" "$target/release/package"
    echo "$target/release/package"
    exit 0
fi
cp "$weir" "$stage/weir"
cp "$runtime" "$stage/weir-runtime"

# The oldest libc that has every symbol, and the one that the package asks for.
glibc=$(objdump -T "$stage/weir" "$stage/weir-runtime" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
[ -n "$glibc" ] || { echo "no version of libc in the programs" >&2 && exit 1; }
asked=$(sed -n 's/^depends = "libc6 (>= \([0-9.]*\)).*/\1/p' "$top/compiler/Cargo.toml")
[ "$(printf '%s\n' "$asked" "$glibc" | sort -V | tail -n 1)" = "$asked" ] || {
    echo "the programs need libc6 $glibc, but \`depends\` in compiler/Cargo.toml says $asked: build on an older system, or correct it" >&2
    exit 1
}

mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$top"
CARGO_TARGET_DIR=$work/target "$cargo_deb" -p weir-compiler --locked --no-build --strip --no-dbgsym --no-separate-debug-symbols \
    ${fast[@]+"${fast[@]}"} --deb-version "$version" --output "$out" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
package=$(tail -n 1 "$work/log")
# What it warns of is something that would be missing or wrong.
if grep -i warning "$work/log" >&2; then
    exit 1
fi
[ -f "$package" ] || { cat "$work/log" >&2 && exit 1; }
printf '%s\n' "$package"
