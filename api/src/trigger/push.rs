//! What a push means, read from the payload that GitHub sends.

use serde::{Deserialize, Serialize};

/// A push, as far as the factory cares. This is what is kept of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Push {
    /// The ref that moved, in full: `refs/heads/main`.
    pub(crate) git_ref: String,
    /// The commit it names now; none when the ref was deleted.
    pub(crate) commit: Option<String>,
    /// The commit it named before; none when the ref is new.
    pub(crate) before: Option<String>,
    /// Who pushed, for people.
    pub(crate) actor: String,
}

/// Why a payload is no push.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PushError {
    /// It is not JSON of the right form.
    #[error("the payload is not a push: {0}")]
    Form(String),
    /// A field holds what cannot be.
    #[error("the payload's `{field}` is not {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "ref")]
    git_ref: String,
    before: String,
    after: String,
    #[serde(default)]
    deleted: bool,
    head_commit: Option<Head>,
    pusher: Option<Person>,
    sender: Option<Person>,
}

#[derive(Deserialize)]
struct Head {
    id: String,
}

#[derive(Deserialize)]
struct Person {
    name: Option<String>,
    login: Option<String>,
}

impl Push {
    /// Reads a payload. Call it only after its signature was checked.
    pub(crate) fn read(body: &[u8]) -> Result<Self, PushError> {
        let payload: Payload =
            serde_json::from_slice(body).map_err(|error| PushError::Form(error.to_string()))?;
        let field = |field, expected| PushError::Field { field, expected };
        if !is_ref(&payload.git_ref) {
            return Err(field("ref", "a full ref such as `refs/heads/main`"));
        }
        for (name, text) in [("before", &payload.before), ("after", &payload.after)] {
            if !is_commit(text) {
                return Err(field(name, "a commit"));
            }
        }
        let (before, after) = (some_commit(payload.before), some_commit(payload.after));
        // For an annotated tag `after` names the tag's own object.
        let head = payload.head_commit.map(|head| head.id).filter(|id| is_commit(id)).and_then(some_commit);
        let person = |person: Option<Person>| person.and_then(|person| person.name.or(person.login));
        let actor = person(payload.pusher).or_else(|| person(payload.sender)).unwrap_or_default();
        Ok(Self {
            git_ref: payload.git_ref,
            commit: if payload.deleted { None } else { after.map(|after| head.unwrap_or(after)) },
            before,
            actor: actor.chars().filter(|c| !c.is_control()).take(100).collect(),
        })
    }
}

/// A full ref that is safe in arguments, logs and rows.
fn is_ref(text: &str) -> bool {
    text.len() <= 512
        && text.strip_prefix("refs/").is_some_and(|rest| !rest.is_empty())
        && !text.contains("..")
        && !text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c))
}

/// Whether it is a commit, in full: 40 or 64 hexadecimal digits.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The commit; none where it is all zeros.
fn some_commit(text: String) -> Option<String> {
    Some(text).filter(|text| text.bytes().any(|b| b != b'0'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";
    const NONE: &str = "0000000000000000000000000000000000000000";

    fn read(payload: &serde_json::Value) -> Result<Push, PushError> {
        Push::read(payload.to_string().as_bytes())
    }

    #[test]
    fn a_push_tells_what_moved_and_who_moved_it() {
        let payload = json!({"ref": "refs/heads/main", "before": A, "after": B, "pusher": {"name": "ada"}});
        let push = read(&payload).unwrap();
        assert_eq!(push.commit.as_deref(), Some(B));
        assert_eq!(push.before.as_deref(), Some(A));
        assert_eq!(push.actor, "ada");
    }

    #[test]
    fn a_deleted_branch_has_no_commit() {
        let push =
            read(&json!({"ref": "refs/heads/x", "before": A, "after": NONE, "deleted": true})).unwrap();
        assert_eq!(push.commit, None);
    }

    #[test]
    fn a_new_branch_has_nothing_before_it() {
        let push =
            read(&json!({"ref": "refs/heads/x", "before": NONE, "after": B, "created": true})).unwrap();
        assert_eq!((push.before, push.commit.as_deref()), (None, Some(B)));
    }

    #[test]
    fn an_annotated_tag_means_its_commit() {
        let payload = json!({"ref": "refs/tags/v1", "before": NONE, "after": A, "head_commit": {"id": B}});
        assert_eq!(read(&payload).unwrap().commit.as_deref(), Some(B));
    }

    #[test]
    fn hostile_refs_and_commits_are_refused() {
        for (git_ref, after) in [
            ("main", B),
            ("refs/heads/--upload-pack=x y", B),
            ("refs/heads/a..b", B),
            ("refs/heads/a\nb", B),
            ("refs/", B),
            ("refs/heads/x", "HEAD"),
            ("refs/heads/x", "--output=/etc/passwd"),
        ] {
            assert!(
                read(&json!({"ref": git_ref, "before": A, "after": after})).is_err(),
                "{git_ref} {after}"
            );
        }
        assert!(read(&json!([])).is_err());
    }
}
