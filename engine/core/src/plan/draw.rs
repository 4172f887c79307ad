//! The plan as a picture: Graphviz's DOT and Mermaid.

use std::fmt::Write as _;

use super::Plan;

impl Plan {
    /// The graph in Graphviz's language. Steps under `finally` are dashed, a pivot has a double border.
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box];\n");
        for (position, step) in self.steps() {
            let style = match (self.in_finally(position), step.pivot) {
                (true, _) => ", style=dashed",
                (false, true) => ", peripheries=2",
                (false, false) => "",
            };
            // Writing to a `String` cannot fail; names hold no character that would need escaping.
            let _ = writeln!(text, "  {} [label=\"{}\\n{}\"{style}];", step.name, step.name, step.uses);
        }
        for (name, need) in self.edges() {
            let _ = writeln!(text, "  {need} -> {name};");
        }
        text.push_str("}\n");
        text
    }

    /// The graph in Mermaid's language.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (position, step) in self.steps() {
            let (open, close) = match (self.in_finally(position), step.pivot) {
                (true, _) => ("([", "])"),
                (false, true) => ("[[", "]]"),
                (false, false) => ("[", "]"),
            };
            let _ = writeln!(text, "  {}{open}\"{}<br/>{}\"{close}", step.name, step.name, step.uses);
        }
        for (name, need) in self.edges() {
            let _ = writeln!(text, "  {need} --> {name}");
        }
        text
    }

    /// Each step with each of its needs, in the order of the workflow.
    fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps().flat_map(move |(position, step)| {
            let mut needs: Vec<u32> = self.needs(position).collect();
            needs.sort_unstable();
            needs.into_iter().map(move |need| (step.name.as_str(), self.step(need).name.as_str()))
        })
    }
}
