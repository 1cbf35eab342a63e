//! Properties of tidewire-ws.
