//! `/healthz`: whether the console can do its work. It says nothing about the network.

use axum::http::StatusCode;

use crate::app::App;
use crate::ask::{Ask, Reply};
use crate::engine::Answer;

pub fn health(app: &App, _: &Ask) -> Answer<Reply> {
    let kind = "text/plain; charset=utf-8";
    Ok(match app.channel_names() {
        Ok(_) => Reply::Text(StatusCode::OK, kind, "ok\n".to_owned()),
        Err(_) => Reply::Text(
            StatusCode::SERVICE_UNAVAILABLE,
            kind,
            "the store cannot be read\n".to_owned(),
        ),
    })
}
