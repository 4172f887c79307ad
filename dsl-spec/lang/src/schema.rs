//! The JSON Schema of workflow files, for editors: generated from the shapes below, which a test holds against the
//! keys that the reader knows. The schema says what a file looks like; only [`compile`](crate::compile) says whether
//! it holds together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};
use vocab::ErrorClass;

/// The JSON Schema (2020-12) of workflow files.
pub fn workflow_schema() -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<WorkflowFile>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Image Factory workflow".into());
    }
    schema
}

/// A workflow of Image Factory: a file below `.image-factory/` of a repository.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema; files are read with places by `document`")]
struct WorkflowFile {
    /// The version of the language.
    #[schemars(extend("const" = "imagefactory/v1"))]
    api_version: String,
    /// What the file holds.
    #[schemars(extend("const" = "Workflow"))]
    kind: String,
    /// Name and description.
    metadata: Metadata,
    /// What starts a run. Without it, people do.
    on: Option<On>,
    /// What a run may be started with.
    inputs: Option<Named<InputFile>>,
    /// How many runs of a group go on at once; a text alone is the group.
    concurrency: Option<ConcurrencyWord>,
    /// Which of a tenant's runs get a worker first: the higher; 0 when nothing is said.
    #[schemars(range(min = -100, max = 100))]
    priority: Option<i32>,
    /// The time for a whole run.
    timeout: Option<DurationText>,
    /// What the failure of a step does to the run, where the step says nothing else.
    #[schemars(rename = "on_failure")]
    on_failure: Option<OnFailureWord>,
    /// The steps, by name.
    steps: Named<StepFile>,
    /// The steps that run at the end in any case, by name.
    finally: Option<Named<StepFile>>,
    /// What a run gives when it succeeded.
    outputs: Option<Named<AnyValue>>,
}

/// Name and description.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct Metadata {
    /// Lower-case letters, digits and single dashes.
    #[schemars(regex(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), length(max = 63))]
    name: String,
    /// What the workflow is for.
    description: Option<String>,
}

/// How many runs of a group go on at once.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape for the schema")]
enum ConcurrencyWord {
    /// The group; one of its runs goes on at a time, and the others wait.
    Group(String),
    /// The group, and how its runs share it.
    Whole(ConcurrencyFile),
}

/// The group, and how its runs share it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct ConcurrencyFile {
    /// What the runs share, with expressions over `inputs`, `run` and `trigger`.
    group: String,
    /// How many of its runs go on at once; 1 when nothing is said.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// What a new run does when there is no room; `queue` when nothing is said.
    on_new: Option<OnNewWord>,
}

/// What a new run does when there is no room in its group.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape for the schema")]
enum OnNewWord {
    /// It waits.
    Queue,
    /// It asks those before it to end, and waits until they have.
    CancelRunning,
    /// It is not started.
    Drop,
}

/// What starts a run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct On {
    /// A push to the repository.
    push: Option<Push>,
    /// A person or a script.
    manual: Option<Manual>,
}

/// Which pushes start a run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct Push {
    /// Patterns of branch names.
    #[schemars(length(min = 1, max = 100))]
    branches: Option<Vec<String>>,
    /// Patterns of tag names.
    #[schemars(length(min = 1, max = 100))]
    tags: Option<Vec<String>>,
    /// Patterns of changed files.
    #[schemars(length(min = 1, max = 100))]
    paths: Option<Vec<String>>,
}

/// A start by hand; it has no settings yet.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Manual {}

/// An input of the workflow.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct InputFile {
    /// The type of its value.
    #[schemars(rename = "type")]
    ty: InputType,
    /// The texts that are allowed, for a string.
    #[schemars(rename = "enum", length(min = 1, max = 200))]
    words: Option<Vec<String>>,
    /// The type of the items, for a list; texts when nothing is said.
    items: Option<SimpleType>,
    /// The type of the values, for a map; texts when nothing is said.
    values: Option<SimpleType>,
    /// What holds when a run does not give it.
    default: Option<AnyValue>,
    /// Whether a run must give it; true when there is no default.
    required: Option<bool>,
    /// What it is for.
    description: Option<String>,
}

/// The types of inputs.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape for the schema")]
enum InputType {
    String,
    Integer,
    Number,
    Boolean,
    Digest,
    Duration,
    Size,
    Secret,
    List,
    Map,
}

/// The types that lists and maps hold.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape for the schema")]
enum SimpleType {
    String,
    Integer,
    Number,
    Boolean,
    Digest,
    Duration,
    Size,
    Secret,
}

/// A step.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct StepFile {
    /// The action that does the work: `container/buildah@v1`.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*@v[1-9][0-9]*$"))]
    uses: String,
    /// The inputs of the action.
    with: Option<BTreeMap<String, AnyValue>>,
    /// Steps that must end first, besides those that expressions read.
    needs: Option<Vec<String>>,
    /// The condition, an expression with or without `${{ }}`.
    #[schemars(rename = "if")]
    condition: Option<AnyValue>,
    /// The list whose items the step is expanded over.
    for_each: Option<AnyValue>,
    /// The time for one attempt.
    timeout: Option<DurationText>,
    /// When another attempt is made.
    retry: Option<RetryFile>,
    /// Whether outputs may come from an earlier run.
    cache: Option<CacheWord>,
    /// What happens to the effects when the run fails.
    compensate: Option<CompensateWord>,
    /// What the step's failure does to the run.
    on_failure: Option<OnFailureWord>,
    /// Whether the run goes on when the step failed.
    allow_failure: Option<bool>,
    /// Whether the run only goes forward once the step succeeded.
    pivot: Option<bool>,
}

/// When another attempt is made.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct RetryFile {
    /// Attempts in all; 3 when nothing is said.
    #[schemars(range(min = 1, max = 20))]
    attempts: Option<u32>,
    /// The classes of failures; `transient` and `capacity` when nothing is said.
    #[schemars(length(min = 1))]
    on: Option<Vec<ErrorClass>>,
    /// How long to wait.
    backoff: Option<BackoffFile>,
}

/// How long to wait before another attempt.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape for the schema")]
struct BackoffFile {
    /// Before the second attempt; 2s when nothing is said.
    initial: Option<DurationText>,
    /// How many times longer each further wait is; 2 when nothing is said.
    #[schemars(range(min = 1.0, max = 10.0))]
    factor: Option<f64>,
    /// The longest wait; 5m when nothing is said.
    max: Option<DurationText>,
}

/// Whether outputs may come from an earlier run.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape for the schema")]
enum CacheWord {
    Auto,
    Never,
}

/// What the failure of a step does to the run.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape for the schema")]
enum OnFailureWord {
    /// Everything that the run made is undone.
    Compensate,
    /// What other steps made stays.
    Continue,
    /// A person decides.
    Pause,
}

/// What happens to the effects when the run fails.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape for the schema")]
enum CompensateWord {
    Default,
    None,
}

/// A length of time: `90s`, `20m`, `1h 30m`.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "a shape for the schema")]
struct DurationText(#[schemars(regex(pattern = "^([0-9]+(ms|s|m|h|d) *)+$"))] String);

/// Any value, with expressions in its texts.
type AnyValue = Json;

/// Things by name; names match `[a-z][a-z0-9_]*`.
struct Named<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("propertyNames".to_owned(), serde_json::json!({ "pattern": "^[a-z][a-z0-9_]{0,63}$" }));
        schema.insert("additionalProperties".to_owned(), generator.subschema_for::<T>().to_value());
        schema.into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::document::TABLES;

    fn names<'a>(list: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        list.into_iter().collect()
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let schema = workflow_schema();
        for (name, keys) in TABLES {
            let shape = if *name == "WorkflowFile" { &schema } else { &schema["$defs"][name] };
            let properties = shape["properties"].as_object().into_iter().flat_map(Map::keys);
            assert_eq!(names(properties.map(String::as_str)), names(keys.known.iter().copied()), "{name}");
            let required = shape["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
            assert_eq!(names(required), names(keys.required.iter().copied()), "{name}");
        }
    }
}
