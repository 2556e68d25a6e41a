//! Every URL, one line each.

pub mod assets;
pub mod ctx;
pub mod dev;
pub mod hub;
pub mod input;
pub mod portal;
pub mod problem;
mod proxies;
pub mod reply;
pub mod site;
mod strict_json;
