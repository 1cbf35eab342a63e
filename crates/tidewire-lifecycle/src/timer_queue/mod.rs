//! One queue of deadlines for very many connections: no task, no allocation and no search per timer.
//!
//! It is a hierarchical timing wheel. A deadline that moves later, as every received byte moves the idle deadline, only
//! writes a field; the queue finds out when the old one passes. Everything else is a few steps, too, however many timers
//! there are.
//!
//! ```
//! use core::time::Duration;
//! use tidewire_lifecycle::timer_queue::TimerQueue;
//!
//! let second = Duration::from_secs;
//! let mut queue = TimerQueue::new(second(0));
//! let a = queue.insert(Some(second(25)), "a");
//! let b = queue.insert(Some(second(30)), "b");
//! queue.set(&a, Some(second(40)));
//!
//! assert_eq!(queue.pop(second(29)), None);
//! assert_eq!(queue.pop(second(30)), Some(&mut "b"));
//! assert_eq!(queue.pop(second(40)), Some(&mut "a"));
//!
//! // What was popped keeps its place, without a deadline.
//! queue.set(&b, Some(second(50)));
//! assert_eq!(queue.remove(b), "b");
//! assert_eq!(queue.len(), 1);
//! ```

mod moment;
mod queue;
mod wheel;

pub use queue::{TimerKey, TimerQueue};
