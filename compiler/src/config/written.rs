//! A file of the project as it is written: TOML, keys that are known, values of their types. Shared by `weir.toml` and
//! `overrides.toml`; what the values mean is not known here.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeTable;
use weir_store::sha256;

use crate::config::error::{ConfigError, Problem};
use crate::config::keys;
use crate::source_map::{Format, SourceFile};
use crate::units::{MBPS, parse_rate};

/// The text of a file in the directory of a project; `None` when there is no such file.
pub fn text(dir: &Path, name: &str) -> Result<Option<String>, ConfigError> {
    let path = dir.join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => {
            let message = format!("{} cannot be read: {e}", path.display());
            let mut error = ConfigError::whole(name, message, "");
            error.outside = true;
            return Err(error);
        }
    };
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let message = format!(
            "{} is not UTF-8 from byte {} on",
            path.display(),
            e.utf8_error().valid_up_to() + 1
        );
        ConfigError::whole(name, message, "save it as UTF-8")
    })
}

/// The tables of a text, as far as they can be told, and what they say or what is wrong with them.
pub fn read<'t, F: DeserializeOwned>(
    text: &'t str,
    schema: &Value,
) -> (Spanned<DeTable<'t>>, Result<F, Vec<Problem>>) {
    let (root, syntax) = DeTable::parse_recoverable(text);
    // The first syntax error only: the others are mostly its echo.
    if let Some(error) = syntax.into_iter().min_by_key(|e| e.span().map(|s| s.start)) {
        let problem = Problem {
            message: format!("not valid TOML: {}", one_line(error.message())),
            help: "correct it there, then `weir check`; text stands in quotes, a section in [brackets], a list too".to_owned(),
            span: error.span(),
        };
        return (root, Err(vec![problem]));
    }
    let mut problems = Vec::new();
    keys::unknown(root.get_ref(), schema, &mut problems);
    if !problems.is_empty() {
        return (root, Err(problems));
    }
    let file = F::deserialize(toml::de::Deserializer::from(root.clone()))
        .map_err(|error| vec![wrong_type(&error, root.get_ref())]);
    (root, file)
}

/// The text as a file that findings can point into.
pub fn source_file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        format: Format::Toml,
        bytes: text.as_bytes().to_vec().into(),
        transcoded: None,
        digest: sha256(text.as_bytes()).into(),
    }
}

/// What serde says about a value, in our words: "`topology.max_depth` must be a whole number, not string \"7\"".
fn wrong_type(error: &toml::de::Error, root: &DeTable<'_>) -> Problem {
    let span = error.span();
    let key = span.as_ref().map(|s| keys::key_at(root, s));
    let key = key
        .filter(|k| !k.is_empty())
        .unwrap_or_else(|| "a value".to_owned());
    let said = one_line(error.message());
    let bare = said
        .strip_prefix("invalid type: ")
        .or_else(|| said.strip_prefix("invalid value: "));
    let (message, help) = match bare.and_then(|bare| bare.rsplit_once(", expected ")) {
        Some((found, wanted)) => {
            let wanted = plain(wanted);
            let text = found.strip_prefix("string ");
            let help = match text.map(|text| (text, text.trim_matches('"'))) {
                Some((_, "true" | "false")) if wanted.contains("true") => "take the quotes away",
                Some((_, bare)) if wanted.contains("number") && parse_rate(bare, MBPS).is_ok() => {
                    "take the quotes away"
                }
                Some((text, _)) if wanted.contains("list") => &format!("write [{text}]"),
                _ => "",
            };
            (
                format!("`{key}` must be {wanted}, not {found}"),
                help.to_owned(),
            )
        }
        // toml's inner name for a date, where a table is wanted.
        None if said.contains("$__toml") => (format!("`{key}` cannot be a date"), String::new()),
        None => (format!("`{key}`: {said}"), String::new()),
    };
    Problem {
        message,
        help,
        span,
    }
}

/// serde's names of types, for people who write files.
fn plain(wanted: &str) -> &str {
    match wanted {
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in brackets",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
