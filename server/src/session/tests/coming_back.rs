//! A browser that loses its socket and comes back.

use footbridge_shared::params::Secret;
use poem::web::websocket::CloseCode;

use super::*;

const RESULT: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;

/// A session that is ready and whose browser may come back; and the token for that.
async fn ready(limits: Limits) -> (Stage, String) {
    let mut stage = stage(DialectName::Native, limits, 64);
    stage.say(r#"{"type":"resumable"}"#).await;
    assert!(stage.hear_text().await.contains("starting"));
    let token = token_of(&stage.hear_text().await, "resumable");
    stage.refuse_probe().await;
    stage.serve(RESULT).await;
    assert!(stage.hear_text().await.contains("ready"));
    assert!(stage.hear_text().await.contains("initialized"));
    stage.at_server.recv().await.unwrap();
    (stage, token)
}

fn token_of(frame: &str, kind: &str) -> String {
    let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
    assert_eq!(frame["type"], kind, "{frame}");
    frame["token"].as_str().unwrap().to_owned()
}

fn notification(n: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"n/{n}"}}"#)
}

impl Stage {
    fn lose(&mut self) {
        self.to_bridge = None;
        self.from_bridge.close();
    }

    /// Comes back with another socket; the first frame on it, and the socket that was replaced.
    async fn come_back(
        &mut self,
        token: &str,
        received: Option<u64>,
    ) -> (serde_json::Value, Option<Socket>) {
        assert!(self.tokens.borrow().open(&Secret::new(token)), "{token}");
        let (socket, to_bridge, from_bridge) = socket(64);
        let place = Place {
            received,
            attempt: None,
        };
        let (attachment, taken) = Attachment::new(socket, Secret::new(token), None, place);
        self.attach.send(attachment).await.unwrap();
        let Ok(Taken::Instead(replaced)) = taken.await else {
            panic!("the socket is taken");
        };
        (self.to_bridge, self.from_bridge) = (Some(to_bridge), from_bridge);
        let first = self.hear_text().await;
        (serde_json::from_str(&first).unwrap(), replaced)
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_comes_back_misses_nothing_and_hears_nothing_twice() {
    let (mut stage, token) = ready(Limits::default()).await;
    // `state` and `initialized` were the first two that were counted.
    stage.say(r#"{"type":"ack","received":2}"#).await;
    stage.say(&notification(1)).await;
    assert_eq!(
        stage.at_server.recv().await.unwrap().text(),
        notification(1)
    );
    stage.serve(&notification(10)).await;
    stage.serve(&notification(11)).await;
    assert_eq!(stage.hear_text().await, notification(10));
    stage.lose();
    let mut state = stage.snapshot.clone();
    let detached = state.wait_for(|snapshot| snapshot.state == SessionState::Detached);
    assert!(!detached.await.unwrap().attached);
    stage.serve(&notification(12)).await;

    let (resumed, replaced) = stage.come_back(&token, Some(3)).await;
    assert!(replaced.is_none());
    assert_eq!(resumed["recovered"], true);
    assert_eq!(resumed["received"], 1);
    assert_eq!(stage.hear_text().await, notification(11));
    assert_eq!(stage.hear_text().await, notification(12));
    assert_eq!(stage.snapshot.borrow().state, SessionState::Ready);
    assert!(stage.snapshot.borrow().attached);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_token_opens_the_session_until_the_next_one_is_known_to_have_arrived() {
    let (mut stage, first) = ready(Limits::default()).await;
    stage.lose();
    let (resumed, _) = stage.come_back(&first, Some(2)).await;
    let second = resumed["token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    stage.lose();
    // As if `resumed` had been lost with its socket.
    let (resumed, _) = stage.come_back(&first, Some(2)).await;
    let third = resumed["token"].as_str().unwrap().to_owned();
    assert!(!stage.tokens.borrow().open(&Secret::new(second)));
    stage.say(r#"{"type":"ack","received":2}"#).await;
    let confirmed = stage.tokens.clone();
    let mut confirmed = confirmed;
    let is_confirmed = |tokens: &Tokens| !tokens.open(&Secret::new(first.as_str()));
    confirmed.wait_for(is_confirmed).await.unwrap();
    assert!(stage.tokens.borrow().open(&Secret::new(third)));
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_remembers_nothing_is_greeted_anew() {
    let (mut stage, token) = ready(Limits::default()).await;
    stage
        .say(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#)
        .await;
    stage.at_server.recv().await.unwrap();
    stage.lose();
    let (resumed, _) = stage.come_back(&token, None).await;
    assert_eq!(resumed["recovered"], false);
    assert_eq!(resumed["received"], 0);
    let cancelled = stage.at_server.recv().await.unwrap();
    assert!(cancelled.text().contains("notifications/cancelled"));
    assert!(stage.hear_text().await.contains(r#""state":"ready""#));
    assert!(stage.hear_text().await.contains("initialized"));
    // Both count anew: these were the first two.
    let token = resumed["token"].as_str().unwrap().to_owned();
    stage.lose();
    let (resumed, _) = stage.come_back(&token, Some(1)).await;
    assert_eq!(resumed["recovered"], true);
    assert!(stage.hear_text().await.contains("initialized"));
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_comes_back_to_ends_after_the_window() {
    let (mut stage, _) = ready(Limits::default()).await;
    let lost = Instant::now();
    stage.lose();
    while stage.tasks.join_next().await.is_some() {}
    assert_eq!(lost.elapsed().as_secs(), 120);
    assert!(stage.from_server.is_closed());
}

#[tokio::test(start_paused = true)]
async fn only_a_close_that_leaves_it_open_leaves_the_session_open() {
    for (code, lives) in [(1000, false), (1001, true), (4000, false)] {
        let (stage, _) = ready(Limits::default()).await;
        let close = Frame::Close(Some((CloseCode::from(code), String::new())));
        stage.to_bridge.as_ref().unwrap().send(close).await.unwrap();
        let mut snapshot = stage.snapshot.clone();
        let left = |snapshot: &Snapshot| {
            matches!(
                snapshot.state,
                SessionState::Detached | SessionState::Closing
            )
        };
        let state = snapshot.wait_for(left).await.unwrap().state;
        assert_eq!(state == SessionState::Detached, lives, "{code}");
        stage.end.send_replace(Some(shutting_down()));
        stage.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_without_a_pulse_or_that_does_not_read_may_come_back() {
    for reads in [true, false] {
        let (mut stage, token) = ready(Limits::default()).await;
        if !reads {
            for n in 0..200 {
                stage.serve(&notification(n)).await;
            }
        }
        let mut snapshot = stage.snapshot.clone();
        let is_detached = |snapshot: &Snapshot| snapshot.state == SessionState::Detached;
        if reads {
            let lost = async { snapshot.wait_for(is_detached).await.unwrap().state };
            tokio::pin!(lost);
            loop {
                tokio::select! {
                    _ = &mut lost => break,
                    Some(_) = stage.from_bridge.recv() => {}
                }
            }
        } else {
            snapshot.wait_for(is_detached).await.unwrap();
        }
        let (resumed, _) = stage.come_back(&token, Some(2)).await;
        assert_eq!(resumed["recovered"], true);
        if !reads {
            for n in 0..200 {
                assert_eq!(stage.hear_text().await, notification(n));
            }
        }
        stage.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_is_not_read_when_no_more_can_be_kept_and_goes_on_when_the_browser_is_back() {
    let limits = Limits {
        resume_bytes: 400,
        ..Limits::default()
    };
    let (mut stage, token) = ready(limits).await;
    stage.say(r#"{"type":"ack","received":2}"#).await;
    stage.lose();
    let from_server = stage.from_server.clone();
    let mut flood = JoinSet::new();
    flood.spawn(async move {
        for n in 0..500 {
            let message = Message::parse(notification(n)).unwrap();
            from_server
                .send(FromUpstream::Message(message))
                .await
                .unwrap();
        }
    });
    let mut snapshot = stage.snapshot.clone();
    let is_detached = |snapshot: &Snapshot| snapshot.state == SessionState::Detached;
    snapshot.wait_for(is_detached).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(flood.try_join_next().is_none(), "the server waits");
    let (resumed, _) = stage.come_back(&token, Some(2)).await;
    assert_eq!(resumed["recovered"], true);
    for n in 0..500 {
        assert_eq!(stage.hear_text().await, notification(n));
        let ack = format!(r#"{{"type":"ack","received":{}}}"#, n + 3);
        stage.say(&ack).await;
    }
    flood.join_next().await.unwrap().unwrap();
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_acknowledges_nothing_is_taken_for_one_that_does_not_read() {
    let limits = Limits {
        resume_bytes: 400,
        ..Limits::default()
    };
    let (mut stage, _) = ready(limits).await;
    for n in 0..20 {
        stage.serve(&notification(n)).await;
    }
    let mut snapshot = stage.snapshot.clone();
    let is_detached = |snapshot: &Snapshot| snapshot.state == SessionState::Detached;
    let lost = async { snapshot.wait_for(is_detached).await.unwrap().state };
    tokio::pin!(lost);
    let began = Instant::now();
    loop {
        tokio::select! {
            _ = &mut lost => break,
            Some(frame) = stage.from_bridge.recv() => {
                if let Frame::Ping(bytes) = frame {
                    let pong = Frame::Pong(bytes);
                    stage.to_bridge.as_ref().unwrap().send(pong).await.unwrap();
                }
            }
        }
    }
    assert_eq!(began.elapsed().as_secs(), 30);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_socket_takes_the_place_of_the_first() {
    let (mut stage, token) = ready(Limits::default()).await;
    let (_open, mut old) = (stage.to_bridge.take(), {
        let (_, _, nothing) = socket(1);
        std::mem::replace(&mut stage.from_bridge, nothing)
    });
    let (resumed, replaced) = stage.come_back(&token, Some(2)).await;
    assert_eq!(resumed["recovered"], true);
    assert!(replaced.is_some(), "it is given back to be told");
    drop(replaced);
    assert!(old.recv().await.is_none());
    stage.serve(&notification(7)).await;
    assert_eq!(stage.hear_text().await, notification(7));
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_comes_after_a_later_one_or_with_a_spent_token_is_too_late() {
    let (mut stage, token) = ready(Limits::default()).await;
    stage.lose();
    let attempt = |token: &str, attempt| {
        let place = Place {
            received: Some(2),
            attempt: Some(attempt),
        };
        let (socket, to_bridge, from_bridge) = socket(64);
        let (attachment, taken) = Attachment::new(socket, Secret::new(token), None, place);
        (attachment, taken, (to_bridge, from_bridge))
    };
    let (second, taken, ends) = attempt(&token, 2);
    stage.attach.send(second).await.unwrap();
    assert!(matches!(taken.await.unwrap(), Taken::Instead(None)));
    (stage.to_bridge, stage.from_bridge) = (Some(ends.0), ends.1);
    assert!(stage.hear_text().await.contains("resumed"));
    for late in [1, 2] {
        let (first, taken, _ends) = attempt(&token, late);
        stage.attach.send(first).await.unwrap();
        assert!(matches!(taken.await.unwrap(), Taken::TooLate(_)));
    }
    stage.say(r#"{"type":"ack","received":2}"#).await;
    let mut tokens = stage.tokens.clone();
    let is_spent = |tokens: &Tokens| !tokens.open(&Secret::new(token.as_str()));
    tokens.wait_for(is_spent).await.unwrap();
    let (third, taken, _ends) = attempt(&token, 3);
    stage.attach.send(third).await.unwrap();
    assert!(matches!(taken.await.unwrap(), Taken::TooLate(_)));
    stage.serve(&notification(7)).await;
    assert_eq!(stage.hear_text().await, notification(7));
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_browser_is_told_how_many_of_its_frames_have_arrived() {
    let (mut stage, _) = ready(Limits::default()).await;
    for n in 0..31 {
        stage.say(&notification(n)).await;
        stage.at_server.recv().await.unwrap();
    }
    let began = Instant::now();
    assert_eq!(stage.hear_text().await, r#"{"type":"ack","received":31}"#);
    assert_eq!(began.elapsed().as_secs(), 1);
    for n in 0..32 {
        stage.say(&notification(n)).await;
        stage.at_server.recv().await.unwrap();
    }
    assert_eq!(stage.hear_text().await, r#"{"type":"ack","received":63}"#);
    assert_eq!(began.elapsed().as_secs(), 1);
    stage.finish().await;
}
