//! The server's identity: certificate and key, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::ServeError;
use super::signals::hangup;
use crate::config::TlsConfig;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Certificate and key in force.
pub(crate) struct Identity {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
}

impl Identity {
    /// The identity that the configuration names, if it names one.
    pub(crate) fn load(config: &TlsConfig) -> Result<Option<Arc<Self>>, ServeError> {
        let (Some(cert), Some(key)) = (&config.cert, &config.key) else { return Ok(None) };
        let current = ArcSwap::from(read(cert, key)?);
        Ok(Some(Arc::new(Self { cert: cert.clone(), key: key.clone(), current })))
    }

    /// What new connections use.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files again on SIGHUP and when they change, until `stop`. Broken files change nothing: the old
    /// identity stays, and the log says why.
    ///
    /// The signal is received from the moment that this returns: until then it would end the process.
    pub(crate) fn keep_fresh(self: Arc<Self>, stop: CancellationToken) -> Result<(), ServeError> {
        let hangup = hangup()?;
        tokio::spawn(self.look_again(hangup, stop));
        Ok(())
    }

    async fn look_again(self: Arc<Self>, mut hangup: Signal, stop: CancellationToken) {
        let mut seen = self.changed_at();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if self.changed_at() == seen {
                        continue;
                    }
                }
            }
            seen = self.changed_at();
            match read(&self.cert, &self.key) {
                Ok(fresh) => {
                    self.current.store(fresh);
                    tracing::info!(cert = %self.cert.display(), "the certificate was read again");
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate could not be read again; the old one stays");
                }
            }
        }
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok())
    }
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, ServeError> {
    let fail = |setting, path: &Path, reason| ServeError::Identity { setting, path: path.to_owned(), reason };
    let bytes = |setting, path: &Path| {
        std::fs::read(path).map_err(|error| fail(setting, path, format!("cannot be read: {error}")))
    };
    let chain = CertificateDer::pem_slice_iter(&bytes("tls.cert", cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fail("tls.cert", cert, format!("is no certificate in PEM: {error}")))?;
    if chain.is_empty() {
        return Err(fail("tls.cert", cert, "holds no certificate in PEM".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&Zeroizing::new(bytes("tls.key", key)?))
        .map_err(|error| fail("tls.key", key, format!("holds no private key in PEM: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| fail("tls.key", key, format!("does not go with {}: {error}", cert.display())))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
