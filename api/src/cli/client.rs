//! Talks to a server: finds it, shows the token, turns refusals into messages.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Failure;
use super::args::ServerArgs;
use super::setup::Setup;
use super::target::{Target, is_loopback};
use crate::data::{DataFolder, Endpoint};

/// Time to reach the server, and for one answer that is not a stream.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);
/// An answer that is larger is none of ours.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A server, and who asks.
pub(super) struct Server {
    client: Client,
    base: String,
    token: String,
    flags: String,
}

impl Server {
    /// The server that the arguments, the environment or the data folder name.
    pub(super) fn find(args: &ServerArgs, setup: &Setup) -> Result<Self, Failure> {
        let config = setup.resolve(&args.flags())?.config;
        let named =
            args.server.clone().or_else(|| setup.environment.get("IMAGE_FACTORY_SERVER").map(str::to_owned));
        let folder = DataFolder::existing(&config.data_dir)?;
        let announced = folder.as_ref().map(Endpoint::load).transpose().map(Option::flatten);
        let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
        let (base, announced) = match (named, announced) {
            // A damaged file of the folder is no reason not to reach a server that was named.
            (Some(url), announced) => {
                let same =
                    announced.ok().flatten().is_some_and(|endpoint| trimmed(&endpoint.url) == trimmed(&url));
                (Some(trimmed(&url)), same)
            }
            (None, announced) => (announced?.map(|endpoint| trimmed(&endpoint.url)), true),
        };
        let base = base.ok_or_else(|| {
            let folder = config.data_dir.display();
            Failure::usage(format!("no server is known: none serves the data folder {folder}")).help(format!(
                "start one with `image-factory serve --data-dir {folder}`, or name one with --server URL or --data-dir DIR"
            ))
        })?;
        let scheme = reqwest::Url::parse(&base).map(|url| url.scheme().to_owned()).unwrap_or_default();
        if !["http", "https"].contains(&scheme.as_str()) {
            return Err(Failure::usage(format!("`{base}` is no URL of a server"))
                .help("a server is named like http://127.0.0.1:8080 or https://factory.example"));
        }
        let target = Target {
            url: &base,
            announced,
            folder_named: args.config.data_dir.is_some(),
            insecure: config.insecure,
        };
        target.check_channel()?;
        let token = match setup.environment.get("IMAGE_FACTORY_TOKEN") {
            Some(token) => token.to_owned(),
            None => target.token_of(folder.as_ref())?,
        };
        let client = http_client(&base, config.steps.ca_bundle.as_deref())?;
        let server = args.server.as_ref().map(|url| format!(" --server {url}"));
        let folder = args.config.data_dir.as_ref().map(|folder| format!(" --data-dir {}", folder.display()));
        let insecure = args.insecure.then(|| " --insecure".to_owned());
        let flags = [server, folder, insecure].into_iter().flatten().collect();
        Ok(Self { client, base, token, flags })
    }

    /// The flags that make another command find this server; they begin with a space.
    pub(super) fn flags(&self) -> &str {
        &self.flags
    }

    /// GET of JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.request(Method::GET, path).timeout(ANSWER)).await
    }

    /// A request with a JSON body, and JSON back.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.read(self.request(method, path).timeout(ANSWER).json(body)).await
    }

    /// DELETE, with nothing back.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.exchange(self.request(Method::DELETE, path).timeout(ANSWER)).await.map(|_| ())
    }

    /// GET of a stream.
    pub(super) async fn stream(&self, path: &str) -> Result<Response, Failure> {
        self.exchange(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let bytes = bounded(self.exchange(request).await?).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(format!("the answer of {} cannot be read: {error}", self.base))
                .help("is it an Image Factory of the same version?")
        })
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| {
            let failure = Failure::new(format!("cannot reach {}: {}", self.base, root(&error)));
            failure.help(advice(&error))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = bounded(response).await.unwrap_or_default();
        let problem: Json = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |key: &str| problem[key].as_str().map(str::to_owned);
        let failure = Failure::new(text("detail").unwrap_or_else(|| format!("the server answered {status}")));
        let failure = match text("help") {
            Some(help) => failure.help(help),
            None => failure,
        };
        Err(if problem.is_object() { failure.answered(problem) } else { failure })
    }
}

/// A client for `url`, with the system's authorities and those of the operator.
fn http_client(url: &str, ca_bundle: Option<&std::path::Path>) -> Result<Client, Failure> {
    let mut builder = Client::builder().connect_timeout(CONNECT);
    // A proxy cannot reach this machine's own loopback, whatever the environment says.
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    // Ignored when it is set already: the process has one provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(path) = ca_bundle {
        let unusable =
            |reason: String| Failure::usage(format!("`steps.ca_bundle` {}: {reason}", path.display()));
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let authorities =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.to_string()))?;
        for authority in authorities {
            builder = builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(|error| Failure::new(format!("no HTTP client can be made: {}", root(&error))))
}

/// The status that a URL answers with, or why it does not.
pub(super) async fn reach(url: &str, ca_bundle: Option<&std::path::Path>) -> Result<u16, String> {
    let client = http_client(url, ca_bundle).map_err(|_| "no HTTP client can be made".to_owned())?;
    let answer = client.head(url).timeout(CONNECT).send().await.map_err(|error| root(&error))?;
    Ok(answer.status().as_u16())
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::new(format!("the answer broke off: {}", root(&error))))?
    {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(Failure::new(format!("the answer is larger than {MOST_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Whether nobody listens there.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The innermost cause: the outer ones only repeat the URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// What to do about a server that cannot be reached.
fn advice(error: &reqwest::Error) -> &'static str {
    let why = root(error);
    if is_refused(error) {
        "is the server running? `image-factory serve` starts one"
    } else if why.contains("CaUsedAsEndEntity") {
        "its certificate is that of an authority; make one for a server, with \
         `openssl req -x509 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:NAME …`"
    } else if why.contains("certificate") {
        "a certificate that the system does not trust is named by `--set steps.ca_bundle=FILE`; it has to be valid \
         now, and for the host of the URL"
    } else {
        "check the URL, the proxy and the network"
    }
}

/// `text` as a part of a path or a query.
pub(super) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
