//! Streams read to their end: what is shown, and what is left.

use std::collections::BTreeMap;

use footbridge_shared::params::Secret;

use super::*;

fn display(capacity: usize, secrets: &[&str]) -> (Display, mpsc::Receiver<FromUpstream>) {
    let secrets: BTreeMap<String, Secret> = secrets
        .iter()
        .enumerate()
        .map(|(index, secret)| (format!("S{index}"), Secret::new(*secret)))
        .collect();
    let (queue, receiver) = mpsc::channel(capacity);
    let redactor = Arc::new(Redactor::new(secrets.values()));
    (
        Display::new(queue, redactor, "standard error", 50),
        receiver,
    )
}

/// Reads `text` and returns what was shown and what is left of it.
async fn read(
    text: &str,
    capacity: usize,
    secrets: &[&str],
    keep: usize,
) -> (Vec<String>, Remains) {
    let (display, mut receiver) = display(capacity, secrets);
    let remains = Stderr::new(display, keep)
        .read(text.as_bytes(), CancellationToken::new())
        .await;
    let mut shown = Vec::new();
    while let Some(item) = receiver.recv().await {
        let FromUpstream::Stderr(line) = item else {
            panic!("{item:?}");
        };
        shown.push(line);
    }
    (shown, remains)
}

#[tokio::test]
async fn lines_are_shown_and_the_supervisors_record_is_not() {
    let (shown, remains) = read("a\n\nb\r\nc\n\n\u{1e}footbridge exit 3\n", 9, &[], 100).await;
    assert_eq!(shown, ["a", "", "b", "c"]);
    assert_eq!(remains.text, "a\n\nb\r\nc");
    assert_eq!(remains.verdict, Some(Verdict::Exit(3)));
}

#[tokio::test]
async fn the_first_of_two_records_says_why_the_command_did_not_start() {
    let records = "\n\u{1e}footbridge error 8\n\n\u{1e}footbridge exit 125\n";
    let (shown, remains) = read(records, 9, &[], 100).await;
    assert!(shown.is_empty(), "{shown:?}");
    assert_eq!(remains.verdict, Some(Verdict::NotStarted(8)));
}

#[tokio::test]
async fn only_the_last_record_counts() {
    let text = "\u{1e}footbridge exit 0\nmore\n\n\u{1e}footbridge signal 9\n";
    let (_, remains) = read(text, 9, &[], 100).await;
    assert_eq!(remains.verdict, Some(Verdict::Signal(9)));
}

#[tokio::test]
async fn a_full_queue_drops_lines_and_never_waits() {
    let (shown, _) = read(&"x\n".repeat(1000), 5, &[], 100).await;
    assert_eq!(shown, ["x"; 5]);
}

#[tokio::test]
async fn a_flood_is_shown_in_part_and_the_rest_is_counted() {
    let (shown, _) = read(&"x\n".repeat(100_000), 10_000, &[], 100).await;
    let n_shown = shown.iter().filter(|line| *line == "x").count();
    let n_dropped: usize = shown
        .iter()
        .filter_map(|line| {
            line.strip_prefix('(')?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum();
    assert!((200..50_000).contains(&n_shown), "{n_shown}");
    assert_eq!(n_shown + n_dropped, 100_000);
}

#[tokio::test(start_paused = true)]
async fn four_seconds_worth_of_lines_is_shown_at_once_and_one_line_more_is_counted() {
    let (shown, _) = read(&"x\n".repeat(200), 1000, &[], 100).await;
    assert_eq!(shown, vec!["x"; 200]);
    let (mut display, mut receiver) = display(1000, &[]);
    for _ in 0..201 {
        display.show("", b"x", 9);
    }
    display.flush();
    let mut last = String::new();
    while let Ok(FromUpstream::Stderr(line)) = receiver.try_recv() {
        last = line;
    }
    assert_eq!(last, "(1 line was left out of standard error)");
}

#[tokio::test]
async fn a_long_line_is_cut_and_hides_its_secrets() {
    let text = format!(
        "{}s3cret! and more\nnext\n",
        "x".repeat(Display::MAX_BYTES - 3)
    );
    let (shown, remains) = read(&text, 9, &["s3cret!"], 100).await;
    assert!(
        shown[0].ends_with("xxx***…"),
        "{}",
        &shown[0][shown[0].len() - 30..]
    );
    assert_eq!(shown[1], "next");
    assert!(!remains.text.contains("s3cret"));
}

#[tokio::test]
async fn the_tail_keeps_the_last_lines_without_a_part_of_a_secret() {
    let mut text = "begin\n".to_owned();
    for index in 0..5000 {
        text.push_str(&format!("line {index} s3cret!\n"));
    }
    let (_, remains) = read(&text, 9, &["s3cret!"], 10_000).await;
    assert!(remains.text.len() <= REPORT_BYTES);
    assert!(
        remains.text.starts_with("line 4"),
        "{}",
        &remains.text[..20]
    );
    assert!(remains.text.ends_with("\nline 4999 ***"));
    assert!(!remains.text.contains("s3c"));

    let (_, remains) = read(
        &format!("{}end", "s3cret!".repeat(100_000)),
        9,
        &["s3cret!"],
        5000,
    )
    .await;
    assert!(!remains.text.contains("s3c") && remains.text.ends_with("***end"));
}
