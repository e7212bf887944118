//! What is provisioned, in the words of the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::{Expect, expect, expect_file};
use serde_json::{Value, json};

use super::{Fleet, FleetPort, Install, ProvisionKind, names, objects, pod_port};
use crate::api::{Gateway, GatewayConfigSpec, Kind};
use crate::origin::ObjectKey;

fn fleet(parameters: Value) -> Fleet {
    Fleet {
        gateway: ObjectKey {
            kind: Kind::Gateway,
            namespace: "shop".into(),
            name: "edge".into(),
        },
        uid: Some("u-1".into()),
        class: "portway".into(),
        labels: BTreeMap::from([("team".into(), "db".into())]),
        annotations: BTreeMap::from([("note".into(), "x".into())]),
        parameters: serde_json::from_value(parameters).unwrap(),
        ports: vec![FleetPort {
            port: 5432,
            pod_port: 5432,
        }],
        address: None,
    }
}

fn install() -> Install {
    Install {
        controller_name: Arc::from("portway.dev/gateway-controller"),
        namespace: "portway-system".into(),
        image: "portway:1".into(),
        image_pull_policy: "IfNotPresent".into(),
        authorities_pem: "PEM".into(),
    }
}

fn made(fleet: &Fleet, kind: ProvisionKind) -> Option<Value> {
    objects(fleet, &install()).remove(&kind)
}

fn check(parameters: Value, kind: ProvisionKind, path: &str, want: &Expect) {
    let made = made(&fleet(parameters), kind);
    let part = made.as_ref().and_then(|made| made.pointer(path)).cloned();
    want.assert_eq(&serde_json::to_string_pretty(&part.unwrap_or_default()).unwrap());
}

#[test]
fn a_service_has_the_ports_labels_annotations_and_the_owner_of_its_gateway() {
    check(
        json!({"service": {"annotations": {"lb": "fast"}}}),
        ProvisionKind::Service,
        "",
        &expect![[r#"
            {
              "apiVersion": "v1",
              "kind": "Service",
              "metadata": {
                "name": "edge-portway",
                "namespace": "shop",
                "labels": {
                  "app.kubernetes.io/managed-by": "portway",
                  "gateway.networking.k8s.io/gateway-class-name": "portway",
                  "gateway.networking.k8s.io/gateway-name": "edge",
                  "portway.dev/controller": "portway.dev_gateway-controller-vy89852t8t",
                  "portway.dev/install": "portway-system",
                  "team": "db"
                },
                "annotations": {
                  "note": "x",
                  "lb": "fast"
                },
                "ownerReferences": [
                  {
                    "apiVersion": "gateway.networking.k8s.io/v1",
                    "kind": "Gateway",
                    "name": "edge",
                    "uid": "u-1",
                    "controller": true,
                    "blockOwnerDeletion": true
                  }
                ]
              },
              "spec": {
                "type": "LoadBalancer",
                "selector": {
                  "gateway.networking.k8s.io/gateway-name": "edge"
                },
                "ports": [
                  {
                    "name": "tcp-5432",
                    "port": 5432,
                    "targetPort": 5432,
                    "protocol": "TCP"
                  }
                ]
              }
            }"#]],
    );
}

#[test]
fn parameters_of_the_service_go_where_they_belong() {
    let parameters = json!({"service": {
        "type": "LoadBalancer", "loadBalancerClass": "x/y", "ipFamilyPolicy": "PreferDualStack",
        "loadBalancerSourceRanges": ["192.0.2.0/24"], "externalTrafficPolicy": "Local"}});
    let kind = ProvisionKind::Service;
    check(
        parameters,
        kind,
        "/spec",
        &expect![[r#"
        {
          "type": "LoadBalancer",
          "selector": {
            "gateway.networking.k8s.io/gateway-name": "edge"
          },
          "ports": [
            {
              "name": "tcp-5432",
              "port": 5432,
              "targetPort": 5432,
              "protocol": "TCP"
            }
          ],
          "ipFamilyPolicy": "PreferDualStack",
          "externalTrafficPolicy": "Local",
          "loadBalancerClass": "x/y",
          "loadBalancerSourceRanges": [
            "192.0.2.0/24"
          ]
        }"#]],
    );
}

/// A ClusterIP has no policy for traffic from outside, and no load balancer.
#[test]
fn what_a_type_of_service_cannot_have_is_left_out() {
    let parameters = json!({"service": {
        "type": "ClusterIP", "loadBalancerClass": "x/y", "externalTrafficPolicy": "Local"}});
    let kind = ProvisionKind::Service;
    check(
        parameters,
        kind,
        "/spec",
        &expect![[r#"
        {
          "type": "ClusterIP",
          "selector": {
            "gateway.networking.k8s.io/gateway-name": "edge"
          },
          "ports": [
            {
              "name": "tcp-5432",
              "port": 5432,
              "targetPort": 5432,
              "protocol": "TCP"
            }
          ]
        }"#]],
    );
}

#[test]
fn a_pod_has_no_privilege() {
    let made = made(&fleet(json!({})), ProvisionKind::Deployment).unwrap();
    let pod = serde_json::to_string_pretty(&made["spec"]["template"]["spec"]).unwrap();
    expect_file!["tests/pod.json"].assert_eq(&pod);
}

#[test]
fn a_pod_goes_where_and_how_it_is_asked_to() {
    let parameters = json!({
        "replicas": 3, "nodeSelector": {"disk": "fast"}, "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}}, "priorityClassName": "high",
        "imagePullSecrets": [{"name": "pull"}], "preStopSleepSeconds": 1,
        "drainTimeoutSeconds": 120, "resources": {"requests": {"cpu": "1m"}}});
    let made = made(&fleet(parameters), ProvisionKind::Deployment).unwrap();
    let pod = &made["spec"]["template"]["spec"];
    assert_eq!(made["spec"]["replicas"], 3);
    assert_eq!(pod["nodeSelector"]["disk"], "fast");
    assert_eq!(pod["tolerations"][0]["operator"], "Exists");
    assert_eq!(pod["affinity"], json!({"nodeAffinity": {}}));
    assert_eq!(pod["priorityClassName"], "high");
    assert_eq!(pod["imagePullSecrets"][0]["name"], "pull");
    assert_eq!(pod["terminationGracePeriodSeconds"], 126);
    let container = &pod["containers"][0];
    assert_eq!(container["resources"], json!({"requests": {"cpu": "1m"}}));
    assert_eq!(container["lifecycle"]["preStop"]["sleep"]["seconds"], 1);
    let drain = json!("--drain-timeout=120s");
    assert!(container["args"].as_array().unwrap().contains(&drain));
}

#[test]
fn an_autoscaler_says_the_number_of_proxies_instead_of_the_deployment() {
    let parameters = json!({"replicas": 3, "autoscaling": {"maxReplicas": 5}});
    let deployment = made(&fleet(parameters.clone()), ProvisionKind::Deployment).unwrap();
    assert_eq!(deployment["spec"].get("replicas"), None);
    let kind = ProvisionKind::HorizontalPodAutoscaler;
    check(
        parameters,
        kind,
        "/spec",
        &expect![[r#"
        {
          "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "edge-portway"
          },
          "minReplicas": 1,
          "maxReplicas": 5,
          "metrics": [
            {
              "type": "Resource",
              "resource": {
                "name": "cpu",
                "target": {
                  "type": "Utilization",
                  "averageUtilization": 80
                }
              }
            }
          ]
        }"#]],
    );
    assert_eq!(made(&fleet(json!({})), kind), None);
}

#[test]
fn a_disruption_budget_leaves_what_is_asked_for() {
    let kind = ProvisionKind::PodDisruptionBudget;
    let parameters = json!({"podDisruptionBudget": {"minAvailable": "50%"}});
    check(
        parameters,
        kind,
        "/spec",
        &expect![[r#"
        {
          "selector": {
            "matchLabels": {
              "gateway.networking.k8s.io/gateway-name": "edge"
            }
          },
          "minAvailable": "50%"
        }"#]],
    );
    assert_eq!(made(&fleet(json!({})), kind), None);
}

#[test]
fn without_a_port_there_is_no_service() {
    let mut fleet = fleet(json!({"podDisruptionBudget": {}}));
    fleet.ports.clear();
    let kinds: Vec<ProvisionKind> = objects(&fleet, &install()).into_keys().collect();
    use ProvisionKind::{ConfigMap, Deployment, ServiceAccount};
    assert_eq!(kinds, [ServiceAccount, ConfigMap, Deployment]);
}

#[test]
fn a_gateways_parameters_win_over_its_classs_field_by_field() {
    let parse = |value| serde_json::from_value::<GatewayConfigSpec>(value).unwrap();
    let class = parse(json!({"replicas": 2, "service": {"type": "NodePort",
        "annotations": {"a": "1"}}, "priorityClassName": "high"}));
    let own = parse(json!({"replicas": 3, "service": {"annotations": {"b": "2"}}}));
    let want = parse(json!({"replicas": 3, "service": {"type": "NodePort",
        "annotations": {"b": "2"}}, "priorityClassName": "high"}));
    assert_eq!(own.over(class), want);
}

#[test]
fn labels_that_are_ours_cannot_be_taken() {
    let mut fleet = fleet(json!({}));
    let gateway = names::GATEWAY_NAME_LABEL.to_owned();
    fleet.labels.insert(gateway.clone(), "other".into());
    let service = made(&fleet, ProvisionKind::Service).unwrap();
    assert_eq!(service["metadata"]["labels"][&gateway], "edge");
}

#[test]
fn names_are_gateway_and_class_for_as_long_as_they_fit() {
    assert_eq!(names::generated_name("edge", "portway"), "edge-portway");
    let long = "g".repeat(253);
    for (gateway, class) in [
        (long.as_str(), "portway"),
        ("7up.example", "portway"),
        ("edge.example.com", "portway"),
        ("a-b", "c-d"),
        ("a", "b-c-d"),
    ] {
        let name = names::generated_name(gateway, class);
        assert!(name.len() <= 63, "{name}");
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(name.chars().all(label), "{name}");
    }
    let name = names::generated_name;
    assert_ne!(name("a-b", "c-d"), name("a", "b-c-d"));
    assert_ne!(name(&long, "portway"), name(&"g".repeat(252), "portway"));
}

/// Living objects are found by these names: they must never change.
#[test]
fn shortened_names_stay_the_same() {
    let long = "g".repeat(253);
    expect![[r#"
        gggggggggggggggggggggggggggggggggggggggggggggggggggg-j83p4myrqn
        gggggggggggggggggggggggggggggggggggggggggggggggggggg-k5f6dg0f0x
        portway.dev_gateway-controller-vy89852t8t
    "#]]
    .assert_eq(&format!(
        "{}\n{}\n{}\n",
        names::generated_name(&long, "portway"),
        names::label_value(&long),
        names::label_value("portway.dev/gateway-controller"),
    ));
}

#[test]
fn the_admin_port_moves_no_other_listener() {
    let gateway: Gateway = serde_json::from_value(json!({"metadata": {}, "spec": {
        "gatewayClassName": "x", "listeners": [
            {"name": "a", "protocol": "TCP", "port": 15021},
            {"name": "b", "protocol": "TCP", "port": 15022}]}}))
    .unwrap();
    assert_eq!(pod_port(15021, &gateway), 15023);
    assert_eq!(pod_port(15022, &gateway), 15022);
}
