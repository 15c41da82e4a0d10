//! SIGTERM and SIGINT: the process is asked to end, and ends where it leaves nothing half-done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Told once when the process is to end.
#[derive(Clone)]
pub struct Stopping {
    pub flag: Arc<AtomicBool>,
    told: watch::Receiver<bool>,
}

impl Stopping {
    /// Begins to listen, on a thread of its own.
    pub fn listen() -> std::io::Result<Stopping> {
        let flag = Arc::new(AtomicBool::new(false));
        let (tell, told) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut signals = {
            let _inside = runtime.enter();
            [
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
            ]
        };
        let set = flag.clone();
        let name = thread::Builder::new().name("signals".to_owned());
        name.spawn(move || {
            let [terminate, interrupt] = &mut signals;
            runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
            set.store(true, Ordering::Relaxed);
            let _ = tell.send(true);
            // The sender lives as long as somebody may wait.
            runtime.block_on(tell.closed());
        })?;
        Ok(Stopping { flag, told })
    }

    /// Returns when the process is to end.
    pub async fn stopped(mut self) {
        while !*self.told.borrow() {
            if self.told.changed().await.is_err() {
                return;
            }
        }
    }
}
