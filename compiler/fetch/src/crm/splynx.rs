//! Splynx: REST with pages, counts in `HEAD`, and three ways to show who we are.

use std::sync::Arc;

use serde_json::json;

use crate::Auth;
use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Future_, Need, all, trimmed};
use crate::error::Cause;
use crate::filter::Shape;
use crate::http::{Ask, Words};
use crate::pass::{Pass, basic, header, nonce, signature};
use crate::rows;
use crate::run::{Run, now_seconds};
use crate::secret::Secret;
use crate::select::Selection;

const PAGES: Paging = Paging::Counted {
    limit: 500,
    order: ("order[id]", "ASC"),
    header: "x-total-count",
};

const fn list(
    name: &'static str,
    path: &'static str,
    paging: Paging,
    optional: Option<&'static str>,
    permission: &'static str,
    keep: &'static str,
) -> Collection {
    Collection {
        name,
        request: Request::Get(path),
        root: Root::List,
        rows: &[],
        id: &["id"],
        paging,
        optional,
        permission,
        keep,
    }
}

pub static CRM: Crm = Crm {
    kind: "splynx",
    label: "Splynx",
    needs: &[
        Need {
            setting: "key",
            what: "the API key",
            always: true,
        },
        Need {
            setting: "secret",
            what: "the API secret that belongs to the key",
            always: true,
        },
        Need {
            setting: "auth",
            what: "\"signature\" (the default), \"token\", or \"basic\", which needs \"Unsecure access\" on the key",
            always: false,
        },
    ],
    key: "Administration > API keys: add one and give it View on what the table names. Partners of the key must be all of them: rows of \
          other partners are silently missing otherwise.",
    collections: &[
        list(
            "customers",
            "/api/2.0/admin/customers/customer",
            PAGES,
            None,
            "Customers > Customer: View",
            "id login~ status partner_id location_id parent_id name~ category gps^",
        ),
        list(
            "fup",
            "/api/2.0/admin/fup/compiler",
            Paging::Whole,
            Some("rates that fair usage lowers are not seen"),
            "FUP > Compiler: View",
            "service_id customer_id fup_policy decrease_percent fixed_up fixed_down blocked is_hard restored changed",
        ),
        list(
            "ipv6",
            "/api/2.0/admin/networking/ipv6-ip",
            PAGES,
            Some("prefix lengths of IPv6 networks are not filled in"),
            "Networking > IPv6 Networks IP: View",
            "id ipv6_networks_id ip ip_end prefix is_used customer_id service_id module module_item_id",
        ),
        list(
            "monitoring",
            "/api/2.0/admin/networking/monitoring",
            PAGES,
            None,
            "Networking > Monitoring: View",
            "id title~ network_site_id parent_id producer model ip active type monitoring_group location_id access_device gps^",
        ),
        list(
            "network-sites",
            "/api/2.0/admin/networking/network-sites",
            PAGES,
            Some("access points have no site"),
            "Networking > Network Sites: View",
            "id title~ description~ location_id gps^",
        ),
        // Sessions come and go by the second: their number is no measure of anything.
        list(
            "online",
            "/api/2.0/admin/customers/customers-online",
            Paging::Whole,
            Some("addresses of subscribers without a fixed one are not known"),
            "Customers > Customers Online: View",
            "id customer_id service_id tariff_id nas_id login~ start_session ipv4 ipv6 ipv6_prefix mac port type blocked fup",
        ),
        list(
            "routers",
            "/api/2.0/admin/networking/routers",
            PAGES,
            None,
            "Networking > Routers: View",
            "id title~ model location_id ip authorization_method accounting_method nas_type nas_ip status gps^ gps_point^",
        ),
        list(
            "sectors",
            "/api/2.0/admin/networking/routers-sectors",
            PAGES,
            Some("sectors and their capacity are not known"),
            "Networking > Router contention: View",
            "id router_id title~ speed_down speed_up limit_at",
        ),
        // Without a search parameter the server answers with 500; customer 0 means all of them.
        list(
            "services",
            "/api/2.0/admin/customers/customer/0/internet-services?main_attributes%5Bstatus%5D%5B0%5D=IN\
             &main_attributes%5Bstatus%5D%5B1%5D%5B0%5D=active&main_attributes%5Bstatus%5D%5B1%5D%5B1%5D=stopped\
             &main_attributes%5Bstatus%5D%5B1%5D%5B2%5D=disabled&main_attributes%5Bstatus%5D%5B1%5D%5B3%5D=hidden\
             &main_attributes%5Bstatus%5D%5B1%5D%5B4%5D=pending",
            PAGES,
            None,
            "Customers > Customer Internet services: View",
            "id type customer_id tariff_id status status_new quantity start_date end_date router_id sector_id login~ \
             taking_ipv4 ipv4 ipv4_route ipv4_pool_id taking_ipv6 ipv6 ipv6_delegated ipv6_pool_id mac port_id access_device \
             bundle_service_id parent_id top_up_tariff_id on_approve period \
             additional_attributes{preseem_shape_downstream preseem_shape_upstream} geo{marker^}",
        ),
        list(
            "tariffs",
            "/api/2.0/admin/tariffs/internet",
            PAGES,
            None,
            "Tariff plans > Internet: View",
            "id title service_name speed_download speed_upload speed_limit_type speed_limit_at speed_limit_fixed_down \
             speed_limit_fixed_up aggregation burst_type burst_limit burst_limit_fixed_down burst_limit_fixed_up burst_threshold \
             burst_threshold_fixed_down burst_threshold_fixed_up burst_time priority",
        ),
    ],
    words: Words {
        wrong_key: &[
            "authorization header",
            "access token",
            "unauthorized",
            "token",
        ],
        busy: &[],
    },
    base: |url| trimmed(url, "/api/2.0"),
    authenticate,
    fetch: |run| {
        Box::pin(async move {
            if let Err(cause) = authenticate(run).await {
                return Err(run.fail(Some("POST /api/2.0/admin/auth/tokens"), None, cause));
            }
            all(run).await
        })
    },
};

fn authenticate<'r>(run: &'r mut Run<'_>) -> Future_<'r, Result<(), Cause>> {
    Box::pin(async move {
        let source = run.source;
        let (Some(key), Some(secret)) = (&source.key, &source.secret) else {
            return Ok(());
        };
        match source.auth {
            Auth::Basic => run.pass = Pass::Headers(vec![basic(key.expose(), secret)?]),
            Auth::Signature => {
                run.pass = Pass::Signature {
                    key: key.clone(),
                    secret: secret.clone(),
                };
            }
            Auth::Token => {
                let (nonce, signed) = signature(key, secret, nonce());
                let body = json!({
                    "auth_type": "api_key",
                    "key": key.expose(),
                    "nonce": nonce.parse::<u64>().unwrap_or_default(),
                    "signature": signed,
                });
                let ask = Ask::post(
                    run.url("/api/2.0/admin/auth/tokens")?,
                    "POST /api/2.0/admin/auth/tokens".to_owned(),
                    "application/json",
                    body.to_string().into_bytes(),
                );
                let shape = Arc::new(Shape::Object(Selection::of(
                    "access_token access_token_expiration",
                )));
                let answer = run.http.ask(&|| Ok(ask.clone()), &shape).await?;
                let text = String::from_utf8_lossy(&answer.bytes);
                let token = rows::value(&text, &["access_token"]).ok_or_else(|| Cause::Shape {
                    want: "an access token".to_owned(),
                    found: "something else".to_owned(),
                })?;
                let expires = rows::number(&answer.bytes, &["access_token_expiration"]);
                run.http.scrub.add(&Secret::new(token.clone()));
                run.pass = Pass::Headers(vec![header(
                    "authorization",
                    &format!("Splynx-EA (access_token={token})"),
                )?]);
                // A clock that is ahead of ours must not make us ask for tokens for ever.
                run.expires = Some(expires.unwrap_or_default().max(now_seconds() + 60));
            }
        }
        Ok(())
    })
}
