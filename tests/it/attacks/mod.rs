//! Attacks and bad inputs, under their numbers.

mod authorize;
mod browsers;
mod clients;
mod provider_lies;
mod scope;
mod tokens;
