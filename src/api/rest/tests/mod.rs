//! The API as its clients meet it: through HTTP alone.
#![allow(clippy::unwrap_used)]

mod desk;
mod offering;
mod outward;
