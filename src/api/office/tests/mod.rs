//! The foundation under requests, with handlers that do next to nothing.

mod admission;
mod answers;
mod described;
mod world;
