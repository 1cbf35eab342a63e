//! WebSockets from hyper: `cargo run -p tidewire-tokio --features hyper --example hyper_websocket -- 127.0.0.1:9006`.
//!
//! `/echo` sends back what comes, over HTTP/1.1 and over HTTP/2 without TLS; `/secret` only to those who say `Bearer tide`.
//! Everything else is a page. Ctrl-C closes the WebSockets (1001) and waits for them.

use std::{convert::Infallible, error::Error, net::SocketAddr, pin::pin, time::Duration};

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::AUTHORIZATION,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    linger::{self, Lingering},
    listener::{Connection, Limits, Listener},
    upgrade::{Refused, Upgraded},
    websocket::WebSocket,
};
use tidewire_ws::handshake::{self, Refusal};

/// How long a request's head may take to come.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

type Body = BoxBody<Bytes, Infallible>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9006)),
    };
    let listener = Listener::bind(address, Limits::default())?;
    println!("listening on ws://{}", listener.local_addr()?);
    let mut signals = ShutdownSignals::listen()?;
    let drain = Drain::new();
    loop {
        tokio::select! {
            _ = signals.next() => break,
            (stream, _, permit) = listener.accept() => {
                let end = drain.clone();
                drain.spawn(serve(Connection::new(stream, permit), end));
            }
        }
    }
    drop(listener);
    drain.wind_up().await;
    Ok(())
}

/// Serves the requests of one connection. Its place among the connections goes with it to the WebSocket that comes of it.
async fn serve(connection: Connection, drain: Drain) {
    let end = drain.begun();
    let service = service_fn(move |request| {
        let response = respond(request, &drain);
        async { Ok::<_, Infallible>(response.unwrap_or_else(refuse)) }
    });
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    http.http2().timer(TokioTimer::new()).enable_connect_protocol();
    let connection = TokioIo::new(Lingering::new(connection, linger::Limits::default()));
    let mut serving = pin!(http.serve_connection_with_upgrades(connection, service));
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = end => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        eprintln!("a connection broke off: {error}");
    }
}

fn refuse(refused: Refused) -> Response<Body> {
    refused.into_http().map(|sentence| Full::from(sentence).boxed())
}

fn respond(mut request: Request<Incoming>, drain: &Drain) -> Result<Response<Body>, Refused> {
    let path = request.uri().path();
    if !matches!(path, "/echo" | "/secret") {
        return Ok(Response::new(Full::from("open a WebSocket at /echo\n").boxed()));
    }
    let upgrade = Acceptor::default().upgrade(&mut request)?;
    let is_trusted = request.headers().get(AUTHORIZATION).is_some_and(|value| value == "Bearer tide");
    if request.uri().path() == "/secret" && !is_trusted {
        return Err(upgrade.refuse(Refusal::new(401, "expected a token")));
    }
    let (answer, upgrading) = upgrade.respond(handshake::Response::new())?;
    let notice = drain.notice();
    drain.spawn(async move {
        match upgrading.websocket().await {
            Ok(websocket) => echo(websocket.with_notice(notice)).await,
            Err(error) => eprintln!("no WebSocket came of a request: {error}"),
        }
    });
    // The body belongs to the answer: it tells when that is sent.
    Ok(answer.map(BodyExt::boxed))
}

/// Sends back what comes, until either side ends it, or the drain does. What was fed goes out when the input is drained.
async fn echo(mut websocket: WebSocket<Upgraded>) {
    while let Some(message) = websocket.next().await {
        // Once our close frame is out there is nobody to echo to; the rest of the closing handshake goes on.
        let _ = websocket.feed(message);
    }
}
