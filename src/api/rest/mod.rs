//! The office's REST API: thin handlers by resource. What a request must look like is in the types, who may call it is
//! in the route's declaration, what it does is the scheduler's and the accounts' business.

mod availability;
mod calls;
mod dev;
mod events;
mod lobby;
mod notify;
mod services;
mod slots;
mod state;
mod token;

pub use state::{Rest, RestParts};

use super::office::OfficeRoutes;

/// Every route of the office.
pub fn routes(development: bool) -> OfficeRoutes<Rest> {
    let mut routes = OfficeRoutes::new(development);
    let all = [
        services::routes,
        availability::routes,
        slots::routes,
        token::routes,
        lobby::routes,
        calls::routes,
        events::routes,
        notify::routes,
        dev::routes,
    ];
    for add in all {
        routes = add(routes);
    }
    routes
}

#[cfg(test)]
mod tests;
