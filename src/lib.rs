//! Doorkey: a customer portal for support tickets, with the staff desk behind it.
//!
//! The layer is the folder, the noun is the file, and the noun keeps its name in every folder:
//!
//! ```text
//! web  ─┐
//! jobs ─┼─► domain ─┬───────────► store ─► db
//! cli  ─┘     ▲     └─► mail ───►┘
//!             └── hooks, for web and jobs
//! ```
//!
//! Arrows point one way. Down go parsed types, up come plain structs. Nothing below [`web`] knows
//! a request; nothing above [`store`] knows SQL; nothing above [`db`] knows which engine runs.
//! `tests/it/arch.rs` keeps it so, and docs/ARCHITECTURE.md walks through it.

pub mod app;
pub mod cause;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod error;
pub mod hooks;
pub mod ids;
pub mod jobs;
pub mod live;
pub mod mail;
pub mod metrics;
pub mod store;
pub mod tls;
pub mod web;
