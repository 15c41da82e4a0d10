//! VISP: a token from one server, GraphQL from another. Its main list tells of wireless services only, and leaves customers
//! out: what each customer has is asked for one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::header::AUTHORIZATION;
use serde_json::json;
use url::Url;

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Future_, Need, trimmed};
use crate::error::{Cause, FetchError};
use crate::filter::Shape;
use crate::http::{Ask, Words};
use crate::pass::{Pass, header};
use crate::rows;
use crate::run::{Run, now_seconds};
use crate::secret::Secret;
use crate::select::Selection;

const TOKENS: &str = "https://data.visp.net/token";

const EQUIPMENT: &str = "data{rows{id parent_id name~ description~ type default_type location_id location_name~ parent_site_id item_id \
    child_count equipment_data{\"Fiber MAC\" mac_address \"Ethernet MAC\" \"WAN MAC\" \"MAC Addr\" radio_mac VLAN VLAN-1 \"Router Mode\"}}}";

static ASSEMBLIES: Collection = Collection {
    name: "assemblies",
    request: Request::GraphQl {
        operation: "EquipmentAssemblies",
        query: "query EquipmentAssemblies($isp_id: Int!) { rows: equipmentAssemblies(isp_id: $isp_id, ap_upstream: true, type: \"CPE\") \
                { id parent_id description location_name item_id parent_site_id equipment_data } }",
    },
    root: Root::Object,
    rows: &["data", "rows"],
    id: &["id"],
    paging: Paging::Whole,
    optional: None,
    permission: "to read equipment",
    keep: EQUIPMENT,
};

static BULK: Collection = Collection {
    name: "bulk",
    request: Request::GraphQl {
        operation: "Bulk",
        query: "query Bulk($isp_id: Int) { customerCPEwithWirelessServiceSpeeds(isp_id: $isp_id) }",
    },
    root: Root::Object,
    rows: &["data", "customerCPEwithWirelessServiceSpeeds"],
    id: &["customer_id"],
    paging: Paging::Whole,
    optional: None,
    permission: "to read customers and services",
    keep: "data{customerCPEwithWirelessServiceSpeeds{customer_id username~ \
           wireless_services{service_number username~ status package_status down_speed down_speed_unit up_speed up_speed_unit ip_address mac_address} \
           equipment{equipment_id mac_address radio_mac ip_address}}}",
};

/// Of one customer: `customer-<id>-ips`.
static IPS: Collection = Collection {
    name: "customer-ID-ips",
    request: Request::GraphQl {
        operation: "CustomerIpList",
        query: "query CustomerIpList($customer_id: Int!) { row: customerIPList(customer_id: $customer_id) { package_ip equipment_ip } }",
    },
    root: Root::Object,
    rows: &[],
    id: &[],
    paging: Paging::Whole,
    optional: None,
    permission: "to read customers",
    keep: "data{row{package_ip equipment_ip}}",
};

/// Of one customer: `customer-<id>-services`.
static SERVICES: Collection = Collection {
    name: "customer-ID-services",
    request: Request::GraphQl {
        operation: "CustomerServices",
        query: "query CustomerServices($customer_id: Int!) { rows: customerServices(customer_id: $customer_id, active: true) { id \
                service_id service_name service_type service_label status package_number service_details { __typename ... on \
                ServiceTypeWifi { service_number service_name network_id down_speed down_speed_unit up_speed \
                up_speed_unit ip_address mac_address username } ... on ServiceTypeVoip { service_number } } } }",
    },
    root: Root::Object,
    rows: &["data", "rows"],
    id: &["id"],
    paging: Paging::Whole,
    optional: None,
    permission: "to read customers and services",
    keep: "data{rows{id service_id service_name service_type service_label status package_number \
           service_details{__typename service_number service_name network_id down_speed down_speed_unit up_speed \
           up_speed_unit ip_address mac_address username~}}}",
};

static EQUIPMENTS: Collection = Collection {
    name: "equipment",
    request: Request::GraphQl {
        operation: "EquipmentPg",
        query: "query EquipmentPg($isp_id: Int!, $limit: Int!, $offset: Int!) { rows: equipmentPg(isp_id: $isp_id, limit: $limit, \
                offset: $offset) { id parent_id name description type default_type location_id location_name parent_site_id item_id \
                child_count equipment_data } }",
    },
    root: Root::Object,
    rows: &["data", "rows"],
    id: &["id"],
    paging: Paging::Variables {
        limit: 500,
        total: None,
    },
    optional: None,
    permission: "to read equipment",
    keep: EQUIPMENT,
};

static ONLINE: Collection = Collection {
    name: "online",
    request: Request::GraphQl {
        operation: "Online",
        query: "query Online($domain: String!) { onlineUsers(domain: $domain) { username ip } }",
    },
    root: Root::Object,
    rows: &["data", "onlineUsers"],
    id: &["username"],
    paging: Paging::Whole,
    optional: None,
    permission: "to read online users",
    keep: "data{onlineUsers{username~ ip}}",
};

static SUBSCRIBERS: Collection = Collection {
    name: "subscribers",
    request: Request::GraphQl {
        operation: "Subs",
        query: "query Subs($isp_id: Int!, $limit: Int!, $offset: Int!) { rows: subscribers(isp_id: $isp_id, limit: $limit, offset: \
                $offset) { customer_id username first_name last_name status package package_ip equipment_ip equipment_status tower \
                isp_site access_point subscriber_type } count: subscribersCount(isp_id: $isp_id) }",
    },
    root: Root::Object,
    rows: &["data", "rows"],
    id: &["customer_id"],
    paging: Paging::Variables {
        limit: 500,
        total: Some(&["data", "count"]),
    },
    optional: None,
    permission: "to read subscribers",
    keep: "data{rows{customer_id username~ first_name~ last_name~ status package package_ip equipment_ip equipment_status tower~ \
           isp_site~ access_point~ subscriber_type} count}",
};

pub static CRM: Crm = Crm {
    kind: "visp",
    label: "VISP",
    needs: &[
        Need {
            setting: "key",
            what: "the client id of the integration",
            always: true,
        },
        Need {
            setting: "secret",
            what: "the client secret of the integration",
            always: true,
        },
        Need {
            setting: "user",
            what: "the name of the app user",
            always: true,
        },
        Need {
            setting: "password",
            what: "the password of the app user",
            always: true,
        },
        Need {
            setting: "token_url",
            what: "where tokens are made; https://data.visp.net/token unless set",
            always: false,
        },
        Need {
            setting: "tenant",
            what: "the ISP id, where the login has several",
            always: false,
        },
        Need {
            setting: "domain",
            what: "the RADIUS domain whose sessions are read; none unless set",
            always: false,
        },
    ],
    key: "ask VISP for an integration (client id and secret) and make an app user for it. `url` is mostly \
          https://integrations.visp.net/graphql.",
    collections: &[
        ASSEMBLIES,
        BULK,
        IPS,
        SERVICES,
        EQUIPMENTS,
        ONLINE,
        SUBSCRIBERS,
    ],
    words: Words {
        wrong_key: &["jwt", "unauthenticated", "unauthorized", "invalid token"],
        busy: &[],
    },
    base: |url| trimmed(url, ""),
    authenticate,
    fetch: |run| fetch(run),
};

/// Where tokens are made when the project does not say.
pub(crate) fn token_url() -> Option<Url> {
    Url::parse(TOKENS).ok()
}

fn authenticate<'r>(run: &'r mut Run<'_>) -> Future_<'r, Result<(), Cause>> {
    Box::pin(async move {
        let source = run.source;
        let url = source
            .token_url
            .clone()
            .or_else(token_url)
            .ok_or_else(|| Cause::Settings {
                message: "`token_url` is not set".to_owned(),
                help: format!("add token_url = \"{TOKENS}\""),
            })?;
        let mut ask = Ask::get(url);
        let secrets = [
            ("x-visp-client-id", source.key.as_ref()),
            ("x-visp-client-secret", source.secret.as_ref()),
            ("x-visp-password", source.password.as_ref()),
        ];
        for (name, secret) in secrets {
            if let Some(secret) = secret {
                let (name, value) = header(name, secret.expose())?;
                ask.headers.insert(name, value);
            }
        }
        if let Some(user) = &source.user {
            let (name, value) = header("x-visp-username", user)?;
            ask.headers.insert(name, value);
        }
        let shape = Arc::new(Shape::Object(Selection::of("token payload{exp ispId}")));
        let answer = run.http.ask(&|| Ok(ask.clone()), &shape).await?;
        let text = String::from_utf8_lossy(&answer.bytes);
        let token = rows::value(&text, &["token"]);
        let expires = rows::number(&answer.bytes, &["payload", "exp"]);
        let (Some(token), Some(expires)) = (token, expires) else {
            return Err(Cause::Shape {
                want: "a token with its end".to_owned(),
                found: "something else".to_owned(),
            });
        };
        let isps: Vec<u64> = rows::records(&answer.bytes, &["payload", "ispId"])
            .unwrap_or_default()
            .into_iter()
            .filter_map(|id| id.trim_matches('"').parse().ok())
            .collect();
        let isp = match (source.tenant, isps.as_slice()) {
            (Some(tenant), _) => tenant,
            (None, [isp]) => *isp,
            (None, []) => {
                return Err(Cause::Shape {
                    want: "a token of an ISP".to_owned(),
                    found: "one of none".to_owned(),
                });
            }
            // The first one may be somebody else's subscribers.
            (None, several) => {
                let several: Vec<String> = several.iter().map(u64::to_string).collect();
                return Err(Cause::Settings {
                    message: format!(
                        "the login has several ISPs, and none is chosen: {}",
                        several.join(", ")
                    ),
                    help: format!("add tenant = {} to this [[source]]", several[0]),
                });
            }
        };
        run.http.scrub.add(&Secret::new(token.clone()));
        let (_, value) = header("authorization", &token)?;
        run.pass = Pass::Headers(vec![(AUTHORIZATION, value)]);
        run.expires = Some(expires.max(now_seconds() + 60));
        run.tenant = Some(isp);
        Ok(())
    })
}

/// The bulk answer tells of a service of this customer. It lists those whom it knows no service of, too.
fn has_service(customer: &str) -> bool {
    let services = rows::records(customer.as_bytes(), &["wireless_services"]);
    let number = |service: &str| rows::value(service, &["service_number"]);
    (services.unwrap_or_default().into_iter())
        .filter_map(number)
        .any(|number| !number.trim().is_empty())
}

fn fetch<'r>(run: &'r mut Run<'_>) -> Future_<'r, Result<(), FetchError>> {
    Box::pin(async move {
        if let Err(cause) = run.authenticate().await {
            return Err(run.fail(Some("GET /token"), None, cause));
        }
        let isp = json!({ "isp_id": run.tenant });
        for collection in [&SUBSCRIBERS, &ASSEMBLIES, &EQUIPMENTS, &BULK] {
            run.collect(collection, isp.clone()).await?;
        }
        let customers = |run: &Run<'_>, collection: &Collection, counts: fn(&str) -> bool| {
            let pages = run.recorded(collection.name);
            let records = pages.filter_map(|page| rows::records(page, collection.rows));
            let ids = (records.flatten())
                .filter(|record| counts(record))
                .filter_map(|record| rows::value(record, collection.id));
            ids.filter_map(|id| id.trim().parse().ok())
                .collect::<BTreeSet<u64>>()
        };
        // Whoever has a wireless service may have fiber or cable too, of which the bulk answer tells nothing.
        let all = customers(run, &SUBSCRIBERS, |_| true)
            .into_iter()
            .filter(|id| *id != 0);
        let all: Vec<u64> = all.collect();
        let questions = |of: &[u64], what: &str| -> Vec<(String, serde_json::Value)> {
            let question = |id| {
                (
                    format!("customer-{id}-{what}"),
                    json!({ "customer_id": id }),
                )
            };
            of.iter().map(question).collect()
        };
        run.collect_each(&SERVICES, &questions(&all, "services"))
            .await?;
        // Addresses beside the services are asked for where no service of the bulk answer states any.
        let known = customers(run, &BULK, has_service);
        let others: Vec<u64> = all.into_iter().filter(|id| !known.contains(id)).collect();
        run.collect_each(&IPS, &questions(&others, "ips")).await?;
        if let Some(domain) = &run.source.domain {
            run.collect(&ONLINE, json!({ "domain": domain })).await?;
        }
        Ok(())
    })
}
