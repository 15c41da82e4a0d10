//! The shape of UISP's answers: only the fields that are read, each of them lenient. Everything else in a
//! record is skipped without being looked at. Knows names and nesting, no meaning.

use serde::Deserialize;

use crate::sources::json::field::{List, Object, Raw};

/// `{ "id": .., "name": .. }`, as UISP refers to things.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Reference<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Site<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub identification: Object<'a, SiteIdentification<'a>>,
    #[serde(borrow)]
    pub qos: Object<'a, Qos<'a>>,
    #[serde(borrow)]
    pub ucrm: Object<'a, Ucrm<'a>>,
    #[serde(borrow)]
    pub description: Object<'a, Description<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Description<'a> {
    #[serde(borrow)]
    pub location: Object<'a, Location<'a>>,
}

/// In degrees.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Location<'a> {
    #[serde(borrow)]
    pub latitude: Raw<'a>,
    #[serde(borrow)]
    pub longitude: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SiteIdentification<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub suspended: Raw<'a>,
    #[serde(borrow)]
    pub parent: Object<'a, Reference<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Qos<'a> {
    #[serde(borrow)]
    pub download_speed: Raw<'a>,
    #[serde(borrow)]
    pub upload_speed: Raw<'a>,
    #[serde(borrow)]
    pub download_burst_size: Raw<'a>,
    #[serde(borrow)]
    pub upload_burst_size: Raw<'a>,
    #[serde(borrow)]
    pub aggregation: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Ucrm<'a> {
    #[serde(borrow)]
    pub client: Object<'a, Reference<'a>>,
    #[serde(borrow)]
    pub service: Object<'a, UcrmService<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct UcrmService<'a> {
    #[serde(borrow)]
    pub status: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Device<'a> {
    #[serde(borrow)]
    pub identification: Object<'a, DeviceIdentification<'a>>,
    #[serde(borrow)]
    pub overview: Object<'a, Overview<'a>>,
    #[serde(borrow)]
    pub ip_address: Raw<'a>,
    /// Of newer versions.
    #[serde(borrow)]
    pub ip_address_list: List<Raw<'a>>,
    #[serde(borrow)]
    pub attributes: Object<'a, Attributes<'a>>,
    #[serde(borrow)]
    pub interfaces: List<Object<'a, Interface<'a>>>,
    #[serde(borrow)]
    pub location: Object<'a, Location<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeviceIdentification<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub hostname: Raw<'a>,
    #[serde(borrow)]
    pub display_name: Raw<'a>,
    #[serde(borrow)]
    pub mac: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub role: Raw<'a>,
    #[serde(borrow)]
    pub authorized: Raw<'a>,
    #[serde(borrow)]
    pub site: Object<'a, Reference<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Overview<'a> {
    #[serde(borrow)]
    pub wireless_mode: Raw<'a>,
    #[serde(borrow)]
    pub downlink_capacity: Raw<'a>,
    #[serde(borrow)]
    pub uplink_capacity: Raw<'a>,
    #[serde(borrow)]
    pub total_capacity: Raw<'a>,
    #[serde(borrow)]
    pub theoretical_total_capacity: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attributes<'a> {
    #[serde(borrow)]
    pub ap_device: Object<'a, Reference<'a>>,
}

/// Most devices are subscribers' and only their addresses count: the rest waits until somebody asks
/// ([`Raw::object`]).
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Interface<'a> {
    #[serde(borrow)]
    pub addresses: List<Object<'a, Address<'a>>>,
    /// [`Reference`]
    #[serde(borrow)]
    pub identification: Raw<'a>,
    /// [`PortStatus`]
    #[serde(borrow)]
    pub status: Raw<'a>,
    /// [`Wireless`]
    #[serde(borrow)]
    pub wireless: Raw<'a>,
    /// A list of [`Station`].
    #[serde(borrow)]
    pub stations: Raw<'a>,
}

/// Who is on an access point, as its radio sees it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Station<'a> {
    #[serde(borrow)]
    pub connected: Raw<'a>,
    #[serde(borrow)]
    pub mac: Raw<'a>,
    #[serde(borrow)]
    pub device_identification: Object<'a, Reference<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Address<'a> {
    #[serde(borrow)]
    pub cidr: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PortStatus<'a> {
    #[serde(borrow)]
    pub current_speed: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Wireless<'a> {
    #[serde(borrow)]
    pub dl_ratio: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Link<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub from: Object<'a, LinkEnd<'a>>,
    #[serde(borrow)]
    pub to: Object<'a, LinkEnd<'a>>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub state: Raw<'a>,
    #[serde(borrow)]
    pub can_delete: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LinkEnd<'a> {
    #[serde(borrow)]
    pub device: Object<'a, Identified<'a>>,
    #[serde(borrow)]
    pub site: Object<'a, Identified<'a>>,
    #[serde(borrow)]
    pub interface: Object<'a, LinkPort<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Identified<'a> {
    #[serde(borrow)]
    pub identification: Object<'a, Reference<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LinkPort<'a> {
    #[serde(borrow)]
    pub identification: Object<'a, Reference<'a>>,
    #[serde(borrow)]
    pub status: Object<'a, PortStatus<'a>>,
}

/// A CRM service. Speeds are Mbit/s.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Service<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub client_id: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub service_plan_id: Raw<'a>,
    #[serde(borrow)]
    pub service_plan_type: Raw<'a>,
    #[serde(borrow)]
    pub download_speed: Raw<'a>,
    #[serde(borrow)]
    pub upload_speed: Raw<'a>,
    #[serde(borrow)]
    pub download_speed_override: Raw<'a>,
    #[serde(borrow)]
    pub upload_speed_override: Raw<'a>,
    #[serde(borrow)]
    pub traffic_shaping_override_enabled: Raw<'a>,
    #[serde(borrow)]
    pub traffic_shaping_override_end: Raw<'a>,
    #[serde(borrow)]
    pub unms_client_site_id: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Plan<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub download_speed: Raw<'a>,
    #[serde(borrow)]
    pub upload_speed: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Client<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub company_name: Raw<'a>,
    #[serde(borrow)]
    pub first_name: Raw<'a>,
    #[serde(borrow)]
    pub last_name: Raw<'a>,
    #[serde(borrow)]
    pub address_gps_lat: Raw<'a>,
    #[serde(borrow)]
    pub address_gps_lon: Raw<'a>,
}
