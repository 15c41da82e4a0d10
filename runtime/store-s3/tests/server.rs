//! The store over HTTP: the suite against a real server, answers that are lost on the way, many who promote at once,
//! and a server that must be found out.

#[path = "../../store/tests/conformance/mod.rs"]
mod conformance;
mod kit;

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use conformance::{Built, channels, promote};
use kit::lossy::{Loss, Lossy};
use kit::{Moto, store};
use weir_store::channel::{Backend as _, ChannelError};
use weir_store_s3::{Address, Credentials, S3Store, Settings, Verdict};

#[test]
fn a_real_server_does_what_a_store_must() {
    let Some(moto) = Moto::start() else { return };
    conformance::conforms(&store(moto.port, "suite"));
}

/// A promotion whose answer is lost is told as what it is. Each is seen from a fresh process, as the next command is.
#[test]
fn a_write_whose_answer_is_lost_is_told_as_done_if_it_was() {
    let Some(moto) = Moto::start() else { return };
    let built = ["a", "b"].map(|payload| Built::new(payload, "1"));
    for (n, loss) in [
        Loss::DoneThen500,
        Loss::DoneThen500Always,
        Loss::DoneThenClosed,
        Loss::Twice,
        Loss::Conflict,
        Loss::Lost,
    ]
    .into_iter()
    .enumerate()
    {
        for word in ["/heads/", "/journal/", "/index.json"] {
            let prefix = format!("loss-{n}-{}", word.trim_matches('/').replace('.', "-"));
            let plain = store(moto.port, &prefix);
            for built in &built {
                plain.put(&built.as_files()).expect("put");
            }
            promote(&plain, None, "production", &built[0]).expect("promoted");
            let lossy = Lossy::before(moto.port, word, loss);
            let through = store(lossy.port, &prefix);
            let what = format!("{loss:?} of {word}");
            let base = channels(&through)
                .settle("production")
                .expect("settled")
                .known;
            let done = promote(&through, base.as_ref(), "production", &built[1]);
            assert!(
                lossy.hits.load(Ordering::SeqCst) > 0,
                "{what}: nothing was lost"
            );
            let head = channels(&plain)
                .settle("production")
                .expect("settled")
                .known
                .expect("a head")
                .head;
            match done {
                Ok(done) => {
                    assert!(done.changed, "{what}");
                    assert_eq!((head.seq, &head.txn), (2, &done.head.txn), "{what}");
                }
                Err(ChannelError::Store(error)) => {
                    assert_eq!(loss, Loss::Lost, "{what}: {error}");
                    assert_eq!(head.seq, 1, "{what}: {error}");
                    let text = error.to_string();
                    for secret in [kit::KEY, kit::SECRET] {
                        assert!(!text.contains(secret), "{text}");
                    }
                }
                Err(error) => panic!("{what}: {error}"),
            }
            // One line a head, whatever was sent twice; doing it again works.
            let base = channels(&plain)
                .settle("production")
                .expect("settled")
                .known;
            promote(&plain, base.as_ref(), "production", &built[1]).expect("promoted again");
            let journal = channels(&plain).journal("production").expect("read");
            assert_eq!(journal.faults, [], "{what}");
            let seqs: Vec<u64> = journal
                .entries
                .iter()
                .filter_map(|e| Some(e.head.as_ref()?.seq))
                .collect();
            assert_eq!(seqs, [1, 2], "{what}");
        }
    }
}

/// `WEIR_DRILL=1` runs as many rounds as the promise says.
#[test]
fn of_sixteen_who_promote_at_once_one_wins() {
    let Some(moto) = Moto::start() else { return };
    let rounds = match std::env::var_os("WEIR_DRILL") {
        Some(_) => 200,
        None => 10,
    };
    conformance::only_one_of_many_wins(&store(moto.port, "race"), "production", 16, rounds);
}

#[test]
fn a_probe_passes_a_server_whose_conditions_hold() {
    let Some(moto) = Moto::start() else { return };
    let verdict = store(moto.port, "probe").probe(8, 5, 5).expect("probed");
    assert_eq!(verdict, Verdict::Holds { races: 10 });
}

#[test]
fn a_probe_finds_out_a_server_whose_conditions_do_not_hold() {
    let port = kit::broken::start();
    let store = store(port, "probe");
    // One at a time it answers rightly, and a channel can be used: that is what makes it dangerous.
    let built = Built::new("a", "1");
    store.put(&built.as_files()).expect("put");
    promote(&store, None, "production", &built).expect("promoted");
    match store.probe(16, 10, 5).expect("probed") {
        Verdict::Broken(what) => assert!(what.contains("at once"), "{what}"),
        held => panic!("{held:?}"),
    }
}

#[test]
fn nobody_there_is_told_without_secrets() {
    // Bound and dropped: nobody listens there.
    let port = kit::listen(drop);
    let error = store(port, "x").head("production").expect_err("nobody");
    let text = error.to_string();
    assert!(
        text.contains("cannot read heads/production.json in s3://weir/x"),
        "{text}"
    );
    for secret in [kit::KEY, kit::SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// A server with a certificate of its own: taken where its authority is named, and refused where it is not.
#[test]
fn a_private_authority_is_named_or_the_server_is_refused() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem = made.cert.pem().into_bytes();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server");
    let config = Arc::new(config);
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, kit::broken::start()));
    let port = kit::listen(move |stream| {
        let session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
        let mut tls = BufReader::new(rustls::StreamOwned::new(session, stream));
        if let Some(request) = kit::Request::read(&mut tls) {
            let _ = tls.get_mut().write_all(&request.forward(upstream));
            tls.get_mut().conn.send_close_notify();
            let _ = tls.get_mut().flush();
        }
    });
    let with = |ca: Option<Vec<u8>>| {
        S3Store::connect(&Settings {
            address: Address::parse("s3://weir/tls").expect("an address"),
            endpoint: Some(format!("https://localhost:{port}")),
            region: "us-east-1".to_owned(),
            credentials: Credentials {
                key: kit::KEY.to_owned(),
                secret: kit::SECRET.to_owned(),
                token: None,
            },
            ca,
            plain_http: false,
        })
    };
    let trusting = with(Some(pem)).expect("a store");
    assert_eq!(trusting.head("production").expect("read"), None);
    let error = with(None)
        .expect("a store")
        .head("production")
        .expect_err("nobody vouches for it");
    assert!(error.to_string().contains("certificate"), "{error}");
    let nobody = with(Some(b"no certificate".to_vec())).expect_err("no authority");
    assert!(
        nobody
            .to_string()
            .contains("`store.ca` holds no certificate"),
        "{nobody}"
    );
}
