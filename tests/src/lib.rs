//! Harness (in the making).
