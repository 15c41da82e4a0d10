//! Values that the records of many systems hold: lists of addresses, hardware addresses, rates that may be left
//! blank. Shared by the sources; knows no field names.

use std::borrow::Cow;

use crate::ir::address::{Claim, ClaimValue, Form};
use crate::sources::json::field::{Kind, Raw, shorten};
use crate::sources::notes::Notes;
use crate::sources::text;
use crate::units::Kbps;

/// The addresses of a text, parted by commas, semicolons or blanks; each once.
pub fn claims_of(text: &str, route: Cow<'static, str>, form: Form, out: &mut Vec<Claim>) {
    // "10.0.0.0 / 24" is one prefix.
    let joined;
    let text = if text.contains(" /") || text.contains("/ ") {
        joined = text.replace(" /", "/").replace("/ ", "/");
        &joined
    } else {
        text
    };
    for part in text.split([',', ';', ' ', '\t', '\n', '\r']) {
        if part.is_empty() {
            continue;
        }
        let value = ClaimValue::parse(part, form);
        if !out.iter().any(|claim| claim.value == value) {
            out.push(Claim {
                value,
                route: route.clone(),
            });
        }
    }
}

/// The addresses of a field: text, or a list of texts.
pub fn claims(
    notes: &mut Notes<'_>,
    route: &'static str,
    raw: Raw<'_>,
    form: Form,
    out: &mut Vec<Claim>,
) {
    match raw.kind() {
        Kind::List => {
            let items: Vec<Raw<'_>> = raw.object().unwrap_or_default();
            for (index, item) in items.into_iter().enumerate() {
                let route = Cow::Owned(format!("{route}/{index}"));
                match item.kind() {
                    Kind::Missing => {}
                    Kind::Text => {
                        let text = item.text().value().unwrap_or_default();
                        claims_of(&text, route, form, out);
                    }
                    kind => notes.odd(
                        route,
                        format!("is {} where an address belongs; left out", kind.word()),
                    ),
                }
            }
        }
        Kind::Missing => {}
        Kind::Text => {
            let text = notes.take(route, raw.text()).unwrap_or_default();
            claims_of(&text, Cow::Borrowed(route), form, out);
        }
        kind => notes.odd(
            route,
            format!("is {} where addresses belong; left out", kind.word()),
        ),
    }
}

/// A hardware address in one form; what is none is kept as it is, and noted.
pub fn mac(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> Box<str> {
    let Some(given) = notes.take(route, raw.text()) else {
        return Box::default();
    };
    if let Some(mac) = text::mac(&given) {
        return mac.into();
    }
    let given = given.trim();
    if !given.is_empty() {
        notes.odd(
            route,
            format!("is not a hardware address: \"{}\"", shorten(given)),
        );
    }
    text::clean(given).0.into()
}

/// A rate the record needs; blank text is no rate, as null is.
pub fn rate(
    notes: &mut Notes<'_>,
    route: &'static str,
    raw: Raw<'_>,
    per_unit: (u64, u64),
) -> Option<Kbps> {
    if is_blank(raw) {
        return None;
    }
    notes.need(route, raw.rate(per_unit))
}

/// Nothing, or text of blanks.
pub fn is_blank(raw: Raw<'_>) -> bool {
    match raw.kind() {
        Kind::Missing => true,
        Kind::Text => raw
            .text()
            .value()
            .is_some_and(|text| text.trim().is_empty()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parted_by_what_people_write_between_them() {
        for (text, want) in [
            ("", ""),
            (" , ;", ""),
            ("100.64.0.1, 100.64.0.2", "100.64.0.1 100.64.0.2"),
            ("100.64.0.1;100.64.0.1", "100.64.0.1"),
            ("10.0.0.8 / 29 2001:db8::/56", "10.0.0.8/29 2001:db8::/56"),
            ("n/a", "n/a"),
            ("100.64.0.1/24", "100.64.0.1/24"),
        ] {
            let mut out = Vec::new();
            claims_of(text, Cow::Borrowed(""), Form::Interface, &mut out);
            let got: Vec<String> = out.iter().map(|claim| claim.value.text()).collect();
            assert_eq!(got.join(" "), want, "{text}");
        }
    }
}
