//! The shape of Sonar's answers: only the fields that are read, each of them lenient. Everything else in a record is
//! skipped without being looked at. Knows names and nesting, no meaning.

use serde::Deserialize;

use crate::sources::json::field::{List, Object, Raw};

/// A list of things that belong to another one.
#[derive(Deserialize)]
pub struct Connection<'a, T> {
    #[serde(borrow, default = "none")]
    pub entities: List<Object<'a, T>>,
    #[serde(borrow, default = "missing")]
    pub page_info: Object<'a, PageInfo<'a>>,
}

fn missing<'a, T>() -> Object<'a, T> {
    Object::Missing
}

/// How long a list is, whatever it holds here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PageInfo<'a> {
    #[serde(borrow)]
    pub total_count: Raw<'a>,
}

fn none<T>() -> List<T> {
    List::Missing
}

pub type Many<'a, T> = Object<'a, Connection<'a, T>>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Status<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub activates_account: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Named<'a> {
    #[serde(borrow)]
    pub name: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Site<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub inventory_items: Many<'a, Item<'a>>,
    #[serde(borrow)]
    pub addresses: Many<'a, Address<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Item<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub inventory_model: Object<'a, Model<'a>>,
    #[serde(borrow)]
    pub deployment_type: Object<'a, Named<'a>>,
    #[serde(borrow)]
    pub parent_inventory_item_id: Raw<'a>,
    #[serde(borrow)]
    pub account_service_id: Raw<'a>,
    #[serde(borrow)]
    pub status: Raw<'a>,
    #[serde(borrow)]
    pub ip_assignments: Many<'a, Assignment<'a>>,
    #[serde(borrow)]
    pub inventory_model_field_data: Many<'a, FieldData<'a>>,
    #[serde(borrow)]
    pub latitude: Raw<'a>,
    #[serde(borrow)]
    pub longitude: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Model<'a> {
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub inventory_model_category: Object<'a, Named<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct FieldData<'a> {
    #[serde(borrow)]
    pub value: Raw<'a>,
    #[serde(borrow)]
    pub inventory_model_field: Object<'a, ModelField<'a>>,
    #[serde(borrow)]
    pub ip_assignments: Many<'a, Assignment<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ModelField<'a> {
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub primary: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Assignment<'a> {
    #[serde(borrow)]
    pub subnet: Raw<'a>,
    #[serde(borrow)]
    pub soft: Raw<'a>,
    #[serde(borrow)]
    pub description: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Account<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow)]
    pub account_status_id: Raw<'a>,
    #[serde(borrow)]
    pub account_status: Object<'a, Status<'a>>,
    #[serde(borrow)]
    pub is_delinquent: Raw<'a>,
    #[serde(borrow)]
    pub archived_at: Raw<'a>,
    #[serde(borrow)]
    pub ip_assignments: Many<'a, Assignment<'a>>,
    #[serde(borrow)]
    pub account_services: Many<'a, AccountService<'a>>,
    #[serde(borrow)]
    pub addresses: Many<'a, Address<'a>>,
    #[serde(borrow)]
    pub radius_accounts: Many<'a, RadiusAccount<'a>>,
    #[serde(borrow)]
    pub uninventoried_mac_addresses: Many<'a, LooseMac<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AccountService<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub name_override: Raw<'a>,
    #[serde(borrow)]
    pub service: Object<'a, Service<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Service<'a> {
    #[serde(borrow)]
    pub name: Raw<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub data_service_detail: Object<'a, Speeds<'a>>,
}

/// kbit/s.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Speeds<'a> {
    #[serde(borrow)]
    pub download_speed_kilobits_per_second: Raw<'a>,
    #[serde(borrow)]
    pub upload_speed_kilobits_per_second: Raw<'a>,
}

/// Where an account lives, or a site stands.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Address<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Raw<'a>,
    #[serde(borrow)]
    pub latitude: Raw<'a>,
    #[serde(borrow)]
    pub longitude: Raw<'a>,
    #[serde(borrow)]
    pub inventory_items: Many<'a, Item<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RadiusAccount<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub username: Raw<'a>,
    #[serde(borrow)]
    pub ip_assignments: Many<'a, Assignment<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LooseMac<'a> {
    #[serde(borrow)]
    pub id: Raw<'a>,
    #[serde(borrow)]
    pub mac_address: Raw<'a>,
    #[serde(borrow)]
    pub ip_assignments: Many<'a, Assignment<'a>>,
}
