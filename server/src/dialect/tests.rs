//! Transcripts per dialect: what the browser writes and what the bridge says, in; frames and messages, out.

use chrono::TimeZone;
use footbridge_shared::fault::FaultCode;

use super::*;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 14, 3, 6).unwrap()
}

const NOW: &str = "2026-11-23T14:03:06.000000+00:00";

fn greeting() -> Arc<Greeting> {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    Arc::new(Greeting {
        capabilities: raw(r#"{"tools":{"x":1E5}}"#),
        server_info: Some(raw(r#"{"name":"s","version":"1"}"#)),
        instructions: Some(raw("\"use it\"")),
        protocol_version: "2025-11-25".to_owned(),
        era: Era::Legacy,
        result: raw("{}"),
    })
}

fn fault() -> Failure {
    let report = footbridge_shared::fault::UpstreamReport {
        exit_code: Some(3),
        stderr: "no key".to_owned(),
        ..Default::default()
    };
    Failure {
        fault: Fault::new(
            FaultCode::UpstreamExited,
            "The MCP server `x` exited with code 3.",
        )
        .data(report),
        during_handshake: true,
    }
}

/// `> text` is a frame of the browser, `< text` a message of the MCP server; the rest are words of the bridge.
fn check(name: DialectName, input: &str, expected: &str) {
    let mut dialect = Dialect::new(name, "sid", Transport::Stdio);
    let mut seen = Vec::new();
    for line in input.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut turn = Turn::default();
        match line.split_once(' ').unwrap_or((line, "")) {
            (">", text) => dialect.decode(text.to_owned(), now(), &mut turn),
            ("<", text) => dialect.encode(
                Outbound::Message(Message::parse(text).unwrap()),
                now(),
                &mut turn,
            ),
            ("initialized", _) => {
                dialect.encode(Outbound::Initialized(greeting()), now(), &mut turn)
            }
            ("starting", _) => {
                dialect.encode(Outbound::State(SessionState::Starting), now(), &mut turn)
            }
            ("stderr", text) => dialect.encode(Outbound::Stderr(text.to_owned()), now(), &mut turn),
            ("withdrawn", id) => dialect.encode(
                Outbound::Withdrawn(Id::from_json(id).unwrap()),
                now(),
                &mut turn,
            ),
            ("resumable", _) => dialect.encode(Outbound::Resumable(way_back()), now(), &mut turn),
            ("resumed", recovered) => {
                let outbound = Outbound::Resumed {
                    recovered: recovered == "true",
                    received: 7,
                    way_back: way_back(),
                };
                dialect.encode(outbound, now(), &mut turn);
            }
            ("ack", received) => {
                dialect.encode(Outbound::Ack(received.parse().unwrap()), now(), &mut turn);
            }
            ("draining", _) => dialect.encode(Outbound::Draining, now(), &mut turn),
            ("failed", _) => dialect.encode(Outbound::Failed(fault()), now(), &mut turn),
            (other, _) => panic!("unknown line {other}"),
        }
        seen.extend(turn.inbound.iter().map(|inbound| match inbound {
            Inbound::Message(message) => format!("means {}", message.text()),
            Inbound::Stderr(wanted) => format!("means stderr {wanted}"),
            Inbound::Resumable => "means resumable".to_owned(),
        }));
        let plain = turn.unnumbered.iter();
        seen.extend(plain.map(|frame| format!("plain {}", frame.replace(NOW, "T"))));
        seen.extend(turn.to_browser.iter().map(|frame| frame.replace(NOW, "T")));
    }
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(seen, expected, "\n{}\n", seen.join("\n"));
}

#[test]
fn mcp_has_json_rpc_and_nothing_else() {
    check(
        DialectName::Mcp,
        r#"
        starting
        initialized
        > {"jsonrpc":"2.0","id":1,"method":"initialize"}
        > [{"jsonrpc":"2.0","id":2,"method":"a"},{"jsonrpc":"2.0","method":"b"},{"id":3}]
        > {"type":"ping"}
        > {
        > []
        > {"jsonrpc":"2.0","id":4,"method":5}
        < {"jsonrpc":"2.0","id":1,"result":{ "x":1 }}
        stderr x
        draining
        failed
        "#,
        r#"
        means {"jsonrpc":"2.0","id":1,"method":"initialize"}
        means {"jsonrpc":"2.0","id":2,"method":"a"}
        means {"jsonrpc":"2.0","method":"b"}
        {"jsonrpc":"2.0","id":3,"error":{"code":-32600,"data":{"code":"frame_malformed","source":"bridge"},"message":"\"jsonrpc\" must be \"2.0\""}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"data":{"code":"frame_malformed","source":"bridge"},"message":"\"jsonrpc\" must be \"2.0\""}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"data":{"code":"frame_malformed","source":"bridge"},"message":"the frame is not JSON"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"data":{"code":"frame_malformed","source":"bridge"},"message":"a message must be a JSON object"}}
        {"jsonrpc":"2.0","id":4,"error":{"code":-32600,"data":{"code":"frame_malformed","source":"bridge"},"message":"the message has a member of the wrong type, or the same member twice"}}
        {"jsonrpc":"2.0","id":1,"result":{ "x":1 }}
        "#,
    );
}

#[test]
fn native_has_control_frames_beside_json_rpc() {
    check(
        DialectName::Native,
        r#"
        starting
        initialized
        > {"type":"stderr","enabled":true}
        > {"type":"ping"}
        > {"jsonrpc":"2.0","id":1,"method":"a"}
        > {"type":"who knows"}
        > {"type":"resumable"}
        > {"type":"ack","received":3}
        resumable
        ack 5
        resumed true
        stderr line
        draining
        failed
        "#,
        r#"
        {"type":"state","state":"starting","session_id":"sid","timestamp":"T"}
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","era":"legacy","instructions":"use it","transport":"stdio","timestamp":"T"}
        means stderr true
        plain {"type":"pong","timestamp":"T"}
        means {"jsonrpc":"2.0","id":1,"method":"a"}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"data":{"code":"frame_malformed","source":"bridge"},"message":"\"jsonrpc\" must be \"2.0\""}}
        means resumable
        plain {"type":"resumable","token":"t0ken","window_ms":1500,"timestamp":"T"}
        plain {"type":"ack","received":5}
        plain {"type":"resumed","recovered":true,"received":7,"token":"t0ken","window_ms":1500,"timestamp":"T"}
        {"type":"stderr","line":"line","timestamp":"T"}
        {"type":"draining","timestamp":"T"}
        plain {"type":"error","error":"The MCP server `x` exited with code 3.","code":"upstream_exited","side":"upstream","data":{"exit_code":3,"stderr":"no key"},"timestamp":"T"}
        "#,
    );
}

fn way_back() -> WayBack {
    WayBack {
        token: Secret::new("t0ken"),
        window: Duration::from_millis(1500),
    }
}

#[test]
fn only_what_is_about_the_socket_has_no_number() {
    for (text, expected) in [
        (r#"{"type":"ack","received":7}"#, Kind::Ack(7)),
        (r#" { "received" : 0, "type" : "ack" } "#, Kind::Ack(0)),
        (r#"{"type":"resumable"}"#, Kind::Resumable),
        (r#"{"type":"ping"}"#, Kind::Unnumbered),
        (r#"{"type":"stderr","enabled":true}"#, Kind::Numbered),
        (r#"{"type":"ack","received":-1}"#, Kind::Numbered),
        (r#"{"type":"ack"}"#, Kind::Numbered),
        (r#"{"type":"unknown"}"#, Kind::Numbered),
        ("no JSON", Kind::Numbered),
        (r#"{"jsonrpc":"2.0","method":"ping"}"#, Kind::Numbered),
        // With a member `jsonrpc` it is MCP, whatever else it has.
        (
            r#"{"type":"ack","received":7,"jsonrpc":"2.0"}"#,
            Kind::Numbered,
        ),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
}

#[test]
fn studio_says_initialized_before_anything_else() {
    check(
        DialectName::Studio,
        r#"
        starting
        > {"type":"ping"}
        < {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}
        initialized
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        {"timestamp":"T","type":"pong"}
        {"type":"mcp_activity","activity_type":"protocol","message":"MCP notifications/tools/list_changed","details":{"message_type":"ServerNotification","method":"notifications/tools/list_changed","params":{},"content":{"method":"notifications/tools/list_changed","params":{},"jsonrpc":"2.0"}},"session_id":"sid","timestamp":"T"}
        "#,
    );
}

#[test]
fn studio_operations_become_requests_and_their_answers_results() {
    check(
        DialectName::Studio,
        r#"
        initialized
        > {"type":"operation","operation":"call_tool","tool_name":"add \"x\"","arguments":{"a":1e2},"id":7}
        > {"type":"operation","operation":"read_resource","uri":"a://b"}
        > {"type":"operation","operation":"get_prompt","name":"p"}
        < {"jsonrpc":"2.0","id":"footbridge/operation/3","error":{"code":-32602,"message":"Prompt p not found"}}
        < {"jsonrpc":"2.0","id":"footbridge/operation/1","result":{"content":[],"n":1.50}}
        < {"jsonrpc":"2.0","id":"footbridge/operation/2","result":{"contents":[]}}
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        means {"jsonrpc":"2.0","id":"footbridge/operation/1","method":"tools/call","params":{"name":"add \"x\"","arguments":{"a":1e2}}}
        means {"jsonrpc":"2.0","id":"footbridge/operation/2","method":"resources/read","params":{"uri":"a://b"}}
        means {"jsonrpc":"2.0","id":"footbridge/operation/3","method":"prompts/get","params":{"name":"p","arguments":{}}}
        {"error":"Prompt p not found","operation":"get_prompt","timestamp":"T","type":"operation_error"}
        {"type":"operation_result","operation":"call_tool","data":{"tool_name":"add \"x\"","result":{"content":[],"n":1.50}},"id":7,"timestamp":"T"}
        {"type":"operation_result","operation":"read_resource","data":{"contents":[]},"timestamp":"T"}
        "#,
    );
}

#[test]
fn studio_lists_are_complete() {
    check(
        DialectName::Studio,
        r#"
        initialized
        > {"type":"operation","operation":"list_tools"}
        < {"jsonrpc":"2.0","id":"footbridge/operation/1","result":{"tools":[{"name":"a"}],"nextCursor":"c\"1"}}
        < {"jsonrpc":"2.0","id":"footbridge/operation/2","result":{"tools":[],"nextCursor":""}}
        < {"jsonrpc":"2.0","id":"footbridge/operation/3","result":{"_meta":{},"tools":[{"name":"b"}]}}
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        means {"jsonrpc":"2.0","id":"footbridge/operation/1","method":"tools/list"}
        means {"jsonrpc":"2.0","id":"footbridge/operation/2","method":"tools/list","params":{"cursor":"c\"1"}}
        means {"jsonrpc":"2.0","id":"footbridge/operation/3","method":"tools/list","params":{"cursor":""}}
        {"type":"operation_result","operation":"list_tools","data":{"tools":[{"name":"a"},{"name":"b"}],"_meta":{}},"timestamp":"T"}
        "#,
    );
}

#[test]
fn studio_answers_what_it_does_not_understand_and_goes_on() {
    check(
        DialectName::Studio,
        r#"
        initialized
        > {"type":"unknown_type"}
        > {}
        > invalid json {
        > [1, 2]
        > {"type":"operation","operation":"unknown_op"}
        > {"type":"operation"}
        > {"type":"operation","operation":"call_tool"}
        > {"type":"operation","operation":"read_resource","uri":""}
        > {"type":"operation","operation":"get_prompt","arguments":{}}
        > {"type":"elicitation_response","action":"accept"}
        > {"type":"elicitation_response","request_id":"nope","action":"accept"}
        > {"type":"ping"}
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        {"error":"Unknown message type: unknown_type","timestamp":"T","type":"error"}
        {"error":"Unknown message type: None","timestamp":"T","type":"error"}
        {"error":"Invalid message format","timestamp":"T","type":"error"}
        {"error":"Invalid message format: a frame must be a JSON object","timestamp":"T","type":"error"}
        {"error":"Unknown operation: unknown_op","operation":"unknown_op","timestamp":"T","type":"operation_error"}
        {"error":"Unknown operation: None","operation":"unknown","timestamp":"T","type":"operation_error"}
        {"error":"Tool name is required","operation":"call_tool","timestamp":"T","type":"operation_error"}
        {"error":"Resource URI is required","operation":"read_resource","timestamp":"T","type":"operation_error"}
        {"error":"Prompt name is required","operation":"get_prompt","timestamp":"T","type":"operation_error"}
        {"error":"Missing request_id in elicitation response","timestamp":"T","type":"error"}
        {"error":"Unknown elicitation request_id: nope","timestamp":"T","type":"operation_error"}
        {"timestamp":"T","type":"pong"}
        "#,
    );
}

#[test]
fn studio_carries_an_elicitation_to_the_page_and_its_answer_back() {
    check(
        DialectName::Studio,
        r#"
        initialized
        > {"type":"ping"}
        < {"jsonrpc":"2.0","id":4,"method":"elicitation/create","params":{"message":"Name?","requestedSchema":{"type":"object"}}}
        > {"type":"elicitation_response","request_id":"elicitation-1","action":"maybe"}
        > {"type":"elicitation_response","request_id":"elicitation-1","action":"accept","data":{"name":"Ada","n":1.0}}
        < {"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"message":"Again?"}}
        withdrawn 5
        > {"type":"elicitation_response","request_id":"elicitation-2","action":"cancel"}
        < {"jsonrpc":"2.0","id":6,"method":"roots/list"}
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        {"timestamp":"T","type":"pong"}
        {"type":"mcp_activity","activity_type":"elicitation","message":"Tool requesting user input: Name?","details":{"context":"Tool is requesting additional information from user","message":"Name?","request_id":"elicitation-1","requestedSchema":{"type":"object"}},"session_id":"sid","timestamp":"T"}
        {"message":"Name?","request_id":"elicitation-1","requestedSchema":{"type":"object"},"session_id":"sid","timestamp":"T","type":"elicitation_request"}
        {"error":"The action of an elicitation response must be \"accept\", \"decline\" or \"cancel\"","request_id":"elicitation-1","timestamp":"T","type":"operation_error"}
        means {"jsonrpc":"2.0","id":4,"result":{"action":"accept","content":{"name":"Ada","n":1.0}}}
        {"type":"mcp_activity","activity_type":"elicitation","message":"User responded to elicitation request","details":{"request_id":"elicitation-1","response":{"action":"accept","content":{"n":1.0,"name":"Ada"}},"status":"completed"},"session_id":"sid","timestamp":"T"}
        {"type":"mcp_activity","activity_type":"elicitation","message":"Tool requesting user input: Again?","details":{"context":"Tool is requesting additional information from user","message":"Again?","request_id":"elicitation-2","requestedSchema":null},"session_id":"sid","timestamp":"T"}
        {"message":"Again?","request_id":"elicitation-2","session_id":"sid","timestamp":"T","type":"elicitation_request"}
        {"type":"mcp_activity","activity_type":"error","message":"The elicitation request was not answered in time","details":{"request_id":"elicitation-2","status":"timeout"},"session_id":"sid","timestamp":"T"}
        {"error":"Unknown elicitation request_id: elicitation-2","timestamp":"T","type":"operation_error"}
        means {"jsonrpc":"2.0","id":6,"error":{"code":-32601,"message":"roots/list has no word in AutoGen Studio's envelope"}}
        "#,
    );
}

#[test]
fn studio_asks_the_page_for_sampling_and_never_invents_an_answer() {
    check(
        DialectName::Studio,
        r#"
        initialized
        > {"type":"ping"}
        < {"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[{}],"maxTokens":5}}
        > {"type":"sampling_response","request_id":"sampling-1"}
        > {"type":"sampling_response","request_id":"sampling-1","result":{"role":"assistant","model":"m"}}
        < {"jsonrpc":"2.0","id":2,"method":"sampling/createMessage","params":{"messages":[]}}
        > {"type":"sampling_response","request_id":"sampling-2","error":"User rejected"}
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        {"timestamp":"T","type":"pong"}
        {"type":"mcp_activity","activity_type":"sampling","message":"Tool requested AI sampling for 1 message(s)","details":{"context":"Tool is requesting AI to generate a response","params":{"maxTokens":5,"messages":[{}]},"request_id":"sampling-1"},"session_id":"sid","timestamp":"T"}
        {"params":{"maxTokens":5,"messages":[{}]},"request_id":"sampling-1","session_id":"sid","timestamp":"T","type":"sampling_request"}
        {"error":"A sampling response needs a \"result\" object, or an \"error\" text to refuse","request_id":"sampling-1","timestamp":"T","type":"operation_error"}
        means {"jsonrpc":"2.0","id":1,"result":{"role":"assistant","model":"m"}}
        {"type":"mcp_activity","activity_type":"sampling","message":"Browser responded to sampling request","details":{"request_id":"sampling-1","response":{"model":"m","role":"assistant"},"status":"completed"},"session_id":"sid","timestamp":"T"}
        {"type":"mcp_activity","activity_type":"sampling","message":"Tool requested AI sampling for 0 message(s)","details":{"context":"Tool is requesting AI to generate a response","params":{"messages":[]},"request_id":"sampling-2"},"session_id":"sid","timestamp":"T"}
        {"params":{"messages":[]},"request_id":"sampling-2","session_id":"sid","timestamp":"T","type":"sampling_request"}
        means {"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"User rejected"}}
        {"type":"mcp_activity","activity_type":"sampling","message":"Browser responded to sampling request","details":{"request_id":"sampling-2","response":{"code":-1,"message":"User rejected"},"status":"completed"},"session_id":"sid","timestamp":"T"}
        "#,
    );
}

#[test]
fn studio_speaks_json_rpc_to_a_browser_that_does() {
    check(
        DialectName::Studio,
        r#"
        initialized
        < {"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}
        > {"jsonrpc":"2.0","id":1,"method":"tools/list"}
        < {"jsonrpc":"2.0","id":1,"result":{"tools":[]}}
        < {"jsonrpc":"2.0","id":2,"method":"elicitation/create","params":{}}
        > {"jsonrpc":"2.0","id":1.5,"method":"x"}
        > {"type":"operation","operation":"list_tools"}
        < {"jsonrpc":"2.0","id":"footbridge/operation/1","result":{"tools":[]}}
        < {"jsonrpc":"2.0","method":"notifications/x"}
        "#,
        r#"
        {"type":"initialized","session_id":"sid","capabilities":{"tools":{"x":1E5}},"server_info":{"name":"s","version":"1"},"protocol_version":"2025-11-25","timestamp":"T"}
        means {"jsonrpc":"2.0","id":1,"method":"tools/list"}
        {"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}
        {"jsonrpc":"2.0","id":1,"result":{"tools":[]}}
        {"jsonrpc":"2.0","id":2,"method":"elicitation/create","params":{}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"data":{"code":"frame_malformed","source":"bridge"},"message":"\"id\" must be an integer or a string of at most 254 bytes"}}
        means {"jsonrpc":"2.0","id":"footbridge/operation/1","method":"tools/list"}
        {"type":"operation_result","operation":"list_tools","data":{"tools":[]},"timestamp":"T"}
        {"jsonrpc":"2.0","method":"notifications/x"}
        "#,
    );
}

#[test]
fn studio_tells_why_a_server_did_not_start() {
    check(
        DialectName::Studio,
        "failed",
        r#"
        {"error":"The MCP server `x` exited with code 3.","operation":"initialize","timestamp":"T","type":"operation_error"}
        {"code":"upstream_exited","data":{"exit_code":3,"stderr":"no key"},"error":"The MCP server `x` exited with code 3.\nno key","side":"upstream","timestamp":"T","type":"error"}
        "#,
    );
}

#[test]
fn a_subprotocol_chooses_the_dialect() {
    for (offered, chosen) in [
        (&[][..], Some(DialectName::Studio)),
        (&["mcp"], Some(DialectName::Mcp)),
        (&["mcp", "footbridge.v1"], Some(DialectName::Native)),
        (&["graphql-ws"], None),
    ] {
        assert_eq!(DialectName::choose(offered), chosen, "{offered:?}");
    }
}
