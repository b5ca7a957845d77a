//! How many participants are borne, and how much later than without load packets come at 70 % of that.

use serde_json::Value;

use super::{Options, PORT, Running, await_port, ours, play};

/// Shares of the capacity at which the delay is taken.
const SHARES: [f64; 2] = [0.1, 0.7];

/// Looks for the capacity, of at most so many participants, and prints a table.
pub fn measure(options: &Options, most: u32) {
    let scenario = options.only.as_deref().unwrap_or("livestream");
    let found = bench(options, scenario, &["--ramp-until-loss", "--participants", &most.to_string()]);
    let Some(borne) = found.as_ref().and_then(|json| json["capacity"].as_u64()) else {
        return println!("no capacity was found");
    };
    println!(
        "| {scenario} | of capacity | delay p50, p95, p99, max ms | server's cores | lost | withheld |\n\
         |---|---|---|---|---|---|"
    );
    for share in SHARES {
        let count = ((borne as f64 * share) as u64).max(2);
        let Some(json) = bench(options, scenario, &["--participants", &count.to_string()]) else { continue };
        let delay = |name: &str| json["delay_us"][name].as_f64().unwrap_or(f64::NAN) / 1e3;
        let cpu = json["server"]["cpu_seconds"].as_f64().unwrap_or(f64::NAN);
        let withheld = json["withheld_packets"].as_f64().unwrap_or(f64::NAN);
        println!(
            "| {count} of {borne} | {:.0} % | {:.2}, {:.2}, {:.2}, {:.1} | {:.2} | {:.2} % | {:.2} % |",
            share * 100.0,
            delay("p50"),
            delay("p95"),
            delay("p99"),
            delay("max"),
            cpu / options.seconds as f64,
            json["loss"].as_f64().unwrap_or(f64::NAN) * 100.0,
            withheld / json["due_packets"].as_f64().unwrap_or(1.0) * 100.0
        );
    }
}

/// One run of the generator against a server of its own.
fn bench(options: &Options, scenario: &str, args: &[&str]) -> Option<Value> {
    let server = Running(ours(options).ok()?);
    let url = format!("ws://{}:{PORT}", options.host());
    await_port(&url)?;
    play(options, &server, (&url, "secret"), scenario, args)
}
