//! Writing down what an action takes, gives and promises.

use vocab::{
    ActionManifest, ActionRef, Caching, EffectSpec, Isolation, IsolationRule, Port, ToolNeed, Type, Value,
};

/// A manifest in the making. Until told otherwise the action is pure, runs inside the factory and needs nothing.
#[derive(Debug, Clone)]
pub struct Manifest(ActionManifest);

impl Manifest {
    /// The manifest of `name` (such as `git/fetch`) in `version`, with one line for listings.
    pub fn new(name: &str, version: u32, summary: &str) -> Self {
        Self(ActionManifest {
            action: ActionRef { name: name.into(), version },
            summary: summary.to_owned(),
            doc: String::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            isolation: IsolationRule::always(Isolation::Internal),
            caching: Caching::Auto,
            effects: Vec::new(),
            wait: None,
            tools: Vec::new(),
            example: String::new(),
        })
    }

    /// What it does, in a few sentences of Markdown.
    #[must_use]
    pub fn doc(mut self, doc: &str) -> Self {
        doc.clone_into(&mut self.0.doc);
        self
    }

    /// An input that a workflow must give.
    #[must_use]
    pub fn required(mut self, name: &str, ty: Type, doc: &str) -> Self {
        self.0.inputs.push(Port::required(name, ty, doc));
        self
    }

    /// An input that a workflow may leave out.
    #[must_use]
    pub fn optional(mut self, name: &str, ty: Type, doc: &str) -> Self {
        self.0.inputs.push(Port::optional(name, ty, doc));
        self
    }

    /// An input with a default.
    #[must_use]
    pub fn default(mut self, name: &str, ty: Type, default: impl Into<Value>, doc: &str) -> Self {
        self.0.inputs.push(Port::with_default(name, ty, default, doc));
        self
    }

    /// An output.
    #[must_use]
    pub fn output(mut self, name: &str, ty: Type, doc: &str) -> Self {
        self.0.outputs.push(Port::required(name, ty, doc));
        self
    }

    /// How it keeps a tenant's code away from the host.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.0.isolation = IsolationRule::always(isolation);
        self
    }

    /// As [`Manifest::isolation`], unless the input `name` says otherwise.
    #[must_use]
    pub fn isolation_by(mut self, default: Isolation, name: &str) -> Self {
        self.0.isolation = IsolationRule { default, input: Some(name.to_owned()) };
        self
    }

    /// Its outputs never come from the cache.
    #[must_use]
    pub fn never_cached(mut self) -> Self {
        self.0.caching = Caching::Never;
        self
    }

    /// A kind of effect that it makes; such an action is never cached.
    #[must_use]
    pub fn effect(mut self, name: &str, doc: &str) -> Self {
        self.0.effects.push(EffectSpec { name: name.to_owned(), doc: doc.to_owned() });
        self.never_cached()
    }

    /// A program that it needs, and the Debian package that holds it.
    #[must_use]
    pub fn tool(mut self, program: &str, package: &str) -> Self {
        self.0.tools.push(ToolNeed { program: program.to_owned(), package: package.to_owned() });
        self
    }

    /// Ends with a step in YAML that shows its use.
    #[must_use]
    pub fn example(mut self, yaml: &str) -> ActionManifest {
        yaml.clone_into(&mut self.0.example);
        self.0
    }
}
