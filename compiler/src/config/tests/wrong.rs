//! What does not load, and in which words; and that no text at all makes the reader stumble.

use proptest::prelude::*;

use super::{SOURCE, render, try_load};
use crate::config::init::uncommented;
use crate::config::project::SourceKind;

/// Bad configurations and what is said about them. `{source}` is a source that is right, `{kinds}` are the kinds that
/// this build reads. No text of an error may show the secret of these tables.
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (config, want) in cases {
        let text = config
            .trim_start_matches('\n')
            .replace("{source}\n", SOURCE);
        let error = match try_load(&text) {
            Ok(_) => panic!("this should not load:\n{text}"),
            Err(error) => error,
        };
        let kinds = SourceKind::ALL.map(SourceKind::word).join(", ");
        let want = want.trim_start_matches('\n').replace("{kinds}", &kinds);
        assert_eq!(render(&error), want, "{text}");
        let shown = format!("{error:?}{}", error.text());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(error.text().len(), text.len(), "spans must still fit");
    }
}

#[test]
fn what_is_not_toml_or_no_key_is_named_with_its_place() {
    check(&[
        (
            r#"
{source}
[topology]
strategi = "full"
"#,
            r#"
5:1 `strategi`: unknown key `topology.strategi` -> did you mean `strategy`? the keys here are auto_virtual_mbps, default_link_cost, exclude, generated_mbps, link_down_hold, link_reference_mbps, max_depth, membership_cost, peaks, pin, promote_to_root, prune_empty, root, simplify, strategy, tree, wan_mbps
"#,
        ),
        (
            r#"
{source}
[topology]
queues = 4
overhead = 1.1
name = 5
"#,
            r#"
5:1 `queues`: unknown key `topology.queues` -> `queues` belongs in [target.NAME]; the keys here are auto_virtual_mbps, default_link_cost, exclude, generated_mbps, link_down_hold, link_reference_mbps, max_depth, membership_cost, peaks, pin, promote_to_root, prune_empty, root, simplify, strategy, tree, wan_mbps
6:1 `overhead`: unknown key `topology.overhead` -> `overhead` belongs in [rates]; the keys here are auto_virtual_mbps, default_link_cost, exclude, generated_mbps, link_down_hold, link_reference_mbps, max_depth, membership_cost, peaks, pin, promote_to_root, prune_empty, root, simplify, strategy, tree, wan_mbps
7:1 `name`: unknown key `topology.name` -> `name` belongs in [merge.fields] or [project] or [[source]] or [source.table] or [source.table.nodes]; the keys here are auto_virtual_mbps, default_link_cost, exclude, generated_mbps, link_down_hold, link_reference_mbps, max_depth, membership_cost, peaks, pin, promote_to_root, prune_empty, root, simplify, strategy, tree, wan_mbps
"#,
        ),
        (
            r#"
{source}
[topologie]
strategy = "full"
"#,
            r#"
4:2 `topologie`: unknown table `[topologie]` -> did you mean `topology`? the tables are addresses, channels, guard, lint, merge, project, publish, rates, schedule, signing, source, store, suspended, target, topology
"#,
        ),
        (
            r#"
[source]
kind = "uisp"
export = "x"
"#,
            r#"
1:2 `source`: `[source]` needs double brackets -> write [[source]]: there may be several
"#,
        ),
        (
            r#"
{source}
[[rates]]
commit = 0.1
"#,
            r#"
4:3 `rates`: `[[rates]]` is a single table -> write [rates], once, in single brackets
"#,
        ),
        (
            r#"
{source}
[topology]
strategy = ap_site
"#,
            r#"
5:12 `ap_site`: not valid TOML: string values must be quoted, expected literal string -> correct it there, then `weir check`; text stands in quotes, a section in [brackets], a list too
"#,
        ),
        (
            r#"
{source}
[topology]
promote_to_root = "core"
"#,
            r#"
5:19 `"core"`: `topology.promote_to_root` must be a list in brackets, not string "core" -> write ["core"]
"#,
        ),
        (
            r#"
{source}
[topology]
pin = [1]
"#,
            r#"
5:7 `[1]`: `topology.pin` must be a table, not sequence
"#,
        ),
        (
            r#"
[[source]]
name = "crm"
kind = "uisp"
export = "x"
api_token = "hunter2"
"#,
            r#"
5:1 `api_token`: unknown key `source.api_token` -> the keys here are auth, ca, domain, enabled, export, key, kind, max_answer_mb, name, password, secret, table, tenant, timeout, tls_pin, token_url, url, user
"#,
        ),
        (
            r#"
{source}
[project]
name = "a"
name = "b"
"#,
            r#"
6:1 `name`: not valid TOML: duplicate key -> correct it there, then `weir check`; text stands in quotes, a section in [brackets], a list too
"#,
        ),
        (
            r#"
[[source]]
kind = "uisp"
key = "hunter2
"#,
            r#"
3:15 ``: not valid TOML: invalid basic string, expected `"` -> correct it there, then `weir check`; text stands in quotes, a section in [brackets], a list too
"#,
        ),
        (
            r#"
{source}
[target]
queues = 4
"#,
            r#"
5:1 `queues`: `[target]` needs a name -> write [target.NAME] above its keys
"#,
        ),
        (
            r#"
{source}
[target.a]
to_internet = "eth0"
"#,
            r#"
5:1 `to_internet`: unknown key `target.a.to_internet` -> `to_internet` belongs in [target.NAME.shaper]; the keys here are core_gbps, memory, queues, shaper
"#,
        ),
        (
            r#"
{source}
[target]
queues = 4
memory = "5GB"
"#,
            r#"
5:1 `queues`: `[target]` needs a name -> write [target.NAME] above its keys
"#,
        ),
        (
            r#"
strategy = "full"
[[source]]
kind = "uisp"
export = "x"
"#,
            r#"
1:1 `strategy`: unknown key `strategy` before the first table -> `strategy` belongs in [topology]; the tables are addresses, channels, guard, lint, merge, project, publish, rates, schedule, signing, source, store, suspended, target, topology
"#,
        ),
        (
            r#"
topology = 5
[[source]]
kind = "uisp"
export = "x"
"#,
            r#"
1:12 `5`: `topology` must be a table, not integer `5`
"#,
        ),
        (
            r#"
{source}
export = "y" # "
key = 5
secret = [1.5, true]
"#,
            r#"
4:1 `export`: not valid TOML: duplicate key -> correct it there, then `weir check`; text stands in quotes, a section in [brackets], a list too
"#,
        ),
    ]);
}

#[test]
fn values_of_the_wrong_type_say_which_is_right() {
    check(&[
        (
            r#"
{source}
[topology]
max_depth = "7"
"#,
            r#"
5:13 `"7"`: `topology.max_depth` must be a whole number, 0 or more, not string "7" -> take the quotes away
"#,
        ),
        (
            r#"
{source}
[topology]
max_depth = -1
"#,
            r#"
5:13 `-1`: `topology.max_depth` must be a whole number, 0 or more, not integer `-1`
"#,
        ),
        (
            r#"
{source}
[topology]
max_depth = 1.5
"#,
            r#"
5:13 `1.5`: `topology.max_depth` must be a whole number, 0 or more, not floating point `1.5`
"#,
        ),
        (
            r#"
{source}
[topology]
wan_mbps = [1000]
generated_mbps = "fast"
"#,
            r#"
6:18 `"fast"`: `topology.generated_mbps` must be a number, or [download, upload], not string "fast"
"#,
        ),
        (
            r#"
{source}
[topology]
promote_to_root = [5]
"#,
            r#"
5:20 `5`: `topology.promote_to_root` must be text in quotes, not integer `5`
"#,
        ),
        (
            r#"
{source}
[topology]
prune_empty = "yes"
"#,
            r#"
5:15 `"yes"`: `topology.prune_empty` must be true or false, not string "yes"
"#,
        ),
        (
            r#"
{source}
[topology.pin]
"" = "x"
a = 5
"#,
            r#"
6:5 `5`: `topology.pin.a` must be text in quotes, not integer `5`
"#,
        ),
        (
            r#"
{source}
[topology]
prune_empty = "true"
"#,
            r#"
5:15 `"true"`: `topology.prune_empty` must be true or false, not string "true" -> take the quotes away
"#,
        ),
    ]);
}

#[test]
fn sources_say_what_they_lack_and_never_show_a_secret() {
    check(&[
        (
            r#""#,
            r#"
weir.toml names no source -> add one: [[source]] with kind = "uisp" and export = "DIR"; `weir init` shows a whole file
"#,
        ),
        (
            r#"
[[source]]
name = "crm"
kind = "uisp"
export = "x"
key = "hunter2"
secret = 'hunter2'
"#,
            r#"
5:7 `*********`: `key` of source `crm` is written out, but a secret may only be referred to -> write key = { env = "NAME" }, { file = "secrets/crm" } or { credential = "crm" }; if this file was ever shared, replace the secret
6:10 `*********`: `secret` of source `crm` is written out, but a secret may only be referred to -> write secret = { env = "NAME" }, { file = "secrets/crm" } or { credential = "crm" }; if this file was ever shared, replace the secret
"#,
        ),
        (
            r#"
[[source]]
name = "crm"
kind = "uisp"
export = "x"
key = { env = "hunter2!" }
secret = { env = "A", file = "b" }
"#,
            r#"
5:15 `**********`: `key.env` of source `crm` is not the name of a variable -> env names the variable that holds the secret, such as "SPLYNX_KEY"; it is not the secret
6:10 `{ env = "A", file = "b" }`: `secret` of source `crm` must have exactly one of env, file and credential -> write secret = { env = "NAME" }, { file = "secrets/crm" } or { credential = "crm" }
"#,
        ),
        (
            r#"
[[source]]
name = "crm"
kind = "uisp"
key = {}
url = "https://me:hunter2@crm.example"
"#,
            r#"
4:7 `{}`: `key` of source `crm` must have exactly one of env, file and credential -> write key = { env = "NAME" }, { file = "secrets/crm" } or { credential = "crm" }
5:7 `********************************`: `url` of source `crm` holds a user or password -> take it out of the address; credentials go into `key` and `secret`, as references
"#,
        ),
        (
            r#"
[[source]]
name = "crm"
kind = "table"
url = "https://crm.example"
"#,
            r#"
1:1 `[[source]]`: a source of kind `table` has no [source.table] -> add [source.table] below it: file, circuit, addresses, download and upload at least
4:7 `"https://crm.example"`: source `crm` has a `url`, but its kind is read from files -> add export = "DIR": the directory with the files
"#,
        ),
        (
            r#"
[[source]]
kind = "usip"
export = "x"
"#,
            r#"
2:8 `"usip"`: `source.kind` cannot be "usip" -> did you mean "uisp"? it is one of inventory, libreqos, mikrotik, netzur, powercode, sonar, splynx, table, uisp, visp, wispgate
"#,
        ),
        (
            r#"
[[source]]
kind = "uisp"
"#,
            r#"
1:1 `[[source]]`: source `uisp` has neither `export` nor `url` -> add url = "https://HOST", or export = "DIR": the directory with recorded responses
"#,
        ),
        (
            r#"
[[source]]
kind = "inventory"
url = "https://crm.example"
"#,
            r#"
3:7 `"https://crm.example"`: source `inventory` has a `url`, but its kind is read from files -> add export = "DIR": the directory with the files
"#,
        ),
        (
            r#"
[[source]]
kind = "uisp"
url = "https://uisp.example"
token_url = "https://me:hunter2@uisp.example"
password = "hunter2"
auth = "digest"
timeout = "0s"
tls_pin = "sha256:4f1a"
"#,
            r#"
4:13 `*********************************`: `token_url` of source `uisp` holds a user or password -> take it out of the address; credentials go into `key` and `secret`, as references
5:12 `*********`: `password` of source `uisp` is written out, but a secret may only be referred to -> write password = { env = "NAME" }, { file = "secrets/uisp" } or { credential = "uisp" }; if this file was ever shared, replace the secret
8:11 `"sha256:4f1a"`: `tls_pin` of source `uisp` is not a digest -> write "sha256:..", as `weir doctor` prints it
"#,
        ),
        (
            r#"
[[source]]
kind = "uisp"
url = "https://uisp.example"
auth = "digest"
timeout = "0s"
max_answer_mb = 0
"#,
            r#"
4:8 `"digest"`: `source.auth` cannot be "digest" -> it is one of basic, signature, token
5:11 `"0s"`: `source.timeout` is no time at all -> write "10m" or "90s"
6:17 `0`: `source.max_answer_mb` is no size of an answer -> write a number of MB from 1 to 65536
"#,
        ),
        (
            r#"
[[source]]
kind = "uisp"
url = "uisp.example"
"#,
            r#"
3:7 `"uisp.example"`: `url` of source `uisp` is not an address -> write "https://HOST"
"#,
        ),
        (
            r#"
[[source]]
export = "x"
"#,
            r#"
1:1 `[[source]]`: a source has no `kind` -> add kind = "..": one of {kinds}
"#,
        ),
        (
            r#"
[[source]]
kind = "uisp"
export = "x"
enabled = false
"#,
            r#"
1:1 `[[source]]`: every source is switched off -> take enabled = false away from one of them
"#,
        ),
        (
            r#"
{source}
[merge]
precedence = ["usip", "uisp", "uisp"]
"#,
            r#"
5:15 `"usip"`: `merge.precedence` names `usip`, which is no source -> did you mean `uisp`? the sources are uisp
5:31 `"uisp"`: `merge.precedence` names `uisp` twice -> name each source once
"#,
        ),
        (
            r#"
[[source]]
kind = 2020-01-01
key = 2020-01-01
"#,
            r#"
3:7 `**********`: `source.key` cannot be a date
"#,
        ),
        (
            r#"
# api_key = "hunter2"
[[source]]
kind = "uisp"
key = """
hunter2
"""
"#,
            r#"
2:1 `[[source]]`: source `uisp` has neither `export` nor `url` -> add url = "https://HOST", or export = "DIR": the directory with recorded responses
4:7 `***
*******
***`: `key` of source `uisp` is written out, but a secret may only be referred to -> write key = { env = "NAME" }, { file = "secrets/uisp" } or { credential = "uisp" }; if this file was ever shared, replace the secret
"#,
        ),
        (
            r#"
{source}
[[source]]
kind = "uisp"
export = "y"
"#,
            r#"
4:1 `[[source]]`: two sources have the name `uisp` -> give each [[source]] its own name = ".."
"#,
        ),
        (
            r#"
{source}
ca = ""
tls_pin = "insecure"
"#,
            r#"
4:6 `""`: `source.ca` is empty or holds a control character -> write it in one line, or leave it out
5:11 `"insecure"`: `tls_pin` of source `uisp` is not a digest -> write "sha256:..", as `weir doctor` prints it
"#,
        ),
    ]);
}

#[test]
fn settings_out_of_range_say_what_the_range_is() {
    check(&[
        (
            r#"
{source}
[topology]
strategy = "ap_sit"
tree = "dominators"
"#,
            r#"
5:12 `"ap_sit"`: `topology.strategy` cannot be "ap_sit" -> did you mean "ap_site"? it is one of flat, ap_only, ap_site, full
6:8 `"dominators"`: `topology.tree` cannot be "dominators" -> it is one of cost, hops, widest, declared
"#,
        ),
        (
            r#"
{source}
[topology]
wan_mbps = [1000]
generated_mbps = [0, 5]
auto_virtual_mbps = -1
link_reference_mbps = 1e9
default_link_cost = 9000000000
simplify = "all"
"#,
            r#"
5:12 `[1000]`: `topology.wan_mbps` needs two entries, not 1 -> write [download, upload], or one number for both
6:19 `0`: `topology.generated_mbps` must be greater than 0 -> the smallest rate is 0.001, 1 kbit/s
7:21 `-1`: `topology.auto_virtual_mbps` is negative -> write Mbit/s as a decimal: 940 or 0.5
8:23 `1e9`: `topology.link_reference_mbps` is larger than 10 Tbit/s -> write Mbit/s as a decimal: 940 or 0.5
9:21 `9000000000`: `topology.default_link_cost` is 9000000000 -> it goes from 0 to 1000000000
10:12 `"all"`: `topology.simplify` cannot be "all" -> write false, true or "auto"
"#,
        ),
        (
            r#"
{source}
[topology]
wan_mbps = [nan, 0x10]
"#,
            r#"
5:13 `nan`: `topology.wan_mbps` is not a number -> write Mbit/s as a decimal: 940 or 0.5
5:18 `0x10`: `topology.wan_mbps` is not a number -> write Mbit/s as a decimal: 940 or 0.5
"#,
        ),
        (
            r#"
{source}
[rates]
overhead = 1.1255
commit = 10
multiplier = 110
floor_mbps = 0.0001
"#,
            r#"
5:12 `1.1255`: `rates.overhead` has more than three decimals -> factors count thousandths: write 1.125, not 1.1249
6:10 `10`: `rates.commit` is greater than 1 -> write a share: 0.1 is 10 %
7:14 `110`: `rates.multiplier` is greater than 100 -> write a factor: 1.1 is 110 %
8:14 `0.0001`: `rates.floor_mbps` must be greater than 0 -> the smallest rate is 0.001, 1 kbit/s
"#,
        ),
        (
            r#"
{source}
[rates]
overhead = 1e999
"#,
            r#"
5:12 `1e999`: `rates.overhead`: floating-point number overflowed
"#,
        ),
        (
            r#"
{source}
[rates]
overhead = 99999999999999999999999
"#,
            r#"
5:12 `99999999999999999999999`: `rates.overhead` is greater than 100 -> write a factor: 1.1 is 110 %
"#,
        ),
        (
            r#"
{source}
[suspended]
policy = "ignore"
slow_mbps = 0
"#,
            r#"
5:10 `"ignore"`: `suspended.policy` cannot be "ignore" -> it is one of keep, slow, drop
6:13 `0`: `suspended.slow_mbps` must be greater than 0 -> the smallest rate is 0.001, 1 kbit/s
"#,
        ),
    ]);
}

#[test]
fn a_box_that_cannot_be_is_refused() {
    check(&[
        (
            r#"
{source}
[target.a]
queues = 120
memory = "32"
[target.a.shaper]
to_internet = "eth1"
qdisc = "cak diffserv4"
leaf_fallback = ["none x"]
"#,
            r#"
5:10 `120`: `target.a.queues` is 120 -> it goes from 1 to 119
6:10 `"32"`: `target.a.memory` is not an amount of memory -> write a whole number and a unit: "32GiB", "512MiB"
8:15 `"eth1"`: `target.a.shaper` is a bridge and needs both to_internet and to_network -> name the other interface, or add mode = "stick"
9:9 `"cak diffserv4"`: `target.a.shaper.qdisc` starts with no known queueing discipline -> did you mean `cake`? write cake, fq_codel or none first, then options as tc takes them
10:18 `"none x"`: `target.a.shaper.leaf_fallback` gives options to `none` -> write "none" alone
"#,
        ),
        (
            r#"
{source}
[target.a.shaper]
to_internet = "eth1"
to_network = "eth1"
internet_vlan = 5
"#,
            r#"
6:14 `"eth1"`: `target.a.shaper` is a bridge between `eth1` and `eth1` -> name two interfaces, or add mode = "stick"
7:17 `5`: `target.a.shaper` is a bridge, which has no VLANs -> add mode = "stick", or take internet_vlan and network_vlan away
"#,
        ),
        (
            r#"
{source}
[target.a]
queues = 60
[target.a.shaper]
to_internet = "a/b"
mode = "stick"
internet_vlan = 5
network_vlan = 5
"#,
            r#"
5:10 `60`: `target.a.queues` is 60 -> it goes from 1 to 59
7:15 `"a/b"`: `target.a.shaper.to_internet` is not the name of an interface -> write it as `ip link` shows it: at most 15 characters, no blank and no slash
10:16 `5`: `target.a.shaper` has VLAN 5 on both sides -> the two VLANs of a stick are different ones
"#,
        ),
        (
            r#"
{source}
[target.a.shaper]
to_internet = "eth1"
to_network = "eth0"
mode = "stick"
network_vlan = 4095
"#,
            r#"
6:14 `"eth0"`: `target.a.shaper` has mode = "stick" and two interfaces -> take to_network away, or write mode = "bridge"
7:8 `"stick"`: `target.a.shaper` has mode = "stick" and needs internet_vlan and network_vlan -> add the VLAN of each side, 1 to 4094
8:16 `4095`: `target.a.shaper.network_vlan` is 4095 -> it goes from 1 to 4094
"#,
        ),
        (
            r#"
{source}
[target.a.shaper]
mode = "stick"
"#,
            r#"
5:8 `"stick"`: `target.a.shaper` has mode = "stick" and no interface -> add to_internet = ".."
"#,
        ),
        (
            r#"
{source}
[target.a]
[target.b]
"#,
            r#"
weir.toml declares several targets, and none is chosen: a, b -> an artifact is built for one of them: choose with --target NAME
"#,
        ),
        (
            r#"
{source}
[target."a b"]
"#,
            r#"
4:9 `"a b"`: the name of a target cannot be "a b" -> use 1 to 64 letters, digits, `-`, `_` and `.`, a letter or digit first
"#,
        ),
    ]);
}

#[test]
fn every_other_setting_is_checked_too() {
    check(&[
        (
            r#"
{source}
[addresses]
allow = ["10.0.0.5/8", "100.64.0.0/10"]
ignore = ["10.0.0.0/8, 192.168.0.0/16", "10.0.0.0/33"]
"#,
            r#"
5:10 `"10.0.0.5/8"`: `addresses.allow` holds 10.0.0.5/8, which is an address inside a prefix -> write "10.0.0.0/8" for the prefix, or "10.0.0.5" for the one address
6:11 `"10.0.0.0/8, 192.168.0.0/16"`: `addresses.ignore` holds "10.0.0.0/8, 192.168.0.0/16", which is no prefix -> write prefixes like "100.64.0.0/10" or "2001:db8::/32", each in its own quotes
6:41 `"10.0.0.0/33"`: `addresses.ignore` holds "10.0.0.0/33", which is no prefix -> write prefixes like "100.64.0.0/10" or "2001:db8::/32", each in its own quotes
"#,
        ),
        (
            r#"
{source}
[lint]
fail_on = "warn"
[lint.levels]
no-such-rule-at-all = "allow"
"#,
            r#"
5:11 `"warn"`: `lint.fail_on` cannot be "warn" -> did you mean "warning"? it is one of error, warning, never
7:1 `no-such-rule-at-all`: `lint.levels` names `no-such-rule-at-all`, which is no rule -> `weir rules` lists them
"#,
        ),
        (
            r#"
{source}
[lint.levels]
not-as-reviewed = "allow"
"#,
            r#"
5:1 `not-as-reviewed`: `lint.levels` has rule CHG006 (not-as-reviewed), which has no level -> leave the line out: it is judged where an artifact is promoted, and always refuses
"#,
        ),
        (
            r#"
{source}
[lint.levels]
XYZ001 = "off"
"#,
            r#"
5:1 `XYZ001`: `lint.levels` names `XYZ001`, which is no rule -> `weir rules` lists them
5:10 `"off"`: `lint.levels.XYZ001` cannot be "off" -> it is one of allow, warn, deny
"#,
        ),
        (
            r#"
{source}
[guard]
max_removed_percent = 101
max_source_age = "6 hours"
"#,
            r#"
5:23 `101`: `guard.max_removed_percent` is 101 -> it goes from 0 to 100
6:18 `"6 hours"`: `guard.max_source_age` is not a time -> write a number and a unit, s, m, h, d or w: "6h", "30m"
"#,
        ),
        (
            r#"
{source}
[store]
url = "s3://"
endpoint = "https://s3.example"
key = "AKIDEXAMPLE"
secret = { env = "S3" }
"#,
            r#"
5:7 `"s3://"`: `store.url` names no bucket -> write url = "s3://BUCKET/PREFIX"
7:7 `*************`: `store.key` is written out, but a secret may only be referred to -> write { env = "NAME" }, { file = "secrets/NAME" } or { credential = "NAME" }; if this file was ever shared, make another one
"#,
        ),
        (
            r#"
{source}
[store]
url = ".weir/store"
"#,
            r#"
5:7 `".weir/store"`: `store.url` is not the address of a store -> write url = "file:DIR", or url = "s3://BUCKET/PREFIX"
"#,
        ),
        (
            r#"
{source}
[store]
url = "file://host/x"
"#,
            r#"
5:7 `"file://host/x"`: `store.url` is not the address of a store -> a host cannot be named: write file:DIR, or file:///DIR from the root
"#,
        ),
        (
            r#"
{source}
[publish]
overwrite = "sometimes"
[channels.lab]
from = "lab"
[schedule]
every = "0m"
promote = "when_clean"
channel = "prodution"
keep = 10
"#,
            r#"
5:13 `"sometimes"`: `publish.overwrite` cannot be "sometimes" -> it is one of always, when-unedited, never
7:8 `"lab"`: channel `lab` waits for itself -> name the channel that artifacts run in first
9:9 `"0m"`: `schedule.every` is no time at all -> write "30m" or "1h"
10:11 `"when_clean"`: `schedule.promote` cannot be "when_clean" -> did you mean "when-clean"? it is one of never, when-clean, when-contained
11:11 `"prodution"`: there is no channel `prodution` -> did you mean `production`?
12:8 `10`: `schedule.keep` is 10, and a way back needs more -> write 50 or more, or 0 to keep everything
"#,
        ),
        (
            r#"
{source}
[signing]
key = "hunter2"
trust = ""
"#,
            r#"
5:7 `*********`: `signing.key` is written out, but a secret may only be referred to -> write { env = "NAME" }, { file = "secrets/NAME" } or { credential = "NAME" }; if this file was ever shared, make another one
6:9 `""`: `signing.trust` is empty or holds a control character -> write it in one line, or leave it out
"#,
        ),
        (
            r#"
{source}
[signing]
key = { env = "A", file = "b" }
"#,
            r#"
5:7 `{ env = "A", file = "b" }`: `signing.key` must have exactly one of env, file and credential -> write { env = "NAME" }, { file = "secrets/NAME" } or { credential = "NAME" }
"#,
        ),
        (
            r#"
{source}
[project]
name = ""
"#,
            r#"
5:8 `""`: `project.name` is empty or holds a control character -> write it in one line, or leave it out
"#,
        ),
    ]);
}

#[test]
fn a_secret_on_the_next_line_is_not_shown_either() {
    for text in [
        "[[source]]\nkind = \"usip\"\nexport = \"x\"\nkey = \"hunter2\"\n",
        "[[source]]\nkind = \"uisp\nkey = \"hunter2\"\n",
        "[[source]]\nkind = uisp\n# password = 'hunter2'\n",
        "[[source]]\nkind = \"uisp\"\nclient_secret = { value = \"hunter2\" }\n",
        "[source]\nkey = { env = \"hunter2 \" }\n",
        "[[source]]\nkind = \"uisp\"\nkey = { literal = \"hunter2\" }\nexport = \"x\"\n",
    ] {
        let error = try_load(text).expect_err(text);
        let shown = format!("{:?}", miette::Report::new(error.clone()));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_message_is_one_line_whatever_was_written() {
    for text in [
        "\"a\\nb\" = 1",
        "[topology]\n\"a\\nb\" = 1",
        "[topology]\nstrategy = \"a\\u001b[31m\\n\"",
        "[topology]\nsimplify = \"a\\nb\"",
        "[merge]\nprecedence = [\"a\\nb\"]",
        "[lint.levels]\n\"a\\nb\" = \"allow\"",
        "[addresses]\nallow = [\"a\\nb\"]",
        "[target.\"a\\nb\"]\nqueues = 0",
        "[topology]\nmax_depth = \"a\\nb\"",
        "[channels.\"a\\nb\"]\nfrom = \"a\\nb\"",
    ] {
        let error = try_load(&format!("{text}\n{SOURCE}")).expect_err(text);
        for one in std::iter::once(&error).chain(&error.others) {
            let said = format!("{}{}", one.message, one.help);
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }
}

#[test]
fn nesting_has_an_end() {
    const DEPTH: usize = 100_000;
    for text in [
        format!("a = {}", "[".repeat(DEPTH)),
        format!("a = {}{}", "[".repeat(DEPTH), "]".repeat(DEPTH)),
        format!("a = {}", "{a=".repeat(DEPTH)),
        format!("{}a = 1", "a.".repeat(DEPTH)),
        format!("[{}a]", "a.".repeat(DEPTH)),
        format!("[[source]]\nkey.{}a = 1", "a.".repeat(DEPTH)),
        format!("topology.pin.{}a = 1", "a.".repeat(DEPTH)),
        "[[source]]\n".repeat(DEPTH / 10),
    ] {
        assert!(try_load(&text).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_gives_a_project_or_an_error(text in any::<String>()) {
        let _ = try_load(&text).map_err(|e| render(&e));
    }

    #[test]
    fn any_characters_of_toml_give_a_project_or_an_error(text in "[\\[\\]{}\"'=#.,a-e0-9 \n_+-]{0,200}") {
        let _ = try_load(&format!("{SOURCE}{text}")).map_err(|e| render(&e));
    }

    /// Right keys with any value, in any table: what gets past the parser.
    #[test]
    fn any_value_in_any_key_gives_a_project_or_an_error(
        lines in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..8),
    ) {
        let template = uncommented();
        let mut text: Vec<String> = template.lines().map(str::to_owned).collect();
        for (index, value) in lines {
            let at = index.index(text.len());
            if let Some((key, _)) = text[at].clone().split_once(" = ") {
                text[at] = format!("{key} = {value}");
            }
        }
        let text = text.join("\n");
        let error = try_load(&text).expect_err("two targets and none chosen, at least");
        prop_assert_eq!(error.text().len(), text.len());
        let _ = render(&error);
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u128>().prop_map(|n| n.to_string()),
        "-?[0-9]{1,30}\\.[0-9]{1,30}(e-?[0-9]{1,3})?",
        "\"[a-z0-9:/.é ]{0,20}\"",
        "\\[(-?[0-9]{1,4}, ){0,3}\\]",
        Just("true".to_owned()),
        Just("inf".to_owned()),
        Just("-nan".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("{ a = [ { b = 1 } ] }".to_owned()),
        Just("[[[]]]".to_owned()),
        Just("[{}]".to_owned()),
        Just(format!("{}{}", "[".repeat(200), "]".repeat(200))),
    ]
}

#[test]
fn a_mapping_of_columns_says_what_it_lacks() {
    let source = "[[source]]\nkind = \"table\"\nexport = \"x\"\n";
    for (lines, want) in [
        (
            "",
            "1:1 `[[source]]`: a source of kind `table` has no [source.table]",
        ),
        ("[source.table]\n", "[source.table] has no `file`"),
        (
            "[source.table]\nfile = \"a.csv\"\n",
            "[source.table] has no `circuit`",
        ),
        (
            "[source.table]\nfile = \"../a.csv\"\n",
            "5:8 `\"../a.csv\"`: `source.table.file` is no name of a file",
        ),
        (
            "[source.table]\nfile = \"a.xls\"\n",
            "the name of `a.xls` does not say what format it has",
        ),
        (
            "[source.table]\nfile = \"a.csv\"\nrecords = \"/x\"\n",
            "6:11 `\"/x\"`: `source.table.records` means nothing for a CSV file",
        ),
        (
            "[source.table]\nfile = \"a.json\"\nrecords = \"x\"\n",
            "`source.table.records` does not begin with /",
        ),
        (
            "[source.table]\nfile = \"a.csv\"\ndelimiter = \"ab\"\n",
            "`source.table.delimiter` is not one character",
        ),
        (
            "[source.table]\nunit = \"gbps\"\n",
            "`source.table.unit` cannot be \"gbps\"",
        ),
        (
            "[source.table]\nended = [\"x\"]\n",
            "words of a state are given, but no column with the state",
        ),
        (
            "[source.table.nodes]\nfile = \"n.csv\"\n",
            "[source.table.nodes] has no `id`",
        ),
        (
            "[source.table]\ncircuits = \"x\"\n",
            "did you mean `circuit`?",
        ),
    ] {
        let text = format!("{source}{lines}");
        let error = try_load(&text).map(|_| ()).expect_err(&text);
        assert!(render(&error).contains(want), "{text}{}", render(&error));
    }
    let other = "[[source]]\nkind = \"uisp\"\nexport = \"x\"\n[source.table]\nfile = \"a.csv\"\n";
    let error = render(&try_load(other).map(|_| ()).expect_err(other));
    assert!(
        error.contains("means nothing for a source of kind `uisp`"),
        "{error}"
    );
}
