//! The listener: one console, from the first connection until it is told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::users::Users;

/// A console that is set up and listens, and answers once it is served.
pub struct Console {
    listener: TcpListener,
    router: Router,
    address: SocketAddr,
}

impl Console {
    /// Checks everything that can be wrong, and begins to listen.
    pub async fn bind(config: Config, engine: Arc<dyn Engine>) -> Result<Console, ConfigError> {
        config.public()?;
        Users::read(&config.users)?;
        let _ = engine;
        let failed = |cause| ConfigError::Bind {
            bind: config.bind,
            cause,
        };
        let listener = TcpListener::bind(config.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Console {
            listener,
            router: Router::new(),
            address,
        })
    }

    /// Where it listens, with the port that the system chose where none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers until `stop` is there; then no new connection is taken, and those that are there are ended.
pub async fn serve(
    console: Console,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(console.listener, console.router)
        .with_graceful_shutdown(stop)
        .await
}
