//! Our registry, as a process that serves everybody on a loopback port.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use migrations::{Database, Schema};
use registry::{Access, Authorizer, Credentials, Decision, Principal, Registry, Settings, Unbounded};
use tokio::net::TcpListener;
use vocab::{Limits, ManualClock, SeededIds};

use crate::process::Server;

/// The argument that makes this program a server.
pub(crate) const SERVE: &str = "serve";

/// Starts this program as a server.
#[expect(clippy::disallowed_methods, reason = "the program is this one")]
pub(crate) async fn start(folder: &Path) -> Server {
    std::fs::create_dir_all(folder).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(SERVE)
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let line = tokio::task::spawn_blocking(move || BufReader::new(out).lines().next()).await.unwrap();
    let address = line.unwrap().unwrap().parse().unwrap();
    Server { name: "image-factory".to_owned(), address, child }
}

/// Serves until it is killed.
pub(crate) async fn serve(folder: &Path) {
    let limits = Limits::default();
    let settings = Settings {
        folder: folder.join("content"),
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SeededIds::default()),
        admission: Arc::new(Unbounded),
        lease: Duration::from_secs(3600),
        blob_bytes: limits.blob_bytes,
        manifest_bytes: limits.manifest_bytes,
    };
    let database =
        Database::open(folder.join("registry.db"), Schema::Registry, migrations::Options::default());
    let registry = Registry::open(settings, database.await.unwrap(), limits.uploads).await.unwrap();
    let service = warp::service(registry::routes(registry, Arc::new(Everybody)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    std::io::stdout().write_all(format!("{address}\n").as_bytes()).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // A client that hangs up ends its connection.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Lets everybody do everything, as the other registry does without sign-in.
struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn authorize(&self, _credentials: Option<&Credentials>, _wants: &Access) -> Decision {
        Decision::Granted(Principal { name: "bench".to_owned() })
    }
}
