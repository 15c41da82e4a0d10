//! The `sqm` column: which queueing discipline a circuit's leaf gets, per direction.

use crate::ir::records::LeafKind;
use crate::units::Pair;

/// The end of a message about text that is none of it.
pub const EXPECTED: &str =
    "not one of cake, fq_codel, none, or two of them as down/up; the target's default is used";

/// `cake`, `fq_codel`, `none`, or two of these as `down/up`, either side empty for the default. Case and
/// blanks do not matter. `None`: something else.
pub fn parse(text: &str) -> Option<Pair<Option<LeafKind>>> {
    match text.split_once('/') {
        Some((down, up)) => Some(Pair::new(side(down)?, side(up)?)),
        None => side(text).map(Pair::both),
    }
}

fn side(text: &str) -> Option<Option<LeafKind>> {
    let kind = match text.trim().to_ascii_lowercase().as_str() {
        "" => return Some(None),
        "cake" => LeafKind::Cake,
        "fq_codel" => LeafKind::FqCodel,
        "none" => LeafKind::None,
        _ => return None,
    };
    Some(Some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pairs_are_read_in_any_case() {
        let word = |pair: Pair<Option<LeafKind>>| {
            let side = |kind: Option<LeafKind>| kind.map_or("default", LeafKind::word);
            format!("{} {}", side(pair.down), side(pair.up))
        };
        for (text, want) in [
            ("", Some("default default")),
            (" CAKE ", Some("cake cake")),
            ("fq_codel", Some("fq_codel fq_codel")),
            ("none", Some("none none")),
            ("cake / FQ_CODEL", Some("cake fq_codel")),
            ("fq_codel/", Some("fq_codel default")),
            ("/none", Some("default none")),
            ("/", Some("default default")),
            ("pie", None),
            ("cake/pie", None),
            ("cake/cake/cake", None),
            ("cake diffserv4", None),
        ] {
            assert_eq!(parse(text).map(word).as_deref(), want, "{text}");
        }
    }
}
