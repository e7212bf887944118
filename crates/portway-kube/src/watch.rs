//! Watches: what the cluster holds, as edits of the [`Store`].
//!
//! In: a client and the namespaces to look at. Out: [`Edit`]s, the first of each watch being all
//! there is. Never: an end. A watch that breaks or is too old (410 Gone) lists again; a kind that the
//! cluster does not serve counts as empty and is looked for again, and so does a namespace that was
//! named and is not there. Whatever else may not be read is waited for.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ApiResource};
use kube::core::discovery::Scope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use portway_control::api::{
    EndpointSlice, GATEWAY_GROUP, Gateway, GatewayClass, GatewayConfig, Namespace, PORTWAY_GROUP,
    ReferenceGrant, Service, TcpRoute,
};
use portway_control::provision::{ProvisionKind, names};
use portway_control::snapshot::Bundle;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::call::{self, Place};
use crate::limits::{ABSENT_RETRY, RETRY_FIRST, RETRY_MAX, VERSION_INTERVAL, WATCH_SECONDS_MAX};
use crate::store::{Missed, Seen, Store, Watchable};
use crate::versions;
use crate::watched::Watched;

/// A change of the store, as a watch wants it.
pub(crate) struct Edit {
    /// Which watch has told all there is, if it is that.
    pub(crate) complete: Option<usize>,
    edit: Box<dyn FnOnce(&mut Store) + Send>,
}

impl Edit {
    /// Makes the change.
    pub(crate) fn make(self, store: &mut Store) {
        (self.edit)(store);
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit")
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

/// Which of several versions of a kind is watched: the first that the cluster serves.
#[derive(Debug, Clone, Copy)]
struct Source {
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
    /// Kinds of Kubernetes itself need not be looked for.
    is_builtin: bool,
}

/// All watches, and which of them have told all there is.
pub(crate) struct Watches {
    client: Client,
    edits: Sender<Edit>,
    tasks: JoinSet<()>,
    n_watches: usize,
    complete: BTreeSet<usize>,
}

/// How a watch looks at one kind.
#[derive(Clone)]
struct Watch {
    client: Client,
    edits: Sender<Edit>,
    id: usize,
    source: Source,
    scope: Option<String>,
    labels: Option<String>,
}

impl Watches {
    /// Starts the watches of what a translation is made of. No namespaces = all; `own` is that of
    /// the controller, where a class may have its parameters.
    pub(crate) fn of_objects(
        client: &Client,
        namespaces: &[String],
        own: &str,
        edits: Sender<Edit>,
    ) -> Self {
        let mut watches = Self {
            client: client.clone(),
            edits,
            tasks: JoinSet::new(),
            n_watches: 0,
            complete: BTreeSet::new(),
        };
        watches.object::<GatewayClass>(&[], gateway_api("GatewayClass", "gatewayclasses"));
        watches.object::<Gateway>(namespaces, gateway_api("Gateway", "gateways"));
        let routes = Source {
            versions: &["v1", "v1alpha2"],
            ..gateway_api("TCPRoute", "tcproutes")
        };
        watches.object::<TcpRoute>(namespaces, routes);
        let grants = gateway_api("ReferenceGrant", "referencegrants");
        watches.object::<ReferenceGrant>(namespaces, grants);
        let configs = Source {
            group: PORTWAY_GROUP,
            versions: &["v1alpha1"],
            kind: "GatewayConfig",
            plural: "gatewayconfigs",
            is_builtin: false,
        };
        watches.object::<GatewayConfig>(&with_own(namespaces, own), configs);
        watches.object::<Namespace>(&[], builtin("", "Namespace", "namespaces"));
        watches.object::<Service>(namespaces, builtin("", "Service", "services"));
        let slices = builtin("discovery.k8s.io", "EndpointSlice", "endpointslices");
        watches.object::<EndpointSlice>(namespaces, slices);
        watches.bundle();
        watches
    }

    /// Adds those of what this controller provisioned. Services come by the watch of all Services.
    pub(crate) fn add_fleets(&mut self, namespaces: &[String], controller_name: &str) {
        let controller = names::label_value(controller_name);
        let labels = format!("{}={controller}", names::CONTROLLER_LABEL);
        for kind in [
            ProvisionKind::ServiceAccount,
            ProvisionKind::Deployment,
            ProvisionKind::PodDisruptionBudget,
            ProvisionKind::HorizontalPodAutoscaler,
        ] {
            let (group, version, plural) = kind.resource();
            let versions: &[&str] = match version {
                "v2" => &["v2"],
                _ => &["v1"],
            };
            let source = Source {
                versions,
                ..builtin(group, kind.name(), plural)
            };
            for scope in scopes(namespaces) {
                let watch = self.next(source, scope, Some(labels.clone()));
                let see = move |store: &mut Store, scope: Option<&str>, seen| {
                    store.see_fleet(kind, scope, seen);
                };
                self.tasks.spawn(watch.run::<Value>(see));
            }
        }
    }

    /// Takes note of an edit; true once every watch has told all there is.
    pub(crate) fn is_complete(&mut self, edit: &Edit) -> bool {
        self.complete.extend(edit.complete);
        self.complete.len() == self.n_watches
    }

    fn object<T: Watchable>(&mut self, namespaces: &[String], source: Source) {
        for scope in scopes(namespaces) {
            let watch = self.next(source, scope, None);
            let see = |store: &mut Store, scope: Option<&str>, seen: Seen<T>| {
                store.see(scope, seen);
            };
            self.tasks.spawn(watch.run::<T>(see));
        }
    }

    fn next(&mut self, source: Source, scope: Option<String>, labels: Option<String>) -> Watch {
        let id = self.n_watches;
        self.n_watches += 1;
        Watch {
            client: self.client.clone(),
            edits: self.edits.clone(),
            id,
            source,
            scope,
            labels,
        }
    }

    /// What the CRDs say of themselves is no object of its own to watch, but part of the input all the
    /// same.
    fn bundle(&mut self) {
        let (client, edits, id) = (self.client.clone(), self.edits.clone(), self.n_watches);
        self.n_watches += 1;
        self.tasks.spawn(async move {
            let mut told = Bundle::default();
            loop {
                let wait = match versions::of_bundle(&client).await {
                    Ok(bundle) => {
                        if bundle != told {
                            tell_bundle(&bundle);
                            told = bundle.clone();
                        }
                        let edit = Edit {
                            complete: Some(id),
                            edit: Box::new(|store| store.see_bundle(bundle)),
                        };
                        if edits.send(edit).await.is_err() {
                            return;
                        }
                        VERSION_INTERVAL
                    }
                    Err(error) => {
                        warn!(error = %crate::chain(&error), "annotations of the CRDs not read");
                        ABSENT_RETRY
                    }
                };
                tokio::time::sleep(wait).await;
            }
        });
    }
}

impl Watch {
    async fn run<T>(self, see: impl Fn(&mut Store, Option<&str>, Seen<T>) + Copy + Send + 'static)
    where
        T: DeserializeOwned + Clone + fmt::Debug + Send + 'static,
    {
        let mut was_served = false;
        loop {
            let version = self.served(was_served, see).await;
            was_served = true;
            if self.follow(version, see).await.is_break() {
                return;
            }
            tokio::time::sleep(ABSENT_RETRY).await;
        }
    }

    /// Tells what is there and what changes, until the cluster does not serve this version any more.
    async fn follow<T>(
        &self,
        version: &str,
        see: impl Fn(&mut Store, Option<&str>, Seen<T>) + Copy + Send + 'static,
    ) -> ControlFlow<()>
    where
        T: DeserializeOwned + Clone + fmt::Debug + Send + 'static,
    {
        let resource = ApiResource {
            group: self.source.group.to_owned(),
            version: version.to_owned(),
            api_version: match self.source.group {
                "" => version.to_owned(),
                group => format!("{group}/{version}"),
            },
            kind: self.source.kind.to_owned(),
            plural: self.source.plural.to_owned(),
        };
        let client = self.client.clone();
        let api: Api<Watched<T>> = match &self.scope {
            None => Api::dynamic(client, &resource, &Scope::Cluster),
            Some(scope) => Api::namespaced_with(client, scope, &resource),
        };
        let config = watcher::Config {
            label_selector: self.labels.clone(),
            timeout: Some(WATCH_SECONDS_MAX),
            ..watcher::Config::default()
        };
        let mut events = watcher::watcher(api, config).default_backoff().boxed();
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            let (complete, seen) = match event {
                Ok(Event::Init) => {
                    listed.clear();
                    continue;
                }
                Ok(Event::InitApply(object)) => {
                    listed.push(object);
                    continue;
                }
                Ok(Event::InitDone) => (Some(self.id), Seen::All(std::mem::take(&mut listed))),
                Ok(Event::Apply(object)) => (None, Seen::Here(object)),
                Ok(Event::Delete(object)) => (None, Seen::Gone(object)),
                // No such kind, or not in this version: it is never said of an object here.
                Err(error) if !self.source.is_builtin && code(&error) == Some(404) => {
                    return ControlFlow::Continue(());
                }
                Err(error) => {
                    if code(&error) == Some(403) && self.is_nowhere().await {
                        self.forget_namespace(see).await;
                        continue;
                    }
                    let kind = self.source.kind;
                    warn!(kind, error = %crate::chain(&error), "watch broken, tried again");
                    continue;
                }
            };
            if self.send(complete, seen, see).await.is_err() {
                break;
            }
        }
        ControlFlow::Break(())
    }

    /// Whether the namespace is named and not there. Only the API knows: a watch of all namespaces may
    /// not have told yet.
    async fn is_nowhere(&self) -> bool {
        let Some(scope) = &self.scope else {
            return false;
        };
        let namespaces = Place {
            group: "",
            version: "v1",
            plural: "namespaces",
            namespace: None,
        };
        let found = call::named(&self.client, &namespaces.all(), scope).await;
        found.is_ok_and(|found| found.is_empty())
    }

    /// Our rights in a namespace go with it, and then nobody tells that its objects did. What is in the
    /// others must not wait for it.
    async fn forget_namespace<T: Send + 'static>(
        &self,
        see: impl Fn(&mut Store, Option<&str>, Seen<T>) + Copy + Send + 'static,
    ) {
        let see = move |store: &mut Store, scope: Option<&str>, seen| {
            see(store, scope, seen);
            let namespace = scope.unwrap_or_default();
            if store.miss_namespace(namespace) == Missed::Anew {
                warn!(
                    namespace,
                    "to be watched and not there, so it counts as empty: create it and apply the \
                     chart again for the rights in it, or watch it no more"
                );
            }
        };
        // The receiver is gone only at the end.
        _ = self.send(Some(self.id), Seen::All(Vec::new()), see).await;
    }

    /// Waits until the cluster serves the kind, and says which version of it. What is not served counts
    /// as empty; what was served before only at the second look: an API server that begins may not
    /// know all kinds yet. No word of a watch says it all: one may have been between two tries.
    async fn served<T: Send + 'static>(
        &self,
        was_served: bool,
        see: impl Fn(&mut Store, Option<&str>, Seen<T>) + Copy + Send + 'static,
    ) -> &'static str {
        let Source {
            group,
            versions,
            plural,
            kind,
            ..
        } = self.source;
        if self.source.is_builtin {
            return versions.first().copied().unwrap_or("v1");
        }
        let (mut is_told, mut wait) = (false, RETRY_FIRST);
        let mut is_forgotten = false;
        loop {
            let mut is_gone = false;
            match versions::served(&self.client, group, versions, plural).await {
                Ok(Some(version)) => {
                    if Some(&version) != versions.first() {
                        warn!(kind, version, "old CRDs: read as well as they can be");
                    } else if is_told {
                        info!(kind, version, "the cluster serves it now");
                    }
                    return version;
                }
                Ok(None) if !is_told => {
                    warn!(
                        kind,
                        group, "the cluster does not serve it: CRDs not installed"
                    );
                    is_told = true;
                    wait = ABSENT_RETRY;
                    is_gone = !was_served;
                }
                Ok(None) => is_gone = true,
                Err(error) => {
                    warn!(kind, error = %crate::chain(&error), "API not asked what it serves");
                    wait = RETRY_MAX.min(wait * 2);
                }
            }
            if is_gone && !is_forgotten {
                is_forgotten = true;
                // The receiver is gone only at the end.
                _ = self.send(Some(self.id), Seen::All(Vec::new()), see).await;
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn send<T: Send + 'static>(
        &self,
        complete: Option<usize>,
        seen: Seen<T>,
        see: impl Fn(&mut Store, Option<&str>, Seen<T>) + Send + 'static,
    ) -> Result<(), tokio::sync::mpsc::error::SendError<Edit>> {
        let scope = self.scope.clone();
        let edit = Edit {
            complete,
            edit: Box::new(move |store| see(store, scope.as_deref(), seen)),
        };
        self.edits.send(edit).await
    }
}

fn tell_bundle(bundle: &Bundle) {
    let [version, channel] =
        [&bundle.version, &bundle.channel].map(|it| it.as_deref().unwrap_or("not said"));
    info!(version, channel, "CRDs of Gateway API");
}

/// The HTTP status, if the API answered.
fn code(error: &watcher::Error) -> Option<u16> {
    use watcher::Error;
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

fn scopes(namespaces: &[String]) -> Vec<Option<String>> {
    match namespaces {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    }
}

/// The namespaces and the controller's own; all stay all.
fn with_own(namespaces: &[String], own: &str) -> Vec<String> {
    let mut all = namespaces.to_vec();
    if !all.is_empty() && all.iter().all(|it| it != own) {
        all.push(own.to_owned());
    }
    all
}

fn gateway_api(kind: &'static str, plural: &'static str) -> Source {
    Source {
        group: GATEWAY_GROUP,
        versions: &["v1", "v1beta1"],
        kind,
        plural,
        is_builtin: false,
    }
}

fn builtin(group: &'static str, kind: &'static str, plural: &'static str) -> Source {
    Source {
        group,
        versions: &["v1"],
        kind,
        plural,
        is_builtin: true,
    }
}

#[cfg(test)]
mod tests;
