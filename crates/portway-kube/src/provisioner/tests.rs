//! Which objects are applied and deleted, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portway_control::api::{Gateway, GatewayClass, Kind, Service};
use portway_control::origin::ObjectKey;
use portway_control::provision::{Fleet, FleetPort, Install, ProvisionKind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Apply, Asked, Job, JobOutcome, Provisioner};
use crate::store::{Seen, Store};

fn gateway() -> ObjectKey {
    ObjectKey {
        kind: Kind::Gateway,
        namespace: "shop".into(),
        name: "edge".into(),
    }
}

fn fleet(ports: &[u16]) -> Fleet {
    let port = |port: &u16| FleetPort {
        port: *port,
        pod_port: *port,
    };
    Fleet {
        gateway: gateway(),
        uid: Some("u-1".into()),
        class: "portway".into(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        parameters: serde_json::from_value(json!({})).unwrap(),
        ports: ports.iter().map(port).collect(),
        address: None,
    }
}

fn class<T: DeserializeOwned>() -> T {
    let class = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "portway", "resourceVersion": "1"},
        "spec": {"controllerName": "example.com/other"}});
    serde_json::from_value(class).unwrap()
}

fn ending(object: &Value) -> Value {
    let mut ending = object.clone();
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    ending
}

struct Scene {
    store: Store,
    provisioner: Provisioner,
    now: Instant,
    n_versions: u32,
}

impl Scene {
    /// A cluster with the Gateway and its class.
    fn new() -> Self {
        let mut store = Store::default();
        let object = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "edge", "namespace": "shop", "resourceVersion": "1"},
            "spec": {"gatewayClassName": "portway", "listeners": []}});
        let object = serde_json::from_value(object).unwrap();
        store.see::<Gateway>(None, Seen::Here(object));
        store.see::<GatewayClass>(None, Seen::All(vec![class()]));
        let install = Install {
            controller_name: Arc::from("portway.dev/gateway-controller"),
            namespace: "portway-system".into(),
            image: "portway:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            authorities_pem: "PEM".into(),
        };
        Self {
            store,
            provisioner: Provisioner::new(install),
            now: Instant::now(),
            n_versions: 1,
        }
    }

    fn want(&mut self, fleets: &[Fleet]) {
        let ours = gateway();
        let fleets = fleets.iter().map(|it| (it.gateway.clone(), it.clone()));
        let ours = [(&ours, "portway")];
        self.provisioner
            .want(&fleets.collect(), ours.into_iter(), &self.store);
    }

    fn due(&mut self) -> Vec<Job> {
        self.provisioner.due(&self.store, self.now)
    }

    /// Kinds that the next job applies and deletes; the cluster does as it is told.
    fn turn(&mut self) -> (Vec<ProvisionKind>, Vec<ProvisionKind>) {
        let Some(job) = self.due().pop() else {
            return (Vec::new(), Vec::new());
        };
        self.take(&job);
        let applied = job.apply.iter().map(|it| it.key.kind).collect();
        let deleted = job.delete.iter().map(|(key, _)| key.kind).collect();
        (applied, deleted)
    }

    fn asked(&self) -> Asked {
        self.provisioner.asked(&gateway())
    }

    /// The cluster does as a job says.
    fn take(&mut self, job: &Job) {
        let mut applied = Vec::new();
        for Apply { key, object, .. } in &job.apply {
            let mut stored = object.clone();
            self.n_versions += 1;
            stored["metadata"]["resourceVersion"] = self.n_versions.to_string().into();
            stored["metadata"]["uid"] = format!("u-{:?}", key.kind).into();
            // No watch shows ConfigMaps.
            if key.kind != ConfigMap {
                self.show(key.kind, &stored);
            }
            applied.push((key.clone(), stored));
        }
        for (key, _) in &job.delete {
            let gone = json!({"metadata": {"name": key.name, "namespace": key.namespace}});
            let gone = serde_json::from_value(gone).unwrap();
            self.store.see_fleet(key.kind, None, Seen::Gone(gone));
        }
        let outcome = JobOutcome {
            applied,
            refused: None,
        };
        self.provisioner.done(job, outcome, self.now);
    }

    /// The cluster takes nothing of a job; whether that is news.
    fn refuse(&mut self, job: &Job, why: &str) -> bool {
        let outcome = JobOutcome {
            applied: Vec::new(),
            refused: Some(why.into()),
        };
        self.provisioner.done(job, outcome, self.now)
    }

    /// A watch shows an object while it is being deleted.
    fn show_ending(&mut self, kind: ProvisionKind, object: &Value) {
        self.show(kind, &ending(object));
    }

    /// A watch shows an object.
    fn show(&mut self, kind: ProvisionKind, object: &Value) {
        if kind == ProvisionKind::Service {
            let seen = Seen::Here(serde_json::from_value(object.clone()).unwrap());
            self.store.see::<Service>(None, seen);
        } else {
            let seen = Seen::Here(serde_json::from_value(object.clone()).unwrap());
            self.store.see_fleet(kind, None, seen);
        }
        self.provisioner.look();
    }

    /// The stored object of a kind.
    fn stored(&self, kind: ProvisionKind) -> Value {
        let mut all = self.store.fleet().iter();
        let (_, found) = all.find(|(key, _)| key.kind == kind).unwrap();
        (**found).clone()
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

use ProvisionKind::{ConfigMap, Deployment, Service as ServiceKind, ServiceAccount};

#[test]
fn what_a_pod_needs_is_applied_before_it() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let (applied, deleted) = scene.turn();
    assert_eq!(
        applied,
        [ServiceAccount, ConfigMap, Deployment, ServiceKind]
    );
    assert_eq!(deleted, []);
    assert_eq!(scene.turn(), (vec![], vec![]));
}

#[test]
fn what_changed_alone_is_applied_again() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[fleet(&[80, 81])]);
    assert_eq!(scene.turn().0, [ConfigMap, ServiceKind]);
    let ports = &scene.stored(ServiceKind)["spec"]["ports"];
    assert_eq!(ports.as_array().map(Vec::len), Some(2));
}

#[test]
fn defaults_of_the_api_are_no_drift() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let mut stored = scene.stored(ServiceKind);
    stored["spec"]["ports"][0]["nodePort"] = 30_000.into();
    stored["spec"]["clusterIP"] = "10.0.0.1".into();
    stored["status"] = json!({"loadBalancer": {}});
    scene.show(ServiceKind, &stored);
    assert_eq!(scene.turn(), (vec![], vec![]));
}

/// Items of a list have no `apiVersion` and no `kind`, and Go writes empty fields as `null`.
#[test]
fn an_object_as_a_list_shows_it_is_no_drift() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    for kind in [ServiceAccount, Deployment, ServiceKind] {
        let mut stored = scene.stored(kind);
        let fields = stored.as_object_mut().unwrap();
        fields.shift_remove("apiVersion");
        fields.shift_remove("kind");
        scene.show(kind, &stored);
    }
    assert_eq!(scene.turn(), (vec![], vec![]));
}

#[test]
fn a_field_of_ours_that_somebody_changed_is_repaired() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let mut stored = scene.stored(Deployment);
    stored["spec"]["replicas"] = 7.into();
    scene.show(Deployment, &stored);
    assert_eq!(scene.turn().0, [ConfigMap, Deployment]);
    assert_eq!(scene.stored(Deployment)["spec"]["replicas"], 1);
}

/// What somebody adds stays theirs, but a key more in a selector finds no Pod.
#[test]
fn a_selector_that_somebody_added_to_is_repaired() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let mut stored = scene.stored(ServiceKind);
    stored["metadata"]["labels"]["theirs"] = "a".into();
    scene.show(ServiceKind, &stored);
    assert_eq!(scene.turn(), (vec![], vec![]));
    stored["spec"]["selector"]["theirs"] = "a".into();
    scene.show(ServiceKind, &stored);
    assert_eq!(scene.turn().0, [ConfigMap, ServiceKind]);
    assert_eq!(
        scene.stored(ServiceKind)["spec"]["selector"]["theirs"],
        json!(null)
    );
}

#[test]
fn an_object_that_somebody_deleted_is_made_again() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let gone = serde_json::from_value(scene.stored(Deployment)).unwrap();
    scene.store.see_fleet(Deployment, None, Seen::Gone(gone));
    scene.provisioner.look();
    assert_eq!(scene.turn().0, [ConfigMap, Deployment]);
}

/// A finalizer may hold it, a load balancer's for a minute: what is written into it would go with it.
#[test]
fn an_object_that_is_being_deleted_is_made_anew_when_it_is_gone() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    scene.show_ending(ServiceKind, &scene.stored(ServiceKind));
    scene.provisioner.look();
    assert_eq!(scene.turn(), (vec![], vec![]));
    scene.want(&[fleet(&[80, 90])]);
    assert_eq!(scene.turn(), (vec![], vec![]));
    assert_eq!(scene.asked(), Asked::Since(scene.now));
    let gone = serde_json::from_value(scene.stored(ServiceKind)).unwrap();
    scene.store.see::<Service>(None, Seen::Gone(gone));
    scene.provisioner.look();
    let job = scene.due().remove(0);
    let kinds: Vec<_> = job
        .apply
        .iter()
        .map(|it| (it.key.kind, it.is_new))
        .collect();
    // Somebody may have made one of its name meanwhile.
    assert_eq!(kinds, [(ConfigMap, false), (ServiceKind, true)]);
    scene.take(&job);
    assert_eq!(scene.asked(), Asked::Answered);
}

/// No watch shows that of ConfigMaps, nor at once that of others.
#[test]
fn what_was_written_into_an_object_that_is_being_deleted_is_written_again() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let mut deployment = scene.stored(Deployment);
    let repaired = deployment.clone();
    deployment["spec"]["replicas"] = 7.into();
    scene.show(Deployment, &deployment);
    scene.provisioner.look();
    let job = scene.due().remove(0);
    let kinds: Vec<_> = job.apply.iter().map(|it| it.key.kind).collect();
    assert_eq!(kinds, [ConfigMap, Deployment]);
    scene.show(Deployment, &repaired);
    let (config_map, deployment) = (&job.apply[0], &job.apply[1]);
    let outcome = JobOutcome {
        applied: vec![
            (config_map.key.clone(), ending(&config_map.object)),
            (deployment.key.clone(), repaired),
        ],
        refused: None,
    };
    scene.provisioner.done(&job, outcome, scene.now);
    assert_eq!(scene.due(), [], "not at once");
    scene.pass(1);
    assert_eq!(scene.turn().0, [ConfigMap]);
}

/// It waits for what it owns to be gone, or to be nobody's.
#[test]
fn for_a_gateway_that_is_deleted_in_the_foreground_nothing_is_made() {
    let end_with = |finalizer: &str| {
        let mut scene = Scene::new();
        scene.want(&[fleet(&[80])]);
        scene.turn();
        scene.pass(60);
        let object = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "edge", "namespace": "shop", "resourceVersion": "2",
                "finalizers": [finalizer], "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"gatewayClassName": "portway", "listeners": []}});
        let object = serde_json::from_value(object).unwrap();
        scene.store.see::<Gateway>(None, Seen::Here(object));
        let gone = serde_json::from_value(scene.stored(Deployment)).unwrap();
        scene.store.see_fleet(Deployment, None, Seen::Gone(gone));
        scene.provisioner.look();
        scene.turn().0
    };
    assert_eq!(end_with("foregroundDeletion"), []);
    assert_eq!(end_with("orphan"), []);
    // Somebody else's may hold it for long, and it serves.
    assert_eq!(end_with("example.com/x"), [ConfigMap, Deployment]);
}

/// A tool that restores objects may take the owner away, which the next controller cannot tell from
/// somebody else's.
#[test]
fn what_we_made_is_ours_whatever_became_of_it() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let mut service = scene.stored(ServiceKind);
    service["metadata"]["ownerReferences"] = json!([]);
    scene.show(ServiceKind, &service);
    scene.provisioner.look();
    let job = scene.due().remove(0);
    let service = job.apply.iter().find(|it| it.key.kind == ServiceKind);
    assert!(service.is_some_and(|it| !it.is_new));
}

/// A quantity may be stored in another form than it was written: that is no drift.
#[test]
fn what_the_api_made_of_our_fields_is_no_drift() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    let mut applied = Vec::new();
    for Apply { key, object, .. } in &job.apply {
        let mut stored = object.clone();
        if key.kind == Deployment {
            stored["spec"]["replicas"] = "one".into();
        }
        scene.show(key.kind, &stored);
        applied.push((key.clone(), stored));
    }
    let outcome = JobOutcome {
        applied,
        refused: None,
    };
    scene.provisioner.done(&job, outcome, scene.now);
    scene.pass(60);
    scene.provisioner.look();
    assert_eq!(scene.turn(), (vec![], vec![]));
}

#[test]
fn a_gateway_that_is_no_longer_ours_loses_everything() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene
        .provisioner
        .want(&BTreeMap::new(), [].into_iter(), &scene.store);
    let (applied, mut deleted) = scene.turn();
    deleted.sort();
    assert_eq!(applied, []);
    // ConfigMaps are not watched: it goes with the Gateway, by its owner.
    assert_eq!(deleted, [ServiceAccount, Deployment, ServiceKind]);
}

/// Its class may be mistyped, or the API server may not know all kinds yet.
#[test]
fn a_gateway_whose_class_is_not_there_keeps_what_it_has() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.store.see::<GatewayClass>(None, Seen::All(Vec::new()));
    scene
        .provisioner
        .want(&BTreeMap::new(), [].into_iter(), &scene.store);
    assert_eq!(scene.turn(), (vec![], vec![]));
    assert_eq!(scene.provisioner.accounts(&scene.store).len(), 1);
}

/// Everything has the class in its name, so that it is made anew; what was there serves until then.
#[test]
fn a_gateway_that_moves_to_another_class_of_ours_is_served_all_the_time() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    let moved = Fleet {
        class: "other".into(),
        ..fleet(&[80])
    };
    scene.want(&[moved]);
    let all = vec![ServiceAccount, ConfigMap, Deployment, ServiceKind];
    assert_eq!(scene.turn(), (all, vec![]));
    scene.pass(60);
    scene.provisioner.look();
    assert_eq!(scene.turn(), (vec![], vec![]));
    // Who serves meanwhile is let in, like the next ones.
    let accounts = scene.provisioner.accounts(&scene.store);
    let accounts: Vec<&str> = accounts.keys().map(|(_, name)| name.as_str()).collect();
    assert_eq!(accounts, ["edge-other", "edge-portway"]);
    let next = |scene: &Scene, kind| {
        let mut fleet = scene.store.fleet().iter();
        let next = fleet.find(|(key, _)| key.name == "edge-other" && key.kind == kind);
        (**next.unwrap().1).clone()
    };
    let mut deployment = next(&scene, Deployment);
    deployment["status"]["availableReplicas"] = 1.into();
    scene.show(Deployment, &deployment);
    assert_eq!(scene.turn(), (vec![], vec![]), "nobody reaches them yet");
    let mut service = next(&scene, ServiceKind);
    service["status"]["loadBalancer"]["ingress"] = json!([{"ip": "192.0.2.1"}]);
    scene.show(ServiceKind, &service);
    // It came back to a class whose Service is not gone yet: who reaches that soon reaches nobody.
    scene.show_ending(ServiceKind, &service);
    assert_eq!(scene.turn(), (vec![], vec![]), "it does not last");
    scene.show(ServiceKind, &service);
    let (applied, mut deleted) = scene.turn();
    deleted.sort();
    assert_eq!(applied, []);
    assert_eq!(deleted, [ServiceAccount, Deployment, ServiceKind]);
}

#[test]
fn a_gateway_that_is_refused_keeps_what_it_has() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[]);
    assert_eq!(scene.turn(), (vec![], vec![]));
}

#[test]
fn what_another_controller_made_is_left_alone() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    let mut other = scene.stored(Deployment);
    other["metadata"]["name"] = "edge-other".into();
    other["metadata"]["labels"]["portway.dev/controller"] = "other".into();
    scene.show(Deployment, &other);
    assert_eq!(scene.turn(), (vec![], vec![]));
}

#[test]
fn without_a_listener_nothing_is_started() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[])]);
    assert_eq!(scene.turn(), (vec![], vec![]));
}

#[test]
fn without_a_listener_proxies_that_live_stay_and_the_service_goes() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[fleet(&[])]);
    assert_eq!(scene.turn(), (vec![], vec![ServiceKind]));
}

#[test]
fn a_refusal_is_told_and_tried_again_later() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    assert!(scene.refuse(&job, "quota"));
    assert_eq!(scene.provisioner.problem(&gateway()), Some("quota"));
    assert_eq!(scene.due(), []);
    scene.pass(1);
    assert_eq!(scene.due().len(), 1);
}

/// Nobody watches ConfigMaps, and a Pod that lacks its own does not start.
#[test]
fn what_is_not_watched_is_applied_with_what_is_repaired() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.pass(60);
    let gone = serde_json::from_value(scene.stored(ServiceAccount)).unwrap();
    scene
        .store
        .see_fleet(ServiceAccount, None, Seen::Gone(gone));
    scene.provisioner.look();
    assert_eq!(scene.turn().0, [ServiceAccount, ConfigMap]);
}

/// What nothing shows to be ours may be somebody's, whose it must stay.
#[test]
fn what_is_new_is_told_from_what_is_ours() {
    let is_new = |job: &Job| -> Vec<bool> { job.apply.iter().map(|it| it.is_new).collect() };
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    assert_eq!(is_new(&job), [true; 4]);
    // A controller that starts anew finds what the last one made, and ConfigMaps by the rest.
    scene.provisioner.stop();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.provisioner.stop();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    assert_eq!(is_new(&job), [false; 4]);
    // One of the name that has another owner is not ours, whatever its labels say.
    let mut other = scene.stored(ServiceKind);
    other["metadata"]["ownerReferences"][0]["name"] = "another".into();
    scene.show(ServiceKind, &other);
    scene.provisioner.stop();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    assert_eq!(is_new(&job), [false, false, false, true]);
}

/// What was made before it was refused does not make a ConfigMap ours at the next try.
#[test]
fn a_config_map_of_somebody_else_stays_theirs() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    let Apply { key, object, .. } = &job.apply[0];
    assert_eq!(key.kind, ServiceAccount);
    scene.show(key.kind, object);
    let outcome = JobOutcome {
        applied: vec![(key.clone(), object.clone())],
        refused: Some("it exists".into()),
    };
    scene.provisioner.done(&job, outcome, scene.now);
    scene.pass(1);
    let again = scene.due().remove(0);
    let config_map = again.apply.iter().find(|it| it.key.kind == ConfigMap);
    assert!(config_map.is_some_and(|it| it.is_new));
}

/// Parameters were wrong, and are again as they were before: nothing is applied, and all is well.
#[test]
fn a_problem_is_gone_with_the_wish_that_had_it() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[fleet(&[80, 81])]);
    let job = scene.due().remove(0);
    scene.refuse(&job, "quota");
    scene.want(&[fleet(&[80])]);
    assert_eq!(scene.due(), []);
    assert_eq!(scene.provisioner.problem(&gateway()), None);
}

/// What a Gateway's status says of its proxies waits for that.
#[test]
fn a_wish_is_answered_when_it_is_taken_or_refused() {
    let mut scene = Scene::new();
    assert_eq!(scene.asked(), Asked::Answered);
    scene.want(&[fleet(&[80])]);
    scene.pass(1);
    assert_eq!(scene.asked(), Asked::NotYet);
    let first = scene.due().remove(0);
    let asked = scene.now;
    scene.pass(1);
    scene.want(&[fleet(&[80])]);
    assert_eq!(scene.asked(), Asked::Since(asked));
    assert!(scene.refuse(&first, "quota"));
    assert_eq!(scene.asked(), Asked::Answered);
    // It was refused as it was wanted then.
    scene.want(&[fleet(&[80, 82])]);
    assert_eq!(scene.asked(), Asked::NotYet);
    assert_eq!(scene.provisioner.problem(&gateway()), None);
    scene.turn();
    assert_eq!(scene.asked(), Asked::Answered);
    // Nothing else is wanted of the Gateway by that.
    scene.provisioner.take_authorities("other".into());
    scene.pass(3600);
    assert_eq!(scene.due().len(), 1);
    assert_eq!(scene.asked(), Asked::Answered);
}

/// The Service of the older wish is as the newer one wants it, but the Deployment was never sent.
#[test]
fn an_answer_to_part_of_an_older_wish_is_none() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[fleet(&[80, 81])]);
    let job = scene.due().remove(0);
    let mut more = fleet(&[80, 81]);
    more.parameters = serde_json::from_value(json!({"replicas": 3})).unwrap();
    scene.want(&[more]);
    scene.take(&job);
    assert_eq!(scene.asked(), Asked::NotYet);
    assert_eq!(scene.turn().0, [ConfigMap, Deployment]);
    assert_eq!(scene.asked(), Asked::Answered);
}

/// No watch tells of what stayed as it was: whoever waits for the answer has to look again.
#[test]
fn that_all_is_there_already_is_news() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[fleet(&[80, 81])]);
    let job = scene.due().remove(0);
    scene.want(&[fleet(&[80])]);
    assert!(!scene.refuse(&job, "quota"));
    assert_eq!(scene.due(), []);
    assert_eq!(scene.asked(), Asked::Answered);
    assert!(scene.provisioner.is_waiting(), "facts have to hear of it");
    assert_eq!(scene.due(), []);
    assert!(!scene.provisioner.is_waiting());
}

/// Whoever leads next asks again, but nothing becomes untrue by that.
#[test]
fn what_the_leader_before_made_is_there() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.provisioner.stop();
    scene.want(&[fleet(&[80])]);
    assert_eq!(scene.asked(), Asked::Answered);
    assert_eq!(scene.due().len(), 1);
    scene.provisioner.stop();
    scene.want(&[fleet(&[81])]);
    assert_eq!(scene.asked(), Asked::NotYet);
}

/// What was asked for while another led belongs to no wish of today.
#[test]
fn an_answer_from_the_lead_before_is_none() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    scene.provisioner.stop();
    scene.want(&[fleet(&[80])]);
    scene.take(&job);
    assert_eq!(scene.asked(), Asked::NotYet);
}

/// It was refused by the API, and then by us: nobody tries again, and nobody tells of it.
#[test]
fn a_wish_that_goes_away_takes_its_problem_along() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    scene.refuse(&job, "quota");
    scene.want(&[]);
    scene.pass(1);
    assert_eq!(scene.due(), []);
    assert_eq!(scene.provisioner.problem(&gateway()), None);
    assert!(scene.provisioner.is_waiting(), "facts have to hear of it");
    assert_eq!(scene.due(), []);
    assert!(!scene.provisioner.is_waiting());
}

#[test]
fn a_late_refusal_of_what_was_wanted_before_says_nothing_of_what_is_wanted_now() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    scene.want(&[fleet(&[81])]);
    assert!(!scene.refuse(&job, "quota"));
    assert_eq!(scene.provisioner.problem(&gateway()), None);
    assert_eq!(scene.due().len(), 1, "and it is tried at once");
}

#[test]
fn what_is_wanted_otherwise_is_tried_at_once() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let job = scene.due().remove(0);
    scene.refuse(&job, "quota");
    assert_eq!(scene.due(), []);
    scene.want(&[fleet(&[81])]);
    assert_eq!(scene.due().len(), 1);
}

/// The Gateway goes while its job is refused: nothing is tried again, and nothing is remembered.
#[test]
fn of_a_gateway_that_is_gone_nothing_is_kept() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    scene.turn();
    scene.want(&[fleet(&[80, 81])]);
    let job = scene.due().remove(0);
    let gone = json!({"metadata": {"name": "edge", "namespace": "shop"}});
    let gone = serde_json::from_value(gone).unwrap();
    scene.store.see::<Gateway>(None, Seen::Gone(gone));
    scene
        .provisioner
        .want(&BTreeMap::new(), [].into_iter(), &scene.store);
    scene.refuse(&job, "the namespace is being terminated");
    assert_eq!(scene.due(), []);
    assert!(!scene.provisioner.is_waiting());
    assert_eq!(scene.provisioner.problem(&gateway()), None);
    assert_eq!(scene.provisioner.applied.len(), 0);
}

/// Its proxies may restart, and must be let in then.
#[test]
fn a_gateway_that_is_refused_keeps_its_account() {
    let mut scene = Scene::new();
    scene.want(&[fleet(&[80])]);
    let before = scene.provisioner.accounts(&scene.store);
    scene.want(&[]);
    assert_eq!(scene.provisioner.accounts(&scene.store), before);
    assert_eq!(before.len(), 1);
}
