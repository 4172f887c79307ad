//! The registry's routes on a loopback port.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Client, People, Store};

/// A store that answers HTTP. It stops when it is dropped.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn new() -> Self {
        Self::over(Store::new().await).await
    }

    pub(crate) async fn over(store: Store) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = warp::service(registry::routes(store.registry.clone(), Arc::new(People)));
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let connection = Builder::new(TokioExecutor::new());
                    // A client that goes away is part of the tests.
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { store, address, task }
    }

    /// A client that signs in as the user at home in `acme`.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, Some(super::ADMIN))
    }

    /// Stops serving and gives the store back.
    pub(crate) async fn stop(self) -> Store {
        self.task.abort();
        let _ = self.task.await;
        self.store
    }
}
