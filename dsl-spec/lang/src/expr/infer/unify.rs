//! When one type stands for two, and when a value of one type may go where another is wanted.

use vocab::Type;

/// The type that takes both, where there is one.
pub(super) fn unify(left: &Type, right: &Type) -> Option<Type> {
    Some(match (left, right) {
        (Type::Any, _) | (_, Type::Any) => Type::Any,
        (Type::Nullable(left), Type::Nullable(right)) => Type::nullable(unify(left, right)?),
        (Type::Nullable(inner), other) | (other, Type::Nullable(inner)) => {
            Type::nullable(unify(inner, other)?)
        }
        (Type::Enum(left), Type::Enum(right)) => {
            let mut words = left.clone();
            words.extend(right.iter().filter(|word| !left.contains(word)).cloned());
            Type::Enum(words)
        }
        (Type::List(left), Type::List(right)) => Type::list(unify(left, right)?),
        (Type::Map(left), Type::Map(right)) => Type::map(unify(left, right)?),
        (left, right) if left.takes(right) => left.clone(),
        (left, right) if right.takes(left) => right.clone(),
        (left, right) if super::is_text(left) && super::is_text(right) => Type::String,
        _ => return None,
    })
}

/// Whether a value of type `give` may go where `want` is wanted. What is not known before the run passes; it is
/// checked when the value is there.
pub(crate) fn fits(want: &Type, give: &Type) -> bool {
    match (want, give) {
        (_, Type::Any) => true,
        (Type::List(want), Type::List(give)) | (Type::Map(want), Type::Map(give)) => fits(want, give),
        (Type::Map(want), Type::Object(fields)) => fields.values().all(|field| fits(want, &field.ty)),
        (Type::Object(want), Type::Object(give)) => {
            give.keys().all(|name| want.contains_key(name))
                && want.iter().all(|(name, field)| match give.get(name) {
                    Some(given) => (given.required || !field.required) && fits(&field.ty, &given.ty),
                    None => !field.required,
                })
        }
        (Type::Nullable(want), Type::Nullable(give)) => fits(want, give),
        (Type::Nullable(want), give) => fits(want, give),
        (want, give) => want.takes(give),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_passes_and_what_is_known_must_fit() {
        let words = |words: &[&str]| Type::Enum(words.iter().map(|&word| word.to_owned()).collect());
        assert!(fits(&Type::list(Type::String), &Type::list(Type::Any)));
        assert!(!fits(&Type::String, &Type::nullable(Type::String)));
        assert!(fits(&words(&["a", "b"]), &words(&["a"])) && !fits(&words(&["a"]), &words(&["b"])));
        assert_eq!(unify(&Type::Integer, &Type::Number), Some(Type::Number));
        assert_eq!(unify(&Type::Integer, &Type::String), None);
        assert_eq!(unify(&Type::Digest, &words(&["a"])), Some(Type::String));
    }
}
