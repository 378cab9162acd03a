//! The pictures of the book are those that the program draws: `STEPDOWN_WRITE_DOCS=1` writes them again.

use super::control::FakeServer;
use super::*;
use crate::documents::blocks::{Use, blocks};
use crate::documents::pages;

/// The page that shows them, whose files are the tree that is drawn.
const PAGE: &str = "docs/src/how-to/boot-time.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn assert_is_drawn(picture: &str, drawn: &str) {
    let path = root().join("docs/src/images").join(picture);
    if std::env::var_os("STEPDOWN_WRITE_DOCS").is_some() {
        fs::write(&path, drawn).unwrap();
    }
    let shown = fs::read_to_string(&path).unwrap();
    assert!(
        shown == drawn,
        "{picture} is not what is drawn: STEPDOWN_WRITE_DOCS=1 cargo nextest run --test all cli::pictures"
    );
}

/// What PID 1 answered in the container of that page.
#[test]
fn the_boot_chart_is_drawn_from_the_times_of_a_boot() {
    let times = fs::read_to_string(root().join("tests/fixtures/boot_times.json")).unwrap();
    let times: serde_json::Value = serde_json::from_str(&times).unwrap();
    let (output, _) = FakeServer::new(format!("{}\n", serde_json::json!({ "ok": times }))).run(&["timings", "--svg"]);
    assert_is_drawn("boot.svg", &output.out);
}

#[test]
fn the_graph_is_that_of_the_pages_own_services() {
    let page = pages().into_iter().find(|page| page.name == PAGE).expect("the page");
    let mut tree = WorkDirectory::new();
    for block in blocks(&page) {
        if let Some(Use::File(path)) = block.used {
            tree = tree.with_file(&path, &block.text);
        }
    }
    assert_is_drawn("graph.svg", &tree.run(&["graph", "--svg"]).out);
}
