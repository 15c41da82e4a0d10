//! Every rule, sorted by code. To add one: a file, and its line here.

use crate::lint::rule::Rule;

pub static ALL: &[&Rule] = &[];
