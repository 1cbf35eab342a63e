//! Redirects: refused, or followed without what proves who we are.

use crate::server::{Server, Then, error, exchange, head};
use tidewire_tokio::connect::{ConnectError, Connector, InvalidUrl, RedirectRefused, Redirects, Request};
use tokio::io::{AsyncWriteExt, duplex};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn following(max: u32) -> Connector {
    let mut connector = Connector::default();
    connector.redirects = Redirects::Follow { max };
    connector
}

fn request(server: &Server) -> Request {
    Request::new(&format!("ws://{}/a", server.address))
        .bearer_auth("secret")
        .header("Cookie", "c=secret")
        .secret_header("X-Api-Key", "secret")
        .header("X-Tag", "1")
}

#[tokio::test]
async fn a_redirect_is_an_error_unless_it_is_asked_for() {
    let server =
        Server::start([(redirect(302, "/b"), Then::Close), (redirect(300, "/b"), Then::Close)]).await;
    let ConnectError::Declined(declined) = error(Connector::default().connect(request(&server)).await) else {
        panic!()
    };
    assert_eq!((declined.status(), declined.location()), (302, Some(&b"/b"[..])));
    // Several choices are no redirect.
    let ConnectError::Declined(declined) = error(following(9).connect(request(&server)).await) else {
        panic!()
    };
    assert_eq!(declined.status(), 300);
}

#[tokio::test]
async fn what_proves_who_we_are_stays_with_its_origin() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::start([("", Then::Echo)]).await;
        let last = redirect(status, &format!("http://{}/c?d", other.address));
        let first = Server::start([(redirect(status, "b"), Then::Close), (last, Then::Close)]).await;
        let (mut websocket, _) = following(2).connect(request(&first)).await.unwrap();
        exchange(&mut websocket).await;
        let said = first.requests();
        assert!(said[0].starts_with("GET /a ") && said[1].starts_with("GET /b "), "{said:?}");
        assert!(said.iter().all(|head| head.matches("secret").count() == 3), "{said:?}");
        let said = &other.requests()[0];
        assert!(said.starts_with("/c\r\n") && said.contains("X-Tag: 1"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[tokio::test]
async fn redirects_are_counted_and_lead_to_websockets_alone() {
    let circle = Server::start(vec![(redirect(302, "/a"), Then::Close); 4]).await;
    let error_of = |outcome| {
        let ConnectError::Redirect(redirect) = error(outcome) else { panic!("it was followed or declined") };
        assert_eq!(redirect.declined.status(), 302);
        redirect.refused
    };
    assert_eq!(error_of(following(3).connect(request(&circle)).await), RedirectRefused::TooMany);
    assert_eq!(circle.requests().len(), 4);

    for (location, scheme) in [("ftp://a/", "ftp"), ("javascript:alert(1)", "javascript")] {
        let server = Server::start([(redirect(302, location), Then::Close)]).await;
        let refused = error_of(following(3).connect(request(&server)).await);
        assert_eq!(refused, RedirectRefused::Location(InvalidUrl::Scheme(scheme.into())));
    }
    let server = Server::start([(redirect(302, "http://["), Then::Close)]).await;
    let refused = error_of(following(3).connect(request(&server)).await);
    assert!(matches!(refused, RedirectRefused::Location(InvalidUrl::Syntax(_))), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_redirect_that_is_followed_is_not_waited_for() {
    for (connector, seconds) in [(Connector::default(), 2), (following(1), 0)] {
        let (client, mut server) = duplex(4096);
        tokio::spawn(async move {
            head(&mut server).await;
            let answer = b"HTTP/1.1 307 Moved\r\nLocation: /b\r\n\r\nmoved";
            server.write_all(answer).await.unwrap();
            std::future::pending::<()>().await
        });
        let start = tokio::time::Instant::now();
        let error = error(connector.connect_over(client, "ws://a/").await);
        assert!(matches!(error, ConnectError::Declined(_)), "{error}");
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}
