//! What time does to a hub that nobody calls: messages grow too old, topics are forgotten.

use std::{sync::Weak, time::Duration};

use tidewire_hub::Message;
use tokio::{runtime::Handle, task::yield_now, time::sleep};

use super::Shared;

/// How often a hub is looked after. What is too old goes before, too, by the calls that are told the time, some of it
/// with each; it is memory that is given back so much later.
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks after a hub until it is gone, where there is a runtime.
pub(super) fn spawn<M: Message + Send + 'static>(hub: Weak<Shared<M>>) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(run(hub));
    }
}

/// Looks after a hub until it is gone.
pub(super) async fn run<M: Message>(hub: Weak<Shared<M>>) {
    loop {
        sleep(INTERVAL).await;
        let Some(hub) = hub.upgrade() else { return };
        for shard in &hub.shards {
            while shard.look_after(hub.clock.now()) {
                yield_now().await;
            }
        }
    }
}
