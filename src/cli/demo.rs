//! `doorkey demo`: a throw-away portal with a believable company in it.

pub mod calendar;
pub mod plan;
pub mod story;
pub mod turns;

#[cfg(test)]
mod tests;
