//! `GET /`: the page that shows it working, one file without outside resources.

use axum::response::{IntoResponse, Response};
use http::header;

/// The page.
const PAGE: &str = include_str!("page.html");

/// Serves the page.
pub(crate) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Nobody may frame the page to have its buttons pressed unseen.
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, PAGE).into_response()
}
