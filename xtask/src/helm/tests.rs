//! The chart's schema of values knows the values, the fields of GatewayConfig, and nothing else.

use std::fs;

use serde_json::{Map, Value, json};

use crate::repo::root;

const CHART: &str = "deploy/helm/portway";

/// A key that the schema lacks is refused, and one that only it has does nothing.
#[test]
fn the_schema_has_the_keys_of_the_values() {
    let mut schema = schema();
    // Helm gives it to a chart that is part of another.
    let global = schema["properties"].as_object_mut();
    global.unwrap().shift_remove("global").unwrap();
    // Empty, so that a class needs no parameters; its keys are the CRD's.
    let config = schema["properties"].as_object_mut();
    config.unwrap()["gatewayConfig"] = json!({"type": "object"});
    check_keys("", &yaml("values.yaml"), &schema);
}

#[test]
fn the_schema_has_the_fields_of_a_gateway_config() {
    let crd = yaml("crds/gatewayconfigs.yaml");
    let [version] = crd["spec"]["versions"].as_array().unwrap().as_slice() else {
        panic!("which version are the values of?");
    };
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut known = schema()["properties"]["gatewayConfig"].clone();
    known.as_object_mut().unwrap().shift_remove("description");
    let wanted = closed(spec);
    assert!(
        known == wanted,
        "`gatewayConfig` in values.schema.json is not the CRD's spec, which is\n{wanted:#}"
    );
}

fn check_keys(path: &str, value: &Value, schema: &Value) {
    let Some(known) = schema["properties"].as_object() else {
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "`{path}` takes all");
    let given = value.as_object().unwrap();
    let sorted = |of: &Map<String, Value>| {
        let mut keys: Vec<String> = of.keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(sorted(known), sorted(given), "keys of `{path}`");
    for (key, value) in given {
        check_keys(&format!("{path}.{key}"), value, &known[key]);
    }
}

/// What the API server makes of a CRD's schema, in JSON Schema: fields it does not know are dropped
/// there, and are to be refused here. Rules in CEL stay the API server's.
fn closed(node: &Value) -> Value {
    let mut out = Map::new();
    for (key, value) in node.as_object().unwrap() {
        match key.as_str() {
            "x-kubernetes-int-or-string" => {
                out.insert("type".to_owned(), json!(["integer", "string"]));
            }
            "properties" => {
                let fields = value.as_object().unwrap().iter();
                let fields = fields.map(|(name, it)| (name.clone(), closed(it)));
                out.insert(key.clone(), Value::Object(fields.collect()));
                out.insert("additionalProperties".to_owned(), json!(false));
            }
            "items" | "additionalProperties" => {
                out.insert(key.clone(), closed(value));
            }
            "format" => {}
            extension if extension.starts_with("x-kubernetes-") => {}
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(out)
}

fn schema() -> Value {
    serde_json::from_str(&text("values.schema.json")).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap()
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(CHART).join(name)).unwrap()
}
