//! The HTTP door: metrics and health checks, for whoever can connect. It shows the newest reports, takes
//! nothing and changes nothing. A client that hangs or floods costs one of a bounded number of connections.

mod health;
mod metrics;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use self::health::{Asked, CHECKS, Check, Lag};
use self::metrics::Measured;
use super::desk::{PairHandle, Pairs};

/// Connections at once.
const CONNECTIONS: usize = 64;

/// A client that has not sent a whole request within this time is closed; so is one that sends no next.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// No connection lives longer: one whose client reads no answer must end some day.
const CONNECTION_LIVES: Duration = Duration::from_secs(60);

/// An address that cannot be listened at, as one that comes later, is tried again after this time.
const TRIED_AGAIN: Duration = Duration::from_secs(10);

/// What the OpenMetrics text format is called.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the daemon says of its configuration files.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// When they were last read and taken over, in milliseconds since 1970.
    pub at_ms: u64,
    /// The newest ones were refused.
    pub refused: bool,
    /// The digest of those in force.
    pub digest: String,
}

/// Everything that answers need.
#[derive(Debug, Clone)]
pub struct Door {
    /// All pairs.
    pub pairs: watch::Receiver<Pairs>,
    /// The configuration files.
    pub loaded: watch::Receiver<Loaded>,
    /// Reads the clock of the pairs' loops, in milliseconds since the boot.
    pub boot_ms: fn() -> u64,
    /// Reads the wall clock, in milliseconds since 1970.
    pub wall_ms: fn() -> u64,
}

impl Door {
    /// Serves until `stop` is ready. An address that cannot be listened at is said once and tried again.
    pub async fn serve(self, listen: SocketAddr, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let accepting = self.accept(listen);
        tokio::select! {
            () = &mut stop => {}
            () = accepting => {}
        }
    }

    async fn accept(self, listen: SocketAddr) {
        let listener = bind(listen).await;
        let doors = Arc::new(Semaphore::new(CONNECTIONS));
        let router = router(self);
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = tasks.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Who finds the house full is closed: a load balancer asks again.
                        if let Ok(permit) = Arc::clone(&doors).try_acquire_owned() {
                            let router = router.clone();
                            tasks.spawn(async move {
                                converse(stream, router).await;
                                drop(permit);
                            });
                        }
                    }
                    // Out of file descriptors, most likely: without a pause this would spin.
                    Err(error) => {
                        tracing::warn!(%error, "accepting an HTTP connection");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    }

    fn metrics(&self) -> String {
        let pairs = self.pairs.borrow().clone();
        let (boot_ms, wall_ms) = ((self.boot_ms)(), (self.wall_ms)());
        let pairs = pairs.values().map(|handle| Measured {
            report: handle.report.borrow().clone(),
            meters: Arc::clone(&handle.meters),
            turned_ms: handle.turned_ms.load(Ordering::Relaxed),
        });
        let pairs: Vec<_> = pairs.collect();
        let boot_at_ms = wall_ms.saturating_sub(boot_ms);
        metrics::text(&pairs, boot_at_ms, &self.loaded.borrow().clone())
    }

    fn health(&self, check: Check, pair: Option<&str>, member: Option<&str>, lag: Lag) -> Response {
        let pairs = self.pairs.borrow().clone();
        let handle = match (pair, pairs.len()) {
            (Some(pair), _) => pairs.get(pair),
            (None, 1) => pairs.values().next(),
            (None, _) => {
                let text = "there are several pairs: ask for /pair/NAME/...";
                return (StatusCode::BAD_REQUEST, text).into_response();
            }
        };
        let Some(handle) = handle else {
            return (StatusCode::NOT_FOUND, "no such pair").into_response();
        };
        let report = handle.report.borrow().clone();
        let asked = Asked {
            check,
            member,
            lag,
            turned_ago: self.turned_ago(handle),
        };
        let Some(verdict) = health::verdict(&report, &asked) else {
            return (StatusCode::NOT_FOUND, "no such member").into_response();
        };
        let code = match verdict.reason {
            None => StatusCode::OK,
            Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = serde_json::to_string(&verdict).unwrap_or_default();
        (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }

    fn turned_ago(&self, handle: &PairHandle) -> Duration {
        let turned = handle.turned_ms.load(Ordering::Relaxed);
        Duration::from_millis((self.boot_ms)().saturating_sub(turned))
    }
}

/// When a pair's loop last turned, in milliseconds since the boot.
pub type Turned = Arc<AtomicU64>;

async fn bind(listen: SocketAddr) -> TcpListener {
    let mut said = false;
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => return listener,
            Err(error) if said => tracing::debug!(%error, %listen, "listening for HTTP"),
            Err(error) => {
                said = true;
                tracing::error!(%error, %listen, "cannot listen for HTTP; tried again every 10 s");
            }
        }
        sleep(TRIED_AGAIN).await;
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that broke off, or was too slow, is no event.
    let _ = timeout(CONNECTION_LIVES, connection).await;
}

/// GET and OPTIONS, which HAProxy asks with; HEAD comes with GET. Everything else is refused.
fn router(door: Door) -> Router {
    let methods = MethodFilter::GET.or(MethodFilter::OPTIONS);
    let metrics =
        async |State(door): State<Door>| ([(header::CONTENT_TYPE, OPEN_METRICS)], door.metrics());
    let mut router = Router::new().route("/metrics", on(methods, metrics));
    for (name, check) in CHECKS {
        let bare = move |State(door): State<Door>, Query(lag): Query<Lag>| async move {
            door.health(check, None, None, lag)
        };
        let of_pair = move |State(door): State<Door>,
                            Path(pair): Path<String>,
                            Query(lag): Query<Lag>| async move {
            door.health(check, Some(&pair), None, lag)
        };
        let of_member = move |State(door): State<Door>,
                              Path((pair, member)): Path<(String, String)>,
                              Query(lag): Query<Lag>| async move {
            door.health(check, Some(&pair), Some(&member), lag)
        };
        router = router
            .route(&format!("/{name}"), on(methods, bare))
            .route(&format!("/pair/{{pair}}/{name}"), on(methods, of_pair))
            .route(
                &format!("/pair/{{pair}}/member/{{member}}/{name}"),
                on(methods, of_member),
            );
    }
    router.with_state(door)
}

#[cfg(test)]
mod tests;
