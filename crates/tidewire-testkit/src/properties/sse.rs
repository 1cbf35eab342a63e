//! Properties of tidewire-sse.
