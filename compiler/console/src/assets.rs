//! Style sheet, script and icons: built in, and served from memory only. No request reaches the file system.

use std::sync::LazyLock;

use rust_embed::{EmbeddedFile, RustEmbed};

use crate::digest::sha256_hex;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// Changes with any of them, so browsers may keep them for ever.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut names: Vec<_> = Files::iter().collect();
        names.sort_unstable();
        let all = names.iter().filter_map(|name| Files::get(name));
        let sums: String = all.map(|file| sha256_hex(&file.data)).collect();
        sha256_hex(sums.as_bytes())[..12].to_owned()
    });
    &VERSION
}

/// A file by its name, which is compared and never resolved, and its media type.
pub fn get(name: &str) -> Option<(EmbeddedFile, &'static str)> {
    let kind = match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    Some((Files::get(name)?, kind))
}
