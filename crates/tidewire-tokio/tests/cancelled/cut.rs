//! Where a scenario is cut.

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll, time::Duration};

use tokio::time::sleep;

/// More points than any scenario has; one that goes on behind it goes on for ever.
const POINTS: usize = 100_000;

/// When the future that a scenario waits for is dropped.
#[derive(Debug)]
pub(crate) struct Cut {
    when: When,
    /// Points where the scenario waited.
    waits: Cell<usize>,
    cuts: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// At this point of the scenario, and never again.
    Once(usize),
    /// Each time that one future has waited so often.
    Always(usize),
}

/// Runs a scenario, cut at each point where it waits; returns how many there are.
pub(crate) async fn everywhere(mut scenario: impl AsyncFnMut(&Cut)) -> usize {
    for often in 1..=3 {
        scenario(&Cut::new(When::Always(often))).await;
    }
    for point in 0..POINTS {
        let cut = Cut::new(When::Once(point));
        scenario(&cut).await;
        if cut.cuts.get() == 0 {
            return point;
        }
    }
    panic!("the scenario has no end");
}

impl Cut {
    fn new(when: When) -> Self {
        Self { when, waits: Cell::new(0), cuts: Cell::new(0) }
    }

    /// Waits, or drops the future where it waits.
    pub(crate) async fn once<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let (mut future, mut polls) = (pin!(future), 0);
        let done = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                polls += 1;
                if self.is_here(polls) { Poll::Ready(None) } else { Poll::Pending }
            }
        });
        done.await
    }

    /// Waits, with another future wherever one was dropped.
    pub(crate) async fn again<T>(&self, mut make: impl AsyncFnMut() -> T) -> T {
        loop {
            if let Some(done) = self.once(make()).await {
                return done;
            }
            // Everybody else goes on meanwhile.
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn is_here(&self, polls: usize) -> bool {
        let wait = self.waits.replace(self.waits.get() + 1);
        let is_here = match self.when {
            When::Once(point) => wait == point,
            When::Always(often) => polls == often,
        };
        self.cuts.set(self.cuts.get() + usize::from(is_here));
        is_here
    }
}

/// The harness itself: a future that waits three times is cut three times, and once not.
#[tokio::test(start_paused = true)]
async fn a_scenario_is_cut_at_each_point_where_it_waits() {
    let points = everywhere(async |cut| {
        let mut waited = 0;
        cut.again(async || {
            while waited < 3 {
                waited += 1;
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(waited, 3);
    })
    .await;
    assert_eq!(points, 3);
}
