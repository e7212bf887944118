//! The objects of the tests, as text.

use std::fmt::Write;

/// A Gateway with these listeners, all TCP, of the tests' own class.
pub(crate) fn gateway(name: &str, listeners: &[(&str, u16)]) -> String {
    gateway_of(super::place::CLASS, name, listeners)
}

/// The same of another class.
pub(crate) fn gateway_of(class: &str, name: &str, listeners: &[(&str, u16)]) -> String {
    let mut text = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\n\
         spec:\n  gatewayClassName: {class}\n  listeners:\n"
    );
    for (listener, port) in listeners {
        let _ = writeln!(
            text,
            "  - {{name: {listener}, protocol: TCP, port: {port}}}"
        );
    }
    text
}

/// The same with parameters of its own: `config` is the GatewayConfig's spec, as flow YAML.
pub(crate) fn gateway_with(name: &str, listeners: &[(&str, u16)], config: &str) -> String {
    format!(
        "apiVersion: portway.dev/v1alpha1\nkind: GatewayConfig\nmetadata: {{name: {name}}}\n\
         spec: {config}\n---\n{}  infrastructure:\n    parametersRef: \
         {{group: portway.dev, kind: GatewayConfig, name: {name}}}\n",
        gateway(name, listeners)
    )
}

/// A route of one listener to one backend.
pub(crate) fn route(name: &str, gateway: &str, listener: &str, backend: &str) -> String {
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {{name: {name}}}\n\
         spec:\n  parentRefs: [{{name: {gateway}, sectionName: {listener}}}]\n  \
         rules: [{{backendRefs: [{{name: my-{backend}-service, port: 6000}}]}}]\n"
    )
}

/// A grant that lets TCPRoutes of a namespace refer to Services where it is.
pub(crate) fn grant(name: &str, from: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n\
         metadata: {{name: {name}}}\nspec:\n  from: [{{group: gateway.networking.k8s.io, \
         kind: TCPRoute, namespace: {from}}}]\n  to: [{{group: \"\", kind: Service}}]\n"
    )
}
