//! The chapter of each route.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::fields::{Types, Way};
use crate::problem::ProblemKind;
use crate::routes::table::{Answer, Content, Route, Shape, Verb, Who};

/// Examples by the name of their type.
const EXAMPLES: &str = include_str!("examples.json");

/// Writes the chapters of routes. An example is shown where its type is met first; later chapters lead there.
pub(super) struct Chapters {
    pub(super) types: Types,
    examples: Json,
    /// Types whose example was shown, with the chapter that has it.
    shown: BTreeMap<String, String>,
}

impl Chapters {
    pub(super) fn new() -> serde_json::Result<Self> {
        let examples = serde_json::from_str(EXAMPLES)?;
        Ok(Self { types: Types::new(), examples, shown: BTreeMap::new() })
    }

    /// One of them. An error is an example that its type does not read.
    pub(super) fn chapter(&mut self, route: &Route) -> serde_json::Result<String> {
        let mut text =
            format!("\n### {} {}\n\n{}{}\n", route.verb.name(), route.path, route.purpose, who(route.who));
        if !route.more.is_empty() {
            let _ = write!(text, "\n{}\n", route.more);
        }
        pairs(&mut text, "in the path", route.places);
        if let Some(query) = route.query {
            let fields = self.types.inline(query).replacen("| field |", "| in the query |", 1);
            let _ = write!(text, "\n{fields}");
        }
        pairs(&mut text, "header", route.headers);
        if let Some(body) = route.body {
            let _ = write!(text, "\nBody: {}", self.types.link(body.schemas, Way::In));
            self.example(&mut text, route, body, false)?;
        }
        for answer in route.answers {
            self.answer(&mut text, route, answer)?;
        }
        text.push_str("\n| refused with | `type` ends in | when |\n| --- | --- | --- |\n");
        for (kind, when) in refusals(route) {
            let _ = writeln!(text, "| {} | `{}` | {when} |", kind.status().as_u16(), kind.slug());
        }
        Ok(text)
    }

    fn answer(&mut self, text: &mut String, route: &Route, answer: &Answer) -> serde_json::Result<()> {
        let Answer { status, when, content } = answer;
        let _ = write!(text, "\nAnswer **{status}**, {when}");
        match content {
            Content::Nothing => text.push_str(". It has no body.\n"),
            Content::Text { media, example } => {
                let _ = write!(text, ", as `{media}`:\n\n```text\n{example}\n```\n");
            }
            Content::Json(shape) => {
                let _ = write!(text, ": {}", self.types.link(shape.schemas, Way::Out));
                self.example(text, route, *shape, false)?;
            }
            Content::List(shape) => {
                let _ = write!(text, ": list of {}", self.types.link(shape.schemas, Way::Out));
                self.example(text, route, *shape, true)?;
            }
        }
        Ok(())
    }

    /// Ends the line that names the type.
    fn example(
        &mut self,
        text: &mut String,
        route: &Route,
        shape: Shape,
        list: bool,
    ) -> serde_json::Result<()> {
        let name = (shape.schemas.name)().into_owned();
        let (verb, path) = (route.verb.name(), route.path);
        let here = format!("[{verb} {path}](#{})", anchor(verb, path));
        match self.shown.get(&name) {
            Some(chapter) if *chapter == here => text.push_str(".\n"),
            Some(chapter) => {
                let _ = writeln!(text, ", as shown at {chapter}.");
            }
            None => {
                let example = (shape.through)(self.examples[&name].clone())?;
                let example = if list { Json::Array(vec![example]) } else { example };
                let _ = write!(text, ".\n\n```json\n{}\n```\n", serde_json::to_string_pretty(&example)?);
                self.shown.insert(name, here);
            }
        }
        Ok(())
    }
}

/// The anchor that Git hosts and Markdown viewers give to a route's heading.
pub(super) fn anchor(verb: &str, path: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let text: String = format!("{verb} {path}").chars().filter(kept).collect();
    text.to_lowercase().replace(' ', "-")
}

const fn who(who: Who) -> &'static str {
    match who {
        Who::Token => "",
        Who::Signature => " It needs a signature, not a token.",
        Who::Anybody => " It needs no token.",
    }
}

fn pairs(text: &mut String, title: &str, pairs: &[(&str, &str)]) {
    if pairs.is_empty() {
        return;
    }
    let _ = write!(text, "\n| {title} | meaning |\n| --- | --- |\n");
    for (name, meaning) in pairs {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
}

/// What a route refuses: what stands in its description, and what follows from its kind.
fn refusals(route: &Route) -> Vec<(ProblemKind, &'static str)> {
    use ProblemKind as P;
    let mut all = route.problems.to_vec();
    if route.who == Who::Token {
        all.push((P::Unauthenticated, "no token was sent, or it is not known"));
    }
    if route.query.is_some() {
        all.push((P::BadRequest, "the query has an unknown key, or a value of the wrong kind"));
    }
    if route.body.is_some() {
        all.push((P::BadRequest, "the body is not of its type: no JSON, an unknown key, one too few"));
        all.push((P::UnsupportedType, "the body is not sent as `application/json`"));
    }
    if route.body.is_some() || route.who == Who::Signature {
        all.push((P::TooLarge, "the body is too large"));
        all.push((P::TooSlow, "the body does not come in time"));
    }
    if route.verb != Verb::Get {
        all.push((P::Unavailable, "the server shuts down, or its disk or its queue is full"));
    }
    all.push((P::Internal, "a fault of the factory"));
    all.sort_by_key(|(kind, _)| kind.status().as_u16());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    #[test]
    fn every_example_is_all_that_its_type_has_and_is_shown() {
        let mut left = serde_json::from_str::<Json>(EXAMPLES).unwrap();
        let examples = left.clone();
        for route in routes::all() {
            let answers = route.answers.iter().filter_map(|answer| match answer.content {
                Content::Json(shape) | Content::List(shape) => Some(shape),
                Content::Text { .. } | Content::Nothing => None,
            });
            for shape in route.body.into_iter().chain(answers) {
                let name = (shape.schemas.name)();
                let written = &examples[&*name];
                let read = (shape.through)(written.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(&read, written, "{name}");
                left.as_object_mut().unwrap().remove(&*name);
            }
        }
        assert_eq!(left, serde_json::json!({}), "no route has these");
    }
}
