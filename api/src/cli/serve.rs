//! `serve`: the server, from its start to its orderly end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use warp::Filter as _;

use super::Failure;
use super::args::ConfigArgs;
use super::setup::Setup;
use crate::adapters::RegistryAccess;
use crate::config::{Config, Flags};
use crate::data::Endpoint;
use crate::routes::routes;
use crate::serve::{Edge, Ending, Hangup, Identity, Listener, Signals, serve as serve_connections};
use crate::trigger::resume_pending;
use crate::wire::{Purpose, Wired};

/// Serve API, webhooks and registry.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory serve\n  image-factory serve --data-dir /srv/factory --listen 127.0.0.1:8080\n  image-factory serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem \\\n    --external-url https://factory.example"
)]
pub(super) struct Serve {
    /// Address to serve on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Certificate with its chain, PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// URL under which others reach the server
    #[arg(long, value_name = "URL")]
    external_url: Option<String>,
    /// Allow an address that is not loopback without TLS
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Serve {
    fn flags(&self) -> Flags {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.config.flags(&[
            ("--listen", "listen", self.listen.clone()),
            ("--tls-cert", "tls.cert", path(&self.tls_cert)),
            ("--tls-key", "tls.key", path(&self.tls_key)),
            ("--external-url", "external_url", self.external_url.clone()),
            ("--insecure", "insecure", self.insecure.then(|| "true".to_owned())),
        ])
    }
}

pub(super) async fn serve(command: Serve, setup: &Setup) -> Result<(), Failure> {
    let config = setup.resolve(&command.flags())?.config;
    setup.start_log(&config.log, false)?;
    let mut signals = Signals::listen(Hangup::Reload)?;
    let identity = Identity::load(&config.tls)?;
    let mut wired = Wired::open(config.clone(), &setup.environment, Purpose::Serve).await?;
    let ending = Ending::within(Duration::from_secs(config.limits.drain_seconds));
    let listener = Listener::bind(config.listen).await?;
    let (base, local) = urls(&config, listener.address, identity.is_some());
    wired.factory.serves_at(base.clone());
    wired.announce(&local)?;
    let access = Arc::new(RegistryAccess::new(wired.factory.tokens.clone()));
    let registry = registry::routes(wired.registry().clone(), access).boxed();
    let (ids, clock) = (Arc::clone(&wired.factory.ids), Arc::clone(&wired.factory.clock));
    let edge = Edge::new(routes(&wired.factory, registry), ids, clock);
    if let Some(identity) = &identity {
        Arc::clone(identity).keep_fresh(ending.stop.clone())?;
    }
    let serving = tokio::spawn(serve_connections(listener, identity, edge, ending.clone()));
    tokio::spawn(resume_pending(Arc::clone(&wired.factory)));
    setup.ui.line(format!("Image Factory serves at {base}"));
    tracing::info!(url = base, data_dir = %wired.folder().path().display(), "serving");
    let signal = signals.stop().await;
    tracing::info!(signal, "draining; a second signal ends at once");
    let folder = wired.folder().clone();
    let ended = async {
        // Whoever comes from now on finds another server, or is told to come again; nobody is let in and then cut.
        wired.factory.drain();
        ending.full.cancel();
        wired.drain().await;
        ending.stop.cancel();
        // A server task that panicked has ended too.
        let _ = serving.await;
        wired.close().await;
    };
    let orderly = tokio::select! {
        () = ended => true,
        _ = signals.stop() => false,
    };
    Endpoint::withdraw(&folder);
    if orderly {
        tracing::info!("ended");
        Ok(())
    } else {
        Err(Failure::new("ended at once; the next start continues what was under way"))
    }
}

/// The URL for others, and the one for clients on this machine.
fn urls(config: &Config, address: SocketAddr, tls: bool) -> (String, String) {
    let scheme = if tls { "https" } else { "http" };
    let reachable = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    };
    let local = format!("{scheme}://{reachable}");
    match config.external_url.as_deref().map(|url| url.trim_end_matches('/').to_owned()) {
        // A certificate names the outside: behind it, clients on this machine go there too.
        Some(url) if tls => (url.clone(), url),
        Some(url) => (url, local),
        None => (local.clone(), local),
    }
}
