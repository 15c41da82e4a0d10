//! Words and shapes that several formats share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[download, upload]`. Download is towards the subscriber.
pub type Pair<T> = [T; 2];

/// How much of the network becomes classes.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// No nodes: every circuit hangs in a generated parent node.
    Flat,
    /// Access points only.
    ApOnly,
    /// Access points under sites; sites are siblings.
    ApSite,
    /// Every visible node under its nearest visible ancestor.
    Full,
}

impl Strategy {
    /// As it stands in files and settings.
    pub fn word(self) -> &'static str {
        match self {
            Strategy::Flat => "flat",
            Strategy::ApOnly => "ap_only",
            Strategy::ApSite => "ap_site",
            Strategy::Full => "full",
        }
    }
}

/// What a node of the network is.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Where the network meets the internet. Never emitted.
    Root,
    /// A place: tower, cabinet, data centre.
    Site,
    /// What subscribers attach to: a sector, an OLT.
    Ap,
    /// Anything else that carries traffic: switch, backhaul radio, router.
    Other,
}

/// Why a circuit is not shaped.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum OmitReason {
    /// It is suspended, and `suspended.policy` is `drop`.
    Suspended,
    /// It has no plan in one of the directions, and there is no default plan.
    NoPlan,
    /// None of its devices kept an address.
    NoAddress,
    /// An override leaves it out.
    Excluded,
}

impl OmitReason {
    pub const ALL: [OmitReason; 4] = [
        OmitReason::Suspended,
        OmitReason::NoPlan,
        OmitReason::NoAddress,
        OmitReason::Excluded,
    ];
}

/// A place on the earth, exact to a millionth of a degree (some 11 cm).
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug,
)]
pub struct Position {
    /// Degrees north of the equator; below 0 south of it.
    #[serde(with = "degrees")]
    #[schemars(with = "f64", range(min = -90, max = 90))]
    pub latitude: i32,
    /// Degrees east of Greenwich; below 0 west of it.
    #[serde(with = "degrees")]
    #[schemars(with = "f64", range(min = -180, max = 180))]
    pub longitude: i32,
}

/// Millionths of a degree as degrees. The nearest floating-point number of a decimal with six places has that decimal as
/// its shortest form, so it is written exactly and read back as it was.
mod degrees {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(millionths: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(*millionths) / 1e6)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
        let degrees = f64::deserialize(deserializer)?;
        let millionths = (degrees * 1e6).round();
        match millionths.abs() <= 180e6 {
            true => Ok(millionths as i32),
            false => Err(serde::de::Error::custom("is no number of degrees")),
        }
    }
}

/// The same, where it may be missing.
pub(crate) mod degrees_or_none {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(millionths) => super::degrees::serialize(millionths, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i32>, D::Error> {
        #[derive(Deserialize)]
        struct Degrees(#[serde(with = "super::degrees")] i32);
        let found = Option::<Degrees>::deserialize(deserializer)?;
        Ok(found.map(|Degrees(millionths)| millionths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_has_one_spelling() {
        for strategy in [
            Strategy::Flat,
            Strategy::ApOnly,
            Strategy::ApSite,
            Strategy::Full,
        ] {
            assert_eq!(serde_json::json!(strategy), strategy.word());
        }
    }

    #[test]
    fn places_are_written_as_decimals_and_read_back_as_they_were() {
        let mut state = 1u64;
        for n in 0..2000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let of = |most: u64| ((state >> 20) % (2 * most + 1)) as i32 - most as i32;
            let place = Position {
                latitude: of(90_000_000),
                longitude: of(180_000_000) - n,
            };
            let text = serde_json::to_string(&place).unwrap();
            let digits = text.chars().filter(char::is_ascii_digit).count();
            assert!(digits <= 8 + 9, "{text}");
            if place.longitude.abs() <= 180_000_000 {
                assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), place);
            }
        }
        let text = r#"{"latitude":39.102,"longitude":-105.4975}"#;
        let place: Position = serde_json::from_str(text).unwrap();
        assert_eq!(
            (place.latitude, place.longitude),
            (39_102_000, -105_497_500)
        );
        assert_eq!(serde_json::to_string(&place).unwrap(), text);
        for wrong in [
            r#"{"latitude":1e9,"longitude":1}"#,
            r#"{"latitude":"1","longitude":1}"#,
        ] {
            assert!(serde_json::from_str::<Position>(wrong).is_err());
        }
    }
}
