//! Groups of runs of which only so many go on at once.

use serde::{Deserialize, Serialize};

/// The group that a run belongs to, as it was when the run was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunGroup {
    /// Its name, evaluated. Only runs of the same tenant and project share it.
    pub name: String,
    /// How many of its runs go on at once.
    pub limit: u32,
    /// What the run means to those before it.
    pub on_new: OnNew,
}

/// What a new run of a group does when those before it leave no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNew {
    /// It waits for them.
    #[default]
    Queue,
    /// It asks them to end, and waits until they have.
    CancelRunning,
    /// It is not created.
    Drop,
}

impl RunGroup {
    /// Characters that the name of a group may have.
    pub const LONGEST: usize = 200;

    /// Whether a text can be the name of a group; else what is wrong with it.
    pub fn check_name(name: &str) -> Result<(), &'static str> {
        if name.trim().is_empty() {
            Err("is empty")
        } else if name.chars().count() > Self::LONGEST {
            Err("has more than 200 characters")
        } else if name.chars().any(char::is_control) {
            Err("holds a line break or another control character")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_short_line_of_text() {
        for good in ["golden-trixie", "refs/heads/main", "ä b"] {
            assert_eq!(RunGroup::check_name(good), Ok(()));
        }
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert!(RunGroup::check_name(bad).is_err(), "{bad:?}");
        }
    }
}
