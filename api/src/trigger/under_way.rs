//! Which deliveries somebody works on right now, in this process: no two work off the same one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use vocab::ProjectId;

/// Deliveries that are worked on or wait for it; what is beyond stays pending in the store for a while.
const MOST: usize = 1000;

/// Deliveries of one project among them: a slow repository keeps no other project waiting.
const MOST_OF_PROJECT: usize = 100;

type Keys = BTreeSet<(ProjectId, String)>;

/// The deliveries that are under way.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<Keys>>);

/// The right to work off one delivery, given back when dropped.
pub(crate) struct Claim {
    of: UnderWay,
    key: (ProjectId, String),
}

impl UnderWay {
    /// The right to work off a delivery; `None` where somebody has it, or where too many are under way, of all or of
    /// its project.
    pub(crate) fn claim(&self, project: ProjectId, delivery: &str) -> Option<Claim> {
        let key = (project, delivery.to_owned());
        let room = |keys: &Keys| {
            let own = keys.range((project, String::new())..).take_while(|(of, _)| *of == project).count();
            keys.len() < MOST && own < MOST_OF_PROJECT
        };
        self.with(|keys| room(keys) && keys.insert(key.clone())).then(|| Claim { of: self.clone(), key })
    }

    /// Whether there is room for no other.
    pub(crate) fn is_full(&self) -> bool {
        self.with(|keys| keys.len() >= MOST)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Keys) -> T) -> T {
        // No change to the set leaves it half-made, so one that somebody panicked over is still good.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.of.with(|keys| keys.remove(&self.key));
    }
}

#[cfg(test)]
mod tests {
    use vocab::SeededIds;

    use super::*;

    #[test]
    fn a_delivery_is_claimed_by_one_until_it_is_given_back() {
        let (under_way, project) = (UnderWay::default(), ProjectId::generate(&SeededIds::default()));
        let claim = under_way.claim(project, "d-1").unwrap();
        assert!(under_way.claim(project, "d-1").is_none());
        assert!(under_way.claim(project, "d-2").is_some());
        drop(claim);
        assert!(under_way.claim(project, "d-1").is_some());
    }

    #[test]
    fn claims_are_bounded() {
        let (under_way, ids) = (UnderWay::default(), SeededIds::default());
        let mut claims = Vec::new();
        while !under_way.is_full() {
            let project = ProjectId::generate(&ids);
            let own = (0..MOST).filter_map(|n| under_way.claim(project, &format!("d-{n}")));
            let before = claims.len();
            claims.extend(own);
            assert_eq!(claims.len() - before, MOST_OF_PROJECT, "the rest is left to other projects");
        }
        assert_eq!(claims.len(), MOST);
        assert!(under_way.claim(ProjectId::generate(&ids), "more").is_none());
    }
}
