//! Did you mean?

/// The candidate that `word` is most likely a slip of: a few letters apart, or one inside the other. Ties go to the
/// first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| text.trim().to_lowercase().replace(['-', ' '], "_");
    let word = fold(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = fold(candidate);
        let letters = word.chars().count().max(other.chars().count());
        let apart = strsim::damerau_levenshtein(&word, &other);
        let inside =
            word.len().min(other.len()) >= 3 && (other.contains(&word) || word.contains(&other));
        let score = match () {
            () if apart <= letters.div_ceil(3).min(3) && apart < letters => apart,
            // Behind every slip, the shortest first.
            () if inside => 10 + letters,
            () => continue,
        };
        if best.is_none_or(|(least, _)| score < least) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let keys = ["strategy", "tree", "root", "wan_mbps", "prune_empty"];
        for (word, want) in [
            ("strategi", Some("strategy")),
            ("startegy", Some("strategy")),
            ("Root", Some("root")),
            ("wan-mbps", Some("wan_mbps")),
            ("wan", Some("wan_mbps")),
            ("prune", Some("prune_empty")),
            ("colour", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, keys), want, "{word}");
        }
    }
}
