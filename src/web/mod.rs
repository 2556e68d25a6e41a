//! Every URL, one line each.

pub mod assets;
pub mod dev;
pub mod hub;
pub mod portal;
pub mod site;
