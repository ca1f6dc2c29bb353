//! Client (in the making).
