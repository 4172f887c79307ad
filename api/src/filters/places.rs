//! Places among those whose bodies are read at once: a few for each name, a bounded number for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemKind};

/// Places of one name: whoever fills them keeps no other name from having its own.
const MOST_EACH: usize = 4;
/// How long a request waits for a place of its name: several pushes at once are read one after another.
const TURN: Duration = Duration::from_secs(2);
/// Seconds after which a sender finds room again, most likely.
const RETRY: u64 = 5;

/// The places. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    /// Of the names that somebody is reading for or waiting for.
    each: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
}

impl Places {
    pub(crate) fn new(all: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each: Arc::default() }
    }

    /// A place of a name, whether or not there is anything of that name; 503 where none becomes free in time.
    pub(crate) async fn of(&self, name: &str) -> Result<OwnedSemaphorePermit, Problem> {
        let places = self.named(name);
        match tokio::time::timeout(TURN, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // Never closed: only the time can run out.
            Ok(Err(_)) | Err(_) => Err(crowded()),
        }
    }

    /// A place among all whose bodies stay in memory; 503 where there is none.
    pub(crate) fn in_memory(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.all).try_acquire_owned().map_err(|_| crowded())
    }

    fn named(&self, name: &str) -> Arc<Semaphore> {
        // A map of weak pointers is sound after any panic.
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = each.get(name).and_then(Weak::upgrade) {
            return places;
        }
        each.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(MOST_EACH));
        each.insert(name.to_owned(), Arc::downgrade(&places));
        places
    }
}

fn crowded() -> Problem {
    Problem::new(ProblemKind::Unavailable, "too many bodies are read at once").retry_after(RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_whose_places_are_taken_leaves_the_others_theirs() {
        let places = Places::new(100);
        let mut taken = Vec::new();
        for _ in 0..MOST_EACH {
            taken.push(places.of("a").await.unwrap());
        }
        let problem = places.of("a").await.unwrap_err();
        assert_eq!((problem.kind, problem.retry_after), (ProblemKind::Unavailable, Some(RETRY)));
        assert!(places.of("b").await.is_ok());
        taken.pop();
        assert!(places.of("a").await.is_ok());
        drop(taken);
        drop(places.of("c").await);
        assert!(places.each.lock().unwrap().len() <= 1, "names are forgotten");
    }

    #[tokio::test]
    async fn one_body_too_many_finds_no_place_until_another_is_dropped() {
        let places = Places::new(1);
        let first = places.in_memory().unwrap();
        assert!(places.in_memory().is_err());
        drop(first);
        assert!(places.in_memory().is_ok());
    }
}
