//! Heads for tests, as a channel makes them.

use weir_schemas::Published as _;
use weir_schemas::head::{Action, Confirm, Generation, Head};

pub fn digest(n: u64) -> String {
    format!("{n:064x}")
}

/// Generation `seq`, confirmed, of artifact `artifact`; generation n before it had artifact n.
pub fn a_head(seq: u64, artifact: u64) -> Head {
    Head {
        schema: Head::SCHEMA.into(),
        check: String::new(),
        channel: "production".into(),
        seq,
        txn: format!("{seq}-promote-{artifact}"),
        action: Action::Promote,
        digest: digest(artifact),
        manifest_sha256: digest(artifact + 1000),
        parent: (seq > 1).then(|| Generation {
            seq: seq - 1,
            digest: digest(seq - 1),
            manifest_sha256: digest(seq + 999),
            signature: None,
        }),
        restores: None,
        replaced: (seq > 1).then(|| "before".into()),
        author: "ada".into(),
        time: "2026-11-30T10:00:00Z".into(),
        reason: String::new(),
        confirm: None,
        hold: None,
        signature: None,
    }
}

pub fn pending(seq: u64, artifact: u64, within_seconds: u64) -> Head {
    Head {
        txn: format!("{seq}-pending-{artifact}"),
        confirm: Some(Confirm {
            within_seconds,
            host: "elsewhere".into(),
            boot_id: "there".into(),
            deadline_ms: 0,
        }),
        ..a_head(seq, artifact)
    }
}

pub fn confirmed(head: &Head) -> Head {
    Head {
        txn: format!("{}-confirm", head.seq),
        action: Action::Confirm,
        confirm: None,
        ..head.clone()
    }
}

pub fn rollback(seq: u64, restores: u64, artifact: u64) -> Head {
    Head {
        txn: format!("{seq}-rollback-{artifact}"),
        action: Action::Rollback,
        restores: Some(restores),
        ..a_head(seq, artifact)
    }
}
