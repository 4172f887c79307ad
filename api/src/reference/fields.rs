//! Types as tables of fields, from their JSON Schemas.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};

use crate::routes::table::Schemas;

/// Collects the types that routes name. Requests are read and answers are written: a field may have to be there in
/// one and not in the other.
pub(super) struct Types {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

impl Types {
    pub(super) fn new() -> Self {
        Self {
            read: SchemaSettings::draft2020_12().for_deserialize().into_generator(),
            written: SchemaSettings::draft2020_12().for_serialize().into_generator(),
        }
    }

    /// Notes a type; a link to it.
    pub(super) fn link(&mut self, schemas: Schemas, way: Way) -> String {
        let generator = self.generator(way);
        word((schemas.define)(generator).as_value())
    }

    /// The fields of a type that gets no place of its own.
    pub(super) fn inline(&mut self, schemas: Schemas) -> String {
        let schema = (schemas.inline)(self.generator(Way::In));
        table(schema.as_value(), Way::In)
    }

    /// Every type that was noted, and what those name, by name.
    pub(super) fn sections(&mut self) -> BTreeMap<String, String> {
        let mut sections = BTreeMap::new();
        for way in [Way::In, Way::Out] {
            for (name, schema) in self.generator(way).definitions() {
                sections.insert(name.clone(), section(name, schema, way));
            }
        }
        sections
    }

    const fn generator(&mut self, way: Way) -> &mut SchemaGenerator {
        match way {
            Way::In => &mut self.read,
            Way::Out => &mut self.written,
        }
    }
}

fn section(name: &str, schema: &Json, way: Way) -> String {
    let mut text = format!("\n### {name}\n\n{}\n", description(schema));
    if let Some(words) = words(schema) {
        text.push_str("\n| word | meaning |\n| --- | --- |\n");
        for (word, meaning) in words {
            let _ = writeln!(text, "| `{word}` | {meaning} |");
        }
    } else {
        let _ = write!(text, "\n{}", table(schema, way));
    }
    text
}

/// The fields of an object. In a request, those that must be there are marked; in an answer, those that may not be.
fn table(schema: &Json, way: Way) -> String {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let required = |name: &String| {
        schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)))
    };
    let mut text = String::from("| field | type | meaning |\n| --- | --- | --- |\n");
    for (name, property) in properties {
        let note = match (way, required(name)) {
            (Way::In, true) => " **Needed.**",
            (Way::Out, false) => " Absent where there is none.",
            _ => "",
        };
        // That null may be given for what may be left out, or is never given where it is absent, says nothing more.
        let kind = word(property);
        let kind =
            kind.strip_suffix(" or null").filter(|_| way == Way::In || !note.is_empty()).unwrap_or(&kind);
        let _ = writeln!(text, "| `{name}` | {kind} | {}{note} |", description(property));
    }
    text
}

/// A type in a few words, with a link where it has a place of its own.
fn word(schema: &Json) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(several) = schema["anyOf"].as_array() {
        return several.iter().map(word).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Json::String(kind) => simple(kind, schema),
        Json::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Json::as_str);
            kinds.map(|kind| simple(kind, schema)).collect::<Vec<_>>().join(" or ")
        }
        _ => "any JSON".to_owned(),
    }
}

fn simple(kind: &str, schema: &Json) -> String {
    match kind {
        "array" => format!("list of {}", word(&schema["items"])),
        "object" => match &schema["additionalProperties"] {
            Json::Null | Json::Bool(_) => "object".to_owned(),
            each => format!("object of {}", word(each)),
        },
        other => other.to_owned(),
    }
}

/// The words of an enumeration with what each means; `None` where it is none.
fn words(schema: &Json) -> Option<Vec<(String, String)>> {
    let several = schema["oneOf"].as_array()?;
    several.iter().map(|one| Some((one["const"].as_str()?.to_owned(), description(one)))).collect()
}

/// What the code says about it, on one line of a table.
fn description(schema: &Json) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
