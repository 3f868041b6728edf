//! Lists that are empty nearly always: as small as a pointer while they are.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// A list that an idle machine keeps no room for. There may be a hundred thousand of them.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
#[expect(clippy::box_collection, reason = "a third of the size, while it is empty")]
pub(super) struct Lean<T>(Option<Box<Vec<T>>>);

impl<T> Lean<T> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn push(&mut self, item: T) {
        self.0.get_or_insert_default().push(item);
    }

    /// The lists here are a few items long, so moving the others up costs nothing.
    pub(super) fn pop_front(&mut self) -> Option<T> {
        self.take(|_| true)
    }

    /// Takes out the first item that is the one.
    pub(super) fn take(&mut self, is_it: impl FnMut(&T) -> bool) -> Option<T> {
        self.change(|items| {
            let at = items.iter().position(is_it)?;
            Some(items.remove(at))
        })
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.change(|items| {
            items.retain(keep);
            None
        });
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Gives the room back when the last item has gone.
    fn change(&mut self, change: impl FnOnce(&mut Vec<T>) -> Option<T>) -> Option<T> {
        let removed = change(self.0.as_mut()?);
        if self.is_empty() {
            self.clear();
        }
        removed
    }
}

impl<T> Deref for Lean<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T> DerefMut for Lean<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}
