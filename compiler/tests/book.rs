//! What the documentation tells people to type is typed here, page by page, and its links lead somewhere.
//!
//! A comment above a shell block says how it is run; the words, one or more to a comment:
//!
//! | | |
//! |---|---|
//! | `in: DIR` | in a copy of that directory of the repository, which the later blocks of the page share |
//! | `exit: 0 3` | these exit codes are right; only 0 when it is not there |
//! | `within: DIR` | in that directory below the copy |
//! | `at: PATH is DIR` | there is a copy of that directory of the repository at `PATH`, for this block and those that follow |
//! | `settings: above` | the TOML block above is in the project's `weir.toml` |
//! | `after: COMMANDS` | what was typed before and is not shown |
//! | `needs: jq` | skipped, by name, where there is no such program |
//! | `not run: why` | it is not run |
//!
//! `DIGEST` in a block is the newest artifact of the project's store, `DIR` a directory of its own. The page of a CRM is
//! run in a project made of its own TOML, against a stand-in of that CRM. It knows nothing of what the commands print.
#![cfg(feature = "fetch")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use weir_standin::{KEY, KINDS, Options, PASSWORD, SECRET, Standin};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(here).expect("the repository")
}

/// Every page for people, by its path in the repository. Every example has one, and what it tells to type is run.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut open = vec![root().join("docs")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.insert(name(&path), fs::read_to_string(&path).expect("a page"));
            }
        }
    }
    for example in fs::read_dir(root().join("examples")).expect("examples") {
        let path = example.expect("an entry").path().join("README.md");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(
            text.contains("<!-- in: "),
            "{}: nothing of it is run",
            path.display()
        );
        pages.insert(name(&path), text);
    }
    for page in ["README.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let path = root().join(page);
        pages.insert(page.to_owned(), fs::read_to_string(path).expect(page));
    }
    pages
}

fn name(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("a path in the repository");
    path.to_str().expect("a plain name").to_owned()
}

/// A fenced block.
struct Block {
    line: usize,
    language: String,
    text: String,
    /// The comment above it.
    words: BTreeMap<String, String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut words = BTreeMap::new();
    let mut lines = page.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        if let Some(comment) = line
            .strip_prefix("<!-- ")
            .and_then(|l| l.strip_suffix(" -->"))
        {
            if let Some((word, value)) = comment.split_once(": ") {
                words.insert(word.to_owned(), value.to_owned());
            }
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() {
                words.clear();
            }
            continue;
        };
        let text: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| !line.starts_with("```"))
            .collect();
        blocks.push(Block {
            line: n + 1,
            language: language.to_owned(),
            text: text.join("\n"),
            words: std::mem::take(&mut words),
        });
    }
    blocks
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        // What a build leaves is not part of the project.
        if path.file_name().is_some_and(|name| name == ".weir") {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("a copy");
        }
    }
}

/// The artifact that was stored last.
fn newest(project: &Path) -> Option<String> {
    let artifacts = fs::read_dir(project.join(".weir/store/artifacts")).ok()?;
    let newest = artifacts
        .map(|entry| entry.expect("an entry"))
        .max_by_key(|entry| entry.metadata().and_then(|m| m.modified()).ok())?;
    newest.file_name().into_string().ok()
}

/// A page that is being followed.
struct Reader {
    page: String,
    copies: BTreeMap<String, TempDir>,
    scratch: TempDir,
    standin: Option<Standin>,
    /// Paths of the page, and the directories of the repository that stand there.
    places: Vec<(String, String)>,
}

impl Reader {
    fn new(page: &str) -> Reader {
        Reader {
            page: page.to_owned(),
            copies: BTreeMap::new(),
            scratch: tempfile::tempdir().expect("a directory"),
            standin: None,
            places: Vec::new(),
        }
    }

    fn copy_of(&mut self, dir: &str) -> PathBuf {
        let copy_of = self.copies.entry(dir.to_owned()).or_insert_with(|| {
            let copied = tempfile::tempdir().expect("a directory");
            copy(&root().join(dir), copied.path());
            copied
        });
        copy_of.path().to_owned()
    }

    /// The project that the page of a CRM tells to make, with the stand-in's address in it.
    fn project_of(&mut self, kind: &str, toml: &str) -> PathBuf {
        let dir = self.scratch.path().join("project");
        if !dir.exists() {
            let standin = Standin::start(Options::new(kind)).expect("a stand-in");
            let mut written = toml.to_owned();
            // Each address of the page is the stand-in's now: `url` its own, others with their path.
            for line in toml.lines().filter(|line| line.contains("\"https://")) {
                let quoted = line.split('"').nth(1).unwrap_or_default();
                let path = quoted.splitn(4, '/').nth(3).unwrap_or_default();
                let own = standin.url();
                let address = if line.starts_with("url ") {
                    own.clone()
                } else {
                    let origin: Vec<&str> = own.splitn(4, '/').take(3).collect();
                    format!("{}/{path}", origin.join("/"))
                };
                written = written.replace(quoted, &address);
            }
            fs::create_dir_all(&dir).expect("a directory");
            fs::write(dir.join("weir.toml"), written).expect("a file");
            self.standin = Some(standin);
        }
        dir
    }

    /// Commands or settings of the page, with what stands where the page says.
    fn here(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (path, stands) in self.places.clone() {
            // A trailing word of the page's is not the path: `DIR` is, `DIRECTORY` is not.
            let copied = self.copy_of(&stands).display().to_string();
            let parts: Vec<&str> = text.split(path.as_str()).collect();
            let mut told = parts[0].to_owned();
            for pair in parts.windows(2) {
                let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                let own = !pair[0].ends_with(goes_on) && !pair[1].starts_with(goes_on);
                told.push_str(if own { &copied } else { &path });
                told.push_str(pair[1]);
            }
            text = told;
        }
        text
    }

    /// What has to be there before the block is run. An error says what went wrong.
    fn prepare(&mut self, block: &Block, toml: Option<&Block>, dir: &Path) -> Result<(), String> {
        let at = format!("{}:{}", self.page, block.line);
        if let Some(place) = block.words.get("at") {
            let (path, stands) = (place.split_once(" is "))
                .ok_or_else(|| format!("{at}: `at: {place}` is not PATH is DIR"))?;
            self.places.push((path.to_owned(), stands.to_owned()));
        }
        if block.words.contains_key("settings") {
            let toml = toml.ok_or_else(|| format!("{at}: there is no TOML above"))?;
            let settings = self.here(&toml.text);
            let file = dir.join("weir.toml");
            let written = fs::read_to_string(&file).map_err(|e| format!("{at}: {e}"))?;
            if !written.contains(&settings) {
                fs::write(&file, format!("{written}\n{settings}\n")).expect("written");
            }
        }
        if let Some(before) = block.words.get("after") {
            let before = Block {
                line: block.line,
                language: block.language.clone(),
                text: before.replace("; ", "\n"),
                words: BTreeMap::new(),
            };
            if let Some(wrong) = self.follow(&before, dir) {
                return Err(wrong);
            }
        }
        Ok(())
    }

    /// What went wrong, if something did.
    fn follow(&mut self, block: &Block, dir: &Path) -> Option<String> {
        let allowed: BTreeSet<i32> = block.words.get("exit").map_or_else(
            || BTreeSet::from([0]),
            |codes| codes.split(' ').filter_map(|c| c.parse().ok()).collect(),
        );
        // Each command of the block may exit so, not only the last.
        let text = self.here(&block.text);
        for command in commands(&text) {
            let mut command = command.replace("DIR", "\"$SCRATCH\"");
            let mut within = dir.to_owned();
            if let Some(digest) = newest(dir) {
                // Names of files have the beginning of it.
                command = command
                    .replace("-DIGEST", &format!("-{}", &digest[..12]))
                    .replace("DIGEST", &digest);
                if let Some(below) = block.words.get("within") {
                    within.push(below.replace("DIGEST", &digest));
                }
            }
            let bin = Path::new(env!("CARGO_BIN_EXE_weir"))
                .parent()
                .expect("a directory");
            let path = std::env::var("PATH").unwrap_or_default();
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &command])
                .current_dir(within)
                .env_clear()
                .env("PATH", format!("{}:{path}", bin.display()))
                .env("HOME", self.scratch.path())
                .env("SCRATCH", self.scratch.path().join("dir"))
                .env("CRM_KEY", KEY)
                .env("CRM_SECRET", SECRET)
                .env("CRM_PASSWORD", PASSWORD)
                .stdin(Stdio::null())
                .output()
                .expect("bash runs");
            if output
                .status
                .code()
                .is_none_or(|code| !allowed.contains(&code))
            {
                return Some(format!(
                    "{}:{}: {} of `{command}`\n{}{}",
                    self.page,
                    block.line,
                    output.status,
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                ));
            }
        }
        None
    }
}

/// Lines that belong together are one command: a backslash at the end, or a quote that is still open.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match commands.last_mut() {
            Some(last) if open => {
                last.push('\n');
                last.push_str(line);
            }
            _ => commands.push(line.to_owned()),
        }
        let so_far = commands.last().map_or("", String::as_str);
        open = so_far.ends_with('\\') || so_far.matches('\'').count() % 2 == 1;
    }
    commands.retain(|command| !command.trim().is_empty());
    commands
}

fn there(program: &str) -> bool {
    let mut probe = Command::new(program);
    probe
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    probe.status().is_ok()
}

#[test]
#[allow(clippy::print_stdout)] // A block that is not run is named, so that nobody takes it for a pass.
fn every_shell_block_does_what_it_says() {
    let mut wrong = Vec::new();
    let mut run = 0;
    for (page, text) in pages() {
        let mut reader = Reader::new(&page);
        let kind = page
            .strip_prefix("docs/crm/")
            .and_then(|page| page.strip_suffix(".md"))
            .filter(|kind| KINDS.contains(kind));
        let blocks = blocks(&text);
        let toml = blocks.iter().find(|block| block.language == "toml");
        for block in blocks.iter().filter(|block| block.language == "sh") {
            if let Some(why) = block.words.get("not run") {
                println!("not run: {page}:{}: {why}", block.line);
                continue;
            }
            let needs = block.words.get("needs").map_or("", String::as_str);
            if let Some(program) = needs.split_whitespace().find(|program| !there(program)) {
                println!("skipped: {page}:{}: there is no {program} here", block.line);
                continue;
            }
            let dir = match (block.words.get("in"), kind, toml) {
                (Some(dir), _, _) => reader.copy_of(dir),
                (None, Some(kind), Some(toml)) => reader.project_of(kind, &toml.text),
                _ => {
                    wrong.push(format!(
                        "{page}:{}: nothing says how this block is run",
                        block.line
                    ));
                    continue;
                }
            };
            run += 1;
            let above = |b: &&Block| b.language == "toml" && b.line < block.line;
            let above = blocks.iter().rfind(above);
            match reader.prepare(block, above, &dir) {
                Ok(()) => wrong.extend(reader.follow(block, &dir)),
                Err(told) => wrong.push(told),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A reader that finds no block would find no fault either.
    assert!(run > 35, "only {run} blocks were run");
}

/// What is not marked as shell is not run, so commands must not hide there: in another language, or in a block that is
/// indented and so not seen.
#[test]
fn no_command_escapes() {
    const OTHERS: [&str; 8] = [
        "csv", "diff", "json", "mermaid", "nginx", "text", "toml", "yaml",
    ];
    const PROGRAMS: [&str; 12] = [
        "apt",
        "cargo",
        "cp",
        "curl",
        "jq",
        "minisign",
        "sha256sum",
        "sudo",
        "systemctl",
        "tc",
        "weir",
        "weir-runtime",
    ];
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        let mut inside = false;
        for (line, n) in text.lines().zip(1..) {
            let fence = line.trim_start().starts_with("```");
            if fence {
                inside = !inside;
            }
            let hidden = fence && inside && line.starts_with(' ') && !line.ends_with("```text");
            if hidden {
                wrong.push(format!("{page}:{n}: an indented block is not seen"));
            }
        }
        for block in blocks(&text).iter().filter(|b| b.language != "sh") {
            if !OTHERS.contains(&block.language.as_str()) {
                let language = &block.language;
                wrong.push(format!("{page}:{}: `{language}` is not run", block.line));
            }
            for (line, n) in block.text.lines().zip(block.line + 1..) {
                let mut words = line.trim_start_matches("$ ").split(' ');
                let first = words.next().unwrap_or_default();
                // `weir 0.1.0` is what it says, not what is typed.
                let typed = words.next().is_some_and(|w| {
                    w.starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '-' | '.' | '/'))
                });
                if typed && block.language != "yaml" && PROGRAMS.contains(&first) {
                    wrong.push(format!("{page}:{n}: `{line}` is typed and not run"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Heading to anchor, as forges and mdBook make it.
fn anchor(heading: &str) -> String {
    let plain: String = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect();
    plain.trim().to_lowercase().replace(' ', "-")
}

fn prose(page: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            // Code is not a link.
            for (n, part) in line.split('`').enumerate() {
                if n % 2 == 0 {
                    kept.push_str(part);
                } else {
                    kept.push('x');
                }
            }
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (page, text) in &pages {
        let dir = root().join(page);
        let dir = dir.parent().expect("a directory");
        for link in prose(text).split("](").skip(1) {
            let Some(link) = link.split(')').next() else {
                continue;
            };
            if link.starts_with("http") || link.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                root().join(page)
            } else {
                dir.join(file)
            };
            let Ok(target) = fs::canonicalize(&target) else {
                wrong.push(format!("{page}: {link}: there is no such file"));
                continue;
            };
            if fragment.is_empty() || target.is_dir() {
                continue;
            }
            let headings = pages.get(&name(&target)).map(|text| {
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| anchor(line.trim_start_matches('#')))
                    .collect::<BTreeSet<_>>()
            });
            if headings.is_some_and(|headings| !headings.contains(fragment)) {
                wrong.push(format!("{page}: {link}: there is no such heading"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} links were looked at");
}

/// `RAT006` and its like, wherever people read them.
#[test]
fn rules_that_are_named_are_there() {
    let codes: BTreeSet<&str> = weir_compiler::lint::rules::ALL
        .iter()
        .map(|rule| rule.code)
        .collect();
    let groups: BTreeSet<&str> = codes.iter().map(|code| &code[..3]).collect();
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            let is_code = word.len() == 6
                && word.is_char_boundary(3)
                && groups.contains(&word[..3])
                && word[3..].bytes().all(|b| b.is_ascii_digit());
            if is_code && !codes.contains(word) {
                wrong.push(format!("{page}: there is no rule {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The table of contents is what mdBook prints: a page that is not in it is not there for readers.
#[test]
fn every_page_is_in_the_book() {
    let pages = pages();
    let summary = &pages["docs/SUMMARY.md"];
    let missing: Vec<&String> = pages
        .keys()
        .filter(|page| page.starts_with("docs/") && *page != "docs/SUMMARY.md")
        .filter(|page| !summary.contains(&format!("({})", &page["docs/".len()..])))
        .collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
}

/// Where the crates are, by the name that the pages of [`HELD`] use.
const CRATES: [(&str, &str); 9] = [
    ("weir-abi", "ebpf/abi"),
    ("weir-compiler", "compiler"),
    ("weir-console", "compiler/console"),
    ("weir-fetch", "compiler/fetch"),
    ("weir-plan", "runtime/plan"),
    ("weir-runtime", "runtime"),
    ("weir-store", "runtime/store"),
    ("weir-store-s3", "runtime/store-s3"),
    ("xtask", "xtask"),
];

/// Pages that say by which tests their sentences are held, and how many tests they name at least.
const HELD: [(&str, usize); 2] = [("docs/promises.md", 80), ("docs/crm-pitfalls.md", 80)];

/// A sentence names a test that is there: `crate::file`, `crate::file::name`, or `crate::lib::module::name` of a unit test.
#[test]
fn pages_name_tests_that_are_there() {
    for (page, least) in HELD {
        let text = fs::read_to_string(root().join(page)).expect("the page");
        let tests = named_tests(&text);
        let wrong: Vec<&&str> = (tests.iter()).filter(|test| !is_there(test)).collect();
        assert!(wrong.is_empty(), "{page} names no such test: {wrong:#?}");
        assert!(
            tests.len() >= least,
            "{page}: only {} tests are named",
            tests.len()
        );
    }
}

/// What goes wrong elsewhere is shown to be right here, row by row.
#[test]
fn every_pitfall_is_held_by_a_test() {
    let page = fs::read_to_string(root().join("docs/crm-pitfalls.md")).expect("the page");
    let rows = (page.lines()).filter(|line| line.starts_with("| ") && !line.starts_with("| what "));
    let bare: Vec<&str> = rows.filter(|row| named_tests(row).is_empty()).collect();
    assert!(bare.is_empty(), "no test is named: {bare:#?}");
}

/// What is quoted on a page and begins with the name of a crate.
fn named_tests(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let of_ours = |text: &&str| {
        let name = text.split_once("::").map(|(name, _)| name);
        CRATES.iter().any(|(known, _)| Some(*known) == name)
    };
    quoted.filter(of_ours).collect()
}

fn is_there(test: &str) -> bool {
    let (name, rest) = test.split_once("::").expect("a crate");
    let (_, dir) = (CRATES.iter().find(|(known, _)| *known == name)).expect("a crate");
    let dir = root().join(dir);
    // A program has its tests beside its code.
    let unit = rest
        .strip_prefix("lib::")
        .or_else(|| (name == "xtask").then_some(rest));
    if let Some(path) = unit {
        return is_in_code(&dir.join("src"), &path.split("::").collect::<Vec<_>>());
    }
    let (file, test) = rest.split_once("::").unwrap_or((rest, ""));
    let last = test.rsplit("::").next().unwrap_or_default();
    [format!("{file}.rs"), file.to_owned()]
        .map(|place| dir.join("tests").join(place))
        .iter()
        .any(|place| place.exists() && (last.is_empty() || names(place, last)))
}

/// Whether a module or a test is where its path says: modules as files as far as there are any, then modules inside of
/// the last one.
fn is_in_code(src: &Path, path: &[&str]) -> bool {
    (1..=path.len()).rev().any(|files| {
        let module = path[..files].join("/");
        let file = [format!("{module}.rs"), format!("{module}/mod.rs")]
            .map(|file| src.join(file))
            .into_iter()
            .find(|file| file.exists());
        file.is_some_and(|file| path[files..].iter().all(|name| names(&file, name)))
    })
}

/// Whether a file, or a file below a directory, has a function or a module of that name.
fn names(place: &Path, name: &str) -> bool {
    if place.is_dir() {
        let entries = fs::read_dir(place).expect("a directory");
        return entries.into_iter().any(|entry| {
            let path = entry.expect("an entry").path();
            path.file_stem().is_some_and(|stem| *stem == *name) || names(&path, name)
        });
    }
    let text = fs::read_to_string(place).unwrap_or_default();
    [
        format!("fn {name}("),
        format!("mod {name} "),
        format!("mod {name};"),
    ]
    .iter()
    .any(|is| text.contains(is))
}
