//! Compressors and decompressors that connections borrow for a message, and the budget for those that they keep.

use super::deflater::{Deflater, MAX_KEPT_ROOM};
use super::inflater::{INFLATER_LEN, Inflater};
use super::{Config, ContextTakeover, WindowBits};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that one compressor holds, at most.
pub(super) const DEFLATER_LEN: usize = 376 * 1024 + MAX_KEPT_ROOM;

/// Compressors and decompressors for all connections of a program. A clone is a reference.
///
/// Its lock is held for moments, to take one or to give one back.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    config: Config,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    inflaters: Vec<Inflater>,
    /// By window bits, 9 to 15.
    deflaters: [Vec<Deflater>; 7],
    /// Bytes reserved for contexts that are taken over.
    reserved: usize,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.0.config)
            .field("idle_len_bytes", &self.idle_len_bytes())
            .field("reserved_len_bytes", &self.reserved_len_bytes())
            .finish()
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared { config, idle: Mutex::default() }))
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Bytes held by compressors and decompressors that wait for their next message, as an upper estimate.
    #[must_use]
    pub fn idle_len_bytes(&self) -> usize {
        let idle = self.idle();
        let deflaters: usize = idle.deflaters.iter().map(Vec::len).sum();
        idle.inflaters.len() * INFLATER_LEN + deflaters * DEFLATER_LEN
    }

    /// Bytes reserved by agreements whose context is taken over.
    #[must_use]
    pub fn reserved_len_bytes(&self) -> usize {
        self.idle().reserved
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing that can panic happens under the lock, and what is in there is whole at any time.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inflater(&self) -> Pooled<Inflater> {
        let idle = self.idle().inflaters.pop();
        Pooled { item: Some(idle.unwrap_or_else(Inflater::new)), pool: self.clone() }
    }

    pub(crate) fn deflater(&self, window: WindowBits) -> Pooled<WindowedDeflater> {
        let idle = self.idle().deflaters[slot(window)].pop();
        let deflater = idle.unwrap_or_else(|| Deflater::new(self.0.config.level, window));
        Pooled { item: Some(WindowedDeflater { deflater, window }), pool: self.clone() }
    }

    /// Sets memory aside for what the two directions take over, each if it fits.
    pub(super) fn reserve(&self, send: ContextTakeover, receive: ContextTakeover) -> Reservation {
        let mut reservation =
            Reservation { pool: self.clone(), send: ContextTakeover::Off, receive: ContextTakeover::Off };
        let mut idle = self.idle();
        if send == ContextTakeover::On && self.fits(&idle, DEFLATER_LEN) {
            idle.reserved += DEFLATER_LEN;
            reservation.send = ContextTakeover::On;
        }
        if receive == ContextTakeover::On && self.fits(&idle, INFLATER_LEN) {
            idle.reserved += INFLATER_LEN;
            reservation.receive = ContextTakeover::On;
        }
        reservation
    }

    fn fits(&self, idle: &Idle, len: usize) -> bool {
        idle.reserved.saturating_add(len) <= self.0.config.takeover_budget
    }
}

/// Where the compressors for a window wait.
fn slot(window: WindowBits) -> usize {
    usize::from(window.value().max(9) - 9)
}

/// Memory set aside, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    pool: Pool,
    pub(super) send: ContextTakeover,
    pub(super) receive: ContextTakeover,
}

impl Reservation {
    /// Gives back what the peer did not agree to.
    pub(super) fn keep(&mut self, send: ContextTakeover, receive: ContextTakeover) {
        let mut idle = self.pool.idle();
        if self.send == ContextTakeover::On && send == ContextTakeover::Off {
            self.send = ContextTakeover::Off;
            idle.reserved -= DEFLATER_LEN;
        }
        if self.receive == ContextTakeover::On && receive == ContextTakeover::Off {
            self.receive = ContextTakeover::Off;
            idle.reserved -= INFLATER_LEN;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.keep(ContextTakeover::Off, ContextTakeover::Off);
    }
}

/// A compressor, and the window that it is for.
#[derive(Debug)]
pub(crate) struct WindowedDeflater {
    pub(crate) deflater: Deflater,
    window: WindowBits,
}

/// Something that goes back to its pool.
pub(crate) trait Return: Sized {
    fn give_back(self, pool: &Pool);
}

impl Return for Inflater {
    fn give_back(mut self, pool: &Pool) {
        self.reset();
        let mut idle = pool.idle();
        if idle.inflaters.len() < pool.0.config.max_idle {
            idle.inflaters.push(self);
        }
    }
}

impl Return for WindowedDeflater {
    fn give_back(mut self, pool: &Pool) {
        self.deflater.reset();
        self.deflater.shrink();
        let mut idle = pool.idle();
        let waiting = &mut idle.deflaters[slot(self.window)];
        if waiting.len() < pool.0.config.max_idle {
            waiting.push(self.deflater);
        }
    }
}

/// Something borrowed from a pool; dropped, it goes back as good as new.
pub(crate) struct Pooled<T: Return> {
    /// `None` only while it is dropped.
    item: Option<T>,
    pool: Pool,
}

impl<T: Return> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").finish_non_exhaustive()
    }
}

impl<T: Return> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.item.as_ref().expect("it is given back only by drop")
    }
}

impl<T: Return> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect("it is given back only by drop")
    }
}

impl<T: Return> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            item.give_back(&self.pool);
        }
    }
}
