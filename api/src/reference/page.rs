//! The page as a whole.

use std::fmt::Write as _;

use engine_core::run::EventKind;

use super::routes::{Chapters, anchor};
use crate::metrics::METRICS;
use crate::problem::ProblemKind;
use crate::routes;

/// `docs/reference/api.md`. An error is an example in `examples.json` that its type does not read.
pub fn api() -> serde_json::Result<String> {
    let mut chapters = Chapters::new()?;
    let mut page = String::from(include_str!("begin.md"));
    page.push_str("\n## Routes\n\n| route | purpose |\n| --- | --- |\n");
    for route in routes::all() {
        let (verb, path) = (route.verb.name(), route.path);
        let _ = writeln!(page, "| [`{verb} {path}`](#{}) | {} |", anchor(verb, path), route.purpose);
    }
    page.push('\n');
    page.push_str(include_str!("images.md"));
    for route in routes::all() {
        page.push_str(&chapters.chapter(route)?);
    }
    let _ = write!(page, "\n{}", include_str!("follow.md").replace("EVENTS", &events()));
    let _ = write!(page, "\n{}", include_str!("webhooks.md"));
    page.push_str("\n## Problems\n\n");
    page.push_str(include_str!("problems.md"));
    page.push_str("\n| status | `type` | title | when |\n| --- | --- | --- | --- |\n");
    let mut kinds = ProblemKind::ALL.to_vec();
    kinds.sort_by_key(|kind| kind.status().as_u16());
    for kind in kinds {
        let (status, slug) = (kind.status().as_u16(), kind.slug());
        let _ = writeln!(
            page,
            "| {status} | `urn:image-factory:problem:{slug}` | {} | {} |",
            kind.title(),
            kind.doc()
        );
    }
    page.push_str("\n## Metrics\n\nNo label names a tenant, a project or a run.\n");
    page.push_str("\n| name | kind | label | meaning |\n| --- | --- | --- | --- |\n");
    for metric in METRICS {
        let label = metric.label.map_or_else(String::new, |label| format!("`{label}`"));
        let _ = writeln!(page, "| `{}` | {} | {label} | {} |", metric.name, metric.kind.name(), metric.doc);
    }
    page.push_str(
        "\n## Types\n\nIn requests an unknown key is refused. In answers there may be new ones with time.\n",
    );
    for section in chapters.types.sections().into_values() {
        page.push_str(&section);
    }
    Ok(page)
}

fn events() -> String {
    EventKind::ALL.iter().map(|kind| format!("`{}`", kind.name())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `UPDATE=1` writes it.
    #[test]
    fn the_reference_page_follows_the_routes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/api.md");
        let made = api().unwrap();
        if crate::config::Environment::of_process().get("UPDATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == made, "docs/reference/api.md is stale; run `make generate`");
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page = api().unwrap();
        let headings = page.lines().filter_map(|line| line.strip_prefix("##"));
        let anchors: BTreeSet<_> =
            headings.map(|line| anchor("", line.trim_start_matches('#').trim())[1..].to_owned()).collect();
        assert_eq!(
            anchors.len(),
            page.lines().filter(|line| line.starts_with("##")).count(),
            "one anchor each"
        );
        for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(anchors.contains(link), "#{link} leads nowhere");
        }
    }

    #[test]
    fn a_route_says_what_it_is_for_and_what_it_answers() {
        for route in routes::all() {
            let name = format!("{} {}", route.verb.name(), route.path);
            assert!(route.purpose.ends_with('.') && route.purpose.len() <= 120, "{name}: {}", route.purpose);
            assert!(!route.answers.is_empty(), "{name} answers nothing");
            let in_path: Vec<_> = route.path.split('/').filter_map(|part| part.strip_prefix('{')).collect();
            let described: Vec<_> = route.places.iter().map(|(name, _)| format!("{name}}}")).collect();
            assert_eq!(in_path, described, "{name}");
        }
    }
}
