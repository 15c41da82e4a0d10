//! A scheduler that runs for long: one `weir serve` is asked for one run after the other, each with another network,
//! and takes no more memory and descriptors at the end than when all that it keeps was full. Asks it as a browser does,
//! and knows nothing of what a run does.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::outcome::{Outcome, tell};
use super::{Error, Ground, isp};

/// A run that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(300);
/// Runs after which all that is kept is full: the book has 200, the store keeps 50.
pub const WARM: u64 = 210;
const PASSWORD: &str = "for one drill only";

/// What the process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Resident memory, in KiB.
    memory: u64,
    descriptors: u64,
    threads: u64,
}

pub fn run(ground: &Ground, weir: &Path, runs: u64) -> Result<Outcome, Error> {
    let work = isp::scratch_in_memory("serving")?;
    let dir = work.path();
    isp::project(
        dir,
        "[schedule]\nevery = \"1d\"\npromote = \"when-clean\"\nkeep = 50\n",
    )?;
    let mut adding = isp::weir(
        weir,
        dir,
        "user add drill --role operator --password-stdin -q",
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()?;
    if let Some(mut stdin) = adding.stdin.take() {
        writeln!(stdin, "{PASSWORD}")?;
    }
    if !adding.wait()?.success() {
        return Err("weir user add failed".into());
    }
    let mut server = Server::start(isp::weir(weir, dir, "serve --bind 127.0.0.1:0"))?;
    // It runs once by itself.
    ended(dir, 1)?;
    server.sign_in()?;
    let runs = runs.max(WARM + 20);
    let mut warm = None;
    let mut most = 0;
    let mut done = 1;
    for n in 2..=runs {
        let plan = (20_000 + n).to_string();
        fs::write(dir.join("export/inventory.json"), isp::inventory(3, &plan))?;
        server.post("/run-now", "")?;
        ended(dir, n)?;
        done = n;
        if n >= WARM {
            let held = server.held()?;
            most = most.max(held.memory);
            let first = *warm.get_or_insert(held);
            steady(&first, &held).map_err(|e| format!("run {n}: {e}"))?;
        }
        tell("runs of one scheduler", n, runs, 100);
        if n > WARM && ground.is_over() {
            break;
        }
    }
    let held = server.held()?;
    Ok(Outcome::of_rounds("runs of one scheduler", done, runs)
        .with("MiB of memory of the scheduler at most", most / 1024)
        .with("descriptors of the scheduler", held.descriptors))
}

/// The run of this number ended well.
fn ended(dir: &Path, number: u64) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let book = fs::read(dir.join(".weir/store/serve/state.json")).unwrap_or_default();
        let book: Value = serde_json::from_slice(&book).unwrap_or_default();
        let last = &book["runs"][0];
        if book["count"] == number
            && let Some(outcome) = last["outcome"].as_str()
        {
            return match outcome {
                "promoted" => Ok(()),
                _ => Err(format!("run {number} {outcome}: {}", last["summary"]).into()),
            };
        }
        if Instant::now() >= deadline {
            return Err(format!("run {number} does not end: {last}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing grows. Memory that was freed may stay with the process for a while, so a fourth of it is let pass.
fn steady(first: &Held, now: &Held) -> Result<(), Error> {
    let grown = now.memory > first.memory + first.memory / 4 + 8192
        || now.descriptors > first.descriptors + 4
        || now.threads > first.threads + 2;
    if grown {
        return Err(format!("it grows: {first:?} became {now:?}").into());
    }
    Ok(())
}

struct Server {
    child: Child,
    address: String,
    cookie: String,
}

impl Server {
    fn start(mut command: Command) -> Result<Server, Error> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = BufReader::new(child.stdout.take().ok_or("it has an output")?);
        let mut server = Server {
            child,
            address: String::new(),
            cookie: String::new(),
        };
        let mut lines = out.lines().map_while(Result::ok);
        let line = lines
            .find(|line| line.contains("http://"))
            .ok_or("weir serve named no address")?;
        let (_, address) = line.split_once("http://").ok_or("an address")?;
        address
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .clone_into(&mut server.address);
        // Whoever stops reading would stop the one who writes.
        thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    fn sign_in(&mut self) -> Result<(), Error> {
        let form = format!("name=drill&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.post("/login", &form)?;
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .and_then(|cookie| cookie.split(';').next())
            .ok_or("signing in gave no cookie")?;
        cookie.clone_into(&mut self.cookie);
        Ok(())
    }

    /// Sends a form; the answer must be one that says it is done, or leads on.
    fn post(&self, path: &str, form: &str) -> Result<String, Error> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\nCookie: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.cookie,
            form.len(),
            at = self.address,
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let done = ["HTTP/1.1 200 ", "HTTP/1.1 303 "];
        if !done.iter().any(|good| answer.starts_with(good)) {
            let first = answer.lines().next().unwrap_or_default();
            return Err(format!("POST {path}: {first}").into());
        }
        Ok(answer)
    }

    fn held(&self) -> Result<Held, Error> {
        let proc = Path::new("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(proc.join("status"))?;
        Ok(Held {
            memory: number(&status, "VmRSS:")?,
            threads: number(&status, "Threads:")?,
            descriptors: fs::read_dir(proc.join("fd"))?.count() as u64,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already, or gone by this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of `/proc/PID/status`.
fn number(status: &str, key: &str) -> Result<u64, Error> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("/proc says no {key}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_found() {
        let first = Held {
            memory: 40_000,
            descriptors: 20,
            threads: 8,
        };
        steady(&first, &first).expect("the same");
        for grown in [
            Held {
                memory: 60_000,
                ..first
            },
            Held {
                descriptors: 30,
                ..first
            },
            Held {
                threads: 12,
                ..first
            },
        ] {
            steady(&first, &grown).expect_err("it grew");
        }
    }

    #[test]
    fn numbers_of_a_process_are_read() {
        let status = "Name:\tweir\nVmRSS:\t   34567 kB\nThreads:\t8\n";
        assert_eq!(number(status, "VmRSS:").expect("a number"), 34_567);
        assert_eq!(number(status, "Threads:").expect("a number"), 8);
        assert!(number(status, "VmPeak:").is_err());
    }
}
