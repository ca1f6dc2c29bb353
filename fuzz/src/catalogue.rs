//! The `mcpServers` file.

use std::collections::HashSet;
use std::path::Path;

use footbridge::catalogue::Catalogue;
use footbridge_shared::params::ServerParams;

/// What is accepted has proper, different names and real ways to reach a server; what is not, a sentence of one line.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let catalogue = match Catalogue::parse(&text, Path::new("/bin/footbridge")) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.ends_with('.'), "{sentence}");
            return;
        }
    };
    let names: Vec<&str> = catalogue.iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"demo") || text.contains("demo") || text.contains('\\'));
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert_eq!(catalogue.listing().len(), names.len());
    for (name, entry) in catalogue.iter() {
        assert!(!name.is_empty() && name.len() <= 64 && name.is_ascii());
        assert!(catalogue.get(name).is_some());
        match &entry.params {
            ServerParams::Named(_) => panic!("an entry names another"),
            ServerParams::Stdio(stdio) => assert!(!stdio.command.trim().is_empty()),
            ServerParams::Sse(_) | ServerParams::Http(_) => {}
        }
    }
}
