//! The shape of VISP's answers: only the fields that are read, each of them lenient. Knows names and nesting, no
//! meaning.

use serde::Deserialize;

use crate::sources::json::field::{List, Object, Raw};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Subscriber<'a> {
    #[serde(borrow)]
    pub customer_id: Raw<'a>,
    #[serde(borrow)]
    pub username: Raw<'a>,
    #[serde(borrow)]
    pub first_name: Raw<'a>,
    #[serde(borrow)]
    pub last_name: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub package_ip: Raw<'a>,
    #[serde(borrow)]
    pub equipment_ip: Raw<'a>,
    #[serde(borrow)]
    pub tower: Raw<'a>,
    #[serde(borrow)]
    pub isp_site: Raw<'a>,
    #[serde(borrow)]
    pub access_point: Raw<'a>,
}

/// One customer with everything that is shaped.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Bulk<'a> {
    #[serde(borrow)]
    pub customer_id: Raw<'a>,
    #[serde(borrow)]
    pub username: Raw<'a>,
    /// [`Service`]
    #[serde(borrow)]
    pub wireless_services: List<Raw<'a>>,
    /// [`Own`]
    #[serde(borrow)]
    pub equipment: List<Raw<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Service<'a> {
    #[serde(borrow, rename = "__typename")]
    pub typename: Raw<'a>,
    #[serde(borrow)]
    pub service_number: Raw<'a>,
    #[serde(borrow)]
    pub username: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub package_status: Raw<'a>,
    #[serde(borrow)]
    pub down_speed: Raw<'a>,
    #[serde(borrow)]
    pub down_speed_unit: Raw<'a>,
    #[serde(borrow)]
    pub up_speed: Raw<'a>,
    #[serde(borrow)]
    pub up_speed_unit: Raw<'a>,
    #[serde(borrow)]
    pub ip_address: Raw<'a>,
    #[serde(borrow)]
    pub mac_address: Raw<'a>,
}

/// A customer's own equipment.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Own<'a> {
    #[serde(borrow)]
    pub equipment_id: Raw<'a>,
    #[serde(borrow)]
    pub mac_address: Raw<'a>,
    #[serde(borrow)]
    pub radio_mac: Raw<'a>,
    #[serde(borrow)]
    pub ip_address: Raw<'a>,
}

/// A row of a customer's services.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CustomerService<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub service_type: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub service_details: Object<'a, Service<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Addresses<'a> {
    #[serde(borrow)]
    pub package_ip: Raw<'a>,
    #[serde(borrow)]
    pub equipment_ip: Raw<'a>,
}

/// Equipment of the network, and assemblies at the customers'.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Equipment<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub parent_id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub description: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub default_type: Raw<'a>,
    #[serde(borrow)]
    pub location_id: Raw<'a>,
    #[serde(borrow)]
    pub location_name: Raw<'a>,
    #[serde(borrow)]
    pub equipment_data: Object<'a, EquipmentData<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct EquipmentData<'a> {
    #[serde(borrow, rename = "Router Mode")]
    pub router_mode: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Online<'a> {
    #[serde(borrow)]
    pub username: Raw<'a>,
    #[serde(borrow)]
    pub ip: Raw<'a>,
}
