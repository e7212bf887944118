//! Exchanging one source gives what reading all of them anew would.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Collection, Rank};
use crate::manifest::{merge, read_source};
use crate::origin::{ObjectKey, Source};
use crate::snapshot::Objects;

fn source(rank: Rank, text: &str) -> Source {
    Source {
        name: format!("{rank}.yaml").into(),
        text: text.into(),
    }
}

fn route(name: u8, class: u8) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g{name}}}\n\
         spec: {{gatewayClassName: c{class}, listeners: [{{name: a, protocol: TCP, port: 1}}]}}\n---\n"
    )
}

/// All of it as text: which object of which source is used, in what order, with what generation.
fn show(objects: &Objects, order: impl Fn(&ObjectKey) -> Option<usize>) -> Vec<String> {
    let all = objects.gateways.iter().map(|(key, it)| {
        let (from, class) = (&it.origin.source, &it.object.spec.gateway_class_name);
        let place = it.origin.place("metadata.name").span;
        format!("{:?} {key} {from:?}:{} {class}", order(key), place.line)
    });
    all.collect()
}

proptest! {
    #[test]
    fn sources_exchanged_are_sources_read_anew(
        edits in prop::collection::vec(
            prop::collection::vec(
                (0..5_u64, prop::option::of(prop::collection::vec((0..6_u8, 0..2_u8), 0..4))),
                1..3,
            ),
            1..12,
        ),
    ) {
        let (mut texts, mut objects) = (BTreeMap::<Rank, String>::new(), Objects::default());
        let mut collection = Collection::default();
        for edit in edits {
            let edit: BTreeMap<_, _> = edit.into_iter().collect();
            let mut exchange = Vec::new();
            for (rank, items) in edit {
                let text = items.map(|it| it.into_iter().map(|(name, class)| route(name, class)));
                let text: Option<String> = text.map(Iterator::collect);
                let reading = text.as_ref().map(|text| read_source(&source(rank, text)));
                exchange.push((rank, reading));
                match text {
                    Some(text) => drop(texts.insert(rank, text)),
                    None => drop(texts.remove(&rank)),
                }
            }
            collection.exchange(&mut objects, exchange);
            let readings = texts.iter().map(|(rank, text)| read_source(&source(*rank, text)));
            let readings: Vec<_> = readings.collect();
            let want = merge(&readings);
            let in_order = collection.in_order(&objects);
            let nth = |all: &[ObjectKey], key: &ObjectKey| all.iter().position(|it| it == key);
            prop_assert_eq!(
                show(&objects, |key| nth(&in_order, key)),
                show(&want.objects, |key| nth(&want.in_order, key))
            );
            let (mut got, mut all) = (collection.diagnostics(&objects), want.diagnostics);
            got.sort();
            all.sort();
            prop_assert_eq!(got, all);
        }
    }
}

/// What `text` after `text` makes of the generation of its first Gateway.
fn generations(texts: &[Option<String>]) -> Vec<Option<i64>> {
    let (mut collection, mut objects) = (Collection::default(), Objects::default());
    let mut seen = Vec::new();
    for text in texts {
        let reading = text.as_ref().map(|text| read_source(&source(3, text)));
        collection.exchange(&mut objects, vec![(3, reading)]);
        let first = objects.gateways.values().next();
        seen.push(first.map(|it| it.object.metadata.generation()));
    }
    seen
}

#[test]
fn a_generation_counts_changes_of_the_spec() {
    let (one, two) = (route(1, 1), route(1, 2));
    let labelled = two.replace("{name: g1}", "{name: g1, labels: {a: b}}");
    let texts = [&one, &one, &two, &labelled, &one].map(|it| Some(it.clone()));
    assert_eq!(generations(&texts), [1, 1, 2, 2, 3].map(Some));
}

/// Otherwise the first change of a slice would have all decided again that stands in its file.
#[test]
fn what_is_read_again_is_the_same_value() {
    let (mut collection, mut objects) = (Collection::default(), Objects::default());
    let mut read = |text: &str| {
        let reading = read_source(&source(3, text));
        collection.exchange(&mut objects, vec![(3, Some(reading))]);
        let first = objects.gateways.values().next().unwrap();
        first.object.clone()
    };
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}\naddressType: IPv4\n";
    let before = read(&route(1, 1));
    assert_eq!(read(&format!("{}{slice}", route(1, 1))), before);
}

#[test]
fn a_written_generation_counts_if_it_is_ahead() {
    let with = |class, generation| {
        let text = route(1, class);
        text.replace(
            "{name: g1}",
            &format!("{{name: g1, generation: {generation}}}"),
        )
    };
    let texts = [with(1, 7), with(2, 7), with(3, 20), with(3, 2)].map(Some);
    assert_eq!(generations(&texts), [7, 8, 20, 20].map(Some));
}

#[test]
fn an_object_that_comes_back_begins_anew_unless_it_only_moved() {
    let texts = [
        Some(route(1, 1)),
        Some(route(1, 2)),
        None,
        Some(route(1, 3)),
    ];
    assert_eq!(generations(&texts), [Some(1), Some(2), None, Some(1)]);
    let (mut collection, mut objects) = (Collection::default(), Objects::default());
    let read = |rank, class| Some(read_source(&source(rank, &route(1, class))));
    collection.exchange(&mut objects, vec![(3, read(3, 1))]);
    collection.exchange(&mut objects, vec![(3, None), (5, read(5, 2))]);
    let moved = objects.gateways.values().next().unwrap();
    assert_eq!(moved.object.metadata.generation(), 2);
}

/// What refers to the object still is told where it is, and why it is not used.
#[test]
fn what_two_sources_leave_out_is_left_out_until_neither_does() {
    let (mut collection, mut objects) = (Collection::default(), Objects::default());
    let broken = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 0}]}\n";
    let mut exchange = |of: &[(Rank, &str)]| -> Vec<String> {
        let exchange = of
            .iter()
            .map(|(rank, text)| (*rank, Some(read_source(&source(*rank, text)))));
        collection.exchange(&mut objects, exchange.collect());
        let places = objects.left_out.values().map(|it| &it.place);
        places
            .map(|it| it.source.as_deref().unwrap().to_owned())
            .collect()
    };
    assert_eq!(exchange(&[(1, broken), (2, broken)]), ["2.yaml"]);
    assert_eq!(exchange(&[(1, broken)]), ["2.yaml"], "as if read anew");
    assert_eq!(exchange(&[(2, "")]), ["1.yaml"]);
    assert_eq!(exchange(&[(1, "")]), [""; 0]);
}
