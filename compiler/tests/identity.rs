//! From build to build: what did not change keeps its parent, its CPU queue and its class numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weir_compiler::Compiled;
use weir_compiler::ir::previous::Previous;
use weir_compiler::previous;
use weir_compiler::testing::Memory;
use weir_schemas::queue_plan::{Class, Leaf, QueuePlan};

const CONFIG: &str =
    "[topology]\nstrategy = \"full\"\nwan_mbps = [40000, 40000]\n\n[target.box]\nqueues = 4\n";

/// A network of sites with APs and circuits; `edit` may change its lines.
struct Isp {
    nodes: Vec<String>,
    links: Vec<String>,
    circuits: BTreeMap<String, String>,
}

impl Isp {
    fn new(sites: usize, circuits: usize) -> Isp {
        let mut nodes = vec![r#"{"id":"core","kind":"root"}"#.to_owned()];
        let mut links = Vec::new();
        for s in 0..sites {
            nodes.push(format!(
                r#"{{"id":"s{s}","name":"Site {s}","kind":"site","parent":"core"}}"#
            ));
            nodes.push(format!(
                r#"{{"id":"a{s}","name":"AP {s}","kind":"ap","parent":"s{s}","kbps":[500000,200000]}}"#
            ));
            links.push(format!(
                r#"{{"id":"l{s}","a":"core","b":"s{s}","kbps":[1000000,1000000]}}"#
            ));
        }
        let mut isp = Isp {
            nodes,
            links,
            circuits: BTreeMap::new(),
        };
        for c in 0..circuits {
            isp.circuit(c, &format!("Customer {c}"), &format!("a{}", c % sites));
        }
        isp
    }

    fn circuit(&mut self, number: usize, name: &str, attach: &str) {
        let (high, low) = (number / 250, number % 250 + 1);
        self.circuits.insert(
            format!("c{number:05}"),
            format!(
                r#"{{"id":"c{number:05}","name":"{name}","attach":"{attach}","plan_kbps":[100000,20000],"devices":[{{"id":"d{number}","ips":["100.64.{high}.{low}"]}}]}}"#
            ),
        );
    }

    fn build(&self, config: &str, before: Option<&Previous>) -> Build {
        let mut json = String::from("{\"schema\":\"weir.inventory/1\"");
        let circuits: Vec<String> = self.circuits.values().cloned().collect();
        for (key, lines) in [
            ("nodes", &self.nodes),
            ("links", &self.links),
            ("circuits", &circuits),
        ] {
            write!(json, ",\n\"{key}\":[{}]", lines.join(",\n")).expect("text");
        }
        json.push('}');
        let memory = Memory::new("inventory", &[("inventory.json", json.as_bytes())], config)
            .expect("a project");
        Build {
            compiled: memory.compile(before),
            memory,
        }
    }
}

struct Build {
    memory: Memory,
    compiled: Compiled,
}

impl Build {
    fn plan(&self) -> &[u8] {
        self.compiled
            .artifacts
            .file("queue-plan.json")
            .expect("a plan")
    }

    fn classes(&self) -> BTreeMap<String, Class<'_>> {
        let plan: QueuePlan<'_> = serde_json::from_slice(self.plan()).expect("a plan");
        plan.classes
            .into_iter()
            .map(|c| (c.key.to_string(), c))
            .collect()
    }

    fn memory(&self) -> Previous {
        previous::read(
            self.plan(),
            &self.compiled.artifacts.digest,
            &self.memory.project,
        )
        .expect("a plan")
    }

    fn parent(&self, node: &str) -> String {
        let plan: QueuePlan<'_> = serde_json::from_slice(self.plan()).expect("a plan");
        let chosen = plan
            .chosen
            .iter()
            .find(|c| c.node == node)
            .expect("a node with subscribers");
        chosen.parent.to_string()
    }
}

/// Keys whose numbers or place differ, and keys only one side has.
fn moved(a: &Build, b: &Build) -> Vec<String> {
    let (a, b) = (a.classes(), b.classes());
    let place = |c: &Class<'_>| {
        (
            c.queue,
            c.minor,
            c.parent.as_deref().map(str::to_owned),
            c.leaf,
        )
    };
    let mut keys: Vec<String> = a
        .keys()
        .chain(b.keys())
        .filter(|k| a.get(*k).map(place) != b.get(*k).map(place))
        .cloned()
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn a_build_that_follows_itself_changes_nothing() {
    let isp = Isp::new(20, 600);
    let first = isp.build(CONFIG, None);
    let second = isp.build(CONFIG, Some(&first.memory()));
    assert_eq!(
        first.compiled.artifacts.digest,
        second.compiled.artifacts.digest
    );
}

#[test]
fn a_rename_changes_no_class() {
    let mut isp = Isp::new(20, 600);
    let first = isp.build(CONFIG, None);
    isp.circuit(7, "Aaron First", "a7");
    isp.nodes[1] = isp.nodes[1].replace("Site 0", "Zeta");
    let second = isp.build(CONFIG, Some(&first.memory()));
    assert_ne!(
        first.compiled.artifacts.digest, second.compiled.artifacts.digest,
        "the CSV holds names"
    );
    assert_eq!(
        String::from_utf8_lossy(first.plan()),
        String::from_utf8_lossy(second.plan())
    );
}

#[test]
fn one_more_customer_is_one_more_class_wherever_its_id_sorts() {
    let mut isp = Isp::new(20, 600);
    isp.circuits.remove("c00000");
    isp.circuits.remove("c00300");
    let first = isp.build(CONFIG, None);
    for (number, attach) in [(0, "a0"), (300, "a0"), (700, "a3")] {
        let mut one_more = Isp {
            nodes: isp.nodes.clone(),
            links: isp.links.clone(),
            circuits: isp.circuits.clone(),
        };
        one_more.circuit(number, "New", attach);
        let second = one_more.build(CONFIG, Some(&first.memory()));
        assert_eq!(moved(&first, &second), [format!("circuit:c{number:05}")]);
    }
}

/// Until a swap is done the classes of both builds are in the kernel, so whatever comes or moves takes no number
/// that the build before had, not even one that is freed now.
#[test]
fn no_number_is_taken_by_the_build_that_frees_it() {
    let mut isp = Isp::new(4, 40);
    let first = isp.build(CONFIG, None);
    isp.circuits.remove("c00008");
    isp.circuit(50, "New", "a0");
    isp.circuit(12, "Moved", "a1");
    let second = isp.build(CONFIG, Some(&first.memory()));
    let (before, after) = (first.classes(), second.classes());
    let moved = |key: &str| before.get(key).map(|c| (c.queue, c.minor));
    assert_ne!(
        moved("circuit:c00012"),
        Some((after["circuit:c00012"].queue, after["circuit:c00012"].minor))
    );
    let mut compared = 0;
    for (key, class) in &after {
        let same = moved(key) == Some((class.queue, class.minor));
        for (_, old) in before.iter().filter(|(other, _)| !same || *other != key) {
            assert_ne!((class.queue, class.minor), (old.queue, old.minor), "{key}");
            for direction in 0..2 {
                let handle = |leaf: Option<[Option<Leaf>; 2]>| leaf?[direction].map(|l| l.handle);
                if let (Some(new), Some(old)) = (handle(class.leaf), handle(old.leaf)) {
                    assert_ne!(new, old, "{key}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn freed_numbers_rest_for_two_changes() {
    let mut isp = Isp::new(4, 40);
    let first = isp.build(CONFIG, None);
    let gone = first.classes()["circuit:c00008"].clone();
    isp.circuits.remove("c00008");
    let mut build = isp.build(CONFIG, Some(&first.memory()));
    // Two changes in which a newcomer of the same AP may not take the number, then one in which it does.
    for (change, number) in (1..=3).zip([50, 54, 58]) {
        isp.circuit(number, "New", "a0");
        build = isp.build(CONFIG, Some(&build.memory()));
        let classes = build.classes();
        let new = &classes[&format!("circuit:c{number:05}")];
        assert_eq!(new.queue, gone.queue);
        assert_eq!(new.minor == gone.minor, change == 3, "change {change}");
    }
}

#[test]
fn a_moved_circuit_gets_a_number_of_its_new_place() {
    let mut isp = Isp::new(20, 600);
    let first = isp.build(CONFIG, None);
    isp.circuit(7, "Customer 7", "a9");
    let second = isp.build(CONFIG, Some(&first.memory()));
    assert_eq!(moved(&first, &second), ["circuit:c00007"]);
}

/// A ring: s0 is fed from the core, and from s1 at a price.
fn ring(direct: &str, around: &str) -> Isp {
    let mut isp = Isp::new(2, 20);
    isp.links[0] =
        format!(r#"{{"id":"l0","a":"core","b":"s0","kbps":[1000000,1000000],{direct}}}"#);
    isp.links.push(format!(
        r#"{{"id":"l9","a":"s1","b":"s0","kbps":[1000000,1000000],{around}}}"#
    ));
    isp
}

#[test]
fn a_parent_is_kept_while_another_is_only_a_little_better() {
    let first = ring(r#""cost":200"#, r#""cost":110"#).build(CONFIG, None);
    assert_eq!(
        first.parent("s0"),
        "core",
        "l1 costs 100, so the way around is 210"
    );
    let memory = first.memory();
    for (around, want) in [(r#""cost":90"#, "core"), (r#""cost":70"#, "s1")] {
        let second = ring(r#""cost":200"#, around).build(CONFIG, Some(&memory));
        assert_eq!(second.parent("s0"), want, "{around}");
        let fresh = ring(r#""cost":200"#, around).build(CONFIG, None);
        assert_eq!(fresh.parent("s0"), "s1", "{around}, without history");
    }
}

#[test]
fn a_link_that_is_down_for_a_moment_moves_no_tower() {
    let up = ring(r#""cost":100"#, r#""cost":100"#);
    let mut build = up.build(CONFIG, None);
    assert_eq!(build.parent("s0"), "core");
    // Three snapshots in a row: each differs, as a name in it does.
    for (snapshot, want) in [(1, "core"), (2, "core"), (3, "s1")] {
        let mut down = ring(r#""cost":100,"up":false"#, r#""cost":100"#);
        down.circuit(3, &format!("Snapshot {snapshot}"), "a1");
        build = down.build(CONFIG, Some(&build.memory()));
        assert_eq!(build.parent("s0"), want, "snapshot {snapshot}");
        let again = down.build(CONFIG, Some(&build.memory()));
        assert_eq!(
            again.parent("s0"),
            want,
            "the same snapshot does not count twice"
        );
    }
    let now = CONFIG.replace("wan_mbps", "link_down_hold = 0\nwan_mbps");
    let build = ring(r#""cost":100,"up":false"#, r#""cost":100"#)
        .build(&now, Some(&up.build(CONFIG, None).memory()));
    assert_eq!(
        build.parent("s0"),
        "s1",
        "a hold of 0 believes the snapshot"
    );
}

#[test]
fn another_box_keeps_parents_and_takes_new_numbers() {
    let isp = Isp::new(20, 600);
    let first = isp.build(CONFIG, None);
    let other = CONFIG.replace("queues = 4", "queues = 8");
    let fresh = isp.build(&other, None);
    let digest = &first.compiled.artifacts.digest;
    let memory = previous::read(first.plan(), digest, &fresh.memory.project).expect("a plan");
    assert!(memory.classes.is_none());
    let second = isp.build(&other, Some(&memory));
    assert!(
        second.classes() == fresh.classes(),
        "numbers of another box were kept"
    );
}
