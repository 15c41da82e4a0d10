//! `weir check --fix`: edits of the project's own `weir.toml`, shown as a diff before they are made. Exports are never
//! touched.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use similar::TextDiff;
use weir_compiler::config::{self, CliOverrides, FILE_NAME, fixes};
use weir_compiler::finding::Fix;
use weir_compiler::report::{plain, push_lines};
use weir_compiler::source_map::SourceMap;

use crate::cli::exit::Exit;
use crate::cli::project::Built;
use crate::cli::stop::Stop;

/// A `weir.toml` with its fixes made, not written yet.
pub struct Mended {
    path: PathBuf,
    before: String,
    after: String,
    pub fixes: usize,
    /// As `diff -u` shows it.
    pub diff: String,
}

/// What the findings offer; `None` when there is nothing to do.
pub fn mend(built: &Built, unsafe_too: bool) -> Result<Option<Mended>, Stop> {
    let path = built.dir.join(FILE_NAME);
    let offered: Vec<&Fix> = built
        .compiled
        .findings
        .iter()
        .filter(|f| f.is_open())
        .filter_map(|f| f.fix.as_ref())
        .filter(|fix| fix.safe || unsafe_too)
        .collect();
    // A LibreQoS directory or a single file has no settings to edit.
    if offered.is_empty() || !path.is_file() {
        return Ok(None);
    }
    let before = fs::read_to_string(&path).map_err(|e| Stop::cannot("read", &path, &e))?;
    let (after, fixes) = fixes::apply(&before, &offered);
    if fixes == 0 {
        return Ok(None);
    }
    // Nothing is written that could not be read again.
    config::load_str(&after, &mut SourceMap::default(), &CliOverrides::default()).map_err(
        |error| {
            Stop::new(
                Exit::Outside,
                format!("the fixes would make weir.toml invalid: {error}"),
                "nothing was written; make the edits by hand",
            )
        },
    )?;
    let shown = format!("{}{FILE_NAME}", built.prefix);
    let mut diff = String::new();
    let text = TextDiff::from_lines(&before, &after)
        .unified_diff()
        .header(&format!("a/{shown}"), &format!("b/{shown}"))
        .to_string();
    push_lines(&mut diff, &text);
    Ok(Some(Mended {
        path,
        before,
        after,
        fixes,
        diff,
    }))
}

impl Mended {
    /// All of it or nothing, and not over somebody else's edit.
    pub fn write(&self) -> Result<(), Stop> {
        let now =
            fs::read_to_string(&self.path).map_err(|e| Stop::cannot("read", &self.path, &e))?;
        if now != self.before {
            return Err(Stop::new(
                Exit::Outside,
                format!(
                    "{} was changed in the meantime",
                    plain(&self.path.display().to_string())
                ),
                "nothing was written; run again",
            ));
        }
        replace(&self.path, self.after.as_bytes())
            .map_err(|e| Stop::cannot("write", &self.path, &e))
    }
}

/// Replaces a file at once, or makes it: a reader sees the old or the new one. A link stays a link.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.tmp", std::process::id()));
    let temporary = target.with_file_name(beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            if let Ok(old) = fs::metadata(&target) {
                file.set_permissions(old.permissions())?;
            }
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
