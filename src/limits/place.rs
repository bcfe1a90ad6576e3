//! So many things at a time: connections, streams.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

/// The places of many callers, so many for each. Callers without any take no memory.
#[derive(Debug)]
pub struct Places<K> {
    most: usize,
    callers: Mutex<FxHashMap<K, Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    places: usize,
    /// One more was asked for.
    refused: bool,
}

/// There is no place left.
#[derive(Debug, PartialEq, Eq)]
pub struct Full {
    /// The caller was not told so since it had no place at all: say it once, and not each time.
    pub first: bool,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub struct Place<K: Hash + Eq> {
    places: Arc<Places<K>>,
    caller: K,
}

impl<K: Hash + Eq + Clone> Places<K> {
    /// So many for each caller, at least one.
    pub fn new(most: usize) -> Arc<Places<K>> {
        Arc::new(Places { most, callers: Mutex::default() })
    }

    /// Takes a place.
    ///
    /// # Errors
    ///
    /// The caller has as many as it may.
    pub fn take(self: &Arc<Self>, caller: K) -> Result<Place<K>, Full> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = callers.entry(caller.clone()).or_default();
        if taken.places >= self.most {
            return Err(Full { first: !std::mem::replace(&mut taken.refused, true) });
        }
        taken.places += 1;
        Ok(Place { places: self.clone(), caller })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut callers = self.places.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = callers.get_mut(&self.caller) {
            taken.places -= 1;
            if taken.places == 0 {
                callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_places_and_nobody_is_remembered_without_one() {
        let places = Places::new(2);
        let [one, two] = ["a", "a"].map(|caller| places.take(caller).unwrap());
        let other = places.take("b").unwrap();
        assert_eq!(places.take("a").unwrap_err(), Full { first: true });
        assert_eq!(places.take("a").unwrap_err(), Full { first: false });
        drop(one);
        let three = places.take("a").unwrap();
        // It was told, and has had places ever since.
        assert_eq!(places.take("a").unwrap_err(), Full { first: false });
        drop((two, three, other));
        assert!(places.callers.lock().unwrap().is_empty());
        let _again = ["a", "a"].map(|caller| places.take(caller).unwrap());
        assert_eq!(places.take("a").unwrap_err(), Full { first: true });
    }
}
