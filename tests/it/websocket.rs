//! Every frame is made by hand and written to the TCP connection, so that it can be wrong in any way there is.
//! The cases are numbered as in the Autobahn test suite where it has them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use footbridge_tests::Bridge;
use footbridge_tests::Echo;
use footbridge_tests::Speech;
use footbridge_tests::within;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FIN: u8 = 0x80;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The bytes a message may have in these tests, which is less than the default so that passing it is quick.
const FRAME_BYTES: usize = 100_000;
/// Frames over this are not read at all.
const HARD_LIMIT: usize = 4 * FRAME_BYTES;

/// A masked frame with its length in as few bytes as it needs.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(0x80 | u8::try_from(n).expect("a small number")),
        n @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(n).expect("two bytes").to_be_bytes());
        }
        n => {
            bytes.push(0x80 | 127);
            bytes.extend((n as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(masked(payload));
    bytes
}

fn masked(payload: &[u8]) -> impl Iterator<Item = u8> {
    payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b)
}

/// A text in one frame.
fn text(payload: &str) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_bytes())
}

/// A close frame with a code and a reason.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason);
    frame(FIN | CLOSE, &payload)
}

/// A call that is answered with its params.
fn echo(id: u64, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"fake/echo","params":"{params}"}}"#)
}

/// An echo of exactly this many bytes.
fn echo_of(id: u64, n_bytes: usize) -> String {
    let fill = n_bytes - echo(id, "").len();
    echo(id, &"*".repeat(fill))
}

/// A message in fragments of at most so many bytes.
fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunks = payload.chunks(size).enumerate().peekable();
    while let Some((index, chunk)) = chunks.next() {
        let opcode = if index == 0 { opcode } else { CONTINUATION };
        let fin = if chunks.peek().is_none() { FIN } else { 0 };
        bytes.extend(frame(fin | opcode, chunk));
    }
    bytes
}

/// What the bridge has sent.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Text(Value),
    Pong(Vec<u8>),
    /// Nothing where there is no code.
    Close(Option<u16>),
    /// The TCP connection was ended in order.
    End,
}

/// The TCP connection under a session.
struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    /// A session with a server that echoes, past `initialize`.
    async fn open(stage: &Stage) -> Self {
        let bridge = &stage.bridge;
        let (_, url) = bridge.connect(stage.echo.params()).await;
        let mut stream = TcpStream::connect(bridge.address())
            .await
            .expect("the bridge listens");
        let host = bridge.address();
        let key = STANDARD.encode([7; 16]);
        let head = format!(
            "GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: mcp\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("a request");
        let mut wire = Self {
            stream,
            unread: Vec::new(),
        };
        let end = loop {
            let end = wire.unread.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            assert!(wire.more().await, "the head ends");
        };
        let head = String::from_utf8(wire.unread.drain(..end).collect()).expect("ASCII");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        let hello =
            json!({ "jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": params });
        wire.send(&text(&hello.to_string())).await;
        wire.answer(&json!("hello")).await;
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        wire.send(&text(&ready.to_string())).await;
        wire
    }

    async fn send(&mut self, bytes: &[u8]) {
        within("the bridge to read", self.stream.write_all(bytes))
            .await
            .expect("the connection is open");
    }

    /// Reads what there is; false at the end.
    async fn more(&mut self) -> bool {
        let n = within("bytes", self.stream.read_buf(&mut self.unread))
            .await
            .expect("the connection is not reset");
        n > 0
    }

    /// The next frame, checked for what a server's frame has to be.
    async fn hear(&mut self) -> Heard {
        loop {
            if let Some((first, payload)) = self.take_frame() {
                assert_eq!(first & 0x70, 0, "no extension was agreed upon");
                assert_eq!(first & FIN, FIN, "the bridge does not send fragments");
                match first & 0xf {
                    TEXT => {
                        let value = serde_json::from_slice(&payload).expect("JSON");
                        return Heard::Text(value);
                    }
                    PONG => return Heard::Pong(payload),
                    PING => {
                        self.send(&frame(FIN | PONG, &payload)).await;
                    }
                    CLOSE => {
                        assert_ne!(payload.len(), 1);
                        let reason = payload.get(2..).unwrap_or_default();
                        assert!(std::str::from_utf8(reason).is_ok());
                        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                        return Heard::Close(code);
                    }
                    opcode => panic!("the bridge sent a frame of type {opcode}"),
                }
            } else if !self.more().await {
                assert!(self.unread.is_empty(), "the last frame is whole");
                return Heard::End;
            }
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, rest) = self.unread.split_first()?;
        let (&length, rest) = rest.split_first()?;
        assert_eq!(length & 0x80, 0, "a server does not mask");
        let (n_bytes, rest) = match length {
            126 => {
                let (n_bytes, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*n_bytes)), rest)
            }
            127 => {
                let (n_bytes, rest) = rest.split_first_chunk()?;
                let n_bytes = u64::from_be_bytes(*n_bytes);
                (usize::try_from(n_bytes).expect("a length"), rest)
            }
            n_bytes => (usize::from(n_bytes), rest),
        };
        let payload = rest.get(..n_bytes)?.to_vec();
        let head = self.unread.len() - rest.len();
        self.unread.drain(..head + n_bytes);
        Some((first, payload))
    }

    /// The answer to a call; notifications on the way are passed over.
    async fn answer(&mut self, id: &Value) -> Value {
        loop {
            match self.hear().await {
                Heard::Text(value) if value["id"] == *id => return value,
                Heard::Text(_) => {}
                other @ (Heard::Pong(_) | Heard::Close(_) | Heard::End) => {
                    panic!("{other:?} instead of the answer to {id}")
                }
            }
        }
    }

    /// What is sent until the bridge closes, without texts; the last two are its close frame and the end.
    async fn last_words(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            match self.hear().await {
                Heard::Text(_) => {}
                Heard::End => {
                    heard.push(Heard::End);
                    return heard;
                }
                other @ (Heard::Pong(_) | Heard::Close(_)) => heard.push(other),
            }
        }
    }

    /// Says goodbye, and is answered in order.
    async fn part(&mut self, name: &str) {
        self.send(&close(1000, b"done")).await;
        let heard = self.last_words().await;
        assert_eq!(heard, [Heard::Close(Some(1000)), Heard::End], "{name}");
    }
}

/// What the cases of one test share: a session is opened for each of them.
struct Stage {
    bridge: Bridge,
    echo: Echo,
}

impl Stage {
    async fn new() -> Self {
        Self {
            bridge: Bridge::configured(&format!("[limits]\nframe_bytes = {FRAME_BYTES}")).await,
            echo: Echo::start(Speech::Json).await,
        }
    }
}

/// Several chunks that arrive one after the other, and what is answered to the echo with the id 1.
async fn is_served(stage: &Stage, name: &str, chunks: &[Vec<u8>], message: &str) {
    let mut wire = Wire::open(stage).await;
    for chunk in chunks {
        wire.send(chunk).await;
    }
    let asked: Value = serde_json::from_str(message).expect("JSON");
    let mut heard = wire.hear().await;
    while matches!(heard, Heard::Pong(_)) {
        heard = wire.hear().await;
    }
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": asked["params"] });
    assert!(heard == Heard::Text(answer), "{name}");
    wire.part(name).await;
}

/// Chunks that end the connection, and the code it is closed with.
async fn is_failed(stage: &Stage, name: &str, chunks: &[Vec<u8>], code: u16) {
    let mut wire = Wire::open(stage).await;
    for chunk in chunks {
        wire.send(chunk).await;
    }
    let heard = wire.last_words().await;
    let end = &heard[heard.len().saturating_sub(2)..];
    assert_eq!(end, [Heard::Close(Some(code)), Heard::End], "{name}");
}

/// Whether the bridge still takes sessions.
async fn lives(stage: &Stage) {
    assert_eq!(stage.bridge.get("/health/live").await.0, 200);
    let mut wire = Wire::open(stage).await;
    wire.part("the last session").await;
}

#[tokio::test]
async fn a_message_of_every_length_is_answered_and_the_close_is_returned() {
    let stage = Stage::new().await;
    for n_bytes in [80, 125, 126, 127, 128, 65_535, 65_536, FRAME_BYTES] {
        let message = echo_of(1, n_bytes);
        let name = format!("1.1 {n_bytes} bytes of text");
        is_served(&stage, &name, &[text(&message)], &message).await;
        let name = format!("1.2 {n_bytes} bytes as binary");
        let binary = frame(FIN | BINARY, message.as_bytes());
        is_served(&stage, &name, &[binary], &message).await;
    }
    let message = echo_of(1, 300);
    let bytes: Vec<Vec<u8>> = text(&message).iter().map(|&byte| vec![byte]).collect();
    is_served(&stage, "1.1.7 byte by byte", &bytes, &message).await;
    let message = echo(
        1,
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-\u{10ffff}",
    );
    is_served(
        &stage,
        "6.2 characters of every length",
        &[text(&message)],
        &message,
    )
    .await;
    lives(&stage).await;
}

#[tokio::test]
async fn a_length_that_is_too_much_is_answered_with_1009_and_never_waited_for() {
    let stage = Stage::new().await;
    for n_bytes in [
        HARD_LIMIT as u64 + 1,
        u64::from(u32::MAX),
        1 << 62,
        1 << 63,
        u64::MAX,
    ] {
        let mut head = vec![FIN | TEXT, 0x80 | 127];
        head.extend(n_bytes.to_be_bytes());
        head.extend(MASK);
        is_failed(&stage, &format!("{n_bytes} bytes"), &[head], 1009).await;
    }
    let whole = text(&echo_of(1, FRAME_BYTES + 1));
    is_failed(&stage, "one byte too many", &[whole], 1009).await;
    let parts = fragments(TEXT, echo_of(1, FRAME_BYTES + 1).as_bytes(), 1000);
    is_failed(&stage, "one byte too many in fragments", &[parts], 1009).await;
    let parts = fragments(TEXT, &vec![b'x'; HARD_LIMIT + 1], HARD_LIMIT / 8);
    is_failed(&stage, "far too many in fragments", &[parts], 1009).await;
    lives(&stage).await;
}

#[tokio::test]
async fn pings_are_answered_with_what_they_carry() {
    let stage = Stage::new().await;
    for (name, payload) in [
        ("2.1 without payload", Vec::new()),
        ("2.2 a text", b"Hello, world!".to_vec()),
        ("2.3 any bytes", vec![0, 255, 254, 253, 252, 251, 0, 255]),
        ("2.4 as long as may be", vec![254; 125]),
    ] {
        let mut wire = Wire::open(&stage).await;
        wire.send(&frame(FIN | PING, &payload)).await;
        assert_eq!(wire.hear().await, Heard::Pong(payload), "{name}");
        wire.part(name).await;
    }
    let long = frame(FIN | PING, &[254; 126]);
    is_failed(&stage, "2.5 one byte too long", &[long], 1002).await;
    let message = echo(1, "after pongs");
    for (name, pong) in [
        ("2.7 a pong nobody asked for", Vec::new()),
        ("2.8 one with a payload", b"unsolicited".to_vec()),
    ] {
        let chunks = [frame(FIN | PONG, &pong), text(&message)];
        is_served(&stage, name, &chunks, &message).await;
    }

    // RFC 6455, 5.5.3: of several pings only the last need be answered.
    let mut wire = Wire::open(&stage).await;
    let pings: Vec<Vec<u8>> = (0..10_u8).map(|n| frame(FIN | PING, &[n])).collect();
    wire.send(&pings.concat()).await;
    let mut last = None;
    while last != Some(9) {
        let Heard::Pong(payload) = wire.hear().await else {
            panic!("2.10 a pong");
        };
        assert_eq!(payload.len(), 1);
        assert!(last < Some(payload[0]), "2.10 in order");
        last = Some(payload[0]);
    }
    wire.part("2.10 ten at once").await;
    lives(&stage).await;
}

#[tokio::test]
async fn frames_that_nothing_was_agreed_about_end_the_session_with_1002() {
    let stage = Stage::new().await;
    let message = echo(1, "x");
    for reserved in 1..=7_u8 {
        for opcode in [TEXT, CLOSE, PING] {
            let bad = frame(FIN | (reserved << 4) | opcode, b"");
            let name = format!("3.{reserved} reserved bits {reserved:03b} on type {opcode}");
            is_failed(&stage, &name, &[bad], 1002).await;
        }
    }
    for opcode in (3..=7).chain(0xB..=0xF) {
        for payload in [&b""[..], b"payload"] {
            let name = format!("4 type {opcode} with {} bytes", payload.len());
            let chunks = [text(&message), frame(FIN | opcode, payload)];
            is_failed(&stage, &name, &chunks, 1002).await;
        }
    }
    let mut unmasked = vec![FIN | TEXT, u8::try_from(message.len()).expect("short")];
    unmasked.extend(message.as_bytes());
    is_failed(&stage, "an unmasked frame", &[unmasked], 1002).await;
    is_failed(&stage, "an unmasked close", &[vec![FIN | CLOSE, 0]], 1002).await;
    lives(&stage).await;
}

#[tokio::test]
async fn fragments_become_the_message_they_are_of() {
    let stage = Stage::new().await;
    let message = echo(1, "in parts: \u{20ac} and \u{1f600}");
    let bytes = message.as_bytes();
    let ping = frame(FIN | PING, b"between");
    let pong = frame(FIN | PONG, b"between");
    let half = bytes.len() / 2;
    let first = frame(TEXT, &bytes[..half]);
    let last = frame(FIN | CONTINUATION, &bytes[half..]);
    let nothing = frame(CONTINUATION, b"");
    let tiny: Vec<Vec<u8>> = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| frame(if at == 0 { TEXT } else { CONTINUATION }, &[*byte]))
        .collect();
    let end = frame(FIN | CONTINUATION, b"");
    let mut with_pings: Vec<Vec<u8>> = tiny
        .iter()
        .flat_map(|part| [part.clone(), ping.clone()])
        .collect();
    with_pings.push(end.clone());
    let binary = fragments(BINARY, bytes, 7);
    let many = echo_of(1, 20_000);
    let cases = [
        (
            "5.3 two in one write",
            vec![[first.clone(), last.clone()].concat()],
        ),
        ("5.4 two in two writes", vec![first.clone(), last.clone()]),
        (
            "5.6 a ping between them",
            vec![first.clone(), ping.clone(), last.clone()],
        ),
        (
            "5.7 a pong between them",
            vec![first.clone(), pong, last.clone()],
        ),
        (
            "6.1 empty ones between them",
            vec![first, nothing.clone(), nothing, last],
        ),
        ("6.2 bytes", [tiny, vec![end]].concat()),
        (
            "5.19 bytes with a ping after each",
            vec![with_pings.concat()],
        ),
        ("5 binary ones", vec![binary]),
    ];
    for (name, chunks) in cases {
        is_served(&stage, name, &chunks, &message).await;
    }
    let tiny = fragments(TEXT, many.as_bytes(), 1);
    is_served(&stage, "9 twenty thousand tiny ones", &[tiny], &many).await;
    let large = echo_of(1, 65_536);
    let parts = fragments(TEXT, large.as_bytes(), 1300);
    is_served(&stage, "10.1 parts of 1300 bytes", &[parts], &large).await;
    lives(&stage).await;
}

#[tokio::test]
async fn fragments_out_of_order_end_the_session_with_1002() {
    let stage = Stage::new().await;
    let message = echo(1, "x");
    let start = frame(TEXT, b"{");
    for (name, chunks) in [
        ("5.1 a ping in fragments", vec![frame(PING, b"a")]),
        ("5.2 a pong in fragments", vec![frame(PONG, b"a")]),
        ("7 a close in fragments", vec![frame(CLOSE, &[3, 232])]),
        (
            "5.9 an end without a start",
            vec![frame(FIN | CONTINUATION, b"a")],
        ),
        (
            "5.12 a middle without a start",
            vec![frame(CONTINUATION, b"a")],
        ),
        (
            "5.15 one after the end",
            vec![text(&message), frame(FIN | CONTINUATION, b"a")],
        ),
        (
            "5.18 a second start",
            vec![start.clone(), frame(TEXT, b"a")],
        ),
        (
            "5.18 a whole text before the end",
            vec![start.clone(), text(&message)],
        ),
        (
            "5.18 a whole binary before the end",
            vec![start, frame(FIN | BINARY, b"a")],
        ),
    ] {
        is_failed(&stage, name, &chunks, 1002).await;
    }
    lives(&stage).await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_ends_the_session_with_1007_as_soon_as_it_is_seen() {
    let stage = Stage::new().await;
    for (name, bad) in [
        ("6.6 a character cut short", &b"\xce\xba\xe1\xbd"[..]),
        ("6.8 too many bytes", b"\xf8\x88\x80\x80\x80"),
        ("6.10 too large", b"\xf7\xbf\xbf\xbf"),
        ("6.12 a continuation alone", b"\x80"),
        ("6.14 a start alone", b"\xc0 "),
        ("6.16 cut by a letter", b"\xe2\x82a"),
        ("6.17 impossible bytes", b"\xfe\xff"),
        ("6.18 overlong in two", b"\xc0\xaf"),
        ("6.18 overlong in three", b"\xe0\x80\xaf"),
        ("6.18 overlong in four", b"\xf0\x80\x80\xaf"),
        ("6.19 the longest overlong", b"\xe0\x9f\xbf"),
        ("6.20 overlong nothing", b"\xc0\x80"),
        ("6.21 a surrogate", b"\xed\xa0\x80"),
        ("6.21 the last surrogate", b"\xed\xbf\xbf"),
        ("6.21 a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"),
        ("6.22 above the last character", b"\xf4\x90\x80\x80"),
    ] {
        let whole = frame(FIN | TEXT, bad);
        is_failed(&stage, name, &[whole], 1007).await;
        let name = format!("{name}, in fragments");
        let parts = fragments(TEXT, bad, 1);
        is_failed(&stage, &name, &[parts], 1007).await;
    }
    // Nothing that may still come makes it good, so nothing more is waited for.
    let begun = frame(TEXT, b"\xf4\x90");
    is_failed(&stage, "6.4 before the end", &[begun], 1007).await;

    let mut wire = Wire::open(&stage).await;
    wire.send(&frame(FIN | BINARY, b"\xff\xfe")).await;
    let Heard::Text(error) = wire.hear().await else {
        panic!("an answer");
    };
    assert!(error["error"].is_object(), "{error}");
    let message = echo(1, "still here");
    wire.send(&text(&message)).await;
    wire.answer(&json!(1)).await;
    wire.part("binary that is no text").await;
    lives(&stage).await;
}

#[tokio::test]
async fn a_close_is_answered_with_its_code_or_with_1002_when_no_peer_may_send_it() {
    let stage = Stage::new().await;
    let returned = |code| vec![Heard::Close(code), Heard::End];
    let mut cases = vec![
        (
            "7.3.1 without code".to_owned(),
            frame(FIN | CLOSE, b""),
            None,
        ),
        (
            "7.3.2 with half a code".to_owned(),
            frame(FIN | CLOSE, b"\x03"),
            Some(1002),
        ),
        (
            "7.3.5 with the longest reason".to_owned(),
            close(1000, &[b'*'; 123]),
            Some(1000),
        ),
        (
            "7.3.6 with one too long".to_owned(),
            close(1000, &[b'*'; 124]),
            Some(1002),
        ),
        (
            "7.5.1 with a reason that is not UTF-8".to_owned(),
            close(1000, b"\xed\xa0\x80"),
            Some(1007),
        ),
    ];
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        cases.push((format!("7.7 {code}"), close(code, b"why"), Some(code)));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        cases.push((format!("7.9 {code}"), close(code, b""), Some(1002)));
    }
    for (name, sent, code) in cases {
        let mut wire = Wire::open(&stage).await;
        wire.send(&sent).await;
        assert_eq!(wire.last_words().await, returned(code), "{name}");
    }
    let message = text(&echo(1, "too late"));
    let ping = frame(FIN | PING, b"too late");
    for (name, late) in [
        ("7.1.2 a second close", close(1000, b"")),
        ("7.1.3 a ping after it", ping),
        ("7.1.4 a text after it", message),
        ("7.1.6 much after it", text(&echo_of(2, FRAME_BYTES))),
    ] {
        let mut wire = Wire::open(&stage).await;
        wire.send(&[close(1001, b""), late].concat()).await;
        assert_eq!(wire.last_words().await, returned(Some(1001)), "{name}");
    }
    let mut wire = Wire::open(&stage).await;
    let begun = frame(TEXT, b"{");
    wire.send(&[begun, close(1000, b"")].concat()).await;
    assert_eq!(
        wire.last_words().await,
        returned(Some(1000)),
        "7.1.5 within a message"
    );
    lives(&stage).await;
}

#[tokio::test]
async fn much_after_a_bad_frame_does_not_lose_the_reason() {
    let stage = Stage::new().await;
    let flood = vec![b'x'; 4 * 1024 * 1024];
    for (name, bad, code) in [
        ("a reserved type", frame(FIN | 3, b""), 1002),
        ("no UTF-8", frame(FIN | TEXT, b"\xff"), 1007),
        (
            "a frame too large",
            frame(FIN | TEXT, &vec![b'x'; HARD_LIMIT + 1]),
            1009,
        ),
    ] {
        let mut wire = Wire::open(&stage).await;
        // The bridge may stop reading before it has taken all of it.
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            wire.stream.write_all(&bad).await?;
            wire.stream.write_all(&flood).await
        })
        .await;
        let mut heard = wire.hear().await;
        while matches!(heard, Heard::Text(_)) {
            heard = wire.hear().await;
        }
        assert_eq!(heard, Heard::Close(Some(code)), "{name}");
    }
    lives(&stage).await;
}
