//! SQL: one function a statement, no rules.
