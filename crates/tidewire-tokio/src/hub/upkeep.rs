//! What time does to a hub that nobody calls: messages grow too old, topics are forgotten.

use std::{sync::Weak, time::Duration};

use tidewire_hub::Message;
use tokio::{runtime::Handle, time::sleep};

use super::Shared;

/// How often a hub is looked after. What is too old is handed out to nobody before either; it is memory alone that is
/// given back so much later.
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks after a hub until it is gone, where there is a runtime.
pub(super) fn spawn<M: Message + Send + 'static>(hub: Weak<Shared<M>>) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move {
            loop {
                sleep(INTERVAL).await;
                let Some(hub) = hub.upgrade() else { return };
                let now = hub.clock.now();
                for shard in &hub.shards {
                    let mut state = shard.lock();
                    if state.hub.poll_timeout().is_some_and(|(at, _)| at <= now) {
                        state.hub.handle_timeout(now);
                    }
                }
            }
        });
    }
}
