//! MikroTik: what a router knows of hardware addresses, over the REST API of RouterOS 7. No CRM: a source of addresses.

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Need, all, trimmed};
use crate::error::Cause;
use crate::http::Words;
use crate::pass::{Pass, basic};

const fn list(
    name: &'static str,
    path: &'static str,
    optional: Option<&'static str>,
    keep: &'static str,
) -> Collection {
    Collection {
        name,
        request: Request::Get(path),
        root: Root::List,
        rows: &[],
        id: &[".id"],
        paging: Paging::Whole,
        optional,
        permission: "read, rest-api",
        keep,
    }
}

pub static CRM: Crm = Crm {
    kind: "mikrotik",
    label: "MikroTik",
    needs: &[
        Need {
            setting: "user",
            what: "a user of a group that may only `read` and use `rest-api`",
            always: true,
        },
        Need {
            setting: "password",
            what: "its password",
            always: true,
        },
    ],
    key: "make a user in a group with the policies read and rest-api, and switch on the service www-ssl with a certificate. \
          One source for each router. Its certificate is mostly self-signed: `weir doctor` prints the tls_pin.",
    collections: &[
        list(
            "arp",
            "/rest/ip/arp",
            None,
            ".id address mac-address~ disabled~",
        ),
        list(
            "bindings",
            "/rest/ipv6/dhcp-server/binding",
            Some("no prefix that DHCPv6 delegates is known"),
            ".id address duid~ client-address~ status~ disabled~",
        ),
        list(
            "leases",
            "/rest/ip/dhcp-server/lease",
            Some("only what ARP says of IPv4 addresses is known"),
            ".id address mac-address~ status~ disabled~",
        ),
        list(
            "neighbors",
            "/rest/ipv6/neighbor",
            Some("bindings without a hardware address in their DUID cannot be told apart"),
            ".id address mac-address~ status~",
        ),
    ],
    words: Words {
        wrong_key: &["unauthorized"],
        busy: &[],
    },
    base: |url| trimmed(url, "/rest"),
    authenticate: |run| {
        Box::pin(async move {
            if let (Some(user), Some(password)) = (&run.source.user, &run.source.password) {
                let pass: Result<_, Cause> = basic(user, password);
                run.pass = Pass::Headers(vec![pass?]);
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
