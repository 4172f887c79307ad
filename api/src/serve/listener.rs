//! Accepts connections, a bounded number at once, and lets them finish at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Edge, Identity, ServeError};

/// Connections at once; one more waits in the system's queue.
const MOST_CONNECTIONS: usize = 2048;
/// Time for a TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time without a frame after which the other side of HTTP/2 is asked whether it is still there.
const ASK_AFTER: Duration = Duration::from_secs(30);
/// Requests at once on one connection of HTTP/2, and the size of the head of each.
const MOST_STREAMS: u32 = 256;
const HEAD_BYTES: u32 = 64 * 1024;
/// Time for answers under way once the server ends, however long it took until then.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How long the other side may take nothing of what it is sent. Then the system gives the connection up, with all
/// that waits behind it: a client that stands still would otherwise hold its place for ever.
const STALL: Duration = Duration::from_secs(120);
/// Pause after an accept that failed, as when no file descriptor is left.
const BREATH: Duration = Duration::from_millis(100);

/// A bound address.
pub(crate) struct Listener {
    inner: TcpListener,
    /// What it is bound to, with the port that port 0 became.
    pub(crate) address: SocketAddr,
    stall: Duration,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let fail = |source| ServeError::Bind { address, source };
        let inner = TcpListener::bind(address).await.map_err(fail)?;
        let address = inner.local_addr().map_err(fail)?;
        Ok(Self { inner, address, stall: STALL })
    }
}

/// When a server takes nobody new, and when it ends.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// From here on no connection is accepted; those that are there go on.
    pub(crate) full: CancellationToken,
    /// From here on a connection ends with the answer that is under way.
    pub(crate) stop: CancellationToken,
    /// The time that answers have, counted from `full`.
    pub(crate) patience: Duration,
}

impl Ending {
    pub(crate) fn within(patience: Duration) -> Self {
        Self { full: CancellationToken::new(), stop: CancellationToken::new(), patience }
    }
}

/// Serves until it is told to end, and lets answers under way finish.
pub(crate) async fn serve(listener: Listener, identity: Option<Arc<Identity>>, edge: Edge, ending: Ending) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = ending.full.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let (identity, edge, watcher) = (identity.clone(), edge.clone(), graceful.watcher());
                tokio::spawn(connection(stream, identity, edge, watcher, permit));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    let full = tokio::time::Instant::now();
    ending.stop.cancelled().await;
    let left = ending.patience.saturating_sub(full.elapsed()).max(LAST_ANSWERS);
    if tokio::time::timeout(left, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and were cut");
    }
}

async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> Result<(TcpStream, Option<OwnedSemaphorePermit>), std::io::Error> {
    // The semaphore is never closed, so there is always a permit in the end.
    let permit = Arc::clone(slots).acquire_owned().await.ok();
    let (stream, _) = listener.inner.accept().await?;
    // Small answers go out at once.
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_user_timeout(Some(listener.stall))?;
    Ok((stream, permit))
}

async fn connection(
    stream: TcpStream,
    identity: Option<Arc<Identity>>,
    edge: Edge,
    watcher: Watcher,
    _permit: Option<OwnedSemaphorePermit>,
) {
    match identity {
        None => exchange(stream, edge, watcher).await,
        Some(identity) => {
            let handshake = TlsAcceptor::from(identity.current()).accept(stream);
            match tokio::time::timeout(PATIENCE, handshake).await {
                Ok(Ok(stream)) => exchange(stream, edge, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    edge: Edge,
    watcher: Watcher,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(ASK_AFTER)
        .keep_alive_timeout(PATIENCE)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(HEAD_BYTES);
    let service = service_fn(move |request| edge.clone().answer(request));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use engine_runtime::{SystemClock, SystemIds};
    use futures::StreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;
    use warp::Filter as _;

    use super::*;
    use crate::reply;
    use crate::serve::complete;

    /// A server whose only answer never ends.
    struct Endless {
        address: SocketAddr,
        answers: Arc<()>,
    }

    impl Endless {
        async fn start(stall: Duration) -> Self {
            let answers = Arc::new(());
            let held = Arc::clone(&answers);
            let route = warp::get().map(move || {
                let held = Arc::clone(&held);
                let chunks = futures::stream::repeat((held, Bytes::from(vec![b'x'; 65_536])));
                reply::stream("text/plain", chunks.map(|(_, chunk)| Ok(chunk)))
            });
            let edge = Edge::new(complete(route), Arc::new(SystemIds::new()), Arc::new(SystemClock::new()));
            let bound = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let address = bound.address;
            tokio::spawn(serve(Listener { stall, ..bound }, None, edge, Ending::within(STALL)));
            Self { address, answers }
        }

        async fn ask(&self) -> TcpStream {
            let mut client = TcpStream::connect(self.address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            client.readable().await.unwrap();
            assert!(self.is_answering());
            client
        }

        /// Whether an answer is under way: besides this and the route, somebody holds on.
        fn is_answering(&self) -> bool {
            Arc::strong_count(&self.answers) > 2
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_loses_its_connection() {
        let server = Endless::start(Duration::from_secs(1)).await;
        let (begun, mut client) = (Instant::now(), server.ask().await);
        while server.is_answering() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it holds its place");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(begun.elapsed() >= Duration::from_secs(1), "it has its time");
        let ended = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
        assert!(ended.is_err(), "what was cut must not look whole: {ended:?}");
    }

    #[tokio::test]
    async fn a_client_that_takes_little_at_a_time_keeps_its_connection() {
        let server = Endless::start(Duration::from_secs(1)).await;
        let (begun, mut client) = (Instant::now(), server.ask().await);
        let mut piece = vec![0; 1024 * 1024];
        while begun.elapsed() < Duration::from_secs(4) {
            client.read_exact(&mut piece).await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        assert!(server.is_answering());
    }
}
