//! Powercode: three whole tables from the export that it makes for shapers, on a port of its own.

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Need, all, trimmed};
use crate::http::Words;
use crate::pass::Pass;

const PATH: &str = "/api/preseem/index.php";

/// Where the API listens unless the address says otherwise.
const PORT: u16 = 444;

const fn table(
    name: &'static str,
    action: &'static str,
    optional: Option<&'static str>,
    keep: &'static str,
) -> Collection {
    Collection {
        name,
        request: Request::Form {
            path: PATH,
            action: Some(action),
        },
        root: Root::List,
        rows: &[],
        id: &["id"],
        paging: Paging::Whole,
        optional,
        permission: "of an administrator",
        keep,
    }
}

pub static CRM: Crm = Crm {
    kind: "powercode",
    label: "Powercode",
    needs: &[Need {
        setting: "key",
        what: "the API key, sent as apiKey",
        always: true,
    }],
    key: "make an API key for an administrator. Powercode ties a key to the address it is used from: name the address of the machine that \
          runs weir. Its certificate is mostly self-signed: `weir doctor` prints the tls_pin.",
    collections: &[
        table(
            "customers",
            "list_customers",
            None,
            "id name~ company_name~ status equipment{id name~ type service_id ip_address mac_address parent_id}",
        ),
        table(
            "services",
            "list_services",
            None,
            "id name rate_down rate_up",
        ),
        table(
            "sites",
            "list_sites",
            None,
            "id name~ equipment{id name~ type ip_address mac_address parent_id}",
        ),
    ],
    words: Words {
        wrong_key: &["invalid api key", "api key"],
        busy: &[],
    },
    base: |url| {
        let mut url = trimmed(url, PATH);
        if url.port().is_none() {
            let _ = url.set_port(Some(PORT));
        }
        url
    },
    authenticate: |run| {
        Box::pin(async move {
            if let Some(key) = &run.source.key {
                run.pass = Pass::Form("apiKey", key.clone());
            }
            Ok(())
        })
    },
    fetch: |run| {
        Box::pin(async move {
            if let Err(cause) = run.authenticate().await {
                return Err(run.fail(None, None, cause));
            }
            all(run).await
        })
    },
};
