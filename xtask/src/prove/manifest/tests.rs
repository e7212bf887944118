//! What a plan becomes is what one would write by hand.

use super::{Backend, Listener, Plan, Target};

#[test]
fn a_plan_is_written_as_one_would_by_hand() {
    let endpoint = "127.0.0.1:6001".parse().unwrap();
    let plan = Plan {
        listeners: vec![
            Listener {
                port: 8080,
                backends: vec![
                    Backend::weighing(7, Target::Endpoints(vec![endpoint])),
                    Backend::weighing(3, Target::Missing),
                    Backend::weighing(0, Target::NotPermitted("[::1]:6".parse().unwrap())),
                ],
            },
            Listener {
                port: 8081,
                backends: vec![],
            },
        ],
    };
    let yaml = plan.to_yaml();
    for line in [
        "  - {name: l0, protocol: TCP, port: 8080}",
        "  - {name: l1, protocol: TCP, port: 8081}",
        "  parentRefs: [{name: proof, sectionName: l0}]",
        "    - {name: s0-0, port: 6000, weight: 7}",
        "    - {name: s0-1, port: 6000, weight: 3}",
        "    - {name: s0-2, port: 6000, weight: 0, namespace: elsewhere}",
        "metadata: {name: s0-0, namespace: default}",
        "metadata: {name: s0-2, namespace: elsewhere}",
        "endpoints: [{addresses: [\"127.0.0.1\"]}]",
        "addressType: IPv6",
        "ports: [{port: 6001}]",
    ] {
        assert_eq!(
            yaml.lines().filter(|it| *it == line).count(),
            1,
            "{line}\n{yaml}"
        );
    }
    assert_eq!(yaml.matches("kind: TCPRoute").count(), 1);
    assert_eq!(yaml.matches("kind: Service\n").count(), 2);
    assert_eq!(yaml.matches("name: s0-1").count(), 1);
}
