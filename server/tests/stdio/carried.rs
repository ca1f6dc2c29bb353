//! What is carried to an MCP server and back.

use std::time::Duration;

use footbridge::config::Limits;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::EncodingErrors;
use footbridge_shared::params::StdioParams;

use super::FAMILY;
use super::all;
use super::assert_gone;
use super::command;
use super::connect;
use super::connect_with;
use super::limits;
use super::message;
use super::next_message;
use super::next_pids;
use super::python;
use super::text;
use super::texts;

#[tokio::test]
async fn messages_go_there_and_back_unchanged() {
    let mut upstream = connect(command("cat", &[])).await;
    let sent = text(
        r#"{"jsonrpc":"2.0","id":"é\n","method":"a","params":{"big":12345678901234567890.10}}"#,
    );
    upstream.sender.send(sent.clone()).await.unwrap();
    assert_eq!(next_message(&mut upstream).await, sent);
    upstream.stop().await;
}

#[tokio::test]
async fn ten_thousand_messages_each_way_pass_through_queues_of_one() {
    let limits = Limits {
        upstream_queue: 1,
        ..limits()
    };
    let mut upstream = connect_with(command("cat", &[]), &limits).await.unwrap();
    let sender = upstream.sender.clone();
    let send = async {
        for id in 0..10_000 {
            sender.send(message(id)).await.unwrap();
        }
    };
    let receive = async {
        for id in 0..10_000 {
            assert_eq!(next_message(&mut upstream).await, message(id));
        }
    };
    tokio::join!(send, receive);
    upstream.stop().await;
}

#[tokio::test]
async fn a_message_written_on_several_lines_is_sent_on_one() {
    let mut upstream = connect(command("cat", &[])).await;
    let pretty = "{\n  \"jsonrpc\": \"2.0\",\r\n  \"method\": \"a\"\n}";
    upstream.sender.send(text(pretty)).await.unwrap();
    let received = next_message(&mut upstream).await;
    assert_eq!(received.text(), pretty.replace(['\n', '\r'], " "));
    upstream.stop().await;
}

#[tokio::test]
async fn messages_are_found_between_banners_blank_lines_and_byte_order_marks() {
    let script = r#"
import sys
m = '{"jsonrpc":"2.0","id":%d,"method":"ping"}'
lines = ["\ufeff" + m % 1 + "\r\n", "\r\n", "\n", "Server ready!\n", m % 2 + "\n", "{\"a\":1}\n", "[%s,%s]\n" % (m % 3, m % 4), m % 5]
sys.stdout.buffer.write("".join(lines).encode())
"#;
    let (messages, lines, fault) = all(&mut connect(python(script)).await).await;
    assert_eq!(messages, (1..=5).map(message).collect::<Vec<_>>());
    assert_eq!(
        lines,
        [
            "stdout (not JSON-RPC): Server ready!",
            r#"stdout (not JSON-RPC): {"a":1}"#
        ]
    );
    assert_eq!(
        fault.message,
        "The MCP server `python3` exited with code 0."
    );
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_skipped_left_out_or_replaced() {
    let script = r#"
import sys
sys.stdout.buffer.write(b'{"jsonrpc":"2.0","method":"a\xffb"}\n{"jsonrpc":"2.0","method":"end"}\n')
"#;
    let end = r#"{"jsonrpc":"2.0","method":"end"}"#;
    for (encoding_errors, expected) in [
        (EncodingErrors::Strict, vec![end]),
        (
            EncodingErrors::Ignore,
            vec![r#"{"jsonrpc":"2.0","method":"ab"}"#, end],
        ),
        (
            EncodingErrors::Replace,
            vec!["{\"jsonrpc\":\"2.0\",\"method\":\"a\u{fffd}b\"}", end],
        ),
    ] {
        let params = StdioParams {
            encoding_errors,
            ..python(script)
        };
        let (messages, ..) = all(&mut connect(params).await).await;
        assert_eq!(texts(messages), expected);
    }
}

#[tokio::test]
async fn a_line_over_the_limit_ends_the_server() {
    let limits = Limits {
        upstream_message_bytes: 1000,
        ..limits()
    };
    let script =
        format!("{FAMILY}\nsys.stdout.write('x' * 100000)\nsys.stdout.flush()\ntime.sleep(1000)");
    let mut upstream = connect_with(python(&script), &limits).await.unwrap();
    let pids = next_pids(&mut upstream).await;
    let (messages, _, fault) = all(&mut upstream).await;
    assert!(messages.is_empty());
    assert_eq!(fault.code, FaultCode::UpstreamTooLarge);
    assert_gone(&pids, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_large_message_passes() {
    let mut upstream = connect(command("cat", &[])).await;
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":["{}"]}}"#,
        "x".repeat(8 << 20)
    );
    upstream.sender.send(text(&large)).await.unwrap();
    assert_eq!(next_message(&mut upstream).await.text().len(), large.len());
    upstream.stop().await;
}
