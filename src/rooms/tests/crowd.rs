//! Rooms of many, where comings and goings are told together.

use std::collections::BTreeMap;

use visavis_signaling::proto::LeaveRequest;

use super::*;

const PEOPLE: usize = 40;

/// How often somebody has been told of each other in each state, at joining and later.
#[derive(Default)]
struct Told(BTreeMap<(String, i32), usize>);

impl Told {
    fn note(&mut self, people: Vec<proto::ParticipantInfo>) {
        for info in people {
            *self.0.entry((info.identity, info.state)).or_default() += 1;
        }
    }

    fn of(&self, state: State) -> Vec<(&str, usize)> {
        let in_state = self.0.iter().filter(|((_, it), _)| *it == state as i32);
        in_state.map(|((identity, _), count)| (identity.as_str(), *count)).collect()
    }

    /// Reads until so many have been told of in a state.
    async fn read(&mut self, client: &mut Client, state: State, people: usize) {
        while self.of(state).len() < people {
            let people = client
                .until(|message| match message {
                    signal_response::Message::Join(join) => Some(join.other_participants),
                    signal_response::Message::Update(update) => Some(update.participants),
                    _ => None,
                })
                .await;
            self.note(people);
        }
    }
}

fn name(number: usize) -> String {
    format!("guest-{number:02}")
}

#[tokio::test]
async fn everybody_of_a_crowd_is_told_of_everybody_else_once() {
    let server = Server::new();
    let mut crowd = Vec::new();
    for number in 0..PEOPLE {
        crowd.push((server.join(&name(number)).await, Told::default()));
    }
    for (number, (client, told)) in crowd.iter_mut().enumerate() {
        told.read(client, State::Joined, PEOPLE - 1).await;
        let others: Vec<String> = (0..PEOPLE).filter(|other| *other != number).map(name).collect();
        assert_eq!(told.of(State::Joined), others.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
    }

    // Two go, one of whom nobody has heard of yet.
    crowd[3].0.send(signal_request::Message::Leave(LeaveRequest::default())).await;
    let brief = server.join("brief").await;
    brief.send(signal_request::Message::Leave(LeaveRequest::default())).await;
    for (number, (client, told)) in crowd.iter_mut().enumerate().filter(|(number, _)| *number != 3) {
        told.read(client, State::Disconnected, 2).await;
        assert_eq!(told.of(State::Disconnected), [("brief", 1), ("guest-03", 1)], "{number}");
    }
    let mut late = (server.join("late").await, Told::default());
    late.1.read(&mut late.0, State::Joined, PEOPLE - 1).await;
    assert_eq!(late.1.of(State::Joined).len(), PEOPLE - 1, "those who are gone are not there");
}

#[tokio::test]
async fn who_publishes_in_a_crowd_is_known_before_its_track_comes() {
    let server = Server::new();
    let mut crowd = Vec::new();
    for number in 0..PEOPLE {
        crowd.push(server.join(&name(number)).await);
    }
    let mut speaker = server.join("speaker").await;
    speaker.publish_mic("mic").await;
    speaker.offer(1, &[("audio", "sendonly", "mic")]).await;
    speaker.answer().await;
    for client in &mut crowd {
        let known = client
            .until(|message| match message {
                signal_response::Message::Update(update) => {
                    let speaker = update.participants.into_iter().find(|info| info.identity == "speaker");
                    speaker.filter(|info| !info.tracks.is_empty()).map(|_| true)
                }
                signal_response::Message::SubscriptionPermissionUpdate(_) => Some(false),
                _ => None,
            })
            .await;
        assert!(known, "told of a track whose publisher it does not know");
    }
}

#[tokio::test]
async fn who_resumes_is_told_who_left_meanwhile() {
    let server = Server::new();
    let (ana, _) = server.active("ana").await;
    let ben = server.join("ben").await;
    let mut cleo = server.join("cleo").await;
    let sid = cleo.joined().await.other_participants.iter().find(|info| info.identity == "ana").unwrap().sid.clone();
    drop(ana);
    ben.send(signal_request::Message::Leave(LeaveRequest::default())).await;
    cleo.update_of("ben", |info| info.state == State::Disconnected as i32).await;
    let mut again = server.resume("ana", &sid).await;
    let gone = again.update_of("ben", |_| true).await;
    assert_eq!(gone.state, State::Disconnected as i32);
}
