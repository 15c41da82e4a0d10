//! The shape of a router's rows: only the fields that are read, each of them lenient. RouterOS writes every value as
//! text. One shape for all four lists: they share their names.

use serde::Deserialize;

use crate::sources::json::field::Raw;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Row<'a> {
    #[serde(borrow, rename = ".id")]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub address: Raw<'a>,
    #[serde(borrow, rename = "mac-address")]
    pub mac_address: Raw<'a>,
    #[serde(borrow)]
    pub duid: Raw<'a>,
    #[serde(borrow, rename = "client-address")]
    pub client_address: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub disabled: Raw<'a>,
}
