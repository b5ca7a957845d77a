//! The API as its clients meet it: through HTTP alone.
#![allow(clippy::unwrap_used)]

mod admin;
mod appointments;
mod booking;
mod call_pages;
mod content;
mod desk;
mod events;
mod experts;
mod files;
mod guests;
mod matrix;
mod me;
mod offering;
#[cfg(feature = "oidc")]
mod oidc;
mod outward;
mod pages;
mod reports;
mod seats;
mod session;
mod signup;
mod subscribers;
mod users;
mod world;

use serde_json::json;
use world::{PASSWORD, Who, World};
