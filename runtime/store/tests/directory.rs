//! The suite that every store has to pass, on a directory.

mod conformance;

use weir_store::Store;

#[test]
fn a_directory_does_what_a_store_must() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path().join("store")).expect("a store");
    conformance::conforms(&store);
}

/// `WEIR_DRILL=1` runs as many rounds as the promise says.
#[test]
fn of_sixteen_who_promote_at_once_one_wins() {
    let rounds = match std::env::var_os("WEIR_DRILL") {
        Some(_) => 200,
        None => 10,
    };
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path().join("store")).expect("a store");
    conformance::only_one_of_many_wins(&store, "production", 16, rounds);
}
