//! What holds for every snapshot, whatever is in it: no panic, closed tables, the same bytes in
//! whatever order objects came, a word about everything that is refused.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_control::api::Kind;
use portway_control::diagnostic::Severity;
use portway_control::origin::{Given, ObjectKey, Origin, Sourced};
use portway_control::snapshot::{
    Applied, CONTROLLER_NAME, Coverage, Facts, Objects, Snapshot, Target,
};
use portway_control::status::{Condition, ConditionStatus, Status, merge};
use portway_control::translate::succession::{Difference, Succession};
use portway_control::translate::{Translation, translate};
use portway_engine::limits::ENDPOINTS_PER_BACKEND_MAX;
use portway_engine::table::{Drain, RoutingTable, TableSpec, TableVersion};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Few names, so that references meet objects, miss them, and meet several.
fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c")]
}

/// Few namespaces; `None` is the route's or Gateway's own.
fn namespace() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![3 => Just(None), 1 => Just(Some("default")), 1 => Just(Some("other"))]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![Just(80), Just(443), Just(5432)]
}

fn metadata() -> impl Strategy<Value = Value> {
    (name(), namespace(), 1..5u8).prop_map(|(name, namespace, day)| {
        json!({"name": name, "namespace": namespace, "generation": day,
            "creationTimestamp": format!("2026-01-0{day}T00:00:00Z")})
    })
}

fn listener() -> impl Strategy<Value = Value> {
    let protocol =
        prop_oneof![4 => Just("TCP"), 1 => Just("UDP"), 1 => Just("TLS"), 1 => Just("X")];
    let selector = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!({"matchLabels": {"kubernetes.io/metadata.name": "other"}})),
        Just(json!({"matchExpressions": [{"key": "x", "operator": "Odd"}]})),
    ];
    let from = prop_oneof![Just("Same"), Just("All"), Just("Selector")];
    let kinds = prop_oneof![
        3 => Just(json!([])),
        1 => Just(json!([{"kind": "TCPRoute"}, {"kind": "Odd"}])),
    ];
    (name(), port(), protocol, from, selector, kinds).prop_map(
        |(name, port, protocol, from, selector, kinds)| {
            json!({"name": name, "port": port, "protocol": protocol, "allowedRoutes": {
                "kinds": kinds, "namespaces": {"from": from, "selector": selector}}})
        },
    )
}

fn address() -> impl Strategy<Value = Value> {
    let value = prop_oneof![Just("127.0.0.1"), Just("192.0.2.1"), Just("::1"), Just("")];
    let kind = prop_oneof![5 => Just("IPAddress"), 1 => Just("Hostname")];
    (kind, value).prop_map(|(kind, value)| json!({"type": kind, "value": value}))
}

fn gateway() -> impl Strategy<Value = Value> {
    let listeners = prop::collection::vec(listener(), 1..4);
    let addresses = prop::collection::vec(address(), 0..3);
    (metadata(), name(), listeners, addresses).prop_map(
        |(metadata, class, listeners, addresses)| {
            json!({"kind": "Gateway", "metadata": metadata, "spec": {
            "gatewayClassName": class, "listeners": listeners, "addresses": addresses}})
        },
    )
}

fn class() -> impl Strategy<Value = Value> {
    let ours = prop_oneof![3 => Just(CONTROLLER_NAME), 1 => Just("example.com/other")];
    let parameters = prop_oneof![
        4 => Just(json!(null)),
        1 => Just(json!({"group": "", "kind": "ConfigMap", "name": "x"})),
    ];
    (name(), ours, parameters).prop_map(|(name, ours, parameters)| {
        json!({"kind": "GatewayClass", "metadata": {"name": name},
            "spec": {"controllerName": ours, "parametersRef": parameters}})
    })
}

fn route() -> impl Strategy<Value = Value> {
    let section = prop::option::of(name());
    let parent = (name(), namespace(), section, prop::option::of(port())).prop_map(
        |(name, namespace, section, port)| {
            json!({"name": name, "namespace": namespace, "sectionName": section, "port": port})
        },
    );
    let kind = prop_oneof![6 => Just("Service"), 1 => Just("Odd")];
    let backend = (kind, name(), namespace(), port(), 0..3u32).prop_map(
        |(kind, name, namespace, port, weight)| {
            json!({"kind": kind, "name": name, "namespace": namespace, "port": port,
                "weight": weight})
        },
    );
    let rule = prop::collection::vec(backend, 1..4).prop_map(|refs| json!({"backendRefs": refs}));
    let parents = prop::collection::vec(parent, 0..3);
    let rules = prop::collection::vec(rule, 1..3);
    (metadata(), parents, rules).prop_map(|(metadata, parents, rules)| {
        json!({"kind": "TCPRoute", "metadata": metadata,
            "spec": {"parentRefs": parents, "rules": rules}})
    })
}

fn grant() -> impl Strategy<Value = Value> {
    (metadata(), prop::option::of(name())).prop_map(|(metadata, name)| {
        json!({"kind": "ReferenceGrant", "metadata": metadata, "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "TCPRoute",
                "namespace": "default"}],
            "to": [{"group": "", "kind": "Service", "name": name}]}})
    })
}

fn service() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![6 => Just("ClusterIP"), 1 => Just("ExternalName")];
    let families = prop_oneof![Just(json!([])), Just(json!(["IPv6", "IPv4"]))];
    let protocol = prop_oneof![6 => Just("TCP"), 1 => Just("UDP")];
    (metadata(), kind, families, port(), protocol).prop_map(
        |(metadata, kind, families, port, protocol)| {
            json!({"kind": "Service", "metadata": metadata, "spec": {"type": kind,
                "ipFamilies": families, "ports": [{"port": port, "protocol": protocol}]}})
        },
    )
}

fn slice() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![3 => Just("IPv4"), 1 => Just("IPv6"), 1 => Just("FQDN")];
    let address = prop_oneof![
        Just("192.0.2.1"),
        Just("127.0.0.1"),
        Just("::1"),
        Just("2001:db8::1"),
        Just("db.example.com"),
    ];
    let flag = || prop::option::of(any::<bool>());
    let conditions = (flag(), flag(), flag()).prop_map(|(ready, serving, terminating)| {
        json!({"ready": ready, "serving": serving, "terminating": terminating})
    });
    let endpoint = (address, conditions).prop_map(
        |(address, conditions)| json!({"addresses": [address], "conditions": conditions}),
    );
    let endpoints = prop::collection::vec(endpoint, 0..4);
    (
        metadata(),
        prop::option::of(name()),
        kind,
        endpoints,
        port(),
    )
        .prop_map(|(mut metadata, service, kind, endpoints, port)| {
            if let Some(service) = service {
                metadata["labels"] = json!({"kubernetes.io/service-name": service});
            }
            json!({"kind": "EndpointSlice", "metadata": metadata, "addressType": kind,
                "endpoints": endpoints, "ports": [{"port": port}]})
        })
}

fn objects() -> impl Strategy<Value = Vec<Value>> {
    let any_object = prop_oneof![
        class(),
        gateway(),
        gateway(),
        route(),
        route(),
        grant(),
        service(),
        slice(),
    ];
    prop::collection::vec(any_object, 0..16)
}

fn facts() -> impl Strategy<Value = Facts> {
    let applied = prop_oneof![
        Just(Applied::Assumed),
        Just(Applied::Pending),
        Just(Applied::Acknowledged)
    ];
    let unbound = prop_oneof![
        Just(BTreeMap::new()),
        Just([("0.0.0.0:80".parse().unwrap(), "in use".to_owned())].into()),
    ];
    let host = prop_oneof![
        Just(None),
        Just(Some(["192.0.2.1".parse().unwrap()].into()))
    ];
    let admin = prop_oneof![Just(vec![]), Just(vec!["127.0.0.1:80".parse().unwrap()])];
    let absent = prop_oneof![
        Just(BTreeSet::new()),
        Just(["[::]:80".parse().unwrap()].into())
    ];
    let all = (applied, unbound, absent, admin, host);
    all.prop_map(|(applied, unbound, absent, admin, host_addresses)| Facts {
        applied,
        coverage: Coverage::Part,
        absent,
        admin,
        cluster: None,
        unbound,
        host_addresses,
        resolved: [(
            Arc::from("db.example.com"),
            vec!["127.0.0.1".parse().unwrap()],
        )]
        .into(),
    })
}

fn put<T: DeserializeOwned>(
    map: &mut BTreeMap<ObjectKey, Arc<Sourced<T>>>,
    kind: Kind,
    given: &Value,
    order: u64,
) {
    let metadata = &given["metadata"];
    let namespace = match kind.is_namespaced() {
        true => metadata["namespace"].as_str().unwrap_or("default"),
        false => "",
    };
    let key = ObjectKey {
        kind,
        namespace: namespace.into(),
        name: metadata["name"].as_str().unwrap().into(),
    };
    let sourced = Sourced {
        object: serde_json::from_value(given.clone()).unwrap(),
        key: key.clone(),
        // The source names the object, so a test can see whose finding it is.
        origin: Origin {
            source: Some(key.to_string().into()),
            order,
            ..Origin::default()
        },
        given: Given::Json(Arc::new(given.clone())),
    };
    map.entry(key).or_insert_with(|| Arc::new(sourced));
}

fn snapshot<'v>(
    target: Target,
    facts: &Facts,
    given: impl IntoIterator<Item = &'v Value>,
) -> Snapshot {
    let mut objects = Objects::default();
    for (order, object) in (0..).zip(given) {
        match object["kind"].as_str().unwrap() {
            "GatewayClass" => put(
                &mut objects.gateway_classes,
                Kind::GatewayClass,
                object,
                order,
            ),
            "Gateway" => put(&mut objects.gateways, Kind::Gateway, object, order),
            "TCPRoute" => put(&mut objects.tcp_routes, Kind::TcpRoute, object, order),
            "ReferenceGrant" => {
                put(
                    &mut objects.reference_grants,
                    Kind::ReferenceGrant,
                    object,
                    order,
                );
            }
            "Service" => put(&mut objects.services, Kind::Service, object, order),
            "Namespace" => put(&mut objects.namespaces, Kind::Namespace, object, order),
            "EndpointSlice" => put(
                &mut objects.endpoint_slices,
                Kind::EndpointSlice,
                object,
                order,
            ),
            other => panic!("no such kind: {other}"),
        }
    }
    Snapshot {
        target,
        controller_name: CONTROLLER_NAME.into(),
        objects,
        facts: facts.clone(),
    }
}

fn conditions(translation: &Translation) -> Vec<&Condition> {
    translation
        .statuses
        .values()
        .flat_map(conditions_of)
        .collect()
}

fn conditions_of(status: &Status) -> Vec<&Condition> {
    match status {
        Status::GatewayClass(status) => status.conditions.iter().collect(),
        Status::Gateway(status) => {
            let listeners = status.listeners.iter();
            let listeners = listeners.flat_map(|listener| &listener.conditions);
            status.conditions.iter().chain(listeners).collect()
        }
        Status::Route(status) => {
            let parents = status.parents.iter();
            parents.flat_map(|parent| &parent.conditions).collect()
        }
    }
}

fn check(translation: &Translation) {
    let own = translation.tables.values();
    for table in own.chain([&translation.host_table]) {
        RoutingTable::build(TableVersion(1), table, None).expect("a table that is closed");
    }
    for (key, status) in &translation.statuses {
        let mut conditions = conditions_of(status).into_iter();
        if let Some(refused) = conditions.find(|one| one.status == ConditionStatus::False) {
            let object = key.to_string();
            let mut told = translation.diagnostics.iter();
            let is_told = told.any(|found| found.place.source.as_deref() == Some(&object));
            assert!(is_told, "nothing told of {object}: {refused:?}");
        }
        let stored = merge(&Value::Null, status, CONTROLLER_NAME, "now").expect("a first write");
        assert_eq!(merge(&stored, status, CONTROLLER_NAME, "later"), None);
    }
}

/// A failure prints its input, which belongs into a case of its own rather than into a seed file.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn every_snapshot_gives_closed_tables_and_a_word_about_what_is_refused(
        objects in objects(),
        facts in facts(),
    ) {
        for target in [Target::Standalone, Target::Cluster] {
            check(&translate(&snapshot(target, &facts, &objects)));
        }
    }

    /// With creation times the order of input decides nothing. The first of two objects of one
    /// name counts, which reading would have refused, so each name is kept once before.
    #[test]
    fn shuffled_input_gives_equal_bytes(
        (objects, shuffled) in objects().prop_flat_map(|objects| {
            let mut seen = BTreeSet::new();
            let mut unique = objects;
            unique.retain(|object| {
                let metadata = &object["metadata"];
                let namespace = metadata["namespace"].as_str().unwrap_or("default");
                let key = format!("{} {namespace} {}", object["kind"], metadata["name"]);
                seen.insert(key)
            });
            (Just(unique.clone()), Just(unique).prop_shuffle())
        }),
        facts in facts(),
    ) {
        for target in [Target::Standalone, Target::Cluster] {
            let one = translate(&snapshot(target, &facts, &objects));
            let other = translate(&snapshot(target, &facts, &shuffled));
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
    }
}

/// What happens to the objects of a host from one reading to the next.
#[derive(Debug, Clone)]
enum Edit {
    /// An object comes, in place of one of its name if there is one.
    Put(Value),
    /// The slice that stands here among the objects, if one does, is gone.
    Drop(usize),
    /// All is read again, and means the same.
    Reread,
    /// Names resolve to something else.
    Resolve(bool),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => slice().prop_map(Edit::Put),
        1 => prop_oneof![gateway(), route(), service(), grant()].prop_map(Edit::Put),
        2 => (0..20usize).prop_map(Edit::Drop),
        1 => Just(Edit::Reread),
        1 => any::<bool>().prop_map(Edit::Resolve),
    ]
}

fn edited(objects: &mut Vec<Value>, facts: &mut Facts, edit: Edit) {
    let id = |object: &Value| {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        format!("{} {namespace}/{}", object["kind"], metadata["name"])
    };
    match edit {
        Edit::Put(object) => match objects.iter_mut().find(|it| id(it) == id(&object)) {
            Some(before) => *before = object,
            None => objects.push(object),
        },
        Edit::Drop(at) => {
            if objects
                .get(at)
                .is_some_and(|it| it["kind"] == "EndpointSlice")
            {
                // Those behind it keep their places.
                objects[at] = json!({"kind": "Namespace", "metadata": {"name": "nothing"}});
            }
        }
        Edit::Reread => {}
        Edit::Resolve(is_known) => {
            let name = Arc::from("db.example.com");
            let addr = "192.0.2.9".parse().unwrap();
            let known = is_known.then(|| (name, vec![addr]));
            facts.resolved = known.into_iter().collect();
        }
    }
}

/// As a reader does that reads only what changed: what is the same stays the same value.
fn keep_equal(objects: &mut Objects, before: &Objects) {
    fn keep<T: PartialEq>(
        own: &mut BTreeMap<ObjectKey, Arc<Sourced<T>>>,
        before: &BTreeMap<ObjectKey, Arc<Sourced<T>>>,
    ) {
        for (key, object) in own {
            if let Some(old) = before.get(key)
                && old.object == object.object
                && old.origin.order == object.origin.order
            {
                *object = Arc::clone(old);
            }
        }
    }
    keep(&mut objects.gateways, &before.gateways);
    keep(&mut objects.tcp_routes, &before.tcp_routes);
    keep(&mut objects.services, &before.services);
    keep(&mut objects.endpoint_slices, &before.endpoint_slices);
    keep(&mut objects.reference_grants, &before.reference_grants);
}

/// A host that follows its objects from table to table.
#[derive(Default)]
struct Follower {
    succession: Succession,
    spec: TableSpec,
    table: Option<RoutingTable>,
}

impl Follower {
    /// Moves to the table of `snapshot`, and holds it against the one that is made of the whole.
    fn follow(&mut self, snapshot: &Snapshot) -> Difference {
        let difference = self.succession.follow(snapshot);
        let version = TableVersion(1);
        match difference.clone() {
            Difference::None => {}
            Difference::Routes(routes) => {
                let before = self.table.as_ref().expect("a table that is amended");
                self.table = Some(
                    before
                        .amended(version, &routes)
                        .expect("routes of the table"),
                );
                for route in routes {
                    let own = self.spec.routes.iter_mut();
                    let mut named = own.filter(|it| it.name == route.name);
                    named
                        .next()
                        .expect("a route of the table")
                        .clone_from(&route);
                }
            }
            Difference::Whole(spec) => {
                let table = RoutingTable::build(version, &spec, self.table.as_ref());
                (self.spec, self.table) = (spec, Some(table.expect("a table that is closed")));
            }
        }
        let whole = translate(snapshot).host_table;
        assert_eq!(self.spec, whole);
        let table = RoutingTable::build(version, &whole, None).unwrap();
        let own = self.table.as_ref().expect("a table");
        assert_eq!(own.to_string(), table.to_string());
        difference
    }
}

/// Edits of slices of a host that has something to lose by them.
fn working() -> Vec<Value> {
    let mut objects = gateway_and_route(&json!([{"backendRefs": [
        {"name": "db", "port": 5432, "weight": 2}, {"name": "a", "port": 80, "weight": 1}]}]));
    objects.push(json!({"kind": "Service", "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80}]}}));
    objects.push(working_slice("db", &["192.0.2.1", "192.0.2.2"]));
    objects
}

fn working_slice(service: &str, addresses: &[&str]) -> Value {
    let endpoints = addresses.iter().map(|it| json!({"addresses": [it]}));
    json!({"kind": "EndpointSlice", "addressType": "IPv4", "ports": [{"port": 5432}],
        "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
        "endpoints": endpoints.collect::<Vec<_>>()})
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn tables_in_succession_are_the_tables_of_the_whole(
        others in objects(),
        facts in facts(),
        edits in prop::collection::vec((any::<bool>(), edit()), 1..12),
    ) {
        let (mut objects, mut facts) = (working(), facts);
        objects.extend(others);
        let mut follower = Follower::default();
        let mut before = snapshot(Target::Standalone, &facts, &objects);
        follower.follow(&before);
        for (keeps, edit) in edits {
            edited(&mut objects, &mut facts, edit);
            let mut next = snapshot(Target::Standalone, &facts, &objects);
            if keeps {
                keep_equal(&mut next.objects, &before.objects);
            }
            follower.follow(&next);
            before = next;
        }
    }
}

/// The names of the routes that were amended; no other difference is meant to be there.
fn amended(difference: Difference) -> Vec<String> {
    match difference {
        Difference::None => Vec::new(),
        Difference::Routes(routes) => routes.iter().map(|it| it.name.to_string()).collect(),
        Difference::Whole(spec) => panic!("decided as a whole:\n{spec}"),
    }
}

#[test]
fn slices_alone_amend_only_the_routes_they_feed() {
    let mut objects = working();
    let mut other = gateway_and_route(&json!([{"backendRefs": [{"name": "a", "port": 80}]}]));
    other[0]["metadata"]["name"] = "other".into();
    other[0]["spec"]["listeners"][0]["port"] = 5433.into();
    other[1]["metadata"]["name"] = "other".into();
    other[1]["spec"]["parentRefs"][0]["name"] = "other".into();
    objects.extend(other.into_iter().take(2));
    let mut follower = Follower::default();
    let mut follow = |objects: &[Value]| {
        follower.follow(&snapshot(Target::Standalone, &Facts::default(), objects))
    };
    assert!(matches!(follow(&objects), Difference::Whole(_)));
    assert_eq!(amended(follow(&objects)), [""; 0], "read again");

    let of_db = objects
        .iter()
        .position(|it| it["kind"] == "EndpointSlice")
        .unwrap();
    objects[of_db] = working_slice("db", &["192.0.2.1", "192.0.2.3"]);
    assert_eq!(amended(follow(&objects)), ["TCPRoute default/db"]);
    objects[of_db] = working_slice("db", &[]);
    assert_eq!(
        amended(follow(&objects)),
        ["TCPRoute default/db"],
        "its last ones"
    );
    objects[of_db] = working_slice("db", &["127.0.0.1"]);
    assert_eq!(amended(follow(&objects)), ["TCPRoute default/db"], "a loop");
    objects.push(working_slice("a", &["192.0.2.7"]));
    let both = ["TCPRoute default/db", "TCPRoute default/other"];
    assert_eq!(amended(follow(&objects)), both, "both use it");

    objects[1]["spec"]["rules"][0]["backendRefs"][0]["weight"] = 7.into();
    assert!(
        matches!(follow(&objects), Difference::Whole(_)),
        "not of slices"
    );
}

/// Which backends get a place then depends on all of them.
#[test]
fn where_room_is_wanting_nothing_is_amended() {
    let full: Vec<String> = (0..=ENDPOINTS_PER_BACKEND_MAX)
        .map(|n| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let mut objects = working();
    let last = objects.len() - 1;
    let mut follower = Follower::default();
    let mut follow = |objects: &[Value]| {
        follower.follow(&snapshot(Target::Standalone, &Facts::default(), objects))
    };
    follow(&objects);
    objects[last] = working_slice("db", &full);
    assert!(matches!(follow(&objects), Difference::Whole(_)));
    objects[last] = working_slice("db", &full[1..]);
    assert!(matches!(follow(&objects), Difference::Whole(_)));
    objects[last] = working_slice("db", &full[2..]);
    assert_eq!(amended(follow(&objects)), ["TCPRoute default/db"]);
}

fn gateway_and_route(rules: &Value) -> Vec<Value> {
    let listener = json!({"name": "db", "port": 5432, "protocol": "TCP"});
    vec![
        json!({"kind": "Gateway", "metadata": {"name": "edge"},
            "spec": {"gatewayClassName": "x", "listeners": [listener]}}),
        json!({"kind": "TCPRoute", "metadata": {"name": "db"},
            "spec": {"parentRefs": [{"name": "edge"}], "rules": rules}}),
        json!({"kind": "Service", "metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}}),
    ]
}

fn reasons(translation: &Translation, kind: &str) -> Vec<String> {
    let all = conditions(translation).into_iter();
    let of_kind = all.filter(|condition| condition.kind == kind);
    of_kind
        .map(|condition| condition.reason.to_string())
        .collect()
}

/// An API server refuses such a route; objects built in code come without its checks.
#[test]
fn a_reference_without_a_port_is_not_found() {
    let objects = gateway_and_route(&json!([{"backendRefs": [{"name": "db"}]}]));
    let snapshot = snapshot(Target::Standalone, &Facts::default(), &objects);
    let translation = translate(&snapshot);
    let table = translation.host_table.to_string();
    assert!(
        table.contains("100% default/db -> reject invalid_backend"),
        "{table}"
    );
    let resolved = reasons(&translation, "ResolvedRefs");
    assert_eq!(resolved, ["ResolvedRefs", "BackendNotFound"]);
}

#[test]
fn a_route_without_rules_leaves_its_listener_rejecting() {
    let objects = gateway_and_route(&json!([]));
    let snapshot = snapshot(Target::Standalone, &Facts::default(), &objects);
    let table = translate(&snapshot).host_table.to_string();
    assert_eq!(
        table,
        "listen default/edge/db tcp 0.0.0.0:5432 [::]:5432 -> reject no_route\n"
    );
}

#[test]
fn a_second_listener_of_one_name_does_not_count() {
    let mut objects = gateway_and_route(&json!([{"backendRefs": [{"name": "db", "port": 1}]}]));
    let listeners = &mut objects[0]["spec"]["listeners"];
    let second = json!({"name": "db", "port": 5433, "protocol": "TCP"});
    listeners.as_array_mut().unwrap().push(second);
    let snapshot = snapshot(Target::Standalone, &Facts::default(), &objects);
    let table = translate(&snapshot).host_table;
    assert_eq!(table.listeners.len(), 1);
    RoutingTable::build(TableVersion(1), &table, None).expect("a table that is closed");
}

/// What a proxy is told names no route of another Gateway.
#[test]
fn a_gateway_hears_of_drains_of_its_own_routes_alone() {
    let mut objects = gateway_and_route(&json!([{"backendRefs": [{"name": "db", "port": 5432}]}]));
    objects[1]["metadata"]["annotations"] = json!({"portway.dev/drain": "now"});
    objects.push(json!({"kind": "GatewayClass", "metadata": {"name": "x"},
        "spec": {"controllerName": CONTROLLER_NAME}}));
    let mut other = objects[0].clone();
    other["metadata"]["name"] = json!("other");
    objects.push(other);
    let drains = |objects: &[Value]| -> Vec<(String, Vec<Drain>)> {
        let snapshot = snapshot(Target::Cluster, &Facts::default(), objects);
        let tables = translate(&snapshot).tables.into_iter();
        let drains = tables.map(|(key, it)| {
            let drains = it.drains.iter().map(|it| it.drain);
            (key.name.to_string(), drains.collect())
        });
        drains.collect()
    };
    let of = |edge: &[Drain], other: &[Drain]| {
        vec![
            ("edge".to_owned(), edge.to_vec()),
            ("other".to_owned(), other.to_vec()),
        ]
    };
    assert_eq!(drains(&objects), of(&[Drain::Now], &[]));
    // A listener that is not there is no matter of the other Gateway.
    let parents = json!([{"name": "edge"}, {"name": "other", "sectionName": "gone"}]);
    objects[1]["spec"]["parentRefs"] = parents;
    assert_eq!(drains(&objects), of(&[Drain::Now], &[Drain::Keep]));
}

/// One more than a table takes: nothing is cut off in silence, and the table is still built.
#[test]
fn a_backend_with_too_many_endpoints_rejects() {
    let mut objects = gateway_and_route(&json!([{"backendRefs": [{"name": "db", "port": 5432}]}]));
    let endpoints: Vec<Value> = (0..=ENDPOINTS_PER_BACKEND_MAX)
        .map(|n| json!({"addresses": [format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)]}))
        .collect();
    objects.push(json!({"kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "db", "labels": {"kubernetes.io/service-name": "db"}},
        "endpoints": endpoints, "ports": [{"port": 5432}]}));
    let snapshot = snapshot(Target::Standalone, &Facts::default(), &objects);
    let translation = translate(&snapshot);
    let table = translation.host_table.to_string();
    assert!(table.contains("-> reject no_endpoint"), "{table}");
    let [told] = &*translation.diagnostics else {
        panic!("{:?}", translation.diagnostics);
    };
    assert_eq!(told.severity, Severity::Error);
}

/// 5,000 routes on ports of their own, ten endpoints each: all of it is looked up, nothing
/// searched.
#[test]
fn five_thousand_routes_are_no_burden() {
    let mut objects = Vec::new();
    for gateway in 0..100_u16 {
        let listeners: Vec<Value> = (0..50)
            .map(|at| {
                json!({"name": format!("l{at}"), "port": 10_000 + gateway * 50 + at,
                "protocol": "TCP"})
            })
            .collect();
        objects.push(
            json!({"kind": "Gateway", "metadata": {"name": format!("g{gateway}")},
            "spec": {"gatewayClassName": "x", "listeners": listeners}}),
        );
    }
    for at in 0..5_000_u16 {
        let endpoints: Vec<Value> = (0..10)
            .map(|n| json!({"addresses": [format!("10.{}.{}.{n}", at / 250, at % 250)]}))
            .collect();
        let label = json!({"kubernetes.io/service-name": format!("s{at}")});
        objects.push(
            json!({"kind": "TCPRoute", "metadata": {"name": format!("r{at}")}, "spec": {
            "parentRefs": [{"name": format!("g{}", at / 50),
                            "sectionName": format!("l{}", at % 50)}],
            "rules": [{"backendRefs": [{"name": format!("s{at}"), "port": 80}]}]}}),
        );
        objects.push(
            json!({"kind": "Service", "metadata": {"name": format!("s{at}")},
            "spec": {"ports": [{"port": 80}]}}),
        );
        objects.push(json!({"kind": "EndpointSlice",
            "metadata": {"name": format!("e{at}"), "labels": label}, "addressType": "IPv4",
            "endpoints": endpoints, "ports": [{"port": 8080}]}));
    }
    let snapshot = snapshot(Target::Standalone, &Facts::default(), &objects);
    let translation = translate(&snapshot);
    let table = &translation.host_table;
    assert_eq!((table.listeners.len(), table.routes.len()), (5_000, 5_000));
    assert_eq!(translation.diagnostics, []);
    RoutingTable::build(TableVersion(1), table, None).expect("a table that is closed");
}

/// A file's object counts before the cluster's of that name; the others come along.
#[test]
fn objects_of_files_are_completed_by_those_of_a_cluster() {
    let service = |port: u16| {
        let spec = json!({"ports": [{"port": port}]});
        json!({"kind": "Service", "metadata": {"name": "db"}, "spec": spec})
    };
    let other = json!({"kind": "Namespace", "metadata": {"name": "shop"}});
    let (mut own, mut cluster) = (Objects::default(), Objects::default());
    put(&mut own.services, Kind::Service, &service(1), 0);
    put(&mut cluster.services, Kind::Service, &service(2), 0);
    put(&mut cluster.namespaces, Kind::Namespace, &other, 1);
    own.complete(cluster);
    let ports: Vec<u16> = own
        .services
        .values()
        .flat_map(|service| &service.object.spec.ports)
        .map(|port| port.port)
        .collect();
    assert_eq!(ports, [1]);
    assert_eq!(own.namespaces.len(), 1);
}
