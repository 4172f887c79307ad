//! The actions of this factory, by name and version.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_ports::Action;
use lang::Catalogue;
use vocab::{ActionManifest, ActionRef};

/// Every action that this process can execute and undo.
#[derive(Clone, Default)]
pub struct ActionSet {
    actions: Arc<BTreeMap<ActionRef, Arc<dyn Action>>>,
    catalogue: Arc<Catalogue>,
}

/// Two actions of one name and version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two actions are called `{0}`: give one of them another name or version")]
pub struct DuplicateAction(pub ActionRef);

impl ActionSet {
    /// The set of these actions.
    pub fn new(actions: impl IntoIterator<Item = Arc<dyn Action>>) -> Result<Self, DuplicateAction> {
        let mut set = BTreeMap::new();
        for action in actions {
            let name = action.manifest().action.clone();
            if set.insert(name.clone(), action).is_some() {
                return Err(DuplicateAction(name));
            }
        }
        let catalogue = Catalogue::new(set.values().map(|action| action.manifest().clone()));
        Ok(Self { actions: Arc::new(set), catalogue: Arc::new(catalogue) })
    }

    /// The action of that name and version.
    pub fn get(&self, action: &ActionRef) -> Option<&Arc<dyn Action>> {
        self.actions.get(action)
    }

    /// What it says about itself.
    pub fn manifest(&self, action: &ActionRef) -> Option<&ActionManifest> {
        self.get(action).map(|action| action.manifest())
    }

    /// The catalogue against which workflows compile.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What all of them say about themselves, by name and version.
    pub fn manifests(&self) -> impl Iterator<Item = &ActionManifest> {
        self.actions.values().map(|action| action.manifest())
    }
}
