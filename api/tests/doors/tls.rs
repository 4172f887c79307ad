//! The server's identity, replaced while it serves.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::program;

/// A self-made certificate with its key.
struct Made {
    cert: CertificateDer<'static>,
    cert_pem: String,
    key_pem: String,
}

fn make() -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
    Made { cert: made.cert.der().clone(), cert_pem, key_pem }
}

/// A server behind TLS, killed when the test is done with it.
struct Secure {
    child: Child,
    address: String,
    folder: PathBuf,
    log: Receiver<String>,
}

impl Secure {
    fn start(folder: &Path, identity: &Made) -> Self {
        install(folder, &identity.cert_pem, &identity.key_pem);
        let mut child = program(folder)
            .args(["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"])
            .args(["--tls-cert", "cert.pem", "--tls-key", "key.pem"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let said = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("https://").next().unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        Self { child, address, folder: folder.to_owned(), log }
    }

    /// Replaces the files, as whoever renews certificates does, and tells the server; what the log says then.
    fn replace(&self, cert: &str, key: &str) -> String {
        install(&self.folder, cert, key);
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGHUP).unwrap();
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(20)).expect("the log says nothing");
            if line.contains("read again") {
                return line;
            }
        }
    }

    /// A new connection by a client that trusts these certificates alone.
    async fn connect(&self, trusted: &[&Made]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        for made in trusted {
            roots.add(made.cert.clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn install(folder: &Path, cert: &str, key: &str) {
    std::fs::write(folder.join("key.pem"), key).unwrap();
    std::fs::write(folder.join("cert.pem"), cert).unwrap();
}

/// Whether the other side showed this certificate.
fn shows(stream: &TlsStream<TcpStream>, made: &Made) -> bool {
    stream.get_ref().1.peer_certificates().is_some_and(|chain| chain[0] == made.cert)
}

/// One request on a connection that stays open; whether the answer is good.
async fn works(stream: &mut TlsStream<TcpStream>) -> bool {
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    answer[..length].starts_with(b"HTTP/1.1 200 ")
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_new_connections_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, third) = (make(), make(), make());
    let server = Secure::start(folder.path(), &first);
    let mut old = server.connect(&[&first]).await;
    assert!(shows(&old, &first) && works(&mut old).await);

    let said = server.replace(&second.cert_pem, &second.key_pem);
    assert!(said.contains("INFO") && said.contains("cert.pem"), "{said}");
    let mut new = server.connect(&[&first, &second]).await;
    assert!(shows(&new, &second) && works(&mut new).await);
    assert!(works(&mut old).await, "a connection that was open goes on");

    for (cert, key, reason) in [
        ("rubbish", &third.key_pem, "cert.pem holds no certificate in PEM"),
        (third.cert_pem.as_str(), &"rubbish".to_owned(), "key.pem holds no private key in PEM"),
        (&third.cert_pem, &first.key_pem, "key.pem does not go with cert.pem"),
    ] {
        let said = server.replace(cert, key);
        assert!(said.contains("ERROR") && said.contains("the old one stays"), "{said}");
        assert!(said.contains(reason), "{said}");
        let mut still = server.connect(&[&second, &third]).await;
        assert!(shows(&still, &second) && works(&mut still).await);
    }

    server.replace(&third.cert_pem, &third.key_pem);
    assert!(shows(&server.connect(&[&first, &second, &third]).await, &third));
    assert!(works(&mut old).await && works(&mut new).await);
}

#[test]
fn a_server_whose_certificate_cannot_be_read_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = program(folder.path());
    serve.args(["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    let output = serve.args(["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`tls.cert`: cert.pem cannot be read: No such file"), "{said}");
    assert!(!folder.path().join("data").exists(), "nothing may be written");
}
