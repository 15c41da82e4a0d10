#!/usr/bin/env bash
# Builds the documentation as a book into target/book, without a warning, and follows every link of what was built. Links
# that leave docs/ lead to the repository there, as a book has no other files. Without mdbook it says so and passes.
#
#   ci/book.sh          MDBOOK names the program; by default one is installed below target/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=0.5.4
repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)

mdbook=${MDBOOK:-$(command -v mdbook || true)}
if [ -z "$mdbook" ]; then
    mdbook=$PWD/target/book-tools/bin/mdbook
    [ -x "$mdbook" ] || cargo install mdbook --version "$version" --locked --quiet --no-default-features --features search \
        --root target/book-tools || {
        echo "skipped: the book: mdbook $version cannot be installed"
        exit 0
    }
fi

rm -rf target/book target/book-src
mkdir -p target/book-src
cp -r docs target/book-src/docs
cp book.toml target/book-src/
find target/book-src/docs -maxdepth 1 -name '*.md' -exec sed -i "s#](\.\./#]($repository/blob/main/#g" {} +
find target/book-src/docs -mindepth 2 -name '*.md' -exec sed -i "s#](\.\./\.\./#]($repository/blob/main/#g" {} +
# mdBook makes index.html of README.md, and leaves links to it as they are.
find target/book-src/docs -name '*.md' ! -name SUMMARY.md -exec sed -i "s#](\(\.\./\)\?README\.md#](\1index.html#g" {} +

"$mdbook" build target/book-src --dest-dir "$PWD/target/book" 2>&1 | tee target/book-src/log
if grep -E '\b(WARN|ERROR)\b' target/book-src/log; then
    echo "the book is built with warnings"
    exit 1
fi

python3 - target/book <<'PYTHON'
"""Every link and picture of the built book leads to something that is there."""
import os
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

top = sys.argv[1]
pages = {}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        for name in ("id", "name"):
            if attributes.get(name):
                self.ids.add(attributes[name])
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append(attributes[name])


for folder, _, files in os.walk(top):
    for name in files:
        if name.endswith(".html"):
            path = os.path.normpath(os.path.join(folder, name))
            pages[path] = Page()
            with open(path, encoding="utf-8") as text:
                pages[path].feed(text.read())

wrong, seen = [], 0
for path, page in pages.items():
    # This one is shown from any address, and named from the top.
    if path.endswith(("404.html", "toc.html")):
        continue
    for link in page.links:
        if ":" in link.split("/")[0] or link.startswith("//"):
            continue
        seen += 1
        target, fragment = urldefrag(unquote(link))
        there = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(there):
            wrong.append(f"{path}: {link}: there is no such file")
        elif fragment and there in pages and fragment not in pages[there].ids:
            wrong.append(f"{path}: {link}: there is no such place")
print("\n".join(wrong) or f"{seen} links of {len(pages)} pages lead somewhere")
sys.exit(bool(wrong) or seen < 500)
PYTHON
