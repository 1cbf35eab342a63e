//! The server: accepts, serves each connection by hyper, and ends all of them within a bound.

use crate::app::{self, App};
use crate::cli::Serve;
use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tidewire_tokio::drain::ShutdownSignals;
use tidewire_tokio::listener::{Connection, Limits, Listener};
use tidewire_tokio::stream_server::{self, StreamServer};
use tower::Service;
use tracing::{debug, info, warn};

/// How long a request's head may take to come, and a connection may be without a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest head of a request, in bytes; also what hyper buffers of one connection.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// The most headers in one request.
const MAX_HEADERS: usize = 100;

/// How long connections may take to end once we are asked to.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(9);

/// Serves until a signal comes, and then until all connections are over or [`DRAIN_TIMEOUT`] is.
///
/// # Errors
/// The address cannot be bound, or the signals not be heard.
pub(crate) async fn serve(options: Serve) -> Result<(), String> {
    let mut signals =
        ShutdownSignals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let mut limits = Limits::default();
    limits.max_connections = options.max_connections;
    let listener = Listener::bind(options.listen, limits)
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    let address = listener.local_addr().map_err(|error| format!("cannot tell the address: {error}"))?;
    announce(&format!("listening on http://{address}"));

    let app = Arc::new(App::new(options.max_message, options.history));
    let router = app::router(app.clone());
    let server = StreamServer::new(http(), stream_server::Limits::default());
    let signal = loop {
        tokio::select! {
            (stream, peer, permit) = listener.accept() => {
                debug!(%peer, "accepted");
                let io = Connection::new(stream, permit);
                app.drain().spawn(connection(&server, io, router.clone(), &app));
            }
            signal = signals.next() => break signal,
        }
    };
    drop(listener);
    app.drain().begin();
    info!(signal, open = app.drain().running(), "shutting down");
    tokio::select! {
        open = app.drain().finished(DRAIN_TIMEOUT) => match open {
            0 => info!("all connections are over"),
            open => warn!(open, "connections were cut off"),
        },
        signal = signals.next() => return Err(format!("{signal} again: not waiting for the connections")),
    }
    Ok(())
}

/// Tells where we listen: the first line on standard output. A reader that has gone away is no reason to stop.
fn announce(line: &str) {
    let mut output = io::stdout().lock();
    if let Err(error) = writeln!(output, "{line}").and_then(|()| output.flush()) {
        warn!(%error, "standard output is closed");
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_LEN)
        .max_headers(MAX_HEADERS);
    http
}

/// Serves the requests of one connection, which has its place for as long as it is open, also when it is a WebSocket or a
/// stream, which go on without the router.
fn connection(
    server: &StreamServer,
    io: Connection,
    router: Router,
    app: &App,
) -> impl Future<Output = ()> + Send + use<> {
    let service = service_fn(move |request: Request<Incoming>| {
        // A router is always ready, so it need not be asked.
        router.clone().call(request)
    });
    // On the heap, or the task would have room for it twice.
    let serving = Box::pin(server.serve(io, service, app.drain().begun()));
    async move {
        if let Err(error) = serving.await {
            debug!(%error, "connection");
        }
    }
}
