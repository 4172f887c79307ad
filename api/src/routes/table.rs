//! What a route is: how it is served, and how the reference and `GET /api/v1` describe it, in one value.
//!
//! Each endpoint's file holds one, and its folder lists it. There is no other way to serve a path, and a path serves
//! nothing but what its value says: the [gate](super::gate) stands before each filter.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Part;
use crate::factory::Factory;
use crate::problem::ProblemKind;

/// The method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    /// As it stands in a request.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Whom a route serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever brings a token.
    Token,
    /// Whoever signs the body.
    Signature,
    /// Anybody.
    Anybody,
}

/// A route of the server.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// Its path, parameters in braces: `/api/v1/runs/{run}`.
    pub(crate) path: &'static str,
    /// What it is for, in a line.
    pub(crate) purpose: &'static str,
    /// What else a caller has to know, in Markdown.
    pub(crate) more: &'static str,
    pub(crate) who: Who,
    /// What the parameters in its path are.
    pub(crate) places: &'static [(&'static str, &'static str)],
    /// The shape of its query: an object, a key a parameter.
    pub(crate) query: Option<Schemas>,
    /// Headers that matter besides those of every request.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Option<Shape>,
    pub(crate) answers: &'static [Answer],
    /// What it refuses besides what all of its kind do: when.
    pub(crate) problems: &'static [(ProblemKind, &'static str)],
    pub(crate) serve: fn(&Arc<Factory>) -> Part,
}

impl Route {
    /// What most routes are like, for the rest of a value. It serves nothing.
    pub(super) const USUAL: Self = Self {
        verb: Verb::Get,
        path: "",
        purpose: "",
        more: "",
        who: Who::Token,
        places: &[],
        query: None,
        headers: &[],
        body: None,
        answers: &[],
        problems: &[],
        serve: nothing,
    };
}

fn nothing(_: &Arc<Factory>) -> Part {
    use warp::Filter as _;
    warp::any().and_then(|| async { Err(warp::reject::not_found()) }).boxed()
}

/// The parameter of a path that names a run.
pub(super) const RUN: (&str, &str) = ("run", "Id of the run.");
/// The parameter of a path that names a project.
pub(super) const PROJECT: (&str, &str) = ("project", "Name of the project.");
/// What every route of one run refuses.
pub(super) const NO_RUN: (ProblemKind, &str) =
    (ProblemKind::NotFound, "there is no such run, or it is another tenant's");
/// What every route of one project refuses.
pub(super) const NO_PROJECT: (ProblemKind, &str) =
    (ProblemKind::NotFound, "there is no such project, or it is another tenant's");

/// A way in which a request may end well, or as a webhook's sender has to be told.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// When it is given.
    pub(crate) when: &'static str,
    pub(crate) content: Content,
}

impl Answer {
    /// JSON of a type.
    pub(super) const fn json<T: JsonSchema + Serialize + DeserializeOwned>(
        status: u16,
        when: &'static str,
    ) -> Self {
        Self { status, when, content: Content::Json(Shape::of::<T>()) }
    }

    /// A JSON list of a type.
    pub(super) const fn list<T: JsonSchema + Serialize + DeserializeOwned>(
        status: u16,
        when: &'static str,
    ) -> Self {
        Self { status, when, content: Content::List(Shape::of::<T>()) }
    }

    /// Text of a media type, such as this.
    pub(super) const fn text(
        status: u16,
        when: &'static str,
        media: &'static str,
        example: &'static str,
    ) -> Self {
        Self { status, when, content: Content::Text { media, example } }
    }

    /// Nothing.
    pub(super) const fn nothing(status: u16, when: &'static str) -> Self {
        Self { status, when, content: Content::Nothing }
    }
}

/// What an answer holds.
pub(crate) enum Content {
    Json(Shape),
    List(Shape),
    Text { media: &'static str, example: &'static str },
    Nothing,
}

/// The schema of a type and its name.
#[derive(Clone, Copy)]
pub(crate) struct Schemas {
    pub(crate) name: fn() -> Cow<'static, str>,
    /// The schema itself.
    pub(crate) inline: fn(&mut SchemaGenerator) -> Schema,
    /// A reference to it, after which the generator has it.
    pub(crate) define: fn(&mut SchemaGenerator) -> Schema,
}

impl Schemas {
    /// Those of a type.
    pub(super) const fn of<T: JsonSchema>() -> Self {
        Self { name: T::schema_name, inline: T::json_schema, define: SchemaGenerator::subschema_for::<T> }
    }
}

/// A body. The reference shows an example of it, `reference/examples.json`, under the name of the type.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) schemas: Schemas,
    /// An example as the type reads and writes it: nothing that the type does not have, all that it always has.
    pub(crate) through: fn(Json) -> serde_json::Result<Json>,
}

impl Shape {
    /// That of a type.
    pub(super) const fn of<T: JsonSchema + Serialize + DeserializeOwned>() -> Self {
        Self {
            schemas: Schemas::of::<T>(),
            through: |json| serde_json::to_value(serde_json::from_value::<T>(json)?),
        }
    }
}
