//! What holds before an action runs. Pure.

use engine_core::run::Failure;
use vocab::{ActionManifest, ErrorClass, Inputs, Port, Value};

/// Refuses host execution without trust, and inputs that are not what the manifest says.
pub(super) fn before(manifest: &ActionManifest, inputs: &Inputs, trust_host: bool) -> Result<(), Failure> {
    let action = &manifest.action;
    let isolation = manifest.isolation.of(|name| inputs.get(name).cloned());
    if isolation.is_host() && !trust_host {
        let failure = Failure::new(
            ErrorClass::Gate,
            format!(
                "{action} with isolation `{isolation}` executes on the host, and this project is not trusted with it"
            ),
        );
        return Err(failure
            .help("let the operator trust the project (`--trust host`), or choose the isolation `oci`"));
    }
    if let Some(name) = inputs.keys().find(|name| manifest.input(name).is_none()) {
        return Err(Failure::new(ErrorClass::Permanent, format!("{action} has no input `{name}`")));
    }
    for port in &manifest.inputs {
        fits(port, inputs.get(&port.name), !port.required)
            .map_err(|reason| Failure::new(ErrorClass::Permanent, format!("{action}: input {reason}")))?;
    }
    Ok(())
}

fn fits(port: &Port, value: Option<&Value>, optional: bool) -> Result<(), String> {
    match value {
        None | Some(Value::Null) if optional => Ok(()),
        None => port.ty.check(&Value::Null).map_err(|_| format!("`{}` is missing", port.name)),
        Some(value) => port.ty.check(value).map_err(|mismatch| format!("`{}`: {mismatch}", port.name)),
    }
}

#[cfg(test)]
mod tests {
    use vocab::{Caching, Isolation, IsolationRule, Type};

    use super::*;

    fn manifest() -> ActionManifest {
        ActionManifest {
            action: "test/some@v1".parse().unwrap(),
            summary: String::new(),
            doc: String::new(),
            inputs: vec![
                Port::required("name", Type::String, ""),
                Port::optional("isolation", Type::Enum(vec!["oci".into(), "chroot".into()]), ""),
            ],
            outputs: vec![Port::required("count", Type::Integer, "")],
            isolation: IsolationRule { default: Isolation::Oci, input: Some("isolation".into()) },
            caching: Caching::Never,
            effects: Vec::new(),
            wait: None,
            tools: Vec::new(),
            example: String::new(),
        }
    }

    fn values(pairs: &[(&str, Value)]) -> Inputs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn host_execution_needs_trust() {
        let inputs = values(&[("name", "x".into()), ("isolation", "chroot".into())]);
        assert_eq!(before(&manifest(), &inputs, false).unwrap_err().class, ErrorClass::Gate);
        assert_eq!(before(&manifest(), &inputs, true), Ok(()));
        assert_eq!(before(&manifest(), &values(&[("name", "x".into())]), false), Ok(()));
    }

    #[test]
    fn values_must_have_the_declared_types() {
        for wrong in [
            values(&[]),
            values(&[("name", 1.into())]),
            values(&[("name", "x".into()), ("other", 1.into())]),
            values(&[("name", Value::Null)]),
        ] {
            assert!(before(&manifest(), &wrong, false).is_err(), "{wrong:?}");
        }
    }
}
