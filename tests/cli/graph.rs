//! `graph` and `timings --svg`: a text for Graphviz, and pictures that are well-formed and in which no text covers another.

use super::control::FakeServer;
use super::*;

/// Parses standard input as XML; fails where it is not well-formed, a text leaves the picture, or two texts overlap. Prints the
/// texts, and how many elements there are of each kind and class.
const READ: &str = r#"
import json, sys, collections
import xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.read())
plain = lambda element: element.tag.split('}')[1]
assert plain(root) == "svg", root.tag
width, height = float(root.get("width")), float(root.get("height"))
boxes = []
for text in (element for element in root.iter() if plain(element) == "text"):
    wide, x, y = len(text.text) * 7.3, float(text.get("x")), float(text.get("y"))
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor")]
    boxes.append((left, y - 10, left + wide, y + 3, text.text))
for box in boxes:
    assert 0 <= box[0] and box[2] <= width and 0 <= box[1] and box[3] <= height, ("outside", box, width, height)
for at, one in enumerate(boxes):
    for other in boxes[at + 1:]:
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, ("overlap", one, other)
count = collections.Counter(plain(element) + "." + (element.get("class") or "") for element in root.iter())
print(json.dumps({"texts": [box[4] for box in boxes], "elements": count, "style": root.find("{http://www.w3.org/2000/svg}style").text}))
"#;

fn read(svg: &str) -> serde_json::Value {
    use std::io::Write;
    let mut reader = Command::new("/usr/bin/python3");
    let reader = reader.args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    reader.stdin.take().unwrap().write_all(svg.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{svg}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn tree() -> WorkDirectory {
    let service = |more: &str| format!("command = [\"sh\"]\n{more}");
    WorkDirectory::new()
        .with_file("services.d/db.toml", &service(""))
        .with_file("services.d/cache.toml", &service(""))
        .with_file("services.d/migrate.toml", &service("type = \"oneshot\"\nrequires = [\"db\"]\n"))
        .with_file("services.d/web.toml", &service("requires = [\"migrate\", \"db\"]\nafter = [\"cache\", \"db\"]\n"))
}

#[test]
fn a_graph_has_every_service_and_every_tie_once() {
    let output = tree().run(&["graph"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""));
    assert!(output.out.contains("digraph services {") && output.out.contains("  \"migrate\" [style=rounded];\n"));
    let arrows: Vec<&str> = output.out.lines().filter(|line| line.contains("->")).map(str::trim).collect();
    let mut expected = [
        "\"db\" -> \"migrate\";",
        "\"db\" -> \"web\";",
        "\"migrate\" -> \"web\";",
        "\"cache\" -> \"web\" [style=dashed];",
    ];
    expected.sort_unstable();
    let mut sorted = arrows.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{}", output.out);
    assert_eq!(tree().run(&["graph", "--dot"]).out, output.out);
}

#[test]
fn a_picture_of_a_graph_is_well_formed_and_no_text_covers_another() {
    let output = tree().run(&["graph", "--svg"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""));
    let all = read(&output.out);
    for name in ["db", "cache", "migrate", "web"] {
        let there = all["texts"].as_array().unwrap().iter().filter(|text| *text == name).count();
        assert_eq!(there, 1, "{name}: {all:#}");
    }
    assert_eq!((&all["elements"]["rect.box"], &all["elements"]["path.after"]), (&4.into(), &1.into()), "{all:#}");
    assert!(all["style"].as_str().unwrap().contains("prefers-color-scheme: dark"));
    // Of a tree with many.
    let many = (0..60).fold(WorkDirectory::new(), |tree, at| {
        let text = match at {
            0..3 => "command = [\"sh\"]\n".to_owned(),
            at => format!("command = [\"sh\"]\nrequires = [\"s{}\", \"s{}\"]\nafter = [\"s0\"]\n", at / 2, at / 3),
        };
        tree.with_file(&format!("services.d/s{at}.toml"), &text)
    });
    assert_eq!(read(&many.run(&["graph", "--svg"]).out)["elements"]["rect.box"], 60);
}

#[test]
fn a_tree_with_a_mistake_has_no_graph_and_the_mistake_is_named() {
    let output = tree().with_file("services.d/bad.toml", "comand = [\"sh\"]\n").run(&["graph"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(output.err.contains("did you mean `command`?"), "{}", output.err);
}

#[test]
fn a_boot_chart_is_well_formed_and_shows_the_chain_that_the_boot_waited_for() {
    let answer = concat!(
        r#"{"ok":{"steps":[{"name":"configuration","at_ms":0,"took_ms":4.000},{"name":"root steps","at_ms":4.000,"took_ms":30.000}],"#,
        r#""services":[{"name":"db","wanted_ms":34.000,"started_ms":35.000,"ready_ms":1240.000,"failed_ms":null},"#,
        r#"{"name":"web <main>","wanted_ms":34.000,"started_ms":1241.000,"ready_ms":1900.000,"failed_ms":null,"wait_for_ms":1240.500,"after":["db"]},"#,
        r#"{"name":"bad","wanted_ms":34.000,"started_ms":36.000,"ready_ms":null,"failed_ms":90.000},"#,
        r#"{"name":"late","wanted_ms":34.000,"started_ms":null,"ready_ms":null,"failed_ms":null,"after":["bad"]}],"#,
        r#""path":[{"name":"db","took_ms":1206.000,"wait_for_ms":0},{"name":"web <main>","took_ms":660.000,"wait_for_ms":0.5}]}}"#,
        "\n"
    );
    let (output, _) = FakeServer::new(answer).run(&["timings", "--svg"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""));
    let all = read(&output.out);
    let texts = all["texts"].as_array().unwrap();
    for text in ["configuration", "db", "web <main>", "1.2s", "659ms, after db", "failed", "not started, after bad"] {
        assert!(texts.iter().any(|it| it == text), "{text}: {all:#}");
    }
    // Both services of the chain, and the legend.
    assert_eq!(
        (&all["elements"]["rect.critical"], &all["elements"]["path.critical"]),
        (&3.into(), &1.into()),
        "{all:#}"
    );
    // A boot of nothing.
    let (output, _) =
        FakeServer::new("{\"ok\":{\"steps\":[],\"services\":[],\"path\":[]}}\n").run(&["timings", "--svg"]);
    read(&output.out);
}
