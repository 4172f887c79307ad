//! Docker's registry, for comparison.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::process::Server;

/// Starts it on a free port; `None` when it is not there.
pub(crate) async fn start(folder: &Path) -> Option<Server> {
    let tool = test_parts::tool("distribution-registry", "serving_beside_distribution-registry")?;
    std::fs::create_dir_all(folder).unwrap();
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let data = folder.join("data").display().to_string();
    let config = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {data}}}}}\n\
         http: {{addr: \"{address}\"}}\n"
    );
    let file = folder.join("config.yml");
    std::fs::write(&file, config).unwrap();
    let quiet = || Stdio::null();
    let child = tool.command().arg("serve").arg(&file).stdout(quiet()).stderr(quiet()).spawn().unwrap();
    let server = Server { name: format!("distribution {}", tool.version), address, child };
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Some(server);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}
