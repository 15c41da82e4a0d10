//! The shape of Splynx's answers: only the fields that are read, each of them lenient. Everything else in a record is
//! skipped without being looked at. Knows names and nesting, no meaning.

use serde::Deserialize;

use crate::sources::json::field::{Object, Raw};

/// An internet tariff. Speeds are kbit/s.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Tariff<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub title: Raw<'a>,
    #[serde(borrow)]
    pub speed_download: Raw<'a>,
    #[serde(borrow)]
    pub speed_upload: Raw<'a>,
    #[serde(borrow)]
    pub speed_limit_type: Raw<'a>,
    #[serde(borrow)]
    pub speed_limit_at: Raw<'a>,
    #[serde(borrow)]
    pub speed_limit_fixed_down: Raw<'a>,
    #[serde(borrow)]
    pub speed_limit_fixed_up: Raw<'a>,
    #[serde(borrow)]
    pub burst_type: Raw<'a>,
    #[serde(borrow)]
    pub burst_limit: Raw<'a>,
    #[serde(borrow)]
    pub burst_limit_fixed_down: Raw<'a>,
    #[serde(borrow)]
    pub burst_limit_fixed_up: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Customer<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub login: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    /// `latitude,longitude`
    #[serde(borrow)]
    pub gps: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Service<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub customer_id: Raw<'a>,
    #[serde(borrow)]
    pub tariff_id: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub login: Raw<'a>,
    #[serde(borrow)]
    pub router_id: Raw<'a>,
    #[serde(borrow)]
    pub sector_id: Raw<'a>,
    #[serde(borrow)]
    pub access_device: Raw<'a>,
    #[serde(borrow)]
    pub taking_ipv4: Raw<'a>,
    #[serde(borrow)]
    pub ipv4: Raw<'a>,
    #[serde(borrow)]
    pub ipv4_route: Raw<'a>,
    #[serde(borrow)]
    pub ipv6: Raw<'a>,
    #[serde(borrow)]
    pub ipv6_delegated: Raw<'a>,
    #[serde(borrow)]
    pub mac: Raw<'a>,
    #[serde(borrow)]
    pub additional_attributes: Object<'a, Additional<'a>>,
    #[serde(borrow)]
    pub geo: Object<'a, Geo<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Geo<'a> {
    /// `latitude,longitude`
    #[serde(borrow)]
    pub marker: Raw<'a>,
}

/// What operators add to a service for another shaper.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Additional<'a> {
    #[serde(borrow)]
    pub preseem_shape_downstream: Raw<'a>,
    #[serde(borrow)]
    pub preseem_shape_upstream: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Session<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub service_id: Raw<'a>,
    #[serde(borrow)]
    pub login: Raw<'a>,
    #[serde(borrow)]
    pub start_session: Raw<'a>,
    #[serde(borrow)]
    pub ipv4: Raw<'a>,
    #[serde(borrow)]
    pub ipv6: Raw<'a>,
    #[serde(borrow)]
    pub ipv6_prefix: Raw<'a>,
    #[serde(borrow)]
    pub mac: Raw<'a>,
    /// A router.
    #[serde(borrow)]
    pub nas_id: Raw<'a>,
    /// What the router calls the port: free text.
    #[serde(borrow)]
    pub port: Raw<'a>,
    #[serde(borrow)]
    pub blocked: Raw<'a>,
}

/// What a usage policy does to a service now. The fixed rates are bytes a second.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Cap<'a> {
    #[serde(borrow)]
    pub service_id: Raw<'a>,
    #[serde(borrow)]
    pub decrease_percent: Raw<'a>,
    #[serde(borrow)]
    pub fixed_down: Raw<'a>,
    #[serde(borrow)]
    pub fixed_up: Raw<'a>,
    #[serde(borrow)]
    pub blocked: Raw<'a>,
    #[serde(borrow)]
    pub restored: Raw<'a>,
}

/// A network site.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Site<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub title: Raw<'a>,
    #[serde(borrow)]
    pub description: Raw<'a>,
    /// `latitude,longitude`
    #[serde(borrow)]
    pub gps: Raw<'a>,
}

/// A piece of monitored hardware.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Hardware<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub title: Raw<'a>,
    #[serde(borrow)]
    pub network_site_id: Raw<'a>,
    #[serde(borrow)]
    pub parent_id: Raw<'a>,
    #[serde(borrow)]
    pub ip: Raw<'a>,
    #[serde(borrow)]
    pub access_device: Raw<'a>,
    /// `latitude,longitude`
    #[serde(borrow)]
    pub gps: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Router<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub title: Raw<'a>,
    #[serde(borrow)]
    pub ip: Raw<'a>,
    /// `latitude,longitude`
    #[serde(borrow)]
    pub gps: Raw<'a>,
    #[serde(borrow)]
    pub gps_point: Raw<'a>,
}

/// A contention group of a router. Speeds are kbit/s.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Sector<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub title: Raw<'a>,
    #[serde(borrow)]
    pub router_id: Raw<'a>,
    #[serde(borrow)]
    pub speed_down: Raw<'a>,
    #[serde(borrow)]
    pub speed_up: Raw<'a>,
}

/// A network of the IPv6 address plan.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Net6<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub ip: Raw<'a>,
    #[serde(borrow)]
    pub prefix: Raw<'a>,
    #[serde(borrow)]
    pub service_id: Raw<'a>,
}
