//! Webhooks on the wire: what is sent, how it is signed, and to which addresses.
//!
//! This is the one place from which Doorkey calls an address that somebody typed.

pub mod own;
pub mod payload;
pub mod post;
pub mod reach;
pub mod sign;
