//! The web app as this binary was built with it. It is there with the feature `page` alone, which `make test` switches on.

#![cfg(feature = "page")]
#![allow(missing_docs)]

use visavis::api::web::Web;

#[test]
fn the_app_is_whole() {
    let web = Web::embedded();
    assert!(web.is_app(), "web/dist has no index.html; `make web/dist/index.html` builds it");
    assert_eq!(web.faults(), [""; 0]);
}
