//! Overrides of the plan's speeds, and the day on which they end. It is 1 January 2027.

use serde_json::{Value, json};

use super::{Lowered, endpoint, service, small};

/// One endpoint, with speeds of the NMS in Mbit/s, and one service that sells 50/10 and has an override of 80/20.
fn boosted(nms: [Option<u64>; 2], change: &[(&str, Value)]) -> Lowered {
    let mut site = endpoint("e", None);
    let bps = nms.map(|mbps| mbps.map(|mbps| mbps * 1_000_000));
    site["qos"] = json!({ "downloadSpeed": bps[0], "uploadSpeed": bps[1] });
    let mut sold = service(5, "e", 1.into(), [50.0, 10.0]);
    sold["downloadSpeedOverride"] = json!(80);
    sold["uploadSpeedOverride"] = json!(20);
    sold["trafficShapingOverrideEnabled"] = json!(true);
    for (field, value) in change {
        sold[*field] = value.clone();
    }
    small(&[("sites", json!([site])), ("crm-services", json!([sold]))])
}

fn told(lowered: &Lowered) -> String {
    let rates = lowered.records.evidence.temporary_rates.iter();
    let rates: Vec<String> = rates
        .map(|rate| {
            assert_eq!(rate.place.route, "/trafficShapingOverrideEnd");
            assert_eq!(&*rate.subject.id, "e");
            format!(
                "{} {} {}, then {}{}",
                super::known(rate.instead),
                if rate.over { "ended" } else { "until" },
                rate.end,
                super::known(rate.after),
                if rate.still_stated {
                    ", still stated"
                } else {
                    ""
                },
            )
        })
        .collect();
    [lowered.circuits(), rates.join("; "), lowered.own_notes()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

const END: &str = "trafficShapingOverrideEnd";

#[test]
fn an_override_holds_up_to_its_end_and_then_the_plan_does() {
    let check = |end: Value, want: &str| {
        let lowered = boosted([None, None], &[(END, end)]);
        assert_eq!(told(&lowered), want);
    };
    // Without an end it holds, and nothing is said.
    check(Value::Null, "e 80/20 by the CRM");
    check(json!(""), "e 80/20 by the CRM");
    check(
        json!("2027-01-31T00:00:00+0000"),
        "e 80/20 by the CRM\n80/20 until 2027-01-31T00:00:00Z, then 50/10",
    );
    // A day is the last one with.
    check(
        json!("2027-01-01"),
        "e 80/20 by the CRM\n80/20 until 2027-01-01, then 50/10",
    );
    check(
        json!("2026-12-31"),
        "e 50/10 by the CRM\n80/20 ended 2026-12-31, then 50/10",
    );
    // An instant ends it on the day, in UTC, that begins then or next.
    check(
        json!("2027-01-01T00:00:00+0000"),
        "e 50/10 by the CRM\n80/20 ended 2027-01-01T00:00:00Z, then 50/10",
    );
    check(
        json!("2027-01-01T00:00:00-0700"),
        "e 80/20 by the CRM\n80/20 until 2027-01-01T07:00:00Z, then 50/10",
    );
    check(
        json!("next spring"),
        "e 80/20 by the CRM\nodd crm-services.json/trafficShapingOverrideEnd e: is \"next spring\", neither a day nor an \
         instant: the override has no end",
    );
}

#[test]
fn what_is_switched_off_or_says_no_speed_ends_nothing() {
    for change in [
        &[
            ("trafficShapingOverrideEnabled", json!(false)),
            (END, json!("2026-12-31")),
        ][..],
        &[
            ("downloadSpeedOverride", Value::Null),
            ("uploadSpeedOverride", Value::Null),
            (END, json!("2026-12-31")),
        ],
    ] {
        assert_eq!(told(&boosted([None, None], change)), "e 50/10 by the CRM");
    }
    // One direction keeps the plan's.
    let up = ("uploadSpeedOverride", Value::Null);
    assert_eq!(
        told(&boosted(
            [None, None],
            &[up.clone(), (END, json!("2027-02-01"))]
        )),
        "e 80/10 by the CRM\n80/10 until 2027-02-01, then 50/10"
    );
    assert_eq!(
        told(&boosted([None, None], &[up, (END, json!("2026-12-31"))])),
        "e 50/10 by the CRM\n80/10 ended 2026-12-31, then 50/10"
    );
}

#[test]
fn what_the_nms_still_states_of_an_override_that_has_ended_is_not_followed() {
    let over = [(END, json!("2026-12-31"))];
    let check = |nms, want: &str| assert_eq!(told(&boosted(nms, &over)), want);
    check(
        [Some(80), Some(20)],
        "e 50/10 by the CRM\n80/20 ended 2026-12-31, then 50/10, still stated",
    );
    // UISP has noticed.
    check(
        [Some(50), Some(10)],
        "e 50/10\n80/20 ended 2026-12-31, then 50/10",
    );
    check(
        [Some(80), Some(10)],
        "e 50/10\n80/20 ended 2026-12-31, then 50/10, still stated",
    );
    // A speed that the NMS has from elsewhere is followed, as ever.
    check(
        [Some(100), Some(30)],
        "e 100/30\n80/20 ended 2026-12-31, then 100/30\nodd sites.json/qos/downloadSpeed e: is 100/30 Mbit/s in the NMS, but \
         CRM service 5 sells 50/10; the NMS is followed",
    );
    // While the override holds, the NMS and the CRM agree.
    let on = [(END, json!("2027-01-31"))];
    assert_eq!(
        told(&boosted([Some(80), Some(20)], &on)),
        "e 80/20\n80/20 until 2027-01-31, then 50/10"
    );
    // Its end changes nothing where the NMS says something else.
    assert_eq!(
        told(&boosted([Some(100), Some(30)], &on)),
        "e 100/30\nodd sites.json/qos/downloadSpeed e: is 100/30 Mbit/s in the NMS, but CRM service 5 sells 80/20; the NMS \
         is followed"
    );
}

#[test]
fn an_override_that_has_ended_without_a_plan_leaves_what_the_nms_says() {
    let none = [
        ("downloadSpeed", Value::Null),
        ("uploadSpeed", Value::Null),
        (END, json!("2026-12-31")),
    ];
    assert_eq!(
        told(&boosted([Some(80), Some(20)], &none)),
        "e 80/20\n80/20 ended 2026-12-31, then 80/20"
    );
    assert_eq!(
        told(&boosted([None, None], &none)),
        "e ?/? by the CRM\n80/20 ended 2026-12-31, then ?/?"
    );
}
