//! The shape of Netzur's answer: only the fields that are read, each of them lenient. Knows names, no meaning.

use serde::Deserialize;

use crate::sources::json::field::Raw;

/// Capacities are Mbit/s.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Zone<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub zone_id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub capacity_download_mbps: Raw<'a>,
    #[serde(borrow)]
    pub capacity_upload_mbps: Raw<'a>,
}

/// Rates are Mbit/s.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Customer<'a> {
    #[serde(borrow)]
    pub subscriber_id: Raw<'a>,
    #[serde(borrow, rename = "customerName")]
    pub customer_name: Raw<'a>,
    #[serde(borrow)]
    pub zone: Raw<'a>,
    #[serde(borrow)]
    pub download: Raw<'a>,
    #[serde(borrow)]
    pub upload: Raw<'a>,
    #[serde(borrow)]
    pub ip: Raw<'a>,
    #[serde(borrow)]
    pub ipv6: Raw<'a>,
    #[serde(borrow)]
    pub mac: Raw<'a>,
}
