//! Traffic over the street, and what became of it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Side;
use super::raw::{receive_stamped, stamp_arrivals};

/// Bytes that Ethernet, IP and UDP add to a payload.
pub fn overhead(six: bool) -> u64 {
    14 + 8 + if six { 40 } else { 20 }
}

/// Set when everybody is to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream of numbered datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    pub from: IpAddr,
    pub to: SocketAddr,
    /// Bytes of payload, at least 8.
    pub payload: usize,
    pub kbps: u64,
}

impl Stream {
    /// Sends until it is stopped, evenly; gives how many went out.
    pub fn send(self, side: &Side, stop: &Stop) -> JoinHandle<u64> {
        let stop = stop.clone();
        side.spawn(move || {
            // Not connected: packets belong to their socket also where they are forwarded on the same machine, and one
            // that is connected would choose the box's transmit queue before the program can. Those of a network card
            // belong to none.
            let socket = UdpSocket::bind((self.from, 0)).expect("a socket");
            let bits = (self.payload as u64 + overhead(self.to.is_ipv6())) * 8;
            let gap = Duration::from_nanos(bits * 1_000_000 / self.kbps);
            let mut payload = vec![0; self.payload];
            let mut number = 0u64;
            let mut due = Instant::now();
            while !stop.stopped() {
                payload[..8].copy_from_slice(&number.to_le_bytes());
                match socket.send_to(&payload, self.to) {
                    Ok(_) => number += 1,
                    // Nobody listens yet, or any more.
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                    Err(error) => panic!("{error}"),
                }
                due += gap;
                // Whoever was held up does not make up for more than a moment.
                let now = Instant::now();
                if due + Duration::from_millis(20) < now {
                    due = now;
                }
                std::thread::sleep(due.saturating_duration_since(now));
            }
            number
        })
    }
}

/// What arrived of one stream.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    pub packets: u64,
    /// Highest number that arrived, plus 1.
    pub numbers: u64,
    /// Of Ethernet frames, between the first and the last.
    pub bytes: u64,
    pub time: Duration,
}

impl Arrived {
    pub fn kbps(&self) -> f64 {
        self.bytes as f64 * 8.0 / 1000.0 / self.time.as_secs_f64()
    }
}

/// Takes what comes to an address until it is stopped and nothing has come for a while. What comes before `settle`
/// has passed since the first is not measured.
pub fn receive(side: &Side, at: SocketAddr, settle: Duration, stop: &Stop) -> JoinHandle<Arrived> {
    let stop = stop.clone();
    let (ready, bound) = std::sync::mpsc::channel();
    let thread = side.spawn(move || {
        let socket = UdpSocket::bind(at).expect("a socket");
        ready.send(()).expect("somebody waits");
        socket
            .set_read_timeout(Some(Duration::from_millis(500)))
            .expect("a timeout");
        let mut buffer = [0; 2048];
        let mut arrived = Arrived::default();
        stamp_arrivals(&socket);
        let mut first: Option<Duration> = None;
        let mut measured: Option<Duration> = None;
        loop {
            let (length, now) = match receive_stamped(&socket, &mut buffer) {
                Ok(got) => got,
                Err(_) if stop.stopped() => return arrived,
                Err(_) => continue,
            };
            arrived.packets += 1;
            let number = u64::from_le_bytes(std::array::from_fn(|i| buffer[i]));
            arrived.numbers = arrived.numbers.max(number + 1);
            let first = *first.get_or_insert(now);
            // What still waits when the senders have stopped is not of the measure.
            if now.saturating_sub(first) < settle || stop.stopped() {
                continue;
            }
            match measured {
                None => measured = Some(now),
                Some(start) => {
                    arrived.bytes += length as u64 + overhead(at.is_ipv6());
                    arrived.time = now.saturating_sub(start);
                }
            }
        }
    });
    bound.recv().expect("it is bound");
    thread
}

/// A TCP connection from a house to the internet that downloads 512 bytes, numbered, after each pause, until it is
/// stopped. Gives the bytes
/// that arrived, all in order, or what went wrong.
pub fn download(
    internet: &Side,
    houses: &Side,
    from: IpAddr,
    house: IpAddr,
    port: u16,
    pause: Duration,
    stop: &Stop,
) -> JoinHandle<Result<u64, String>> {
    let (ready, bound) = std::sync::mpsc::channel();
    let ends = stop.clone();
    let server = internet.spawn(move || {
        let listener = TcpListener::bind((from, port)).expect("a listener");
        ready.send(()).expect("somebody waits");
        let (mut connection, _) = listener.accept().expect("a connection");
        let mut number = 0u64;
        while !ends.stopped() {
            let block: Vec<u8> = (number..number + 64).flat_map(u64::to_le_bytes).collect();
            number += 64;
            connection
                .write_all(&block)
                .map_err(|e| format!("sending: {e}"))?;
            std::thread::sleep(pause);
        }
        Ok::<u64, String>(number * 8)
    });
    bound.recv().expect("it listens");
    houses.spawn(move || {
        let mut connection = connect(house, SocketAddr::new(from, port));
        let mut bytes = Vec::new();
        connection
            .read_to_end(&mut bytes)
            .map_err(|e| format!("receiving: {e}"))?;
        for (n, number) in (0u64..).zip(bytes.as_chunks::<8>().0) {
            if u64::from_le_bytes(*number) != n {
                return Err(format!("number {n} is missing"));
            }
        }
        let sent = server
            .join()
            .map_err(|_| "the server failed".to_owned())??;
        if sent == bytes.len() as u64 {
            Ok(sent)
        } else {
            Err(format!("{} of {sent}", bytes.len()))
        }
    })
}

fn connect(house: IpAddr, to: SocketAddr) -> TcpStream {
    super::raw::connect_from(house, to).unwrap_or_else(|e| panic!("{house} to {to}: {e}"))
}
