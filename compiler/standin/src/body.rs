//! Bodies of answers: whole, dripping, broken off, or without end.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// Bytes that come when they come.
pub(crate) enum Paced {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

impl Paced {
    pub fn whole(body: Vec<u8>) -> Paced {
        Paced::Whole(Some(body.into()))
    }

    /// `bytes` at a time, a pause after each.
    pub fn dripping(body: Vec<u8>, bytes: usize, pause: Duration) -> Paced {
        let (tx, rx) = mpsc::channel(1);
        tokio::spawn(async move {
            for piece in body.chunks(bytes) {
                if tx.send(Ok(Bytes::copy_from_slice(piece))).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
        Paced::Stream(rx)
    }

    /// Half of it, and then the connection breaks.
    pub fn broken(mut body: Vec<u8>) -> Paced {
        let (tx, rx) = mpsc::channel(2);
        body.truncate(body.len().div_ceil(2));
        tokio::spawn(async move {
            let _ = tx.send(Ok(body.into())).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = tx.send(Err(io::Error::other("broken on purpose"))).await;
        });
        Paced::Stream(rx)
    }

    /// `start`, and then `again` for ever.
    pub fn endless(start: &'static str, again: String) -> Paced {
        let (tx, rx) = mpsc::channel(4);
        tokio::spawn(async move {
            let again: Bytes = again.into();
            let mut next = tx.send(Ok(Bytes::from_static(start.as_bytes()))).await;
            while next.is_ok() {
                next = tx.send(Ok(again.clone())).await;
            }
        });
        Paced::Stream(rx)
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Paced::Whole(body) => Poll::Ready(
                body.take()
                    .filter(|b| !b.is_empty())
                    .map(|b| Ok(Frame::data(b))),
            ),
            Paced::Stream(stream) => stream
                .poll_recv(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Paced::Whole(body) => {
                hyper::body::SizeHint::with_exact(body.as_ref().map_or(0, |b| b.len() as u64))
            }
            Paced::Stream(_) => hyper::body::SizeHint::default(),
        }
    }
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// A list of blanks: `megabytes` of it, in a thousandth of that. The last one made is kept.
pub(crate) fn bomb(megabytes: usize) -> Vec<u8> {
    static MADE: Mutex<Option<(usize, Vec<u8>)>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(|e| e.into_inner());
    match &*made {
        Some((size, bomb)) if *size == megabytes => bomb.clone(),
        _ => {
            let bomb = make_bomb(megabytes);
            *made = Some((megabytes, bomb.clone()));
            bomb
        }
    }
}

fn make_bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let blanks = vec![b' '; 1 << 20];
    encoder.write_all(b"[").expect("memory takes everything");
    for _ in 0..megabytes {
        encoder.write_all(&blanks).expect("memory takes everything");
    }
    encoder.write_all(b"]").expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}
