//! Netzur: one document with everything in it.

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Need, all, trimmed};
use crate::http::Words;
use crate::pass::{Pass, header};

pub static CRM: Crm = Crm {
    kind: "netzur",
    label: "Netzur",
    needs: &[Need {
        setting: "key",
        what: "the API key made in Netzur, sent as a bearer token",
        always: true,
    }],
    key: "make an API key in Netzur. `url` is the whole address of the endpoint, such as https://netzur.example.net/api/libreqos.",
    collections: &[Collection {
        name: "libreqos",
        request: Request::Get(""),
        root: Root::Object,
        rows: &["customers"],
        id: &["subscriber_id"],
        paging: Paging::Whole,
        optional: None,
        permission: "",
        keep: "zones{id zone_id name~ capacity_download_mbps capacity_upload_mbps} \
               customers{subscriber_id customerName~ zone~ download upload ip ipv6 mac}",
    }],
    words: Words {
        wrong_key: &["unauthenticated"],
        busy: &["too many attempts"],
    },
    base: |url| trimmed(url, ""),
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
    fetch: |run| {
        Box::pin(async move {
            if let Err(cause) = run.authenticate().await {
                return Err(run.fail(None, None, cause));
            }
            all(run).await
        })
    },
};
