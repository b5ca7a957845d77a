//! A slab whose keys carry a generation: the key of something removed never finds what took its place.

use std::fmt;
use std::marker::PhantomData;

/// Names one entry of a [`Table`] for as long as it lives.
pub struct Key<T> {
    index: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// Position in the table, dense and reused; for parallel vectors.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    #[cfg(test)]
    pub(super) const fn for_tests(index: u32) -> Self {
        Self { index, generation: 0, of: PhantomData }
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}

impl<T> Eq for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// Values under generational keys; freed places are reused, so the table is as large as its busiest moment.
pub struct Table<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Table<T> {
    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Puts `value` in a free place.
    pub fn insert(&mut self, value: T) -> Key<T> {
        self.len += 1;
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.value = Some(value);
            return Key { index, generation: entry.generation, of: PhantomData };
        }
        let index = self.entries.len() as u32;
        self.entries.push(Entry { generation: 0, value: Some(value) });
        Key { index, generation: 0, of: PhantomData }
    }

    /// Takes the entry out; its key is dead from now on.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize).filter(|entry| entry.generation == key.generation)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(key.index);
        self.len -= 1;
        Some(value)
    }

    /// The entry, while it lives.
    #[inline]
    pub fn get(&self, key: Key<T>) -> Option<&T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    /// The entry, while it lives.
    #[inline]
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_mut() } else { None }
    }

    /// The key of whatever lives at `index` now.
    pub fn key_at(&self, index: usize) -> Option<Key<T>> {
        let entry = self.entries.get(index)?;
        entry.value.as_ref()?;
        Some(Key { index: index as u32, generation: entry.generation, of: PhantomData })
    }

    /// Every entry.
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let key = Key { index: index as u32, generation: entry.generation, of: PhantomData };
            entry.value.as_ref().map(|value| (key, value))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_dead_key_does_not_find_its_successor() {
        let mut table = Table::default();
        let first = table.insert("a");
        assert_eq!(table.remove(first), Some("a"));
        let second = table.insert("b");
        assert_eq!(first.index(), second.index());
        assert_eq!(table.get(first), None);
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&"b"));
        assert_eq!(table.key_at(second.index()), Some(second));
        assert_eq!(table.len(), 1);
        assert_eq!(table.iter().count(), 1);
    }
}
