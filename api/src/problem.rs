//! What a caller is told when something is refused: RFC 9457 problem details.

use serde::Serialize;
use serde_json::Value as Json;
use warp::http::StatusCode;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $slug:literal, $status:ident, $title:literal;)+) => {
        /// The kinds of problems. Each has a stable `type`, `urn:image-factory:problem:SLUG`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum ProblemKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ProblemKind {
            /// Every kind.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The last part of its `type`.
            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// Its HTTP status.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// What it is for.
            pub(crate) const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// Its title, the same for every occurrence.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

kinds! {
    /// The request cannot be read.
    BadRequest = "bad-request", BAD_REQUEST, "The request cannot be read";
    /// Nobody, or somebody unknown, is asking.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "A valid token is needed";
    /// A webhook's signature is missing or wrong.
    BadSignature = "bad-signature", UNAUTHORIZED, "The signature is missing or wrong";
    /// It is not there, or not for this caller.
    NotFound = "not-found", NOT_FOUND, "There is no such thing here";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This path does not take this method";
    /// Something of that name is there, or changed meanwhile, or is in the wrong state.
    Conflict = "conflict", CONFLICT, "This does not go together with what is there";
    /// The group of the run has no room, and its workflow says that it is dropped then.
    GroupFull = "group-full", CONFLICT, "The run is dropped: its group is full";
    /// The body does not come.
    TooSlow = "too-slow", REQUEST_TIMEOUT, "The body did not come in time";
    /// The body is larger than its limit.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of the wrong type.
    UnsupportedType = "unsupported-type", UNSUPPORTED_MEDIA_TYPE, "The body has a type that is not taken here";
    /// The workflow does not compile; `diagnostics` says why.
    DoesNotCompile = "does-not-compile", UNPROCESSABLE_ENTITY, "The workflow does not compile";
    /// The values do not fit.
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "The values do not fit";
    /// Too many at once.
    TooMany = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests at once";
    /// A dependency of the request is not well.
    BadGateway = "upstream-failed", BAD_GATEWAY, "Something outside of the factory failed";
    /// The factory cannot take it for now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The factory cannot take this for now";
    /// A fault of the factory.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The factory failed";
}

/// One problem.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    /// Its kind.
    pub(crate) kind: ProblemKind,
    /// What happened here, in a sentence.
    pub(crate) detail: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
    /// Seconds after which trying again makes sense.
    pub(crate) retry_after: Option<u64>,
    /// More, by name: `diagnostics`.
    pub(crate) more: Vec<(&'static str, Json)>,
}

impl Problem {
    /// A problem of `kind`.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), help: None, retry_after: None, more: Vec::new() }
    }

    /// There is no such `thing`, or not for this caller: both look the same.
    pub(crate) fn missing(thing: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no {thing}"))
    }

    /// A workflow with these diagnostics does not compile.
    pub(crate) fn does_not_compile(diagnostics: &[lang::Diagnostic]) -> Self {
        let errors = diagnostics.iter().filter(|found| found.severity == lang::Severity::Error).count();
        let list: Vec<_> = diagnostics.iter().map(lang::Diagnostic::to_json).collect();
        Self::new(ProblemKind::DoesNotCompile, format!("the workflow has {errors} error(s)"))
            .with("diagnostics", list)
            .help("`image-factory lint FILE` shows them with the lines of the file")
    }

    /// The same problem in other words.
    #[must_use]
    pub(crate) fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub(crate) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds a member of the answer.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// The answer's JSON, to the request of that id where there is one.
    pub(crate) fn to_json(&self, request_id: Option<&str>) -> Json {
        #[derive(Serialize)]
        struct Wire<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            help: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            request_id: Option<&'a str>,
        }
        let wire = Wire {
            r#type: format!("urn:image-factory:problem:{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            help: self.help.as_deref(),
            request_id,
        };
        let mut json = serde_json::to_value(wire).unwrap_or_default();
        for (name, value) in &self.more {
            json[*name] = value.clone();
        }
        json
    }
}

impl From<engine_ports::StoreError> for Problem {
    fn from(error: engine_ports::StoreError) -> Self {
        use engine_ports::StoreError as E;
        let detail = error.to_string();
        match error {
            E::Exists(_) | E::Conflict { .. } => Self::new(ProblemKind::Conflict, detail),
            E::Missing(_) => Self::new(ProblemKind::NotFound, detail),
            E::Full(_) => Self::new(ProblemKind::Unavailable, detail).retry_after(60),
            E::Closed => Self::new(ProblemKind::Unavailable, detail).retry_after(10),
            E::Fenced(_) | E::Malformed { .. } | E::Damaged { .. } | E::Database(_) | E::Unknown(_) => {
                Self::internal(&detail)
            }
        }
    }
}

impl Problem {
    /// A fault of the factory. The cause goes to the log; the caller gets the request id to ask about.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "a request failed");
        Self::new(ProblemKind::Internal, "the cause stands in the server's log under this request id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique() {
        let slugs: std::collections::BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
    }

    #[test]
    fn a_problem_reads_like_this() {
        let problem = Problem::new(ProblemKind::Unavailable, "the run queue is full")
            .help("try again later")
            .retry_after(5)
            .with("queued", 100);
        insta::assert_json_snapshot!(problem.to_json(Some("r-1")), @r#"
        {
          "type": "urn:image-factory:problem:unavailable",
          "title": "The factory cannot take this for now",
          "status": 503,
          "detail": "the run queue is full",
          "help": "try again later",
          "request_id": "r-1",
          "queued": 100
        }
        "#);
    }
}
