//! The server's identity: certificate and key, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

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
    pub(crate) async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) -> Result<(), ServeError> {
        let mut hangup = hangup()?;
        let mut seen = self.changed_at();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
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
    let fail = |path: &Path, reason: String| ServeError::Identity { path: path.to_owned(), reason };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail(cert, format!("it holds no certificate that can be read: {error}")))?;
    if chain.is_empty() {
        return Err(fail(cert, "it holds no certificate in PEM".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| fail(key, format!("it holds no private key that can be read: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| fail(key, format!("it does not go with {}: {error}", cert.display())))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
