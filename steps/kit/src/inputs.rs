//! From checked values to a struct of the action's own, and back.

use engine_ports::ActionError;
use serde::de::DeserializeOwned;
use vocab::{Inputs, Outputs, Value};

/// Reads an action's inputs into its own struct, which denies unknown fields.
///
/// The values were checked against the manifest, so an error means that manifest and struct do not fit together. An
/// input that is null counts as one that is not given.
pub fn inputs<T: DeserializeOwned>(inputs: Inputs) -> Result<T, ActionError> {
    let given = inputs.into_iter().filter(|(_, value)| *value != Value::Null);
    let json = given.map(|(name, value)| (name, value.to_json())).collect();
    serde_json::from_value(serde_json::Value::Object(json))
        .map_err(|error| ActionError::permanent(format!("the inputs do not fit this action: {error}")))
}

/// An action's outputs by name.
pub fn outputs<const N: usize>(given: [(&str, Value); N]) -> Outputs {
    given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde::Deserialize;
    use vocab::{ArtifactKind, ArtifactRef, Digest, SecretRef};

    use super::*;
    use crate::field;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Taken {
        tree: field::Artifact,
        token: Option<field::Secret>,
        wait: field::Time,
        room: field::Size,
        #[serde(default)]
        words: BTreeMap<String, String>,
    }

    fn given() -> Inputs {
        let tree = ArtifactRef { kind: ArtifactKind::Tree, digest: Digest::of("x"), size: 1 };
        outputs([
            ("tree", tree.into()),
            ("token", Value::Secret(SecretRef("deploy".to_owned()))),
            ("wait", "1m 30s".into()),
            ("room", "2KiB".into()),
        ])
    }

    #[test]
    fn references_durations_and_sizes_arrive_typed() {
        let taken: Taken = inputs(given()).unwrap();
        assert_eq!(taken.tree.digest, Digest::of("x"));
        assert_eq!(taken.token.unwrap().name(), &SecretRef("deploy".to_owned()));
        assert_eq!(*taken.wait, Duration::from_secs(90));
        assert_eq!(*taken.room, 2048);
    }

    #[test]
    fn null_counts_as_not_given_and_unknown_names_are_refused() {
        let mut null = given();
        null.insert("token".to_owned(), Value::Null);
        assert_eq!(inputs::<Taken>(null).unwrap().token, None);
        let mut more = given();
        more.insert("wrod".to_owned(), true.into());
        assert!(inputs::<Taken>(more).unwrap_err().message.contains("wrod"));
    }
}
