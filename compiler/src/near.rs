//! "Did you mean": how alike two ids or names are, for findings that name what does not exist. Shared by normalizing and
//! by the rules; knows nothing of what is looked up.

/// From here on something is near enough to be named.
pub const NEAR: f64 = 0.84;

/// How alike two texts are, from 0 to 1, as they are folded by the caller. Numbers are not letters: `ap-17` is as far
/// from `ap-18` as from any other access point, so where both have numbers and these differ, they are not alike. Zeros
/// in front say nothing.
pub fn alike(a: &str, b: &str) -> f64 {
    let (mut left, mut right) = (numbers(a).peekable(), numbers(b).peekable());
    let both = left.peek().is_some() && right.peek().is_some();
    if both && !left.eq(right) {
        return 0.0;
    }
    strsim::jaro_winkler(a, b)
}

/// The runs of digits of a text, without zeros in front.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .map(|run| run.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_numbers_are_not() {
        for (wanted, there, near) in [
            ("hil", "hill", true),
            ("tower-nort", "tower-north", true),
            ("tower-nort 12", "tower-north 12", true),
            ("ap 07", "ap 7", true),
            ("hill 2", "hill", true),
            ("ap-17", "ap-18", false),
            ("site 100041", "site 100042", false),
            ("1041", "1042", false),
            ("uisp:site:17", "uisp:site:171", false),
            (
                "6e1f2a90-0001-4000-8000-000000000001",
                "6e1f2a90-0001-4000-8000-000000000002",
                false,
            ),
            ("lake", "hill", false),
        ] {
            assert_eq!(alike(wanted, there) >= NEAR, near, "{wanted} {there}");
        }
    }
}
