//! A stub of S3 whose conditional writes do not hold: it looks, waits a little, and then writes, so that two who write
//! at once both succeed. One request at a time it answers as it should.
//!
//! It does not know signatures, regions, versions, multipart uploads, more than one page of a list, or errors other
//! than 404 and 412. `s3s-fs` 0.14 is a real server with this very fault and takes minutes to build: it is the drill
//! (`cargo install s3s-fs --features binary`), this is what every run can afford.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Request, listen};

/// Between looking and writing.
const GAP: Duration = Duration::from_millis(10);
const DATE: &str = "Mon, 30 Nov 2026 08:00:00 GMT";

type Objects = Arc<Mutex<BTreeMap<String, (Vec<u8>, u64)>>>;

/// Starts one; the port it listens on.
pub fn start() -> u16 {
    let objects = Objects::default();
    listen(move |stream| serve(stream, &objects))
}

fn serve(mut stream: TcpStream, objects: &Objects) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    while let Some(request) = Request::read(&mut reader) {
        let answer = answer(&request, objects);
        let is_last = request
            .header("connection")
            .is_some_and(|c| c.eq_ignore_ascii_case("close"));
        if stream.write_all(&answer).is_err() || is_last {
            return;
        }
    }
}

fn response(status: &str, etag: Option<u64>, body: &[u8], is_head: bool) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {status}\r\nLast-Modified: {DATE}\r\nContent-Length: {}\r\n",
        body.len()
    );
    if let Some(etag) = etag {
        text.push_str(&format!("ETag: \"{etag}\"\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    if !is_head {
        bytes.extend(body);
    }
    bytes
}

fn answer(request: &Request, objects: &Objects) -> Vec<u8> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let key = path.strip_prefix("/weir/").unwrap_or("").to_owned();
    let found = objects.lock().expect("not poisoned").get(&key).cloned();
    let is_head = request.method == "HEAD";
    match request.method.as_str() {
        "GET" if query.contains("list-type") => {
            response("200 OK", None, list(query, objects).as_bytes(), false)
        }
        "GET" | "HEAD" => match found {
            Some((bytes, etag)) => response("200 OK", Some(etag), &bytes, is_head),
            None => response("404 Not Found", None, b"", is_head),
        },
        "DELETE" => {
            objects.lock().expect("not poisoned").remove(&key);
            response("204 No Content", None, b"", false)
        }
        "PUT" => {
            let now = found.map(|(_, etag)| format!("\"{etag}\""));
            let refused = match (request.header("if-none-match"), request.header("if-match")) {
                (Some(_), _) => now.is_some(),
                (_, Some(wanted)) => now.as_ref() != Some(&wanted),
                _ => false,
            };
            if refused {
                return response("412 Precondition Failed", None, b"", false);
            }
            std::thread::sleep(GAP);
            let mut objects = objects.lock().expect("not poisoned");
            let etag = objects.values().map(|(_, etag)| *etag).max().unwrap_or(0) + 1;
            objects.insert(key, (request.body.clone(), etag));
            response("200 OK", Some(etag), b"", false)
        }
        _ => response("404 Not Found", None, b"", false),
    }
}

fn list(query: &str, objects: &Objects) -> String {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="))
        .unwrap_or("");
    let prefix = prefix.replace("%2F", "/");
    let objects = objects.lock().expect("not poisoned");
    let rows: String = objects
        .iter()
        .filter(|(key, _)| key.starts_with(&prefix))
        .map(|(key, (bytes, etag))| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-30T08:00:00.000Z</LastModified><ETag>\"{etag}\"</ETag>\
                 <Size>{}</Size></Contents>",
                bytes.len()
            )
        })
        .collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>")
}
