//! Finds the name that was probably meant.

use crate::syntax::cut;

/// The candidate nearest to `name`, when it is near enough to be worth a question.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A hostile file may hold very long names; nobody mistypes those.
    if name.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 64 && *candidate != name)
        .take(1000)
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean `x`?`, or nothing: the end of a message.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|found| format!("; did you mean `{found}`?")).unwrap_or_default()
}

/// Names that a help lists; of more, only the first.
const MOST_LISTED: usize = 10;

/// ``the steps are `a`, `b` ``: a help where no name is near.
pub(crate) fn listed<'a>(kind: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<_> = names.by_ref().take(MOST_LISTED).map(|name| format!("`{}`", cut(name))).collect();
    let more = names.count();
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("the {kind} are {}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(nearest("biuld", ["push", "build"]), Some("build"));
        assert_eq!(nearest("zzz", ["push", "build"]), None);
    }

    #[test]
    fn a_list_of_names_is_short() {
        assert_eq!(listed("steps", ["a", "b"]), "the steps are `a`, `b`");
        let many = listed("steps", vec!["a"; 1000]);
        assert!(many.ends_with(", and 990 more") && many.len() < 100, "{many}");
    }
}
