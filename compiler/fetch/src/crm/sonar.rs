//! Sonar: GraphQL. The fields that are asked for are the fields that are kept.

use serde_json::json;

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Future_, Need};
use crate::error::{Cause, FetchError};
use crate::http::Words;
use crate::rows;
use crate::run::{Pass, Run, header};

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
           ip_assignments{entities{subnet soft}} \
           account_services{entities{id quantity name_override~ service{id name type enabled \
             data_service_detail{download_speed_kilobits_per_second upload_speed_kilobits_per_second}}}} \
           addresses{entities{id type latitude^ longitude^ \
             inventory_items{entities{id inventory_model_id parent_inventory_item_id account_service_id status \
               inventory_model{id name inventory_model_category{name}} ip_assignments{entities{subnet soft}} \
               inventory_model_field_data{entities{value inventory_model_field{id name primary type} \
                 ip_assignments{entities{subnet soft}}}}}}}} \
           radius_accounts{entities{id username~ ip_assignments{entities{subnet soft}}}} \
           uninventoried_mac_addresses{entities{id mac_address ip_assignments{entities{subnet soft}}}}}}}",
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
           id name~ addresses{entities{id type latitude^ longitude^}} \
           inventory_items{entities{id latitude^ longitude^ inventory_model_id parent_inventory_item_id status overall_status deployment_type{name} \
             inventory_model{id name inventory_model_category{name}} ip_assignments{entities{subnet description~ soft}} \
             inventory_model_field_data{entities{value inventory_model_field{id name primary type} \
               ip_assignments{entities{subnet description~ soft}}}}}}}}}",
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
        run.collect(&ACCOUNTS, json!({ "search": search })).await
    })
}
