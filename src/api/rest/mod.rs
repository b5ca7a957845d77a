//! The office's REST API: thin handlers by resource. What a request must look like is in the types, who may call it is
//! in the route's declaration, what it does is the scheduler's and the accounts' business.

mod admin;
mod appointments;
mod availability;
mod calendar;
mod calls;
mod decisions;
mod dev;
mod events;
mod experts;
mod feeds;
mod fields;
mod files;
mod guests;
mod health;
mod holds;
mod lobby;
mod me;
mod messages;
mod notes;
mod notify;
mod oidc;
mod push;
mod ratings;
mod reports;
mod seats;
mod services;
mod session;
mod signup;
mod slots;
mod state;
mod token;
mod users;
mod view;
mod visitor;
mod webhooks;

pub use state::{MediaFigures, Rest, RestParts, SignInMethods};

use super::office::OfficeRoutes;

/// Every route of the office.
pub fn routes(development: bool) -> OfficeRoutes<Rest> {
    let mut routes = OfficeRoutes::new(development);
    let resources = [
        session::routes,
        signup::routes,
        oidc::routes,
        me::routes,
        users::routes,
        services::routes,
        availability::routes,
        slots::routes,
        experts::routes,
        holds::routes,
        appointments::routes,
        decisions::routes,
        seats::routes,
        calendar::routes,
        guests::routes,
        token::routes,
        lobby::routes,
        calls::routes,
        events::routes,
        notify::routes,
        dev::routes,
        messages::routes,
        files::routes,
        notes::routes,
        ratings::routes,
        reports::routes,
        admin::routes,
        health::routes,
        webhooks::routes,
        push::routes,
        feeds::routes,
        super::web::routes,
    ];
    for add in resources {
        routes = add(routes);
    }
    routes
}

#[cfg(test)]
mod tests;
