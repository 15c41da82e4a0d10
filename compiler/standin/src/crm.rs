//! The protocols: routes, credentials, pages and error objects of each CRM.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::fault::Paging;
use crate::{Asked, CANARY, KEY, Options, PASSWORD, Reply, SECRET, State, USER};

/// What can be stood in for, sorted.
pub const KINDS: [&str; 8] = [
    "mikrotik",
    "netzur",
    "powercode",
    "sonar",
    "splynx",
    "uisp",
    "visp",
    "wispgate",
];

/// Lines of `weir.toml` beside `url`, by kind.
pub const SETTINGS: [(&str, &str); 8] = [
    (
        "mikrotik",
        "user = \"reader\"\npassword = { env = \"CRM_PASSWORD\" }",
    ),
    ("netzur", "key = { env = \"CRM_KEY\" }"),
    ("powercode", "key = { env = \"CRM_KEY\" }"),
    ("sonar", "key = { env = \"CRM_KEY\" }"),
    (
        "splynx",
        "key = { env = \"CRM_KEY\" }\nsecret = { env = \"CRM_SECRET\" }",
    ),
    (
        "uisp",
        "key = { env = \"CRM_KEY\" }\nsecret = { env = \"CRM_SECRET\" }",
    ),
    (
        "visp",
        "key = { env = \"CRM_KEY\" }\nsecret = { env = \"CRM_SECRET\" }\nuser = \"reader\"\npassword = { env = \"CRM_PASSWORD\" }",
    ),
    ("wispgate", "key = { env = \"CRM_KEY\" }"),
];

/// The path that belongs into `url`.
pub(crate) fn path(kind: &str) -> &'static str {
    match kind {
        "netzur" => "/api/libreqos",
        "sonar" => "/api/graphql",
        "visp" => "/graphql",
        _ => "",
    }
}

/// The CRM's own error object.
pub(crate) fn error(kind: &str, status: u16) -> Value {
    let words = match status {
        401 => "Unauthorized",
        403 => "You do not have permission for this action",
        404 => "Not found",
        429 => "Too many requests",
        _ => "Something broke",
    };
    match kind {
        "uisp" => json!({ "statusCode": status, "error": words, "message": words }),
        "splynx" => {
            json!({ "error": { "message": words, "code": status, "internal_code": "SERVER_ERROR" } })
        }
        "powercode" => json!({ "statusCode": 1, "message": words }),
        "sonar" | "visp" => json!({ "errors": [{ "message": words }] }),
        "wispgate" => json!({ "error": words }),
        "mikrotik" => json!({ "error": status, "message": words }),
        _ => json!({ "message": words }),
    }
}

fn refused(kind: &str, asked: &Asked) -> Reply {
    match kind {
        "powercode" => Reply::json(
            200,
            &json!({ "statusCode": 1, "message": "Invalid API key" }),
        ),
        "sonar" => Reply::json(
            200,
            &json!({ "errors": [{ "message": "Unauthenticated.", "extensions": { "category": "authentication" } }] }),
        ),
        "visp" => Reply::json(401, &json!({ "errors": [{ "message": "jwt expired" }] })),
        "netzur" => Reply::json(401, &json!({ "message": "Unauthenticated." })),
        "wispgate" => Reply::json(401, &json!({ "error": "Invalid api_token" })),
        "mikrotik" => Reply::json(401, &json!({ "error": 401, "message": "Unauthorized" })),
        // Some systems repeat what they did not like.
        _ => Reply::json(
            401,
            &json!({ "statusCode": 401, "error": "Unauthorized", "message": format!("no user for {}", header(asked, "x-auth-token")) }),
        ),
    }
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn query<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let found = asked.query.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

fn form(asked: &Asked) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&asked.body)
        .into_owned()
        .collect()
}

fn field(form: &[(String, String)], name: &str) -> String {
    let found = form.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn graphql(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).unwrap_or_default()
}

/// What is asked for, in a word.
pub(crate) fn what(kind: &str, asked: &Asked) -> String {
    match kind {
        "powercode" => field(&form(asked), "action"),
        "sonar" | "visp" => match graphql(asked)["operationName"].as_str() {
            Some(operation) => operation.to_owned(),
            None => asked.path.clone(),
        },
        _ => asked.path.clone(),
    }
}

pub(crate) fn is_token(kind: &str, asked: &Asked) -> bool {
    match kind {
        "visp" => asked.path == "/token",
        "splynx" => asked.path.contains("/auth/tokens"),
        _ => false,
    }
}

pub(crate) fn has_credentials(kind: &str, asked: &Asked) -> bool {
    match kind {
        "powercode" => !field(&form(asked), "apiKey").is_empty(),
        "wispgate" => !field(&form(asked), "api_token").is_empty(),
        _ => [
            "authorization",
            "x-auth-token",
            "x-auth-app-key",
            "x-visp-client-secret",
        ]
        .iter()
        .any(|name| asked.headers.contains_key(*name)),
    }
}

/// The recorded data of every CRM, read once.
macro_rules! data {
    ($($name:ident = $path:literal;)*) => {
        $(fn $name() -> Vec<Value> {
            static DATA: OnceLock<Vec<Value>> = OnceLock::new();
            DATA.get_or_init(|| records(include_str!($path))).clone()
        })*
    };
}

data! {
    uisp_sites = "../../../examples/quickstart/exports/uisp/sites.json";
    uisp_devices = "../../../examples/quickstart/exports/uisp/devices.json";
    uisp_links = "../../../examples/quickstart/exports/uisp/data-links.json";
    uisp_plans = "../../../examples/quickstart/exports/uisp/crm-plans.json";
    uisp_clients_1 = "../../../examples/quickstart/exports/uisp/crm-clients.page-1.json";
    uisp_clients_2 = "../../../examples/quickstart/exports/uisp/crm-clients.page-2.json";
    uisp_services_1 = "../../../examples/quickstart/exports/uisp/crm-services.page-1.json";
    uisp_services_2 = "../../../examples/quickstart/exports/uisp/crm-services.page-2.json";
    splynx_customers = "../data/splynx/customers.json";
    splynx_fup = "../data/splynx/fup_compiler.json";
    splynx_ipv6 = "../data/splynx/ipv6_ip.json";
    splynx_monitoring = "../data/splynx/monitoring.json";
    splynx_online = "../data/splynx/customers_online.json";
    splynx_routers = "../data/splynx/routers.json";
    splynx_sectors = "../data/splynx/routers_sectors.json";
    splynx_services = "../data/splynx/internet_services.json";
    splynx_sites = "../data/splynx/network_sites.json";
    splynx_tariffs = "../data/splynx/tariffs_internet.json";
    mikrotik_arp = "../data/mikrotik/arp.json";
    mikrotik_bindings = "../data/mikrotik/bindings.json";
    mikrotik_leases = "../data/mikrotik/leases.json";
    mikrotik_neighbors = "../data/mikrotik/neighbors.json";
    netzur = "../data/netzur/libreqos.json";
    wispgate = "../data/wispgate/shaped-devices.json";
    powercode_customers = "../data/powercode/list_customers.json";
    powercode_services = "../data/powercode/list_services.json";
    powercode_sites = "../data/powercode/list_sites.json";
    sonar_accounts = "../data/sonar/accounts.json";
    sonar_sites = "../data/sonar/network_sites.json";
    sonar_statuses = "../data/sonar/account_statuses.json";
    visp_assemblies = "../data/visp/assemblies.json";
    visp_bulk = "../data/visp/bulk.json";
    visp_equipment = "../data/visp/equipment.json";
    visp_online = "../data/visp/online.json";
    visp_subscribers = "../data/visp/subscribers.json";
    visp_customer_ips = "../data/visp/customer_ips.json";
    visp_customer_services = "../data/visp/customer_services.json";
}

/// The records of a file; a single object is a list of one. Everything gets fields that must not be recorded.
fn records(text: &str) -> Vec<Value> {
    let mut value: Value = serde_json::from_str(text).expect("recorded data is JSON");
    plant(&mut value);
    match value {
        Value::Array(records) => records,
        one => vec![one],
    }
}

fn plant(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(plant),
        Value::Object(members) => {
            members.values_mut().for_each(plant);
            if members.contains_key("id")
                || members.contains_key("identification")
                || members.len() > 3
            {
                for name in ["password", "wpa_key", "radius_secret", "cardNumber"] {
                    members.insert(name.to_owned(), json!(format!("{CANARY}-{name}")));
                }
                members.insert("nestedSecret".to_owned(), json!({ "psk": CANARY }));
            }
        }
        _ => {}
    }
}

/// A window of a list, with what is wrong with it.
fn window(mut all: Vec<Value>, offset: usize, limit: usize, wrong: Option<Paging>) -> Vec<Value> {
    let first = offset == 0;
    match wrong {
        Some(Paging::Deleted) if !first => drop(all.remove(0)),
        Some(Paging::Loop) => return all.into_iter().take(limit).collect(),
        Some(Paging::Moved) if !first => {
            let moved = all[0].clone();
            all.insert((offset + 1).min(all.len()), moved);
        }
        Some(Paging::Short) => {
            let short = all.len().saturating_sub(3);
            all.truncate(short);
        }
        _ => {}
    }
    all.into_iter().skip(offset).take(limit).collect()
}

fn total(all: usize, offset: usize, wrong: Option<Paging>) -> usize {
    match wrong {
        Some(Paging::Shrinks | Paging::Deleted) if offset > 0 => all - 1,
        _ => all,
    }
}

pub(crate) fn answer(
    options: &Options,
    state: &mut State,
    asked: &Asked,
    wrong: Option<Paging>,
) -> Reply {
    match options.kind.as_str() {
        "uisp" => uisp(options, asked, wrong),
        "splynx" => splynx(options, state, asked, wrong),
        "mikrotik" => mikrotik(asked),
        "netzur" => netzur_reply(asked),
        "visp" => visp(options, state, asked, wrong),
        "wispgate" => {
            let form = form(asked);
            match (asked.path.as_str(), field(&form, "api_token").as_str()) {
                ("/api/libreqos/shaped-devices", KEY) => Reply::json(200, &json!(wispgate())),
                ("/api/libreqos/shaped-devices", _) => refused("wispgate", asked),
                _ => Reply::json(404, &error("wispgate", 404)),
            }
        }
        "powercode" => powercode(asked),
        _ => sonar(options, asked, wrong),
    }
}

fn mikrotik(asked: &Asked) -> Reply {
    let right = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))
    );
    if header(asked, "authorization") != right {
        return refused("mikrotik", asked);
    }
    let rows = match asked.path.as_str() {
        "/rest/ip/arp" => mikrotik_arp(),
        "/rest/ip/dhcp-server/lease" => mikrotik_leases(),
        "/rest/ipv6/dhcp-server/binding" => mikrotik_bindings(),
        "/rest/ipv6/neighbor" => mikrotik_neighbors(),
        _ => return Reply::json(404, &error("mikrotik", 404)),
    };
    Reply::json(200, &json!(rows))
}

fn uisp(options: &Options, asked: &Asked, wrong: Option<Paging>) -> Reply {
    let billing = asked.path.starts_with("/crm/");
    let right = match billing {
        true => header(asked, "x-auth-app-key") == SECRET,
        false => header(asked, "x-auth-token") == KEY,
    };
    if !right {
        return refused("uisp", asked);
    }
    let both = |mut a: Vec<Value>, b: Vec<Value>| {
        a.extend(b);
        a
    };
    let paged = |mut all: Vec<Value>| {
        all.truncate(options.records);
        let number = |name, default| match query(asked, name) {
            Some(text) => text.parse().ok(),
            None => Some(default),
        };
        match (number("limit", usize::MAX), number("offset", 0)) {
            (Some(limit), Some(offset)) => Reply::json(
                200,
                &json!(window(all, offset, limit.min(options.page), wrong)),
            ),
            _ => Reply::json(
                422,
                &json!({ "code": 422, "message": "Validation failed." }),
            ),
        }
    };
    match asked.path.as_str() {
        "/nms/api/v2.1/sites" => {
            let mut sites = uisp_sites();
            for (site, [latitude, longitude]) in sites.iter_mut().zip(places()) {
                site["description"]["location"] =
                    json!({ "latitude": latitude, "longitude": longitude });
            }
            if query(asked, "ucrmDetails") != Some("true") {
                for site in &mut sites {
                    site["ucrm"] = Value::Null;
                }
            }
            Reply::json(200, &json!(sites))
        }
        "/nms/api/v2.1/devices" => {
            let mut devices = uisp_devices();
            if query(asked, "withInterfaces") != Some("true") {
                for device in &mut devices {
                    device["interfaces"] = Value::Null;
                }
            }
            Reply::json(200, &json!(devices))
        }
        "/nms/api/v2.1/data-links" => Reply::json(200, &json!(uisp_links())),
        "/nms/api/v2.1/nms/version" => Reply::json(200, &json!({ "version": "2.4.155" })),
        "/crm/api/v1.0/clients" => {
            let mut clients = both(uisp_clients_1(), uisp_clients_2());
            for (client, [latitude, longitude]) in clients.iter_mut().zip(places()) {
                client["addressGpsLat"] = json!(latitude);
                client["addressGpsLon"] = json!(longitude);
            }
            paged(clients)
        }
        "/crm/api/v1.0/clients/services" => paged(both(uisp_services_1(), uisp_services_2())),
        "/crm/api/v1.0/service-plans" => Reply::json(200, &json!(uisp_plans())),
        _ => Reply::json(404, &error("uisp", 404)),
    }
}

/// Where invented things stand: a line through the mountains, with the digits that adding decimals leaves.
fn places() -> impl Iterator<Item = [f64; 2]> {
    (0..).map(|n| [39.1 + 0.002 * f64::from(n), -105.5 + 0.0025 * f64::from(n)])
}

/// Splynx's signature of a nonce.
fn signature(nonce: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.update(nonce.as_bytes());
    mac.update(KEY.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn token(state: &State) -> String {
    format!("canary-token-{}", state.tokens)
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// A use of the newest token.
fn used(options: &Options, state: &mut State) -> bool {
    state.uses += 1;
    options.token_uses == 0 || state.uses <= options.token_uses
}

fn splynx(options: &Options, state: &mut State, asked: &Asked, wrong: Option<Paging>) -> Reply {
    let no = |code: &str| {
        let words = "Authorization failed: access token or signature is wrong";
        Reply::json(
            401,
            &json!({ "error": { "message": words, "code": 401, "internal_code": code } }),
        )
    };
    let Some(path) = asked.path.strip_prefix("/api/2.0/admin/") else {
        return Reply::json(404, &error("splynx", 404));
    };
    if path == "auth/tokens" {
        let body = graphql(asked);
        let nonce = body["nonce"].to_string();
        if body["key"] != KEY || body["signature"] != signature(&nonce) {
            return no("UNAUTHORIZED");
        }
        state.tokens += 1;
        state.uses = 0;
        let answer = json!({
            "access_token": token(state),
            "access_token_expiration": now() + options.token_seconds,
            "refresh_token": format!("{CANARY}-refresh"),
            "refresh_token_expiration": now() + 86400,
            "permissions": [],
        });
        return Reply::json(201, &answer);
    }
    let authorization = header(asked, "authorization");
    let pairs = authorization
        .strip_prefix("Splynx-EA (")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or_default();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(pairs.as_bytes())
        .into_owned()
        .collect();
    let basic = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{KEY}:{SECRET}"))
    );
    if authorization.is_empty() {
        return no("MISSED_AUTHORIZATION_HEADER");
    } else if authorization == basic {
    } else if !field(&pairs, "access_token").is_empty() {
        if field(&pairs, "access_token") != token(state) || !used(options, state) {
            return no("EXPIRED_ACCESS_TOKEN");
        }
    } else {
        let nonce = field(&pairs, "nonce");
        let number: u64 = nonce.parse().unwrap_or_default();
        if field(&pairs, "key") != KEY
            || field(&pairs, "signature") != signature(&nonce)
            || number <= state.nonce
        {
            return no("UNAUTHORIZED");
        }
        state.nonce = number;
    }
    let mut rows = match path {
        "customers/customer" => splynx_customers(),
        "customers/customers-online" => splynx_online(),
        "customers/customer/0/internet-services" => splynx_services(),
        "fup/compiler" => splynx_fup(),
        "networking/ipv6-ip" => splynx_ipv6(),
        "networking/monitoring" => splynx_monitoring(),
        "networking/network-sites" => splynx_sites(),
        "networking/routers" => splynx_routers(),
        "networking/routers-sectors" => splynx_sectors(),
        "tariffs/internet" => splynx_tariffs(),
        "networking/cpe" => return Reply::json(405, &error("splynx", 405)),
        _ => return Reply::json(404, &error("splynx", 404)),
    };
    if path.ends_with("internet-services") {
        let wanted: Vec<&str> = asked
            .query
            .iter()
            .filter(|(key, _)| {
                key.starts_with("main_attributes[status][1]") || key == "main_attributes[status]"
            })
            .map(|(_, value)| value.as_str())
            .collect();
        // As the real one: nothing to search for is a mistake of the server.
        if wanted.is_empty() {
            return Reply::json(500, &error("splynx", 500));
        }
        rows.retain(|row| wanted.contains(&row["status"].as_str().unwrap_or_default()));
    }
    let number = |name| query(asked, name).and_then(|text| text.parse::<usize>().ok());
    let offset = number("offset").unwrap_or(0);
    if asked.method == "HEAD" {
        let count = rows.len();
        return Reply {
            status: 204,
            headers: vec![("x-total-count", count.to_string())],
            body: Vec::new(),
        };
    }
    match number("limit") {
        Some(limit) => Reply::json(
            200,
            &json!(window(rows, offset, limit.min(options.page), wrong)),
        ),
        None => Reply::json(200, &json!(rows)),
    }
}

fn netzur_reply(asked: &Asked) -> Reply {
    if header(asked, "authorization") != format!("Bearer {KEY}") {
        return refused("netzur", asked);
    }
    match asked.path.as_str() {
        "/api/libreqos" => Reply::json(200, &netzur()[0]),
        _ => Reply::json(404, &error("netzur", 404)),
    }
}

fn powercode(asked: &Asked) -> Reply {
    if asked.path != "/api/preseem/index.php" {
        return Reply::json(404, &error("powercode", 404));
    }
    let form = form(asked);
    if field(&form, "apiKey") != KEY {
        return refused("powercode", asked);
    }
    match field(&form, "action").as_str() {
        "list_customers" => Reply::json(200, &json!(powercode_customers())),
        "list_services" => Reply::json(200, &json!(powercode_services())),
        "list_sites" => Reply::json(200, &json!(powercode_sites())),
        _ => Reply::json(
            200,
            &json!({ "statusCode": 2, "message": "Invalid action" }),
        ),
    }
}

fn sonar(options: &Options, asked: &Asked, wrong: Option<Paging>) -> Reply {
    if header(asked, "authorization") != format!("Bearer {KEY}") {
        return refused("sonar", asked);
    }
    if asked.path != "/api/graphql" {
        return Reply::json(404, &error("sonar", 404));
    }
    let body = graphql(asked);
    let query = body["query"].as_str().unwrap_or_default();
    let variables = &body["variables"];
    let roots = [
        ("account_statuses(", "account_statuses"),
        ("network_sites(", "network_sites"),
        ("accounts(", "accounts"),
    ];
    let Some((_, root)) = roots.iter().find(|(call, _)| query.contains(call)) else {
        let message = "Cannot query this field on type \"Query\".";
        return Reply::json(200, &json!({ "errors": [{ "message": message }] }));
    };
    let mut rows = match *root {
        "account_statuses" => sonar_statuses(),
        "network_sites" => sonar_sites(),
        _ => sonar_accounts(),
    };
    if let (&"accounts", Some(search)) = (root, variables["search"].as_array()) {
        // Conditions of one search are all required; several searches are alternatives.
        let fits = |row: &Value, search: &Value| {
            let conditions = search["integer_fields"].as_array().into_iter().flatten();
            conditions.into_iter().all(|condition| {
                let attribute = condition["attribute"].as_str().unwrap_or_default();
                condition["operator"] == "EQ"
                    && text(&row[attribute]) == text(&condition["search_value"])
            })
        };
        if !search.is_empty() {
            rows.retain(|row| search.iter().any(|search| fits(row, search)));
        }
    }
    let size = variables["pages"]["records_per_page"]
        .as_u64()
        .unwrap_or(25) as usize;
    let size = size.clamp(1, options.page);
    let page = variables["pages"]["page"].as_u64().unwrap_or(1).max(1) as usize;
    let offset = (page - 1) * size;
    let count = total(rows.len(), offset, wrong);
    let mut entities = window(rows, offset, size, wrong);
    let mut cut = wrong == Some(Paging::Inside);
    for entity in &mut entities {
        totals(entity, &mut cut);
    }
    let info = json!({
        "page": page,
        "records_per_page": size,
        "total_pages": count.div_ceil(size),
        "total_count": count,
    });
    let mut data = Map::new();
    data.insert(
        (*root).to_owned(),
        json!({ "page_info": info, "entities": entities }),
    );
    Reply::json(200, &json!({ "data": data }))
}

/// Lists inside of records say how long they are; the first that has something loses its last entry where `cut`.
fn totals(value: &mut Value, cut: &mut bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| totals(item, cut)),
        Value::Object(members) => {
            if let Some(Value::Array(held)) = members.get_mut("entities") {
                let count = held.len();
                if count > 0 && std::mem::take(cut) {
                    held.pop();
                }
                members.insert("page_info".to_owned(), json!({ "total_count": count }));
            }
            members.values_mut().for_each(|below| totals(below, cut));
        }
        _ => {}
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn visp(options: &Options, state: &mut State, asked: &Asked, wrong: Option<Paging>) -> Reply {
    if asked.path == "/token" {
        let right = [
            ("x-visp-client-id", KEY),
            ("x-visp-client-secret", SECRET),
            ("x-visp-username", USER),
            ("x-visp-password", PASSWORD),
        ];
        if right
            .iter()
            .any(|(name, value)| header(asked, name) != *value)
        {
            return Reply::json(401, &json!({ "message": "Invalid credentials" }));
        }
        state.tokens += 1;
        state.uses = 0;
        let payload = json!({ "ispId": options.tenants, "exp": now() + options.token_seconds, "loggedInAs": USER });
        return Reply::json(200, &json!({ "token": token(state), "payload": payload }));
    }
    if asked.path != "/graphql" {
        return Reply::json(404, &error("visp", 404));
    }
    // The token alone: a prefix is refused.
    if header(asked, "authorization") != token(state) || !used(options, state) {
        return refused("visp", asked);
    }
    let body = graphql(asked);
    let variables = &body["variables"];
    let number = |name: &str| variables[name].as_u64().unwrap_or_default() as usize;
    let paged = |rows: Vec<Value>| {
        let limit = number("limit").min(options.page);
        window(rows, number("offset"), limit, wrong)
    };
    let customer = |of: Vec<Value>| of[0][number("customer_id").to_string()].clone();
    let data = match body["operationName"].as_str().unwrap_or_default() {
        "Bulk" => json!({ "customerCPEwithWirelessServiceSpeeds": visp_bulk() }),
        "Subs" => {
            let all = visp_subscribers();
            // A count that is text, as the real one.
            let count = total(all.len(), number("offset"), wrong).to_string();
            json!({ "rows": paged(all), "count": count })
        }
        "EquipmentAssemblies" => json!({ "rows": visp_assemblies() }),
        "EquipmentPg" => json!({ "rows": paged(visp_equipment()) }),
        "CustomerServices" => json!({ "rows": customer(visp_customer_services()) }),
        "CustomerIpList" => json!({ "row": customer(visp_customer_ips()) }),
        "Online" => json!({ "onlineUsers": visp_online() }),
        _ => {
            let message = "Cannot query this field on type \"Query\".";
            return Reply::json(200, &json!({ "errors": [{ "message": message }] }));
        }
    };
    Reply::json(200, &json!({ "data": data }))
}
