//! A dispatcher whose messages stay in the process: for tests of whoever stands above it.
#![allow(clippy::unwrap_used, missing_docs)]

use super::*;
use crate::notify::http::Guard;
use crate::notify::mail::Inbox;
use crate::notify::push::VapidKey;
use crate::notify::sms::LogOnly;

pub struct Kept {
    pub dispatcher: Dispatcher,
    pub inbox: Arc<Inbox>,
    pub sms: Arc<LogOnly>,
}

pub fn dispatcher(store: Store, clock: SharedClock) -> Kept {
    let (inbox, sms) = (Arc::new(Inbox::default()), Arc::new(LogOnly::default()));
    let outbound = || Outbound::new(Guard::default(), &[]).unwrap();
    let push = Push::new(outbound(), VapidKey::generate().unwrap(), "mailto:praxis@example.org");
    let transports = Transports {
        mail: Some(Arc::clone(&inbox) as _),
        sms: Some(Arc::clone(&sms) as _),
        push: Some(push),
        webhooks: outbound(),
    };
    let settings = DispatchSettings {
        from: Person { name: "Praxis".into(), email: "praxis@example.org".into() },
        base: "https://meet.example.org".parse().unwrap(),
        quiet_hours: None,
    };
    let dispatcher = Dispatcher::new(store, clock, Arc::new(Metrics::default()), transports, settings);
    Kept { dispatcher, inbox, sms }
}
