//! The workflows behind the orders, written and compiled as a tenant's would be.

use std::fmt::Write as _;

use lang::{Catalogue, CompileOptions, SourceFile, Workflow, compile};
use vocab::Limits;

use crate::order::{Kind, Shape};

/// How many steps of the layer before a step needs.
const NEEDS: usize = 3;

/// The workflow of that shape.
pub(crate) fn workflow(shape: Shape, catalogue: &Catalogue) -> Result<Workflow, String> {
    let limits = Limits { workflow_bytes: 64 << 20, workflow_nodes: 1_000_000, ..Limits::default() };
    let options = CompileOptions { limits, ..CompileOptions::default() };
    let compiled = compile(&SourceFile::new("bench.yaml", text(shape)), catalogue, &options);
    compiled.workflow.ok_or_else(|| format!("the workflow of {shape:?}: {:?}", compiled.diagnostics.first()))
}

fn text(shape: Shape) -> String {
    let Shape { layers, width, kind } = shape;
    let mut text =
        "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata:\n  name: bench\non:\n  manual: {}\n"
            .to_owned();
    if kind == Kind::Effect {
        text.push_str("inputs:\n  log:\n    type: string\n");
    }
    text.push_str("steps:\n");
    if layers == 1 && width > 1 {
        fan_out(&mut text, width, kind);
    } else {
        layered(&mut text, layers, width, kind);
    }
    text
}

/// One step over `width` items, and one that waits for all of them.
fn fan_out(text: &mut String, width: usize, kind: Kind) {
    let items: Vec<_> = (0..width).map(|item| item.to_string()).collect();
    let uses = uses(kind);
    // Writing to a text cannot fail.
    let _ = writeln!(text, "  many:\n    {uses}\n    for_each: [{}]", items.join(", "));
    let _ = writeln!(text, "  join:\n    {uses}\n    needs: [many]");
}

/// Layers in which each step needs up to three of the layer before; with a width of 1 that is a chain.
fn layered(text: &mut String, layers: usize, width: usize, kind: Kind) {
    let uses = uses(kind);
    for number in 0..layers * width {
        let _ = writeln!(text, "  s{number}:\n    {uses}");
        if number >= width {
            let before = (number / width - 1) * width;
            let mut needs: Vec<_> =
                (0..NEEDS).map(|nth| before + (number + nth * (NEEDS + width / NEEDS)) % width).collect();
            needs.sort_unstable();
            needs.dedup();
            let needs: Vec<_> = needs.iter().map(|need| format!("s{need}")).collect();
            let _ = writeln!(text, "    needs: [{}]", needs.join(", "));
        }
    }
}

const fn uses(kind: Kind) -> &'static str {
    match kind {
        // Without the cache each step does execute.
        Kind::Noop => "uses: bench/noop@v1\n    cache: never",
        Kind::Effect => "uses: bench/effect@v1\n    with: { log: '${{ inputs.log }}' }",
        Kind::Sh => "uses: bench/sh@v1",
        Kind::Wait => "uses: bench/wait@v1\n    with: { name: never }",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions;

    #[test]
    fn every_shape_that_the_bench_asks_for_compiles() {
        let catalogue = Catalogue::new(actions::all().iter().map(|action| action.manifest().clone()));
        for (layers, width) in [(1, 1), (40, 1), (1, 1000), (10, 100)] {
            for kind in [Kind::Noop, Kind::Effect, Kind::Sh, Kind::Wait] {
                workflow(Shape { layers, width, kind }, &catalogue).unwrap();
            }
        }
    }

    #[test]
    fn a_step_of_a_layer_needs_three_of_the_one_before() {
        let text = text(Shape { layers: 10, width: 100, kind: Kind::Noop });
        let needs: Vec<_> = text.lines().filter(|line| line.contains("needs:")).collect();
        assert_eq!(needs.len(), 900);
        assert!(needs.iter().all(|line| line.matches('s').count() == 1 + 3), "{:?}", needs.first());
    }
}
