//! The Deployment of a Gateway's proxies.
//!
//! In: a [`Fleet`]. Out: its `spec`. Never: a privilege. A proxy runs as nobody, holds no
//! capability, writes no file and has no access to the API beyond a token that only the feed takes.

use serde_json::{Map, Value, json};

use super::{Fleet, Install, names};

/// Seconds from the withdrawal of an endpoint to SIGTERM: kube-proxies learn of it meanwhile, so no
/// new connection comes to a proxy that goes.
const PRE_STOP_SLEEP: u32 = 5;

/// Seconds that open connections may take to finish.
const DRAIN_TIMEOUT: u32 = 30;

/// Seconds a proxy needs at the end beside these two.
const END_MARGIN: u32 = 5;

/// Nobody: the user and group of the image.
const NOBODY: u32 = 65532;

/// `spec` of the Deployment.
pub(super) fn body(fleet: &Fleet, install: &Install) -> Value {
    let parameters = &fleet.parameters;
    let selector = super::selector(fleet);
    let mut spec = json!({
        "selector": {"matchLabels": selector},
        // The new Pod first: there is always one that accepts.
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
        },
        "template": {
            "metadata": {
                "labels": super::labels(fleet, install),
                "annotations": fleet.annotations,
            },
            "spec": pod(fleet, install),
        },
    });
    // With an autoscaler the number is its own to say.
    if parameters.autoscaling.is_none() {
        spec["replicas"] = parameters.replicas.unwrap_or(1).into();
    }
    json!({"spec": spec})
}

fn pod(fleet: &Fleet, install: &Install) -> Value {
    let parameters = &fleet.parameters;
    let sleep = parameters.pre_stop_sleep_seconds.unwrap_or(PRE_STOP_SLEEP);
    let drain = parameters.drain_timeout_seconds.unwrap_or(DRAIN_TIMEOUT);
    let end = sleep.saturating_add(drain).saturating_add(END_MARGIN);
    let mut pod = json!({
        "serviceAccountName": names::generated(fleet),
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": end,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "fsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
            // Ports below 1024 without a capability; one of the sysctls that are safe in a Pod.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": super::selector(fleet)},
        }],
        "containers": [container(fleet, install, sleep, drain)],
        "volumes": [{"name": "feed", "projected": {"sources": [
            {"serviceAccountToken": {
                "audience": names::TOKEN_AUDIENCE,
                "expirationSeconds": names::TOKEN_SECONDS,
                "path": "token",
            }},
            {"configMap": {
                "name": names::generated(fleet),
                "items": [{"key": names::CA_KEY, "path": names::CA_KEY}],
            }},
        ]}}],
    });
    if let Value::Object(pod) = &mut pod {
        add_asked(pod, fleet);
    }
    pod
}

fn add_asked(pod: &mut Map<String, Value>, fleet: &Fleet) {
    let parameters = &fleet.parameters;
    if !parameters.node_selector.is_empty() {
        pod.insert("nodeSelector".into(), json!(parameters.node_selector));
    }
    if !parameters.tolerations.is_empty() {
        pod.insert("tolerations".into(), json!(parameters.tolerations));
    }
    if let Some(affinity) = &parameters.affinity {
        pod.insert("affinity".into(), affinity.clone());
    }
    if let Some(class) = &parameters.priority_class_name {
        pod.insert("priorityClassName".into(), class.as_str().into());
    }
    if !parameters.image_pull_secrets.is_empty() {
        let secrets = json!(parameters.image_pull_secrets);
        pod.insert("imagePullSecrets".into(), secrets);
    }
}

fn container(fleet: &Fleet, install: &Install, sleep: u32, drain: u32) -> Value {
    let controller = names::feed_host(&install.namespace);
    let admin = names::ADMIN_PORT;
    let mut container = json!({
        "name": "proxy",
        "image": install.image,
        "imagePullPolicy": install.image_pull_policy,
        "args": [
            "proxy",
            format!("--controller={controller}:{}", names::FEED_PORT),
            format!("--drain-timeout={drain}s"),
            "--log-format=json",
        ],
        "ports": [{"name": "admin", "containerPort": admin, "protocol": "TCP"}],
        // Ready = the first table is applied.
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "admin"},
            "periodSeconds": 1,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "admin"},
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": sleep}}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": [{"name": "feed", "mountPath": names::FEED_DIR, "readOnly": true}],
    });
    if sleep == 0 {
        // The API takes no sleep of zero seconds before 1.32.
        container.as_object_mut().map(|it| it.remove("lifecycle"));
    }
    let default = json!({"requests": {"cpu": "50m", "memory": "32Mi"}});
    let resources = fleet.parameters.resources.clone();
    container["resources"] = resources.unwrap_or(default);
    container
}
