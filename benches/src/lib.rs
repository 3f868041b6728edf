//! What the measurements share: interleaved medians, and the peers.
pub mod measure;
pub mod peers;
pub mod sessions;
