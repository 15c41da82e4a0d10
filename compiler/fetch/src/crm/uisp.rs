//! UISP: the network half gives whole lists, the billing half gives pages. Each half has a key of its own.

use crate::collection::{Collection, Paging, Request, Root};
use crate::crm::{Crm, Future_, Need, trimmed};
use crate::error::{Cause, FetchError};
use crate::http::Words;
use crate::pass::{Pass, header};
use crate::run::Run;

const NMS: &str = "a token of an account that may read the network (Settings > Users)";
const CRM_KEY: &str = "an app key with read access (System > Security > App keys)";

/// The billing half; the other collections are the network half.
const BILLING: &str = "crm-";

pub static CRM: Crm = Crm {
    kind: "uisp",
    label: "UISP",
    needs: &[
        Need {
            setting: "key",
            what: "the API token of the network half, sent as x-auth-token",
            always: true,
        },
        Need {
            setting: "secret",
            what: "the app key of the billing half; without it only the network is read",
            always: false,
        },
    ],
    key: "Settings > Users > API tokens in the network half, read-only. For plans and names of the billing half, an app key with read \
          access from System > Security > App keys; it is not the same thing as the token.",
    collections: &[
        Collection {
            name: "crm-clients",
            request: Request::Get("/crm/api/v1.0/clients"),
            root: Root::List,
            rows: &[],
            id: &["id"],
            paging: Paging::Overlap { limit: 500 },
            optional: None,
            permission: CRM_KEY,
            keep: "id clientType companyName~ firstName~ lastName~ isLead isActive isArchived hasSuspendedService addressGpsLat^ addressGpsLon^",
        },
        Collection {
            name: "crm-plans",
            request: Request::Get("/crm/api/v1.0/service-plans"),
            root: Root::List,
            rows: &[],
            id: &["id"],
            paging: Paging::Whole,
            optional: None,
            permission: CRM_KEY,
            keep: "id name servicePlanType downloadBurst uploadBurst downloadSpeed uploadSpeed aggregation dataUsageLimit archived",
        },
        Collection {
            name: "crm-services",
            request: Request::Get("/crm/api/v1.0/clients/services"),
            root: Root::List,
            rows: &[],
            id: &["id"],
            paging: Paging::Overlap { limit: 500 },
            optional: None,
            permission: CRM_KEY,
            keep: "id clientId status name~ servicePlanId servicePlanName servicePlanType downloadSpeed uploadSpeed \
                   downloadSpeedOverride uploadSpeedOverride trafficShapingOverrideEnabled trafficShapingOverrideEnd \
                   unmsClientSiteId unmsClientSiteStatus activeFrom activeTo suspensionReasonId",
        },
        Collection {
            name: "data-links",
            request: Request::Get("/nms/api/v2.1/data-links"),
            root: Root::List,
            rows: &[],
            id: &["id"],
            paging: Paging::Whole,
            optional: None,
            permission: NMS,
            keep: "id \
                   from{device{identification{id name~ displayName~ mac model type role siteId}} \
                        site{identification{id name~ type status parent{id name~ type}}} \
                        interface{identification{name type mac} status{status currentSpeed}}} \
                   to{device{identification{id name~ displayName~ mac model type role siteId}} \
                      site{identification{id name~ type status parent{id name~ type}}} \
                      interface{identification{name type mac} status{status currentSpeed}}} \
                   type state canDelete origin",
        },
        Collection {
            name: "devices",
            request: Request::Get("/nms/api/v2.1/devices?withInterfaces=true"),
            root: Root::List,
            rows: &[],
            id: &["identification", "id"],
            paging: Paging::Whole,
            optional: None,
            permission: NMS,
            keep: "identification{id name~ hostname~ displayName~ mac model modelName type category role authorized status vendor \
                                  vendorName site{id name~ type status parent{id name~ type}}} \
                   overview{status wirelessMode downlinkCapacity uplinkCapacity totalCapacity theoreticalTotalCapacity \
                            theoreticalDownlinkCapacity theoreticalUplinkCapacity wirelessActiveInterfaceIds} \
                   ipAddress ipAddressList mode enabled location{latitude^ longitude^} \
                   attributes{series apDevice{id name~ type model series}} \
                   interfaces{identification{name type mac} addresses{cidr version type origin} \
                              status{status plugged speed currentSpeed} wireless{frequency channelWidth dlRatio} \
                              stations{connected mac deviceIdentification{id}}}",
        },
        Collection {
            name: "sites",
            request: Request::Get("/nms/api/v2.1/sites?ucrmDetails=true"),
            root: Root::List,
            rows: &[],
            id: &["id"],
            paging: Paging::Whole,
            optional: None,
            permission: NMS,
            keep: "id identification{id name~ type status suspended parent{id name~ type status}} \
                   description{ipAddresses ucrmId deviceCount location{latitude^ longitude^}} \
                   qos{enabled propagation downloadSpeed uploadSpeed downloadBurstSize uploadBurstSize aggregation} \
                   ucrm{client{id name~} service{id name~ status activeFrom tariffId trafficShapingOverrideEnabled}}",
        },
    ],
    words: Words {
        wrong_key: &["unauthorized"],
        busy: &[],
    },
    base: |url| trimmed(url, "/nms/api/v2.1"),
    authenticate: |_| Box::pin(async { Ok(()) }),
    fetch: |run| fetch(run),
};

fn fetch<'r>(run: &'r mut Run<'_>) -> Future_<'r, Result<(), FetchError>> {
    Box::pin(async move {
        let source = run.source;
        let halves = [
            (false, "x-auth-token", source.key.as_ref()),
            (true, "x-auth-app-key", source.secret.as_ref()),
        ];
        for (billing, name, key) in halves {
            let Some(key) = key else { continue };
            let pass = header(name, key.expose()).map_err(|cause| run.fail(None, None, cause))?;
            run.pass = Pass::Headers(vec![pass]);
            for collection in CRM.collections {
                if collection.name.starts_with(BILLING) == billing {
                    run.collect(collection, serde_json::json!({}))
                        .await
                        .map_err(|error| half(error, billing))?;
                }
            }
        }
        Ok(())
    })
}

/// The two keys are mixed up more often than they are wrong.
fn half(mut error: FetchError, billing: bool) -> FetchError {
    if let Cause::WrongKey { said } = &mut error.cause {
        let which = match billing {
            true => "`secret` is the app key of the billing half",
            false => "`key` is the API token of the network half",
        };
        *said = match said.as_str() {
            "" => which.to_owned(),
            said => format!("{said}; {which}"),
        };
    }
    error
}
