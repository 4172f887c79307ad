//! The combinations of a matrix.
//!
//! `include` and `exclude` mean what users of GitHub Actions know: an excluded pattern removes the combinations that
//! agree with it on all its keys; an included one is added to each combination whose axes it does not contradict, and
//! where there is none it is a combination of its own.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use lang::Template;
use serde::{Deserialize, Serialize};
use vocab::Value;

/// Values by axis, or by a further name that an included pattern brings.
type Combination = BTreeMap<String, Value>;

/// A matrix as the workflow writes it: lists may be computed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Matrix {
    /// The values of each axis. The last axis turns fastest.
    pub axes: IndexMap<String, Template>,
    /// Patterns that add to combinations, or are some of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<BTreeMap<String, Template>>,
    /// Patterns that remove combinations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<BTreeMap<String, Template>>,
}

impl Matrix {
    /// The combinations, in order. `room` bounds how many the axes may give; beyond it `too_many` says so before
    /// anything is built.
    pub(crate) fn combine<E>(
        &self,
        evaluate: impl Fn(&Template) -> Result<Value, E>,
        list: impl Fn(&str, Value) -> Result<Vec<Value>, E>,
        room: u64,
        too_many: impl Fn(u64) -> E,
    ) -> Result<Vec<Value>, E> {
        let mut axes = Vec::with_capacity(self.axes.len());
        let mut count = u64::from(!self.axes.is_empty());
        for (name, template) in &self.axes {
            let items = list(name, evaluate(template)?)?;
            count = count.saturating_mul(items.len() as u64);
            axes.push((name.clone(), items));
        }
        count = count.saturating_add(self.include.len() as u64);
        if count > room {
            return Err(too_many(count));
        }
        let patterns = |patterns: &[BTreeMap<String, Template>]| {
            let pattern = |pattern: &BTreeMap<String, Template>| {
                pattern.iter().map(|(name, template)| Ok((name.clone(), evaluate(template)?))).collect()
            };
            patterns.iter().map(pattern).collect::<Result<Vec<Combination>, E>>()
        };
        let all = combinations(&axes, &patterns(&self.include)?, &patterns(&self.exclude)?);
        Ok(all.into_iter().map(Value::Map).collect())
    }
}

fn combinations(
    axes: &[(String, Vec<Value>)],
    include: &[Combination],
    exclude: &[Combination],
) -> Vec<Combination> {
    let mut all = if axes.is_empty() { Vec::new() } else { vec![Combination::new()] };
    for (name, items) in axes {
        let turned = |combination: &Combination| {
            let with = |item: &Value| {
                let mut more = combination.clone();
                more.insert(name.clone(), item.clone());
                more
            };
            items.iter().map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(turned).collect();
    }
    let agrees = |pattern: &Combination, combination: &Combination| {
        pattern.iter().all(|(name, value)| combination.get(name) == Some(value))
    };
    all.retain(|combination| !exclude.iter().any(|pattern| agrees(pattern, combination)));
    let product = all.len();
    for pattern in include {
        let on_axes = |name: &&String| axes.iter().any(|(axis, _)| axis == *name);
        let fits = |combination: &Combination| {
            let mut named = pattern.keys().filter(on_axes);
            named.all(|name| combination.get(name) == pattern.get(name))
        };
        let mut alone = true;
        for combination in all[..product].iter_mut().filter(|combination| fits(combination)) {
            alone = false;
            combination.extend(pattern.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        if alone {
            all.push(pattern.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pairs: &[(&str, &str)]) -> Combination {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }

    fn axes() -> Vec<(String, Vec<Value>)> {
        vec![
            ("os".to_owned(), vec!["debian".into(), "ubuntu".into()]),
            ("arch".to_owned(), vec!["amd64".into(), "arm64".into()]),
        ]
    }

    #[test]
    fn the_last_axis_turns_fastest() {
        let all = combinations(&axes(), &[], &[]);
        let expected = [("debian", "amd64"), ("debian", "arm64"), ("ubuntu", "amd64"), ("ubuntu", "arm64")];
        assert_eq!(all, expected.map(|(os, arch)| pattern(&[("os", os), ("arch", arch)])));
    }

    #[test]
    fn an_excluded_pattern_removes_what_agrees_with_all_of_it() {
        let all =
            combinations(&axes(), &[], &[pattern(&[("os", "debian")]), pattern(&[("arch", "riscv64")])]);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|combination| combination["os"] == "ubuntu".into()));
    }

    #[test]
    fn an_included_pattern_adds_where_it_fits_and_stands_alone_where_it_does_not() {
        let include = [
            pattern(&[("os", "debian"), ("suite", "trixie")]),
            pattern(&[("os", "alpine"), ("arch", "amd64")]),
            pattern(&[("checked", "yes")]),
        ];
        let all = combinations(&axes(), &include, &[]);
        assert_eq!(all.len(), 5);
        assert_eq!(all.iter().filter(|combination| combination.contains_key("suite")).count(), 2);
        // What stands alone is no combination of the axes: later patterns add nothing to it.
        assert_eq!(all[4], include[1]);
        assert_eq!(all.iter().filter(|combination| combination.contains_key("checked")).count(), 4);
    }

    #[test]
    fn a_later_pattern_overwrites_what_an_earlier_one_added_and_never_an_axis() {
        let include = [pattern(&[("suite", "bookworm")]), pattern(&[("os", "debian"), ("suite", "trixie")])];
        let all = combinations(&axes(), &include, &[]);
        let suites: Vec<_> = all.iter().map(|one| one["suite"].clone()).collect();
        assert_eq!(suites, ["trixie", "trixie", "bookworm", "bookworm"].map(Value::from));
    }

    #[test]
    fn a_matrix_without_axes_is_its_included_patterns() {
        let include = [pattern(&[("os", "alpine")]), pattern(&[("os", "debian")])];
        assert_eq!(combinations(&[], &include, &[]), include);
        assert!(combinations(&[], &[], &[]).is_empty());
    }
}
