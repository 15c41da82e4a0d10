//! The shape of a row of WISPGate's shaped devices: only the fields that are read, each of them lenient. Keys are
//! the columns of LibreQoS's `ShapedDevices.csv`, blanks included.

use serde::Deserialize;

use crate::sources::json::field::Raw;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Row<'a> {
    #[serde(borrow, rename = "Circuit ID")]
    pub circuit_id: Raw<'a>,
    #[serde(borrow, rename = "Circuit Name")]
    pub circuit_name: Raw<'a>,
    #[serde(borrow, rename = "Device ID")]
    pub device_id: Raw<'a>,
    #[serde(borrow, rename = "Device Name")]
    pub device_name: Raw<'a>,
    #[serde(borrow, rename = "Parent Node")]
    pub parent_node: Raw<'a>,
    #[serde(borrow, rename = "MAC")]
    pub mac: Raw<'a>,
    #[serde(borrow, rename = "IPv4")]
    pub ipv4: Raw<'a>,
    #[serde(borrow, rename = "IPv6")]
    pub ipv6: Raw<'a>,
    #[serde(borrow, rename = "Download Min Mbps")]
    pub down_min: Raw<'a>,
    #[serde(borrow, rename = "Upload Min Mbps")]
    pub up_min: Raw<'a>,
    #[serde(borrow, rename = "Download Max Mbps")]
    pub down_max: Raw<'a>,
    #[serde(borrow, rename = "Upload Max Mbps")]
    pub up_max: Raw<'a>,
    #[serde(borrow, rename = "Comment")]
    pub comment: Raw<'a>,
}
