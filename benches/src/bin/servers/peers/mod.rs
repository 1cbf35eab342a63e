//! The peers, each in the loop that its documentation shows, and two of them in a loop that gathers answers.

mod axum;
mod fastwebsockets;
mod sockudo;
mod tokio_tungstenite;
mod tokio_websockets;
mod wtx;

use crate::{Failed, Work};

/// Messages that a `broadcast` keeps for those who have not taken them.
const BROADCAST_LEN: usize = 1024;

/// Serves for ever.
pub(crate) async fn serve(peer: &str, work: Work) -> Result<(), Failed> {
    match peer {
        "axum" => axum::serve(work).await,
        "fastwebsockets" => fastwebsockets::serve(work).await,
        "sockudo-batching" => sockudo::serve_batching(work).await,
        "sockudo-ws" => sockudo::serve(work).await,
        "tokio-tungstenite" => tokio_tungstenite::serve(work).await,
        "tokio-tungstenite-forward" => tokio_tungstenite::serve_forwarding(work).await,
        "tokio-websockets" => tokio_websockets::serve(work).await,
        "wtx" => wtx::serve(work).await,
        other => Err(format!("no server is called {other}").into()),
    }
}
