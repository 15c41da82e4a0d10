//! Sonar: GraphQL. The fields that are asked for are the fields that are kept.

use serde_json::{Value, json};

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Future_, Need};
use crate::error::{Cause, FetchError};
use crate::http::Words;
use crate::pass::{Pass, header};
use crate::rows;
use crate::run::Run;

const fn pages(size: u32, total: &'static [&'static str]) -> Paging {
    Paging::Pages { size, total }
}

static STATUSES: Collection = Collection {
    name: "account-statuses",
    request: Request::GraphQl {
        operation: "Statuses",
        query: "query Statuses($pages: Paginator) { account_statuses(paginator: $pages, sorter: [{attribute: \"id\", direction: \
                ASC}]) { page_info { page total_pages total_count records_per_page } entities { $FIELDS } } }",
    },
    root: Root::Object,
    rows: &["data", "account_statuses", "entities"],
    id: &["id"],
    paging: pages(
        100,
        &["data", "account_statuses", "page_info", "total_count"],
    ),
    optional: None,
    permission: "to view account statuses",
    keep: "data{account_statuses{page_info{page total_pages total_count records_per_page} entities{id name activates_account}}}",
};

static ACCOUNTS: Collection = Collection {
    name: "accounts",
    request: Request::GraphQl {
        operation: "Accounts",
        query: "query Accounts($pages: Paginator, $search: [Search]) { accounts(paginator: $pages, search: $search, sorter: \
                [{attribute: \"id\", direction: ASC}]) { page_info { page total_pages total_count records_per_page } entities { \
                $FIELDS } } }",
    },
    root: Root::Object,
    rows: &["data", "accounts", "entities"],
    id: &["id"],
    paging: pages(100, &["data", "accounts", "page_info", "total_count"]),
    optional: None,
    permission: "to view accounts, services, inventory and addresses",
    keep: "data{accounts{page_info{page total_pages total_count records_per_page} entities{\
           id name~ parent_account_id is_delinquent archived_at account_status_id account_status{id name activates_account} \
           ip_assignments{page_info{total_count} entities{subnet soft}} \
           account_services{page_info{total_count} entities{id quantity name_override~ service{id name type enabled \
             data_service_detail{download_speed_kilobits_per_second upload_speed_kilobits_per_second}}}} \
           addresses{page_info{total_count} entities{id type latitude^ longitude^ \
             inventory_items{page_info{total_count} entities{id inventory_model_id parent_inventory_item_id account_service_id status \
               inventory_model{id name inventory_model_category{name}} ip_assignments{page_info{total_count} entities{subnet soft}} \
               inventory_model_field_data{page_info{total_count} entities{value inventory_model_field{id name primary type} \
                 ip_assignments{page_info{total_count} entities{subnet soft}}}}}}}} \
           radius_accounts{page_info{total_count} entities{id username~ ip_assignments{page_info{total_count} entities{subnet soft}}}} \
           uninventoried_mac_addresses{page_info{total_count} entities{id mac_address ip_assignments{page_info{total_count} entities{subnet soft}}}}}}}",
};

static SITES: Collection = Collection {
    name: "network-sites",
    request: Request::GraphQl {
        operation: "Sites",
        query: "query Sites($pages: Paginator) { network_sites(paginator: $pages, sorter: [{attribute: \"id\", direction: ASC}]) { \
                page_info { page total_pages total_count records_per_page } entities { $FIELDS } } }",
    },
    root: Root::Object,
    rows: &["data", "network_sites", "entities"],
    id: &["id"],
    paging: pages(100, &["data", "network_sites", "page_info", "total_count"]),
    optional: None,
    permission: "to view network sites and inventory",
    keep: "data{network_sites{page_info{page total_pages total_count records_per_page} entities{\
           id name~ addresses{page_info{total_count} entities{id type latitude^ longitude^}} \
           inventory_items{page_info{total_count} entities{id latitude^ longitude^ inventory_model_id parent_inventory_item_id status overall_status deployment_type{name} \
             inventory_model{id name inventory_model_category{name}} ip_assignments{page_info{total_count} entities{subnet description~ soft}} \
             inventory_model_field_data{page_info{total_count} entities{value inventory_model_field{id name primary type} \
               ip_assignments{page_info{total_count} entities{subnet description~ soft}}}}}}}}}",
};

pub static CRM: Crm = Crm {
    kind: "sonar",
    label: "Sonar",
    needs: &[Need {
        setting: "key",
        what: "a personal access token, sent as a bearer token",
        always: true,
    }],
    key: "a personal access token of a user that may view accounts, services, inventory, addresses, RADIUS accounts and network sites.",
    collections: &[STATUSES, ACCOUNTS, SITES],
    words: Words {
        wrong_key: &["unauthenticated"],
        busy: &["request limit", "rate limit"],
    },
    base: |url| {
        let mut url = url;
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&match path.ends_with("/api/graphql") {
            true => path,
            false => format!("{path}/api/graphql"),
        });
        url
    },
    authenticate: |run| {
        Box::pin(async move {
            if let Some(key) = &run.source.key {
                run.pass = Pass::Headers(vec![header(
                    "authorization",
                    &format!("Bearer {}", key.expose()),
                )?]);
            }
            Ok(())
        })
    },
    fetch: |run| fetch(run),
};

fn fetch<'r>(run: &'r mut Run<'_>) -> Future_<'r, Result<(), FetchError>> {
    Box::pin(async move {
        if let Err(cause) = run.authenticate().await {
            return Err(run.fail(None, None, cause));
        }
        run.collect(&STATUSES, json!({})).await?;
        run.collect(&SITES, json!({})).await?;
        whole(run, &SITES)?;
        // Conditions in one `Search` are all required; several `Search` objects are alternatives. So: one for each status.
        let mut search = Vec::new();
        for page in run.recorded(STATUSES.name) {
            for status in rows::records(page, STATUSES.rows).unwrap_or_default() {
                let activates = serde_json::from_str::<serde_json::Value>(status)
                    .is_ok_and(|status| status["activates_account"] == true);
                if let Some(id) = rows::value(status, &["id"]).filter(|_| activates) {
                    search.push(json!({ "integer_fields": [
                        { "attribute": "account_status_id", "operator": "EQ", "search_value": id }
                    ] }));
                }
            }
        }
        if search.is_empty() {
            // An empty search would ask for everybody who ever was a customer.
            let cause = Cause::ErrorBody {
                said: "no account status activates an account".to_owned(),
            };
            return Err(run.fail(Some("Statuses"), None, cause));
        }
        run.collect(&ACCOUNTS, json!({ "search": search })).await?;
        whole(run, &ACCOUNTS)
    })
}

/// Lists inside of records have no pages of their own: what the server does not put there is nowhere. So each says how
/// much it holds, and it must.
fn whole(run: &mut Run<'_>, collection: &Collection) -> Result<(), FetchError> {
    let Some(error) = inside(run, collection) else {
        return Ok(());
    };
    // Who only looks goes on, and tells it with the collection.
    match run.probes.as_mut().and_then(|probes| probes.last_mut()) {
        Some(probe) => {
            probe.error.get_or_insert(error);
            Ok(())
        }
        None => Err(error),
    }
}

/// The first list that is cut short in a record of a collection.
fn inside(run: &Run<'_>, collection: &Collection) -> Option<FetchError> {
    let Request::GraphQl { operation, .. } = collection.request else {
        return None;
    };
    for (page, number) in run.recorded(collection.name).zip(1..) {
        for record in rows::records(page, collection.rows).unwrap_or_default() {
            let value: Value = serde_json::from_str(record).unwrap_or_default();
            if let Some(cut) = cut(&value, "") {
                let id = rows::value(record, collection.id).unwrap_or_default();
                let cause = Cause::Inside {
                    list: format!("{} of record {}", cut.list, run.http.scrub.clean(&id, 60)),
                    said: cut.said,
                    found: cut.found,
                };
                return Some(run.fail(Some(operation), Some(number), cause));
            }
        }
    }
    None
}

struct Cut {
    list: String,
    said: u64,
    found: u64,
}

/// The first list below that holds less than it says. Answers are only so deep ([`crate::Limits`]).
fn cut(value: &Value, list: &str) -> Option<Cut> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| cut(item, list)),
        Value::Object(members) => {
            let said = &value["page_info"]["total_count"];
            let said = said.as_u64().or_else(|| said.as_str()?.trim().parse().ok());
            let found = value["entities"].as_array().map(|held| held.len() as u64);
            match (said, found) {
                (Some(said), Some(found)) if found < said => Some(Cut {
                    list: list.to_owned(),
                    said,
                    found,
                }),
                _ => members.iter().find_map(|(name, below)| {
                    let name = if name == "entities" { list } else { name };
                    cut(below, name)
                }),
            }
        }
        _ => None,
    }
}
