//! `steps` and `finally`: the steps as they were written.

use std::time::Duration;

use vocab::ActionRef;

use super::Draft;
use super::reader::{Keys, Reader};
use crate::diagnostic::{Code, Finding};
use crate::model::{CachePolicy, Compensate, OnFailure, Retry};
use crate::syntax::{Node, Spanned};
use crate::{Expr, Span};

pub(super) const STEP: Keys = Keys {
    what: "a step",
    known: &[
        "uses",
        "with",
        "needs",
        "if",
        "for_each",
        "timeout",
        "retry",
        "cache",
        "compensate",
        "on_failure",
        "allow_failure",
        "pivot",
    ],
    required: &["uses"],
    later: &["strategy", "env", "runs_on", "resources", "description"],
};

/// The words of `on_failure`, of workflows and steps alike.
pub(super) const ON_FAILURE: &[(&str, OnFailure)] =
    &[("compensate", OnFailure::Compensate), ("continue", OnFailure::Continue), ("pause", OnFailure::Pause)];

/// A step as it was written.
#[derive(Debug)]
pub(crate) struct StepDraft {
    pub(crate) name: Spanned<String>,
    /// Without an action there was an error.
    pub(crate) uses: Option<Spanned<ActionRef>>,
    /// Where `with` stands.
    pub(crate) with_span: Option<Span>,
    pub(crate) with: Vec<(Spanned<String>, Draft)>,
    pub(crate) needs: Vec<Spanned<String>>,
    pub(crate) condition: Option<Expr>,
    pub(crate) for_each: Option<Draft>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Retry,
    pub(crate) cache: CachePolicy,
    pub(crate) compensate: Compensate,
    /// What it says itself, and where `on_failure` stands.
    pub(crate) on_failure: Option<Spanned<OnFailure>>,
    pub(crate) allow_failure: bool,
    /// Where `pivot: true` stands.
    pub(crate) pivot: Option<Span>,
}

impl Reader<'_> {
    pub(super) fn steps(&mut self, node: &Node, what: &str) -> Vec<StepDraft> {
        let mut steps = Vec::new();
        for entry in self.entries(node, what).unwrap_or_default() {
            let named = self.name(&entry.key.value, entry.key.span, "a step");
            let step = self.step(&entry.value, entry.key.clone());
            if named {
                steps.extend(step);
            }
        }
        steps
    }

    fn step(&mut self, node: &Node, name: Spanned<String>) -> Option<StepDraft> {
        let fields = self.fields(node, &STEP, name.span)?;
        let mut with = Vec::new();
        if let Some(node) = fields.get("with") {
            for entry in self.entries(node, "`with`").unwrap_or_default() {
                let draft = self.draft(&entry.value);
                with.push((entry.key.clone(), draft));
            }
        }
        let flag =
            |this: &mut Self, key| fields.get(key).and_then(|node| this.boolean(node)).unwrap_or(false);
        let pivot = flag(self, "pivot");
        Some(StepDraft {
            name,
            uses: fields.get("uses").and_then(|node| self.action(node)),
            with_span: fields.entry("with").map(|entry| entry.key.span),
            with,
            needs: fields.get("needs").map(|node| self.needs(node)).unwrap_or_default(),
            condition: fields.get("if").and_then(|node| self.condition(node)),
            for_each: fields.get("for_each").map(|node| self.draft(node)),
            timeout: fields.get("timeout").and_then(|node| self.duration(node)),
            retry: fields.get("retry").and_then(|node| self.retry(node)).unwrap_or_else(Retry::never),
            cache: fields
                .get("cache")
                .and_then(|node| {
                    self.word(node, &[("auto", CachePolicy::Auto), ("never", CachePolicy::Never)])
                })
                .unwrap_or_default(),
            compensate: fields
                .get("compensate")
                .and_then(|node| {
                    self.word(node, &[("default", Compensate::Default), ("none", Compensate::None)])
                })
                .unwrap_or_default(),
            on_failure: fields
                .entry("on_failure")
                .and_then(|entry| Some(Spanned::new(self.word(&entry.value, ON_FAILURE)?, entry.key.span))),
            allow_failure: flag(self, "allow_failure"),
            pivot: fields.entry("pivot").filter(|_| pivot).map(|entry| entry.key.span),
        })
    }

    fn action(&mut self, node: &Node) -> Option<Spanned<ActionRef>> {
        let text = self.text(node, "the name of an action, such as `git/fetch@v1`")?;
        match text.parse() {
            Ok(action) => Some(Spanned::new(action, node.span)),
            Err(error) => {
                let error: vocab::ActionRefError = error;
                let finding = Finding::new(Code::BadActionRef, node.span, error.to_string());
                self.report(
                    finding.help("an action has a family, a name and a major version: `git/fetch@v1`"),
                );
                None
            }
        }
    }

    fn needs(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let Some(items) = self.list(node, "a list of steps, such as `[build]`") else { return Vec::new() };
        let names = items
            .into_iter()
            .filter_map(|item| Some(Spanned::new(self.text(item, "the name of a step")?, item.span)));
        names.collect()
    }
}
