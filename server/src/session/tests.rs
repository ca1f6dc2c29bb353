//! The loop against a browser and an MCP server that are played by the test, on a clock that can be moved.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use footbridge_shared::params::ServerParams;
use footbridge_shared::params::StdioParams;
use futures_util::Sink;
use futures_util::Stream;
use poem::web::websocket::Message as Frame;
use serde_json::json;
use serde_json::value::to_raw_value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::PollSender;

use super::*;
use crate::bridge::Profile;
use crate::policy::approved_for_tests;
use crate::upstream::FromUpstream;
use crate::upstream::Upstream;

mod coming_back;

/// The bridge's end of a socket made of two queues.
struct FakeSocket {
    incoming: mpsc::Receiver<Frame>,
    outgoing: PollSender<Frame>,
}

impl Stream for FakeSocket {
    type Item = std::io::Result<Frame>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

impl Sink<Frame> for FakeSocket {
    type Error = std::io::Error;
    fn poll_ready(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.outgoing
            .poll_reserve(context)
            .map_err(std::io::Error::other)
    }
    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Self::Error> {
        self.outgoing
            .send_item(frame)
            .map_err(std::io::Error::other)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// A socket, and the browser's ends of it.
fn socket(width: usize) -> (Socket, mpsc::Sender<Frame>, mpsc::Receiver<Frame>) {
    let (to_bridge, incoming) = mpsc::channel(width);
    let (outgoing, from_bridge) = mpsc::channel(width);
    let socket = FakeSocket {
        incoming,
        outgoing: PollSender::new(outgoing),
    };
    (Box::new(socket), to_bridge, from_bridge)
}

/// A session under test and the far ends of everything it touches.
struct Stage {
    to_bridge: Option<mpsc::Sender<Frame>>,
    from_bridge: mpsc::Receiver<Frame>,
    at_server: mpsc::Receiver<Message>,
    from_server: mpsc::Sender<FromUpstream>,
    end: watch::Sender<Option<Fault>>,
    attach: mpsc::Sender<Attachment>,
    tokens: watch::Receiver<Tokens>,
    snapshot: watch::Receiver<Snapshot>,
    tasks: JoinSet<()>,
}

fn opening(dialect: DialectName) -> Opening {
    let params = ServerParams::Stdio(StdioParams {
        command: "server".to_owned(),
        ..StdioParams::default()
    });
    Opening {
        id: "sid".to_owned(),
        principal: crate::principal::Principal::token(),
        origin: String::new(),
        peer: None,
        approved: approved_for_tests(params, "server"),
        dialect,
        profile: Profile {
            capabilities: to_raw_value(&json!({})).unwrap(),
            client_info: to_raw_value(&json!({})).unwrap(),
        },
        program: PathBuf::new(),
        verdicts: Arc::default(),
    }
}

/// Opens a session; `width` is the length of every queue.
fn stage(dialect: DialectName, limits: Limits, width: usize) -> Stage {
    let (socket, to_bridge, from_bridge) = socket(width);
    let (upstream, at_server, from_server) = Upstream::memory(width);
    let now = Utc::now();
    let first = Snapshot {
        state: SessionState::Starting,
        since: now,
        greeting: None,
        attached: true,
        exit: None,
        restarts: 0,
    };
    let (snapshot_sender, snapshot) = watch::channel(first);
    let pulse = Arc::new(Pulse::default());
    let (end, ended) = watch::channel(None);
    let (attach, attachments) = mpsc::channel(1);
    let tokens = watch::Sender::new(Tokens::default());
    let its_tokens = tokens.subscribe();
    let outside = Outside {
        ended,
        attachments,
        hoard: Hoard::default(),
    };
    let mut upstream = Some(upstream);
    let start: Start = Box::new(move || {
        let again = || Fault::new(FaultCode::UpstreamFailed, "It was started again.");
        let upstream = upstream.take().ok_or_else(again);
        Box::pin(async move { upstream })
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(run_with(
        opening(dialect),
        socket,
        limits,
        Vitals {
            snapshot: snapshot_sender,
            pulse,
            tokens,
        },
        outside,
        start,
    ));
    Stage {
        to_bridge: Some(to_bridge),
        from_bridge,
        at_server,
        from_server,
        end,
        attach,
        tokens: its_tokens,
        snapshot,
        tasks,
    }
}

impl Stage {
    async fn say(&self, text: &str) {
        self.to_bridge
            .as_ref()
            .unwrap()
            .send(Frame::Text(text.to_owned()))
            .await
            .unwrap();
    }

    async fn hear(&mut self) -> Frame {
        loop {
            match self.from_bridge.recv().await.expect("the socket is open") {
                Frame::Ping(_) => {}
                frame @ (Frame::Text(_) | Frame::Binary(_) | Frame::Pong(_) | Frame::Close(_)) => {
                    return frame;
                }
            }
        }
    }

    async fn hear_text(&mut self) -> String {
        match self.hear().await {
            Frame::Text(text) => text,
            other @ (Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_)) => {
                panic!("not text: {other:?}")
            }
        }
    }

    async fn hear_close(&mut self) -> (u16, String) {
        loop {
            if let Frame::Close(Some((code, reason))) = self.hear().await {
                self.to_bridge = None;
                return (code.into(), reason);
            }
        }
    }

    async fn serve(&self, text: &str) {
        self.from_server
            .send(FromUpstream::Message(Message::parse(text).unwrap()))
            .await
            .unwrap();
    }

    /// Answers the first message as a server of the session revisions does; the next is `initialize`.
    async fn refuse_probe(&mut self) {
        let probe = self.at_server.recv().await.unwrap();
        assert!(probe.text().contains("server/discover"));
        self.serve(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"?"}}"#)
            .await;
        let initialize = self.at_server.recv().await.unwrap();
        assert!(initialize.text().contains("initialize"));
    }

    async fn finish(mut self) {
        self.to_bridge = None;
        while self.tasks.join_next().await.is_some() {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_travels_to_the_server_and_its_answer_back() {
    let mut stage = stage(DialectName::Mcp, Limits::default(), 4);
    stage
        .say(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#)
        .await;
    assert_eq!(
        stage.at_server.recv().await.unwrap().text(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    );
    stage.serve(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    assert_eq!(
        stage.hear_text().await,
        r#"{"jsonrpc":"2.0","id":"x","result":{}}"#
    );
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_chatty_server_and_a_chatty_browser_do_not_block_each_other() {
    const N: usize = 5000;
    let mut stage = stage(
        DialectName::Mcp,
        Limits {
            upstream_queue: 1,
            ..Limits::default()
        },
        1,
    );
    let to_bridge = stage.to_bridge.take().unwrap();
    let from_server = stage.from_server.clone();
    let talk = async {
        for _ in 0..N {
            to_bridge
                .send(Frame::Text(r#"{"jsonrpc":"2.0","method":"a"}"#.to_owned()))
                .await
                .unwrap();
        }
    };
    let answer = async {
        for _ in 0..N {
            let notification = Message::parse(r#"{"jsonrpc":"2.0","method":"b"}"#).unwrap();
            from_server
                .send(FromUpstream::Message(notification))
                .await
                .unwrap();
        }
    };
    let listen = async {
        let mut n_heard = 0;
        while n_heard < N {
            n_heard += usize::from(matches!(
                stage.from_bridge.recv().await.unwrap(),
                Frame::Text(_)
            ));
        }
    };
    // The server reads nothing until it has said everything: the worst order there is.
    let serve = async {
        answer.await;
        for _ in 0..N {
            stage.at_server.recv().await.unwrap();
        }
    };
    tokio::join!(talk, listen, serve);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_does_not_read_is_closed_after_the_stall_timeout() {
    let limits = Limits {
        backlog_messages: 2,
        ..Limits::default()
    };
    let started = Instant::now();
    let mut stage = stage(DialectName::Mcp, limits, 1);
    let from_server = stage.from_server.clone();
    let mut flood = JoinSet::new();
    flood.spawn(async move {
        let notification =
            || FromUpstream::Message(Message::parse(r#"{"jsonrpc":"2.0","method":"b"}"#).unwrap());
        while from_server.send(notification()).await.is_ok() {}
    });
    while stage.tasks.join_next().await.is_some() {}
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_answers_no_ping_is_given_up() {
    let started = Instant::now();
    let mut stage = stage(DialectName::Mcp, Limits::default(), 4);
    while stage.from_bridge.recv().await.is_some() {}
    while stage.tasks.join_next().await.is_some() {}
    assert_eq!(started.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_leaves_ends_the_session() {
    let stage = stage(DialectName::Studio, Limits::default(), 4);
    let from_server = stage.from_server.clone();
    stage.finish().await;
    assert!(from_server.is_closed(), "the upstream is stopped");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_leaves_while_the_server_takes_nothing_ends_the_session_and_is_heard_to_the_end_by_one_that_does()
 {
    let call = |n| format!(r#"{{"jsonrpc":"2.0","method":"n/{n}"}}"#);
    for takes in [false, true] {
        let mut stage = stage(DialectName::Native, Limits::default(), 1);
        assert!(stage.hear_text().await.contains("starting"));
        stage.refuse_probe().await;
        stage.serve(r#"{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#).await;
        assert!(stage.hear_text().await.contains("ready"));
        assert!(stage.hear_text().await.contains("initialized"));
        // One waits in the queue, one in the outbox; the others are only read.
        for n in 0..6 {
            stage.say(&call(n)).await;
        }
        stage.to_bridge = None;
        if takes {
            let mut heard = Vec::new();
            while let Some(message) = stage.at_server.recv().await {
                heard.push(message.text().to_owned());
            }
            let said: Vec<String> = (0..6).map(call).collect();
            assert!(heard.ends_with(&said), "{heard:?}");
        }
        let started = Instant::now();
        let from_server = stage.from_server.clone();
        while stage.tasks.join_next().await.is_some() {}
        assert!(from_server.is_closed(), "the upstream is stopped");
        assert!(started.elapsed() <= Limits::default().stall_timeout + Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_is_told_with_the_code_of_its_end() {
    let mut stage = stage(DialectName::Native, Limits::default(), 4);
    assert!(stage.hear_text().await.contains("starting"));
    stage.refuse_probe().await;
    let fault = Fault::new(
        FaultCode::UpstreamExited,
        "The MCP server `x` exited with code 3.",
    );
    stage
        .from_server
        .send(FromUpstream::Gone(fault))
        .await
        .unwrap();
    assert!(stage.hear_text().await.contains(r#""state":"closing""#));
    assert!(
        stage
            .hear_text()
            .await
            .contains(r#""code":"upstream_exited""#)
    );
    assert_eq!(
        stage.hear_close().await,
        (4502, "The MCP server `x` exited with code 3.".to_owned())
    );
    assert_eq!(stage.snapshot.borrow().state, SessionState::Closing);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_closes_with_service_restart() {
    let mut stage = stage(DialectName::Mcp, Limits::default(), 4);
    stage.end.send_replace(Some(shutting_down()));
    assert_eq!(stage.hear_close().await.0, 1012);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_over_the_limit_closes_with_1009() {
    let mut stage = stage(
        DialectName::Mcp,
        Limits {
            frame_bytes: 10,
            ..Limits::default()
        },
        4,
    );
    stage.say("01234567890").await;
    assert_eq!(stage.hear_close().await.0, 1009);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_in_which_nothing_passes_is_closed() {
    let limits = Limits {
        idle_timeout: Duration::from_secs(10),
        ..Limits::default()
    };
    let mut stage = stage(DialectName::Mcp, limits, 4);
    assert_eq!(stage.hear_close().await.0, 4408);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_life_does_whatever_passes() {
    let limits = Limits {
        idle_timeout: Duration::from_secs(10),
        session_life: Duration::from_secs(60),
        ..Limits::default()
    };
    let mut stage = stage(DialectName::Mcp, limits, 4);
    let opened = Instant::now();
    for _ in 0..11 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stage
            .say(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#)
            .await;
        // What waited for the server makes room.
        let _ = stage.at_server.try_recv();
    }
    assert_eq!(opened.elapsed().as_secs(), 55);
    assert_eq!(stage.hear_close().await.0, 4408);
    assert_eq!(opened.elapsed().as_secs(), 60);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_follows_the_session() {
    let mut stage = stage(DialectName::Studio, Limits::default(), 4);
    stage.refuse_probe().await;
    stage.serve(r#"{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}}"#).await;
    assert!(
        stage
            .hear_text()
            .await
            .starts_with(r#"{"type":"initialized""#)
    );
    let snapshot = stage.snapshot.borrow().clone();
    assert_eq!(snapshot.state, SessionState::Ready);
    assert_eq!(
        snapshot.greeting.unwrap().capabilities.get(),
        r#"{"tools":{}}"#
    );
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_at_the_probe_is_started_again() {
    let mut stage = stage(DialectName::Native, Limits::default(), 4);
    stage.at_server.recv().await.unwrap();
    let gone = Fault::new(FaultCode::UpstreamExited, "It did not know the probe.");
    stage
        .from_server
        .send(FromUpstream::Gone(gone))
        .await
        .unwrap();
    assert!(stage.hear_text().await.contains("starting"));
    assert!(stage.hear_text().await.contains(r#""state":"closing""#));
    assert!(stage.hear_text().await.contains("It was started again."));
    assert_eq!(stage.snapshot.borrow().restarts, 1);
    assert_eq!(stage.hear_close().await.0, 4502);
    stage.finish().await;
}
