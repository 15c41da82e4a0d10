//! Findings for people: what, where, why not, what to do. Each stands with the lines of the files it is about; of
//! a rule that found much only the worst are shown, because forty alike are read by nobody.

use std::fmt;
use std::fmt::Write;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode,
};
use rustc_hash::FxHashMap;

use crate::finding::{Finding, Label, Level, Standing};
use crate::report::excerpt::{Excerpt, Spot};
use crate::report::{Detail, Look, counted, plain, thousands};
use crate::source_map::{Format, SourceMap};

/// Findings of one rule shown in full before the rest is a number.
const WORST: usize = 3;
/// Places of one finding shown before the rest is a number.
const PLACES: usize = 4;

/// Findings in the order they have. `rest`: where to read what is left out ("findings.json").
pub fn findings(
    findings: &[Finding],
    files: &SourceMap,
    look: Look,
    detail: Detail,
    rest: &str,
) -> String {
    let mut text = String::new();
    let mut listed = String::new();
    if detail == Detail::Verbose {
        for finding in findings {
            text.push_str(&one(finding, files, look, detail));
        }
        return text;
    }
    // By rule and in order; what is suppressed or known is only counted.
    let mut at: FxHashMap<&str, usize> = FxHashMap::default();
    let mut rules: Vec<Vec<&Finding>> = Vec::new();
    let shown = |f: &&Finding| f.is_open() && f.level >= least(detail);
    for finding in findings.iter().filter(shown) {
        let next = rules.len();
        let ix = *at.entry(finding.rule.code).or_insert(next);
        if ix == next {
            rules.push(Vec::new());
        }
        rules[ix].push(finding);
    }
    for all in rules {
        let first = all[0];
        if first.level == Level::Info {
            listed.push_str(&line(&all, look));
            continue;
        }
        let shown = all.len().min(WORST);
        for finding in &all[..shown] {
            text.push_str(&one(finding, files, look, detail));
        }
        if all.len() > shown {
            let more = format!(
                "and {} more `{}`; see {rest} or `-v`",
                thousands((all.len() - shown) as u64),
                first.rule.name
            );
            text.push_str(&format!("  {}\n\n", look.level(first.level, &more)));
        }
    }
    if !listed.is_empty() {
        text.push_str(&listed);
        text.push('\n');
    }
    text
}

/// The lowest level that is shown at all.
fn least(detail: Detail) -> Level {
    match detail {
        Detail::Quiet => Level::Error,
        Detail::Normal | Detail::Verbose => Level::Info,
    }
}

/// A rule that is only listed: its first message, and how many more there are.
fn line(all: &[&Finding], look: Look) -> String {
    let first = all[0];
    let more = match all.len() - 1 {
        0 => String::new(),
        more => format!(" (and {} more)", thousands(more as u64)),
    };
    let head = format!("info {} {}", first.rule.code, first.rule.name);
    format!(
        "{}: {}{more}\n",
        look.level(Level::Info, &head),
        plain(&first.message)
    )
}

/// One finding with its excerpt, and a blank line after it.
pub fn one(finding: &Finding, files: &SourceMap, look: Look, detail: Detail) -> String {
    let places = if detail == Detail::Verbose {
        PLACES * 5
    } else {
        PLACES
    };
    let shown = &finding.places[..finding.places.len().min(places)];
    let head = format!(
        "{} {} {}{}",
        finding.level.word(),
        finding.rule.code,
        finding.rule.name,
        match &finding.standing {
            Standing::Open => String::new(),
            Standing::Known => " (known)".to_owned(),
            Standing::Suppressed { reason, .. } => format!(" (suppressed: {})", plain(reason)),
        }
    );
    let mut text = render(
        &Shown {
            head: Some(head),
            level: finding.level,
            message: plain(&finding.message).into_owned(),
            help: plain(&finding.help).into_owned(),
            excerpt: excerpt(shown, files, look),
        },
        look,
    );
    if finding.places.len() > places {
        let more = counted(finding.places.len() - places, "more place");
        text.push_str(&format!("  and {more}\n"));
    }
    text.push('\n');
    text
}

/// Something that stops a command: an unreadable project, a missing export.
pub fn problem(message: &str, help: &str, spots: &[Spot], files: &SourceMap, look: Look) -> String {
    let shown = Shown {
        head: None,
        level: Level::Error,
        message: format!("error: {}", plain(message)),
        help: plain(help).into_owned(),
        excerpt: cut(spots, files, look),
    };
    render(&shown, look)
}

fn excerpt(places: &[Label], files: &SourceMap, look: Look) -> Excerpt {
    let spots: Vec<Spot> = places
        .iter()
        .map(|label| {
            let at = files.locate(&label.place);
            let mut text = plain(&label.text).into_owned();
            // Only a setting that is not in the file has no place in it.
            if at.bytes == (0..0) && files.file(at.file).format == Format::Toml {
                let _ = write!(text, " (`{}` is not written)", plain(&label.place.route));
            }
            Spot { at, text }
        })
        .collect();
    cut(&spots, files, look)
}

fn cut(spots: &[Spot], files: &SourceMap, look: Look) -> Excerpt {
    let width = look.width.saturating_sub(14).clamp(50, 200);
    let mark = if look.unicode { "…" } else { "..." };
    Excerpt::cut(files, spots, width, mark)
}

fn render(shown: &Shown, look: Look) -> String {
    let theme = match (look.unicode, look.color) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme::ascii(),
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        .with_links(false)
        .without_cause_chain()
        .without_syntax_highlighting();
    let mut text = String::new();
    if handler.render_report(&mut text, shown).is_err() {
        // An excerpt that cannot be drawn must not hide the message.
        let _ = writeln!(text, "{}", shown.message);
    }
    // Lines of blanks are lines.
    text.lines()
        .fold(String::with_capacity(text.len()), |mut all, line| {
            all.push_str(line.trim_end());
            all.push('\n');
            all
        })
}

/// What `miette` draws.
#[derive(Debug)]
struct Shown {
    head: Option<String>,
    level: Level,
    message: String,
    help: String,
    excerpt: Excerpt,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let head = self.head.as_ref()?;
        Some(Box::new(head))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Info => Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.excerpt.is_empty()).then_some(&self.excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.excerpt.labels().iter().cloned()))
    }
}
