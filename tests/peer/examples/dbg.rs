use visavis_peer_tests::{client::*, server::*, signal::Mode::*};
#[tokio::main]
async fn main() {
    let s = Server::start().await.unwrap();
    let late = std::env::args().nth(1).is_some();
    let c = Client::join(&s, Join { offer_with_join: !late, ..Join::new("a", "r", V1) }).await.unwrap();
    println!("OFFER {}", c.make_offer().await.map_err(|e| e.to_string()).unwrap_or_else(|e| e));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for r in c.responses() { println!("{}", format!("{r:?}").replace("\\r\\n", "\n")); }
    println!("{:?}", c.healthy());
}
