//! Keys find their own thing and no other.

use super::Slab;

#[test]
fn a_key_finds_its_thing_until_it_is_removed() {
    let mut slab = Slab::new();
    let (a, b) = (slab.insert("a"), slab.insert("b"));
    assert_eq!(slab.get_mut(a), Some(&mut "a"));
    assert_eq!(slab.remove(a), Some("a"));
    assert_eq!(slab.get_mut(a), None);
    assert_eq!(slab.remove(a), None);
    assert_eq!(slab.get_mut(b), Some(&mut "b"));
    assert_eq!(slab.len(), 1);
}

#[test]
fn a_place_is_used_again_and_old_keys_do_not_find_the_new_thing() {
    let mut slab = Slab::new();
    let keys: Vec<_> = (0..3).map(|n| slab.insert(n)).collect();
    for key in &keys {
        slab.remove(*key);
    }
    let again: Vec<_> = (10..13).map(|n| slab.insert(n)).collect();
    assert!(again.iter().all(|key| key.index < 3));
    assert!(keys.iter().all(|key| slab.get_mut(*key).is_none()));
    assert_eq!(slab.keys().len(), 3);
    assert_eq!(slab.key_at(again[0].index), Some(again[0]));
}
