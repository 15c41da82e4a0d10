//! The shape of Powercode's answers: only the fields that are read, each of them lenient. Everything else in a record is
//! skipped without being looked at. Knows names and nesting, no meaning.

use serde::Deserialize;

use crate::sources::json::field::Raw;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Customer<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub company_name: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    /// A list of [`Equipment`], or an object with their ids as keys.
    #[serde(borrow)]
    pub equipment: Raw<'a>,
}

/// Of a customer or of a site.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Equipment<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub service_id: Raw<'a>,
    #[serde(borrow)]
    pub ip_address: Raw<'a>,
    #[serde(borrow)]
    pub mac_address: Raw<'a>,
    #[serde(borrow)]
    pub parent_id: Raw<'a>,
}

/// Rates are kbit/s.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Service<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub rate_down: Raw<'a>,
    #[serde(borrow)]
    pub rate_up: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Site<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    /// As of a customer.
    #[serde(borrow)]
    pub equipment: Raw<'a>,
}
