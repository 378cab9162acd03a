//! `graph`: which service waits for which, of a tree, whether or not anything runs. As a text for Graphviz, or as a picture.

use std::fmt::Write;

use super::graph_layout::{self, Edge};
use super::output::Printed;
use super::svg::{self, Anchor, LINE, Picture};
use crate::config::Config;
use crate::config::service::{Kind, Service};
use crate::error::Problems;
use crate::inspect::source::ConfigPaths;
use crate::text::shown;

/// The space around the picture, between columns, and between boxes.
const MARGIN: u32 = 16;
const COLUMN_GAP: u32 = 72;
const ROW: u32 = 40;
const BOX: u32 = 26;
/// Most letters of a name.
const MAX_NAME: usize = 40;

/// How it is printed.
#[derive(Clone, Copy)]
pub(super) enum GraphFormat {
    Dot,
    Svg,
}

/// The services and what waits for what.
struct Graph {
    services: Vec<(String, Kind)>,
    edges: Vec<Edge>,
}

/// Reads the tree and prints its graph.
pub(super) fn run(config_paths: &ConfigPaths, format: GraphFormat) -> Result<Printed, Problems> {
    let graph = Graph::of(&super::source::config(config_paths, Vec::new())?);
    let text = match format {
        GraphFormat::Dot => graph.dot(),
        GraphFormat::Svg => graph.svg(),
    };
    Ok(Printed { text, code: 0 })
}

impl Graph {
    fn of(config: &Config) -> Self {
        let place = |name: &crate::config::values::ServiceName| {
            config.services.iter().position(|service| service.name == *name)
        };
        let mut edges = Vec::new();
        for (to, service) in config.services.iter().enumerate() {
            let Service { requires, after, .. } = &**service;
            let required = requires.iter().filter_map(place).map(|from| Edge { from, to, is_required: true });
            edges.extend(required);
            let ordered = after.iter().filter(|name| !requires.contains(name)).filter_map(place);
            edges.extend(ordered.map(|from| Edge { from, to, is_required: false }));
        }
        let services = config.services.iter().map(|service| (service.name.to_string(), service.kind)).collect();
        Self { services, edges }
    }

    fn name(&self, at: usize) -> &str {
        self.services.get(at).map_or("", |(name, _)| name)
    }

    fn dot(&self) -> String {
        let quoted = |at: usize| format!("\"{}\"", shown(self.name(at)).replace('\\', "\\\\").replace('"', "\\\""));
        let mut text = "// An arrow goes from a service to one that waits for it; a dashed one is only order.\n\
                        digraph services {\n  rankdir=LR;\n  node [shape=box, fontname=monospace];\n"
            .to_owned();
        for (at, (_, kind)) in self.services.iter().enumerate() {
            let style = if *kind == Kind::Oneshot { " [style=rounded]" } else { "" };
            let _ = writeln!(text, "  {}{style};", quoted(at));
        }
        for Edge { from, to, is_required } in &self.edges {
            let style = if *is_required { "" } else { " [style=dashed]" };
            let _ = writeln!(text, "  {} -> {}{style};", quoted(*from), quoted(*to));
        }
        text + "}\n"
    }

    fn svg(&self) -> String {
        let columns = graph_layout::columns(self.services.len(), &self.edges);
        let label = |at: usize| svg::shortened(self.name(at), MAX_NAME);
        let mut picture = Picture::new();
        let mut places = std::collections::BTreeMap::new();
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut x = MARGIN;
        for column in &columns {
            let widest =
                column.iter().filter_map(|item| item.service()).map(|at| svg::width(&label(at)) + 2 * 10).max();
            let width = widest.unwrap_or(0);
            // In the middle of the highest column.
            let first = (rows - column.len()) as u32 * ROW / 2;
            for (row, item) in column.iter().enumerate() {
                let y = MARGIN + first + row as u32 * ROW + ROW / 2;
                places.insert(*item, (x, y, width));
                if let Some(at) = item.service() {
                    let class = "box";
                    picture.rectangle((x, y - BOX / 2), (width, BOX), class, &self.about(at));
                    picture.text((x + width / 2, y + 4), Anchor::Middle, "", &label(at));
                }
            }
            x += width + COLUMN_GAP;
        }
        for edge in &self.edges {
            let class = if edge.is_required { "" } else { "after" };
            let path = graph_layout::path_of(edge, &places);
            picture.path(&path, class, true);
        }
        let legend = "solid: requires; dashed: after. An arrow goes from a service to one that waits for it.";
        let bottom = MARGIN + rows as u32 * ROW + LINE;
        picture.text((MARGIN, bottom), Anchor::Start, "faint", legend);
        let width = x.saturating_sub(COLUMN_GAP).max(MARGIN + svg::width(legend)) + MARGIN;
        picture.finish((width, bottom + MARGIN), "Services and what they wait for")
    }

    fn about(&self, at: usize) -> String {
        let (name, kind) = (self.name(at), self.services.get(at).map(|(_, kind)| *kind));
        let kind = if kind == Some(Kind::Oneshot) { "oneshot" } else { "longrun" };
        format!("{name} ({kind})")
    }
}
