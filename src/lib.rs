//! visavis: a LiveKit-compatible SFU, a scheduler and a web app in one binary.
//!
//! The floors, from the ground up; lower ones never import higher ones, and `make check` holds them to it:
//! ground (`units`, `ids`, `clock`, `error`, `metrics`, `config`) · the office wing (`store` · `accounts` · `scheduler` ·
//! `notify`) · the media wing (`rtp` · `transport` · `media` · `net`) · `rooms` · `api` · `bench` · `cli`.

pub mod clock;
pub mod config;
pub mod error;
pub mod ids;
pub mod metrics;
pub mod units;

pub mod store;

pub mod accounts;

pub mod scheduler;

pub mod notify;

pub mod rtp;

pub mod transport;

pub mod media;

pub mod net;

pub mod rooms;

pub mod api;

pub mod bench;

pub mod cli;
