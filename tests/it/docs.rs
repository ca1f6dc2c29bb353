use footbridge_shared::fault::FaultCode;
use footbridge_tests::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_table_of_faults_is_the_codes() {
    let protocol = read("docs/protocol.md");
    let rows: Vec<&str> = protocol
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 7)
        .collect();
    let expected: Vec<String> = FaultCode::ALL
        .iter()
        .map(|code| {
            let side = format!("{:?}", code.side()).to_lowercase();
            let close = match code.close_code() {
                0 => "stays open".to_owned(),
                close => close.to_string(),
            };
            format!(
                "| `{}` | {side} | {} | {close} | {} |",
                code.name(),
                code.http_status(),
                code.rpc_code()
            )
        })
        .collect();
    for row in &expected {
        assert!(
            rows.iter().any(|line| line.starts_with(row.as_str())),
            "docs/protocol.md lacks the row\n{row} … |"
        );
    }
    assert_eq!(
        rows.len(),
        expected.len(),
        "docs/protocol.md has a row for a code that is not there"
    );
}
