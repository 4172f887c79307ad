//! An order in which each step stands behind its needs, or the circle that leaves none.

use std::collections::HashMap;

use super::steps::Steps;
use crate::Span;
use crate::diagnostic::{Code, Finding, Findings};

/// Sorts the steps. Every circle is reported, and its needs are taken out of `edges`, so that later checks hold.
pub(super) fn order(
    steps: &Steps<'_>,
    edges: &mut [HashMap<usize, Span>],
    findings: &mut Findings,
) -> Vec<usize> {
    let mut order = Vec::with_capacity(edges.len());
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (index, needs) in edges.iter().enumerate() {
        for need in needs.keys() {
            needed_by[*need].push(index);
        }
    }
    let mut open: Vec<usize> = edges.iter().map(HashMap::len).collect();
    let mut done = vec![false; edges.len()];
    let mut ready: Vec<usize> = (0..edges.len()).rev().filter(|index| open[*index] == 0).collect();
    let mut first = 0;
    loop {
        while let Some(index) = ready.pop() {
            done[index] = true;
            order.push(index);
            for &next in &needed_by[index] {
                // An edge that a circle lost counts no more.
                if edges[next].contains_key(&index) {
                    open[next] -= 1;
                    if open[next] == 0 {
                        ready.push(next);
                    }
                }
            }
        }
        while first < done.len() && done[first] {
            first += 1;
        }
        if first == done.len() {
            return order;
        }
        let circle = circle(first, edges, &done);
        findings.push(describe(steps, edges, &circle));
        for (position, &index) in circle.iter().enumerate() {
            let need = circle[(position + 1) % circle.len()];
            edges[index].remove(&need);
            open[index] -= 1;
            if open[index] == 0 {
                ready.push(index);
            }
        }
    }
}

/// Follows needs from `start` until a step comes again. Every step that is not done needs one that is not.
fn circle(start: usize, edges: &[HashMap<usize, Span>], done: &[bool]) -> Vec<usize> {
    let mut path = vec![start];
    let mut position = HashMap::from([(start, 0)]);
    let mut at = start;
    while let Some(next) = edges[at].keys().copied().filter(|need| !done[*need]).min() {
        if let Some(&from) = position.get(&next) {
            return path.split_off(from);
        }
        position.insert(next, path.len());
        path.push(next);
        at = next;
    }
    path
}

fn describe(steps: &Steps<'_>, edges: &[HashMap<usize, Span>], circle: &[usize]) -> Finding {
    const SHOWN: usize = 12;
    let name = |index: &usize| format!("`{}`", steps.drafts[*index].name.value);
    let mut names: Vec<_> = circle.iter().take(SHOWN).map(name).collect();
    if circle.len() > SHOWN {
        names.push(format!("… ({} steps in all)", circle.len()));
    }
    names.extend(circle.first().map(name));
    let span = |position: usize| {
        let need = circle[(position + 1) % circle.len()];
        edges[circle[position]].get(&need).copied().unwrap_or_default()
    };
    let message = format!("steps need each other in a circle: {}", names.join(" needs "));
    let mut finding = Finding::new(Code::Cycle, span(0), message);
    for position in 1..circle.len().min(SHOWN) {
        finding = finding.label(
            span(position),
            format!("{} is needed here", name(&circle[(position + 1) % circle.len()])),
        );
    }
    finding
}
