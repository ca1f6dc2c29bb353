use std::path::Path;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::alive;
use footbridge_tests::descendants;
use footbridge_tests::eventually;
use footbridge_tests::root;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

/// How long whatever was started may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// The process of a program below a bridge.
pub(crate) fn process_of(bridge: &Bridge, program: &str) -> u32 {
    let is_it = |pid: &u32| {
        std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.ends_with(program))
    };
    let found: Vec<u32> = descendants(bridge.pid())
        .into_iter()
        .filter(is_it)
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

#[tokio::test]
async fn a_process_too_many_is_refused_until_one_ends() {
    let bridge = Bridge::configured("[limits]\nchildren = 2").await;
    let mut pages = Vec::new();
    for _ in 0..2 {
        let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
        page.frame_of("initialized").await;
        pages.push(page);
    }
    let mut refused = bridge.open(&servers::fake(), "footbridge.v1").await;
    let (frames, close) = refused.until_closed().await;
    let error = frames.iter().find(|frame| frame["type"] == "error");
    let error = error.unwrap_or_else(|| panic!("{frames:?}"));
    assert_eq!(error["code"], "too_many_children");
    assert!(
        error["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("limits.children"))
    );
    assert_eq!(close.map(|(code, _)| code), Some(4429));
    for mut page in pages {
        assert_eq!(
            page.call("fake/echo", json!({})).await["result"],
            json!({}),
            "it goes on"
        );
        page.close().await;
    }
    assert!(eventually(GONE, || descendants(bridge.pid()).is_empty()).await);
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.frame_of("initialized").await;
    page.close().await;
}

#[tokio::test]
async fn a_caller_cannot_start_a_program_outside_the_roots() {
    let (root, other) = (Scratch::new(), Scratch::new());
    let path = |scratch: &Scratch, name: &str| {
        Path::new(&scratch.write(name, ""))
            .parent()
            .expect("a folder")
            .to_owned()
    };
    let (root, other) = (path(&root, "a"), path(&other, "b"));
    std::os::unix::fs::symlink(&other, root.join("link")).expect("a link");
    let root_text = root.to_string_lossy().into_owned();
    let bridge = Bridge::with(&["--token", TOKEN, "--root", &root_text], Some(TOKEN)).await;
    let params = |cwd: Option<&Path>| {
        let mut params = servers::fake();
        params["cwd"] = json!(cwd);
        json!({ "server_params": params })
    };
    for outside in [
        other.clone(),
        root.join("link"),
        root.join(".."),
        "/".into(),
    ] {
        let (status, answer) = bridge.post_connect(&params(Some(&outside))).await;
        assert_eq!(status, 403, "{answer}");
        assert_eq!(answer["error"]["code"], "params_denied");
        assert_eq!(answer["error"]["field"], "server_params.cwd");
    }
    let real = root.canonicalize().expect("it is there");
    for inside in [Some(&*root), None] {
        let (_, url) = bridge.connect_as(&params(inside)).await;
        let mut page = bridge
            .upgrade(&url, "footbridge.v1")
            .await
            .expect("the socket opens");
        page.frame_of("initialized").await;
        let server = process_of(&bridge, "fake_mcp");
        let directory = std::fs::read_link(format!("/proc/{server}/cwd")).expect("it runs");
        assert_eq!(directory, real);
        page.close().await;
        assert!(eventually(GONE, || descendants(bridge.pid()).is_empty()).await);
    }
}

#[tokio::test]
async fn a_caller_cannot_give_a_process_another_mark() {
    let bridge = Bridge::start().await;
    let mut params = servers::fake();
    params["env"] = json!({ "FOOTBRIDGE_MARK": "x" });
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": params }))
        .await;
    assert_eq!(status, 422);
    assert_eq!(
        answer["error"]["field"],
        "server_params.env.FOOTBRIDGE_MARK"
    );
}

#[tokio::test]
async fn real_servers_work_at_every_level_of_the_sandbox() {
    let here = root().canonicalize().expect("the repository");
    let path = here.to_string_lossy();
    for level in ["none", "basic", "cgroup", "bwrap"] {
        let mut flags = vec!["--token", TOKEN, "--sandbox", level];
        // A server that is shut in has a /tmp of its own, and the repository may lie in the machine's.
        if level == "bwrap" && here.starts_with("/tmp") {
            flags.extend(["--sandbox-write", &*path]);
        }
        let bridge = Bridge::with(&flags, Some(TOKEN)).await;
        for params in [servers::demo(), servers::everything(), servers::time()] {
            let mut page = bridge.open(&params, "footbridge.v1").await;
            page.frame_of("initialized").await;
            let tools = page.call("tools/list", json!({})).await;
            assert!(tools["result"]["tools"][0].is_object(), "{level}: {tools}");
            page.close().await;
        }
        assert!(
            eventually(GONE, || descendants(bridge.pid()).is_empty()).await,
            "{level}"
        );
    }
}

/// A server with daemons that mind no signal, have left its session and have no environment.
fn daemons() -> Value {
    servers::shell(
        r#"trap '' TERM
        setsid env -i sh -c 'trap "" TERM; while true; do sleep 1000; done' &
        setsid sleep 1000 &
        read line; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'
        read line; echo '{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}'
        while true; do sleep 1; done"#,
    )
}

#[tokio::test]
async fn nothing_is_left_when_the_bridge_is_killed_at_any_level_of_the_sandbox() {
    for level in ["none", "basic", "cgroup", "bwrap"] {
        let bridge = Bridge::with(&["--token", TOKEN, "--sandbox", level], Some(TOKEN)).await;
        let mut page = bridge.open(&daemons(), "footbridge.v1").await;
        page.frame_of("initialized").await;
        let pid = bridge.pid();
        assert!(
            eventually(GONE, || descendants(pid).len() >= 5).await,
            "{level}"
        );
        let family = descendants(pid);
        let groups = groups_of(pid);
        assert_eq!(
            groups.is_empty(),
            level == "none" || level == "basic",
            "{level}: {groups:?}"
        );
        bridge.kill().await.expect("it ran");
        assert!(
            eventually(GONE, || alive(&family).is_empty()).await,
            "{level}: {family:?}"
        );
        assert!(
            eventually(GONE, || groups_of(pid).is_empty()).await,
            "{level}: {groups:?}"
        );
    }
}

/// The control groups that a bridge has made.
fn groups_of(bridge: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(&format!("footbridge-{bridge}-")) {
                    found.push(name);
                }
                waiting.push(entry.path());
            }
        }
    }
    found
}
