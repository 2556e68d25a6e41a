//! Webhooks on the wire: what is sent, how it is signed, and to which addresses. And what is asked of
//! addresses that the operator named.
//!
//! This is the one place from which Doorkey calls an address that somebody typed.

pub mod fetch;
pub mod oidc;
pub mod own;
pub mod payload;
pub mod post;
pub mod reach;
pub mod sign;
