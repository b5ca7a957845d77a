//! Figures of connections: when they are asked for, and when they are told.

use visavis_signaling::proto::ConnectionQuality;

use super::*;
use crate::media::{ReceivedStats, SentStats};
use crate::rooms::observer::MinuteOfQuality;
use crate::units::{Bitrate, MediaKind};

fn figures(server: &Server) -> Vec<MinuteOfQuality> {
    let figures = |kind| match kind {
        FactKind::Quality { participant, figures } => {
            assert_eq!(&*participant.identity, "ana");
            Some(figures)
        }
        _ => None,
    };
    server.facts().into_iter().filter_map(figures).collect()
}

fn asked(server: &Server, id: TransportId) -> usize {
    let commands = server.media.commands.lock().unwrap();
    commands.iter().filter(|it| matches!(it, Command::ReportStats(asked) if *asked == id)).count()
}

async fn measured() -> (Server, Client, TransportId) {
    let server = Server::new();
    server.facts.quality.store(true, Ordering::SeqCst);
    let (ana, id) = server.active("ana").await;
    (server, ana, id)
}

fn stats(packets: u64, lost: i64) -> TransportStats {
    let received = ReceivedStats {
        track: Some(crate::ids::MediaTrackId(8)),
        kind: MediaKind::Video,
        quality: Quality::High,
        bitrate: Bitrate(0),
        packets,
        lost,
        jitter: 900,
        bytes: packets * 1000,
    };
    let sent = SentStats {
        track: crate::ids::MediaTrackId(9),
        kind: MediaKind::Video,
        quality: Some(Quality::Medium),
        packets: packets as u32,
        bytes: packets as u32 * 500,
        fraction_lost: 0,
    };
    TransportStats {
        rtt: Some(Duration::from_millis(30)),
        received: vec![received],
        sent: vec![sent],
        ..TransportStats::default()
    }
}

#[tokio::test]
async fn an_active_participant_is_measured_every_five_seconds() {
    let (server, _ana, id) = measured().await;
    for expected in 1..4 {
        until("it is asked", || asked(&server, id) == expected).await;
        a_tick().await;
        assert_eq!(asked(&server, id), expected);
        server.clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn each_minute_has_a_row_and_so_has_the_last_piece() {
    let (server, ana, id) = measured().await;
    server.clock.advance(Duration::from_secs(10));
    server.deliver(Event::Stats { id, stats: Box::new(stats(900, 100)) });
    a_tick().await;
    assert!(figures(&server).is_empty());
    server.clock.advance(Duration::from_secs(50));
    until("the first minute", || figures(&server).len() == 1).await;
    server.clock.advance(Duration::from_secs(10));
    server.deliver(Event::Stats { id, stats: Box::new(stats(1900, 100)) });
    ana.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    until("it has left", || matches!(server.facts().last(), Some(FactKind::Left(_)))).await;
    let rows = figures(&server);
    let first = MinuteOfQuality {
        minute: START,
        rtt: Some(Duration::from_millis(30)),
        jitter: Some(Duration::from_millis(10)),
        loss_up: Some(0.1),
        loss_down: Some(0.0),
        bitrate_up: Some(Bitrate(900 * 1000 * 8 / 10)),
        bitrate_down: Some(Bitrate(900 * 500 * 8 / 10)),
        layer: Some(Quality::Medium),
        ..rows[0].clone()
    };
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], first);
    // A tenth of its pictures' packets were lost on the way here.
    assert_eq!(rows[0].cause, Some(crate::rooms::Cause::LossUp));
    assert!(rows[0].mos.is_some_and(|mos| mos < 3.0), "{:?}", rows[0].mos);
    assert_eq!((rows[1].minute, rows[1].loss_up), (START.plus(Duration::from_secs(60)), Some(0.0)));
    let before_last = server.facts().len() - 2;
    assert!(matches!(server.facts()[before_last], FactKind::Quality { .. }), "figures come before the leave");
}

#[tokio::test]
async fn minutes_without_figures_say_that_somebody_was_there() {
    let (server, _ana, _) = measured().await;
    server.clock.advance(Duration::from_secs(60));
    until("the first minute", || figures(&server).len() == 1).await;
    assert_eq!(figures(&server), [MinuteOfQuality { minute: START, ..MinuteOfQuality::default() }]);
    server.clock.set_by(-3600);
    until("the clock turned the minute", || figures(&server).len() == 2).await;
    assert_eq!(figures(&server)[1].minute, START.plus(Duration::from_secs(60)));
}

#[tokio::test]
async fn both_connections_of_a_dual_participant_count_each_in_its_direction() {
    let server = Server::new();
    server.facts.quality.store(true, Ordering::SeqCst);
    let mut ana = server.join_as(&Claims::join("ana", "room"), Mode::Dual).await;
    ana.joined().await;
    let ids = server.transports();
    server.connected(ids[1]);
    until("both are asked", || ids.iter().all(|id| asked(&server, *id) == 1)).await;
    server.clock.advance(Duration::from_secs(10));
    let (mut up, mut down) = (stats(100, 0), stats(100, 0));
    up.sent.clear();
    down.received.clear();
    server.deliver(Event::Stats { id: ids[0], stats: Box::new(up) });
    server.deliver(Event::Stats { id: ids[1], stats: Box::new(down) });
    a_tick().await;
    server.clock.advance(Duration::from_secs(50));
    until("the first minute", || figures(&server).len() == 1).await;
    let row = figures(&server).remove(0);
    assert_eq!(row.bitrate_up, Some(Bitrate(100 * 1000 * 8 / 10)));
    assert_eq!(row.bitrate_down, Some(Bitrate(100 * 500 * 8 / 10)));
}

#[tokio::test]
async fn who_is_not_connected_is_not_measured_and_who_is_not_wanted_has_no_rows() {
    let server = Server::new();
    let (_ana, ana) = server.active("ana").await;
    server.facts.quality.store(true, Ordering::SeqCst);
    let _ben = server.join("ben").await;
    let ben = *server.transports().last().unwrap();
    server.clock.advance(Duration::from_secs(60));
    until("ana is measured", || asked(&server, ana) > 0).await;
    a_tick().await;
    assert_eq!(asked(&server, ben), 0);
    assert!(figures(&server).is_empty());
}

/// What a client is told next of somebody's connection, beginning with what is `expected`.
async fn is_told(client: &mut Client, sid: &str, expected: ConnectionQuality) {
    let told = client
        .until(|message| match message {
            signal_response::Message::ConnectionQuality(update) => {
                update.updates.into_iter().find(|it| it.participant_sid == sid)
            }
            _ => None,
        })
        .await;
    assert_eq!(told.quality, expected as i32, "{told:?}");
    assert!((1.0..=4.5).contains(&told.score));
}

#[tokio::test]
async fn a_client_is_told_how_its_connection_does() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let sid = ana.joined().await.participant.unwrap().sid;
    let id = *server.transports().last().unwrap();
    server.connected(id);
    is_told(&mut ana, &sid, ConnectionQuality::Excellent).await;
    let five = Duration::from_secs(5);
    let steps = [(900, 100, 0, ConnectionQuality::Poor), (1900, 100, 0, ConnectionQuality::Good)];
    for (packets, lost, silent, expected) in steps {
        let silent_for = Duration::from_secs(silent);
        let figures = TransportStats { silent_for, ..stats(packets, lost) };
        server.deliver(Event::Stats { id, stats: Box::new(figures) });
        ana.send(signal_request::Message::Ping(1)).await;
        ana.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
        server.clock.advance(five);
        is_told(&mut ana, &sid, expected).await;
    }
    let silent = TransportStats { silent_for: Duration::from_secs(20), ..stats(1900, 100) };
    server.deliver(Event::Stats { id, stats: Box::new(silent) });
    ana.send(signal_request::Message::Ping(1)).await;
    ana.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
    server.clock.advance(five);
    is_told(&mut ana, &sid, ConnectionQuality::Lost).await;
}
