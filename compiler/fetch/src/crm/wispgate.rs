//! WISPGate: one list, asked for with a form that holds the token.

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Need, all, trimmed};
use crate::http::Words;
use crate::pass::Pass;

pub static CRM: Crm = Crm {
    kind: "wispgate",
    label: "WISPGate",
    needs: &[Need {
        setting: "key",
        what: "the API token, sent as api_token",
        always: true,
    }],
    key: "make an API token for LibreQoS in WISPGate.",
    collections: &[Collection {
        name: "shaped-devices",
        request: Request::Form {
            path: "/api/libreqos/shaped-devices",
            action: None,
        },
        root: Root::List,
        rows: &[],
        id: &["Device ID"],
        paging: Paging::Whole,
        optional: None,
        permission: "",
        keep: "\"Circuit ID\" \"Circuit Name\"~ \"Device ID\" \"Device Name\"~ \"Parent Node\"~ MAC IPv4 IPv6 \
               \"Download Min Mbps\" \"Upload Min Mbps\" \"Download Max Mbps\" \"Upload Max Mbps\" Comment~",
    }],
    words: Words {
        wrong_key: &["invalid api_token"],
        busy: &[],
    },
    base: |url| trimmed(url, "/api/libreqos/shaped-devices"),
    authenticate: |run| {
        Box::pin(async move {
            if let Some(key) = &run.source.key {
                run.pass = Pass::Form("api_token", key.clone());
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
