//! Settings: flag, then environment, then doorkey.toml, then default. The only reader of the environment.
