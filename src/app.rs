//! The application: what every request, job and command works with.
