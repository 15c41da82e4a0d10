//! Which records of several sources are one thing. Keys are tried from the one that is trusted most; a key that does
//! not join one to one joins nothing. Knows keys and sources, not what a record is.
//!
//! 1. At each key only things are compared that have no source in common: two records of one source are two things.
//! 2. Things that share values of the key, directly or through others, make a cluster. If no source stands in it
//!    twice, the cluster is one thing.
//! 3. Otherwise it is torn: its things can only be joined with each other from then on, by a later key that tells
//!    them apart. The name, the last resort, may not do that.
//! 4. A value that more than [`MAX_SHARERS`] records of one source share identifies nobody.
//!
//! Nothing depends on the order of records: things are numbered in order of (source, id).

use super::super::addresses::MAX_SHARERS;
use crate::ir::merge::JoinKey;

/// A record as this sees it.
pub(super) trait Keyed {
    /// Values of a key, made comparable.
    fn values(&self, key: JoinKey, out: &mut Vec<String>);
}

/// Position of a record: its source, and its place there.
pub(super) type At = (usize, usize);

/// One thing: its records in order of source, and the key that joined each to those before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Thing {
    pub members: Vec<(At, Option<JoinKey>)>,
}

/// A cluster that no key could take apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Torn {
    pub key: JoinKey,
    /// The smallest value that several of them share.
    pub value: String,
    /// The first record of each thing, in order.
    pub candidates: Vec<At>,
}

/// Things in order of their first record, and what stayed torn.
pub(super) fn join<T: Keyed>(keys: &[JoinKey], sources: &[Vec<T>]) -> (Vec<Thing>, Vec<Torn>) {
    let mut things: Vec<Thing> = sources
        .iter()
        .enumerate()
        .flat_map(|(s, records)| {
            (0..records.len()).map(move |r| Thing {
                members: vec![((s, r), None)],
            })
        })
        .collect();
    let mut torn: Vec<Torn> = Vec::new();
    // By thing: its place in `torn`.
    let mut torn_by: Vec<Option<usize>> = vec![None; things.len()];
    for &key in keys {
        let shared = shared(key, sources, &things, &torn_by);
        let mut clusters = Clusters::new(things.len());
        let mut lowest: Vec<Option<&str>> = vec![None; things.len()];
        for (value, members) in &shared {
            for &member in members {
                clusters.unite(members[0], member);
                let low = &mut lowest[member];
                *low = Some(low.map_or(value.as_str(), |seen| seen.min(value)));
            }
        }
        let mut gone = vec![false; things.len()];
        for cluster in clusters.several() {
            let mut of: Vec<usize> = cluster
                .iter()
                .flat_map(|&t| things[t].members.iter().map(|((source, _), _)| *source))
                .collect();
            of.sort_unstable();
            let one_to_one = of.windows(2).all(|pair| pair[0] != pair[1]);
            if one_to_one {
                let mut members = Vec::new();
                for &t in &cluster {
                    let mut more = std::mem::take(&mut things[t].members);
                    // What brought the thing here, for the record that was its first.
                    more[0].1 = Some(key);
                    members.extend(more);
                    gone[t] = true;
                    torn_by[t] = None;
                }
                members.sort_unstable_by_key(|(at, _)| *at);
                members[0].1 = None;
                gone[cluster[0]] = false;
                things[cluster[0]].members = members;
            } else {
                let value = cluster.iter().filter_map(|&t| lowest[t]).min();
                for &t in &cluster {
                    torn_by[t].get_or_insert(torn.len());
                }
                torn.push(Torn {
                    key,
                    value: value.unwrap_or_default().to_owned(),
                    candidates: Vec::new(),
                });
            }
        }
        let mut keep = gone.iter().map(|gone| !gone);
        things.retain(|_| keep.next().unwrap_or(true));
        let mut keep = gone.iter().map(|gone| !gone);
        torn_by.retain(|_| keep.next().unwrap_or(true));
    }
    for (thing, of) in things.iter().zip(&torn_by) {
        if let Some(of) = of {
            torn[*of].candidates.push(thing.members[0].0);
        }
    }
    // The rest of a cluster is no question any more when all of it is in one source.
    torn.retain(|t| t.candidates.iter().any(|(s, _)| *s != t.candidates[0].0));
    (things, torn)
}

/// Values of a key that things without a common source share, with those things.
fn shared<T: Keyed>(
    key: JoinKey,
    sources: &[Vec<T>],
    things: &[Thing],
    torn_by: &[Option<usize>],
) -> Vec<(String, Vec<usize>)> {
    let mut values: Vec<(String, Option<usize>, usize, usize)> = Vec::new();
    let mut of_record = Vec::new();
    for (t, thing) in things.iter().enumerate() {
        if key == JoinKey::Name && torn_by[t].is_some() {
            continue;
        }
        for ((s, r), _) in &thing.members {
            of_record.clear();
            sources[*s][*r].values(key, &mut of_record);
            let named = of_record.drain(..).filter(|value| !value.is_empty());
            values.extend(named.map(|value| (value, torn_by[t], t, *s)));
        }
    }
    values.sort_unstable();
    values.dedup();
    let mut shared = Vec::new();
    for group in values.chunk_by(|a, b| (&a.0, a.1) == (&b.0, b.1)) {
        if group.len() < 2 {
            continue;
        }
        let mut per_source = vec![0_usize; sources.len()];
        for (_, _, _, s) in group {
            per_source[*s] += 1;
        }
        if per_source.iter().any(|n| *n > MAX_SHARERS) {
            continue;
        }
        let mut members: Vec<usize> = group.iter().map(|(_, _, t, _)| *t).collect();
        members.dedup();
        let apart = |a: &usize, b: &usize| {
            let of_b = &things[*b].members;
            let mut of_a = things[*a].members.iter();
            of_a.all(|((s, _), _)| of_b.iter().all(|((other, _), _)| other != s))
        };
        let open: Vec<usize> = members
            .iter()
            .filter(|a| members.iter().any(|b| a != &b && apart(a, b)))
            .copied()
            .collect();
        if open.len() > 1 {
            shared.push((group[0].0.clone(), open));
        }
    }
    shared
}

/// Union by the smallest number.
struct Clusters {
    above: Vec<usize>,
}

impl Clusters {
    fn new(n: usize) -> Self {
        Clusters {
            above: (0..n).collect(),
        }
    }

    fn top(&mut self, of: usize) -> usize {
        let mut at = of;
        while self.above[at] != at {
            self.above[at] = self.above[self.above[at]];
            at = self.above[at];
        }
        at
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.top(a), self.top(b));
        self.above[a.max(b)] = a.min(b);
    }

    /// Clusters of two and more, each sorted, in order of their first.
    fn several(mut self) -> Vec<Vec<usize>> {
        let mut members: Vec<(usize, usize)> =
            (0..self.above.len()).map(|t| (self.top(t), t)).collect();
        members.sort_unstable();
        members
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|cluster| cluster.len() > 1)
            .map(|cluster| cluster.iter().map(|(_, t)| *t).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id mac address name`, `-` for none, `+` between several.
    struct Row(&'static str);

    impl Keyed for Row {
        fn values(&self, key: JoinKey, out: &mut Vec<String>) {
            let at = JoinKey::ALL.iter().position(|k| *k == key).expect("a key");
            let cell = self.0.split(' ').nth(at).expect("four cells");
            out.extend(cell.split('+').filter(|v| *v != "-").map(str::to_owned));
        }
    }

    /// Things as `0.1=2.0` (source.record), and what is torn as `mac:m 0.0 1.0 1.1`.
    fn told(sources: &[&[&'static str]]) -> (Vec<String>, Vec<String>) {
        let rows: Vec<Vec<Row>> = sources
            .iter()
            .map(|rows| rows.iter().map(|row| Row(row)).collect())
            .collect();
        let (things, torn) = join(&JoinKey::ALL, &rows);
        let at = |(s, r): &At| format!("{s}.{r}");
        let things = things.iter().map(|thing| {
            let mut text = String::new();
            for (place, by) in &thing.members {
                if let Some(by) = by {
                    text.push_str(&format!(" {} ", by.word()));
                }
                text.push_str(&at(place));
            }
            text
        });
        let torn = torn.iter().map(|t| {
            let candidates: Vec<String> = t.candidates.iter().map(at).collect();
            format!("{}:{} {}", t.key.word(), t.value, candidates.join(" "))
        });
        (things.collect(), torn.collect())
    }

    #[track_caller]
    fn check(sources: &[&[&'static str]], things: &[&str], torn: &[&str]) {
        let told = told(sources);
        assert_eq!(told.0, things, "things");
        assert_eq!(told.1, torn, "torn");
    }

    #[test]
    fn the_most_trusted_key_joins_and_later_ones_find_the_rest() {
        check(
            &[
                &["1 m1 a1 n1", "2 m2 - n2", "3 - a3 n3", "4 - - n4"],
                &["1 - - x", "8 m2 - y", "9 - a3 z", "7 - - n4"],
            ],
            &[
                "0.0 id 1.0",
                "0.1 mac 1.1",
                "0.2 address 1.2",
                "0.3 name 1.3",
            ],
            &[],
        );
    }

    #[test]
    fn a_key_that_fits_two_joins_nothing() {
        check(
            &[&["1 m - -"], &["2 m - -", "3 m - -"]],
            &["0.0", "1.0", "1.1"],
            &["mac:m 0.0 1.0 1.1"],
        );
        // Through two values.
        check(
            &[&["1 - a+b -"], &["2 - a -", "3 - b -"]],
            &["0.0", "1.0", "1.1"],
            &["address:a 0.0 1.0 1.1"],
        );
    }

    #[test]
    fn a_later_key_may_tell_them_apart_but_a_name_may_not() {
        check(
            &[&["1 m a -", "2 m b -"], &["3 m a -", "4 m b -"]],
            &["0.0 address 1.0", "0.1 address 1.1"],
            &[],
        );
        check(
            &[&["1 m - jo", "2 m - al"], &["3 m - jo", "4 m - al"]],
            &["0.0", "0.1", "1.0", "1.1"],
            &["mac:m 0.0 0.1 1.0 1.1"],
        );
        // What is torn is not joined with anybody else.
        check(
            &[&["1 m a -"], &["2 m - -", "3 m - -", "4 - a -"]],
            &["0.0", "1.0", "1.1", "1.2"],
            &["mac:m 0.0 1.0 1.1"],
        );
    }

    #[test]
    fn what_found_its_other_half_does_not_disturb_others() {
        check(
            &[&["1 m1 - smith"], &["1 - - smith", "2 - - smith"]],
            &["0.0 id 1.0", "1.1"],
            &[],
        );
        check(
            &[
                &["1 - - smith", "5 - - smith"],
                &["1 - - smith", "2 - - smith"],
            ],
            &["0.0 id 1.0", "0.1 name 1.1"],
            &[],
        );
    }

    #[test]
    fn a_value_that_everybody_has_identifies_nobody() {
        check(
            &[
                &["1 - lan -", "2 - lan -", "3 - lan -", "4 - lan -"],
                &["9 - lan -"],
            ],
            &["0.0", "0.1", "0.2", "0.3", "1.0"],
            &[],
        );
    }

    #[test]
    fn three_sources_join_by_different_keys() {
        check(
            &[&["1 m - -"], &["2 m a -"], &["3 - a -"]],
            &["0.0 mac 1.0 address 2.0"],
            &[],
        );
        // Two things of two records each.
        check(
            &[&["1 - - jo"], &["1 - a -"], &["3 - a -"], &["3 - - -"]],
            &["0.0 id 1.0 address 2.0 id 3.0"],
            &[],
        );
    }
}
