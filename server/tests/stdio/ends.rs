//! How an MCP server starts and ends, and what is told of it.

use std::path::Path;
use std::time::Duration;

use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::params::StdioParams;
use tokio::time::Instant;

use super::DEADLINE;
use super::FAMILY;
use super::all;
use super::assert_gone;
use super::command;
use super::connect;
use super::connect_with;
use super::kill;
use super::limits;
use super::message;
use super::next_message;
use super::next_pids;
use super::python;
use super::shell;

#[tokio::test]
async fn the_end_names_the_exit_code_and_the_last_lines() {
    let (_, lines, fault) =
        all(&mut connect(shell("echo one >&2; printf two >&2; exit 3")).await).await;
    assert_eq!(lines, ["one", "two"]);
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_eq!(fault.message, "The MCP server `sh` exited with code 3.");
    let report = fault.data.unwrap();
    assert_eq!(report.command.as_deref(), Some("sh"));
    assert_eq!((report.exit_code, report.signal), (Some(3), None));
    assert_eq!(report.stderr, "one\ntwo");
}

#[tokio::test]
async fn a_signal_is_told_from_an_exit_code() {
    for (script, exit_code, signal) in [
        ("kill -SEGV $$", None, Some(11)),
        ("kill -KILL $$", None, Some(9)),
        ("kill -TERM $$", None, Some(15)),
        ("exit 137", Some(137), None),
        ("exit 255", Some(255), None),
    ] {
        let (_, _, fault) = all(&mut connect(shell(script)).await).await;
        let report = fault.data.unwrap();
        assert_eq!(
            (report.exit_code, report.signal),
            (exit_code, signal),
            "{script}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_by_name_and_without_its_arguments() {
    for (program, cwd) in [
        ("no-such-program-here", None),
        ("/no/such/program-here", None),
        ("/etc/passwd", None),
        ("/etc", None),
        ("sh", Some("/no-such-directory")),
        ("sh", Some("/etc/passwd")),
    ] {
        let params = StdioParams {
            cwd: cwd.map(str::to_owned),
            ..command(program, &["--token=s3cret"])
        };
        let fault = connect_with(params, &limits()).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::UpstreamFailed, "{program}");
        assert!(!format!("{fault:?}").contains("s3cret"));
        assert!(fault.hint.is_some(), "{fault:?}");
        let name = Path::new(program).file_name().unwrap().to_str();
        assert_eq!(fault.data.unwrap().command.as_deref(), name);
    }
}

#[tokio::test]
async fn a_program_whose_interpreter_is_missing_is_reported_as_not_started() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = std::env::temp_dir().join(format!("footbridge-script-{}", std::process::id()));
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (_, lines, fault) = all(&mut connect(command(file.to_str().unwrap(), &[])).await).await;
    std::fs::remove_file(&file).unwrap();
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(fault.code, FaultCode::UpstreamFailed);
    assert!(
        fault.message.contains("could not be started: No such file"),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn a_program_is_started_in_its_working_directory() {
    let params = StdioParams {
        cwd: Some("/usr".to_owned()),
        ..command("bin/env", &["pwd"])
    };
    let (_, lines, _) = all(&mut connect(params).await).await;
    assert_eq!(lines, ["stdout (not JSON-RPC): /usr"]);
}

#[tokio::test]
async fn what_was_queued_is_still_written_when_the_session_ends() {
    let file = std::env::temp_dir().join(format!("footbridge-queued-{}", std::process::id()));
    let mut params = shell("cat > \"$OUT\"");
    params
        .env
        .insert("OUT".to_owned(), Secret::new(file.to_str().unwrap()));
    let upstream = connect(params).await;
    for id in 0..50 {
        upstream.sender.send(message(id)).await.unwrap();
    }
    upstream.stop().await;
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(written.lines().count(), 50);
}

#[tokio::test]
async fn a_server_that_closes_its_output_and_lives_on_is_ended() {
    let script = format!("{FAMILY}\nos.close(1)\ntime.sleep(1000)");
    let mut upstream = connect(python(&script)).await;
    let pids = next_pids(&mut upstream).await;
    // The children hold the same pipe open; only when they are gone, too, is it closed.
    kill(pids[1]);
    kill(pids[2]);
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_gone(&pids, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_server_that_closes_its_input_and_lives_on_is_ended() {
    let script = format!(
        "{FAMILY}\nos.close(0)\nchild.kill(); session.kill()\nprint('{{\"jsonrpc\":\"2.0\",\"method\":\"closed\"}}', flush=True)\ntime.sleep(1000)"
    );
    let mut upstream = connect(python(&script)).await;
    let pids = next_pids(&mut upstream).await;
    next_message(&mut upstream).await;
    let sender = upstream.sender.clone();
    let deadline = Instant::now() + DEADLINE;
    while sender.send(message(1)).await.is_ok() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_gone(&pids, Duration::from_secs(5)).await;
}
