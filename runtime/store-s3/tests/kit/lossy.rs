//! A proxy that loses answers, as networks and overloaded services do. It forwards everything, and does something to
//! writes of objects whose path holds a word.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Request, listen};

/// What happens to a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// Done, and then status 500: the client sends it again and finds itself.
    DoneThen500,
    /// The same, however often it is sent.
    DoneThen500Always,
    /// Done, and the connection ends without an answer.
    DoneThenClosed,
    /// Delivered twice; the second answer arrives.
    Twice,
    /// Not done, and status 409: another conditional write is under way, ask again.
    Conflict,
    /// Not done, and the connection ends.
    Lost,
}

pub struct Lossy {
    pub port: u16,
    /// Writes that something happened to.
    pub hits: Arc<AtomicUsize>,
}

const CONFLICT: &[u8] = b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const FAILED: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Lossy {
    /// In front of a server on this machine. The first write that matches is hit; with `DoneThen500Always` all are.
    pub fn before(upstream: u16, word: &'static str, loss: Loss) -> Lossy {
        let hits = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&hits);
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, upstream));
        let port = listen(move |mut stream: TcpStream| {
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            // One request a connection: every answer says that it ends.
            let Some(request) = Request::read(&mut reader) else {
                return;
            };
            let matches = request.method == "PUT" && request.path.contains(word);
            let is_hit = matches
                && (seen.fetch_add(1, Ordering::SeqCst) == 0 || loss == Loss::DoneThen500Always);
            let answer = match (is_hit, loss) {
                (false, _) => request.forward(to),
                (true, Loss::DoneThen500 | Loss::DoneThen500Always) => {
                    request.forward(to);
                    FAILED.to_vec()
                }
                (true, Loss::Conflict) => CONFLICT.to_vec(),
                (true, Loss::DoneThenClosed) => {
                    request.forward(to);
                    return;
                }
                (true, Loss::Twice) => {
                    request.forward(to);
                    request.forward(to)
                }
                (true, Loss::Lost) => return,
            };
            let _ = stream.write_all(&answer);
        });
        Lossy { port, hits }
    }
}
