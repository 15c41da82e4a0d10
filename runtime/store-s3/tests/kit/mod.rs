//! Servers for tests, on this machine only: a real one (moto, a Python package), a proxy in front of it that loses
//! answers, and a stub whose conditional writes do not hold.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod broken;
pub mod lossy;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_store_s3::{Address, Credentials, S3Store, Settings};

pub const KEY: &str = "canary-key-id";
pub const SECRET: &str = "canary-secret-key";

/// Says that a test did not run, where people see it.
#[allow(clippy::print_stderr, reason = "a test says why it did nothing")]
pub fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("skipped {name}: {why}");
}

/// A store behind an endpoint on this machine, with a prefix of its own.
pub fn store(port: u16, prefix: &str) -> S3Store {
    S3Store::connect(&Settings {
        address: Address::parse(&format!("s3://weir/{prefix}")).expect("an address"),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        region: "us-east-1".to_owned(),
        credentials: Credentials {
            key: KEY.to_owned(),
            secret: SECRET.to_owned(),
            token: None,
        },
        ca: None,
        plain_http: false,
    })
    .expect("a store")
}

/// A server that keeps what it gets in memory.
pub struct Moto {
    child: Child,
    pub port: u16,
}

impl Moto {
    /// Starts one with a bucket `weir`; `None`, and says so, where moto is not installed.
    pub fn start() -> Option<Moto> {
        let program = std::env::var("WEIR_MOTO").unwrap_or_else(|_| "moto_server".to_owned());
        // Free now; nobody else asks for a port in between, or the start below fails and says so.
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("bound")
            .port();
        let child = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            skip(&format!(
                "there is no `{program}` on this machine: pip install 'moto[server]'"
            ));
            return None;
        };
        let mut moto = Moto { child, port };
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            if let Ok(Some(status)) = moto.child.try_wait() {
                skip(&format!(
                    "`{program}` does not start here ({status}): pip install 'moto[server]'"
                ));
                return None;
            }
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                let answer = request(
                    port,
                    "PUT /weir HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                );
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                moto.port = one_at_a_time(moto.port);
                return Some(moto);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("`{program}` did not answer within two minutes");
    }
}

/// A front that lets one request through after the other. Moto looks at a condition and writes then, and another write
/// may come between: once in many runs two win, which is its fault and not what is tested here.
fn one_at_a_time(upstream: u16) -> u16 {
    let to = SocketAddr::from(([127, 0, 0, 1], upstream));
    let turn = Mutex::new(());
    listen(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        // One request a connection: every answer says that it ends.
        let Some(request) = Request::read(&mut reader) else {
            return;
        };
        let answer = {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            request.forward(to)
        };
        let _ = stream.write_all(&answer);
    })
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes over an object, as somebody with another tool can. The server does not look at the signature.
pub fn put(port: u16, key: &str, body: &str) {
    let answer = request(
        port,
        &format!(
            "PUT /weir/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={KEY}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn request(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// A request, as far as tests look at it.
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Lines as they came, without the first and the empty one.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Request {
    /// The next one of a connection; `None` at its end.
    pub fn read(from: &mut impl BufRead) -> Option<Request> {
        let mut first = String::new();
        from.read_line(&mut first).ok().filter(|n| *n > 0)?;
        let mut words = first.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            headers.push(line.to_owned());
        }
        let mut request = Request {
            method,
            path,
            headers,
            body: Vec::new(),
        };
        let length = request
            .header("content-length")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        request.body = vec![0; length];
        from.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    /// Sends it on, and gives the whole answer.
    pub fn forward(&self, to: SocketAddr) -> Vec<u8> {
        let mut stream = TcpStream::connect(to).expect("connected");
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for line in &self.headers {
            if !line.to_ascii_lowercase().starts_with("connection:") {
                text.push_str(line);
                text.push_str("\r\n");
            }
        }
        text.push_str("Connection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).expect("sent");
        stream.write_all(&self.body).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        answer
    }
}

/// Answers connections until the process ends, each on a thread of its own.
pub fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let serve = std::sync::Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = std::sync::Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}
