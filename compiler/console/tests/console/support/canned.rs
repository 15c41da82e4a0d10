//! Answers of the caller that are the same every time: the made-up network has no provenance, strategies or sources.

use std::collections::BTreeMap;

use weir_console::engine::*;
use weir_schemas::Published as _;
use weir_schemas::common::Strategy;
use weir_schemas::compare::{Compare, Exit, Guarantees, Limits, Plan};
use weir_schemas::manifest::Usage;
use weir_schemas::why::{self, Why};

use super::engine::Fake;

pub fn overrides(fake: &Fake) -> Vec<StoredOverride> {
    let over = |kind: &str, id: &str, set: (&str, &str), expires: Option<&str>| StoredOverride {
        kind: kind.to_owned(),
        id: id.to_owned(),
        device: None,
        set: vec![(set.0.to_owned(), fake.say(set.1))],
        reason: fake.say("pays for more"),
        owner: Some("marta".to_owned()),
        expires: expires.map(str::to_owned),
    };
    vec![
        over("circuit", "svc-000002", ("plan_mbps", "100/20"), None),
        over(
            "node",
            "site-0001",
            ("capacity_mbps", "400/150"),
            Some("2020-01-01"),
        ),
    ]
}

pub fn why(fake: &Fake, digest: &str, question: &str) -> Answer<Why<'static>> {
    let step = |step, kbps: [u64; 2], by: &str| why::Step {
        step,
        kbps: kbps.map(Some),
        by: fake.say(by).into(),
    };
    Ok(Why {
        schema: Why::SCHEMA.into(),
        artifact: digest.to_owned().into(),
        question: question.to_owned().into(),
        subject: why::Subject {
            kind: why::SubjectKind::Circuit,
            id: question.to_owned().into(),
            name: question.to_owned().into(),
        },
        position: None,
        summary: vec![
            fake.say("It is shaped to the plan that the CRM gives it.")
                .into(),
        ],
        shaped: true,
        omitted: None,
        fate: None,
        address: None,
        records: vec![why::Record {
            of: fake.say("the service").into(),
            source: "crm".into(),
            file: "exports/crm/services.json".into(),
            start: 120,
            len: 80,
            line: Some(17),
            column: Some(3),
        }],
        values: Vec::new(),
        ceiling: vec![
            step(why::StepKind::Plan, [100_000, 20_000], ""),
            step(
                why::StepKind::Factor,
                [110_000, 22_000],
                "rates.overhead 1.1",
            ),
        ],
        guarantee: vec![step(
            why::StepKind::Commit,
            [10_000, 2_000],
            "rates.commit 0.1",
        )],
        limits: vec![
            why::Limit {
                what: why::LimitKind::Wan,
                id: "".into(),
                name: "WAN".into(),
                kbps: [Some(2_000_000), Some(2_000_000)],
                sets: [false, false],
                ignored: false,
            },
            why::Limit {
                what: why::LimitKind::Node,
                id: "ap-0000-1".into(),
                name: fake.say("Gallows Hill East").into(),
                kbps: [Some(220_000), None],
                sets: [true, false],
                ignored: false,
            },
        ],
        path: Vec::new(),
        candidates: Vec::new(),
        prefixes: Vec::new(),
        refused: Vec::new(),
        queue: None,
        findings: Vec::new(),
    })
}

pub fn compare(fake: &Fake) -> Answer<Compare> {
    fake.asked
        .lock()
        .expect("not poisoned")
        .push("compare".to_owned());
    let plan = |strategy: Strategy| Plan {
        strategy,
        refused: match strategy {
            Strategy::Full => vec![fake.say("depth 9 is more than the target's 8 levels")],
            _ => Vec::new(),
        },
        nodes: 30,
        levels: Usage::of(3, Some(8)),
        shaped: 126,
        generated: BTreeMap::new(),
        limits: Limits {
            can_bind: 24,
            held: if strategy == Strategy::Flat { 0 } else { 22 },
            lost: if strategy == Strategy::Flat { 24 } else { 2 },
            exceed_kbps: [120_000, 40_000],
            worst: Vec::new(),
            hidden: 0,
            hidden_exceed_kbps: [0, 0],
        },
        classes: 156,
        class_minors: Usage::of(43, Some(65_531)),
        leaf_handles: [Usage::of(126, Some(65_278)); 2],
        memory_bytes: Usage::of(88 << 20, Some(30 << 30)),
        guarantees: Guarantees {
            worst_permille: 810,
            worst: None,
            scaled: 0,
            smallest_scale_permille: 1000,
        },
        balance_percent: 180,
        heavy: 0,
        core_kbps: Usage::of(3_100_000, Some(5_000_000)),
        churn: None,
        errors: 1,
        warnings: 9,
        infos: 6,
        failing: false,
        suggestions: Vec::new(),
    };
    Ok(Compare {
        schema: Compare::SCHEMA.to_owned(),
        exit: Exit::default(),
        project: "lakeside".to_owned(),
        target: Some("edge1".to_owned()),
        configured: Strategy::ApSite,
        previous: None,
        circuits: 132,
        nodes: 31,
        strategies: [
            Strategy::Flat,
            Strategy::ApOnly,
            Strategy::ApSite,
            Strategy::Full,
        ]
        .map(plan)
        .into(),
        recommended: Some(weir_schemas::compare::Recommendation {
            strategy: Strategy::ApSite,
            reasons: vec![fake.say("it holds 22 of 24 limits, and nothing holds more")],
        }),
    })
}

pub fn sources(fake: &Fake) -> Answer<Vec<Source>> {
    let ago = |seconds: i64| {
        (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string()
    };
    let setting = |key: &str, value: &str, secret: bool, from: &str| Setting {
        key: key.to_owned(),
        value: fake.say(value),
        secret,
        from: from.to_owned(),
        fault: None,
    };
    let source = |name: &str, kind: &str, ok: bool, age: u64| Source {
        name: name.to_owned(),
        kind: kind.to_owned(),
        enabled: true,
        network: true,
        settings: vec![
            setting(
                "url",
                &format!("https://{name}.lakeside.example"),
                false,
                "weir.toml:9",
            ),
            setting("key", &format!("file secrets/{name}"), true, "weir.toml:10"),
            setting("timeout", "10m", false, "default"),
        ],
        last: Some(Fetched {
            time: ago(1_500),
            ok,
            message: fake.say(if ok {
                "complete"
            } else {
                "no answer in 10 minutes"
            }),
            milliseconds: 5_400,
            records: vec![
                Records {
                    collection: "customers".to_owned(),
                    count: 132,
                },
                Records {
                    collection: "services".to_owned(),
                    count: 141,
                },
            ],
        }),
        as_of: Some(ago(age as i64)),
        age_seconds: Some(age),
        max_age_seconds: Some(21_600),
        permissions: vec![Permission {
            what: "customers".to_owned(),
            ok: Some(true),
            detail: String::new(),
        }],
    };
    Ok(vec![
        source("crm", "splynx", true, 1_500),
        source("towers", "uisp", false, 6_900),
    ])
}

pub fn source_kinds(fake: &Fake) -> Answer<Vec<SourceKind>> {
    let field = |key: &str, label: &str, kind: FieldKind, required: bool| Field {
        key: key.to_owned(),
        label: label.to_owned(),
        help: fake.say("as the CRM shows it"),
        kind,
        required,
        default: String::new(),
    };
    let kind = |kind: &str, title: &str| SourceKind {
        kind: kind.to_owned(),
        title: title.to_owned(),
        needs: "The key needs to read customers, services and routers.".to_owned(),
        fields: vec![
            field("url", "Address", FieldKind::Url, true),
            field("key", "Key", FieldKind::Secret, true),
            field("secret", "Secret", FieldKind::Secret, false),
            field("timeout", "Timeout", FieldKind::Text, false),
            field(
                "auth",
                "Signing",
                FieldKind::Choice(vec!["signature".to_owned(), "basic".to_owned()]),
                false,
            ),
            field("enabled", "Read it", FieldKind::Switch, false),
        ],
    };
    Ok(vec![kind("splynx", "Splynx"), kind("uisp", "UISP")])
}
