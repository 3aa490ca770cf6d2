//! The manifests: what they hold is what the service needs.

use super::read;
use crate::harness::alerts::deployed;
use serde_json::Value;
use std::process::Command;

/// Longer than closing Kafka's client may take, in seconds.
const CLOSING: i64 = 10;

fn manifest(file: &str) -> Value {
    let text = read(&format!("deploy/kubernetes/{file}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The container of a pod, which runs as nobody and writes nowhere.
fn container<'p>(pod: &'p Value, list: &str) -> &'p Value {
    let container = &pod[list][0];
    assert_eq!(container["name"], "plimsoll");
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"]["drop"][0], "ALL");
    for probe in ["startupProbe", "livenessProbe"] {
        // /readyz waits for Kafka and the database.
        let path = &container[probe]["httpGet"]["path"];
        assert_eq!(path, "/healthz", "{probe}");
    }
    container
}

fn grace(pod: &Value) -> i64 {
    let grace = &pod["terminationGracePeriodSeconds"];
    grace.as_i64().expect("seconds")
}

#[test]
fn a_rollout_starts_a_replica_before_it_ends_one_and_lets_it_drain() {
    let deployment = manifest("base/deployment.yaml");
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(
        (&rolling["maxSurge"], &rolling["maxUnavailable"]),
        (&1.into(), &0.into())
    );
    let pod = &deployment["spec"]["template"]["spec"];
    let container = container(pod, "containers");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(pod["securityContext"]["runAsUser"], 10_001);
    let config: toml::Table = read("deploy/kubernetes/base/plimsoll.toml")
        .parse()
        .expect("TOML");
    let drain = config["drain_ms"].as_integer().expect("a time") / 1_000;
    assert!(grace(pod) > drain + CLOSING);
}

#[test]
fn a_sidecar_ends_after_its_application_and_never_holds_it_back() {
    let pod = manifest("sidecar/sidecar.yaml");
    let pod = &pod["spec"]["template"]["spec"];
    let container = container(pod, "initContainers");
    assert_eq!(container["restartPolicy"], "Always");
    assert_eq!(container.get("readinessProbe"), None);
    assert_eq!(container["securityContext"]["runAsUser"], 10_001);
    assert!(grace(pod) > 10 + CLOSING);
}

/// The files that a kustomization names, and the ports and names that one takes from
/// another.
#[test]
fn the_manifests_fit_each_other() {
    let base = manifest("base/kustomization.yaml");
    let tag = env!("CARGO_PKG_VERSION");
    for resource in base["resources"].as_array().expect("resources") {
        let file = format!("base/{}", resource.as_str().expect("a file"));
        let resource = manifest(&file);
        assert_eq!(resource["metadata"]["name"], "plimsoll", "{file}");
    }
    let config = base["configMapGenerator"][0]["files"][0]
        .as_str()
        .expect("a file");
    read(&format!("deploy/kubernetes/base/{config}"));
    let sidecar = manifest("sidecar/kustomization.yaml");
    let patch = sidecar["patches"][0]["path"].as_str().expect("a file");
    manifest(&format!("sidecar/{patch}"));
    for images in [&base["images"], &sidecar["images"]] {
        assert_eq!(images[0]["newTag"], tag);
    }
    let labels = &base["labels"][0]["pairs"];
    let disruption = manifest("base/disruption.yaml");
    assert_eq!(&disruption["spec"]["selector"]["matchLabels"], labels);
    let deployment = manifest("base/deployment.yaml");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let service = manifest("base/service.yaml");
    let ports = (&container["ports"][0], &service["spec"]["ports"][0]);
    assert_eq!(ports.0["containerPort"], ports.1["port"]);
    assert_eq!(ports.0["name"], ports.1["targetPort"]);
}

#[test]
fn check_accepts_the_config_of_the_base() {
    let checked = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .arg("check")
        .arg("--config")
        .arg(deployed("kubernetes/base/plimsoll.toml"))
        .env("DATABASE_URL", "postgres://plimsoll@db/shop")
        .output()
        .expect("plimsoll");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

#[test]
fn keda_scales_the_deployment_by_metrics_that_there_are() {
    let metrics = include_str!("../../../src/metrics.rs");
    let deployment = manifest("base/deployment.yaml");
    for (file, kind) in [("kafka", "kafka"), ("prometheus", "prometheus")] {
        let scaled = manifest(&format!("autoscaling/keda-{file}.yaml"));
        let spec = &scaled["spec"];
        assert_eq!(
            spec["scaleTargetRef"]["name"],
            deployment["metadata"]["name"]
        );
        let trigger = &spec["triggers"][0];
        assert_eq!(trigger["type"], kind);
        if let Some(query) = trigger["metadata"]["query"].as_str() {
            let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
            let mut words = query.split(|c| !is_part(c));
            let metric = words
                .find(|word| word.starts_with("plimsoll_"))
                .expect("a metric");
            assert!(metrics.contains(&format!("\"{metric}\"")), "{metric}");
            assert!(query.contains("min by (topic, partition)"), "{query}");
            assert!(spec["minReplicaCount"].as_i64() > Some(0));
        }
    }
}
