//! `projects …`: register and change projects of a server.

use clap::{ArgGroup, Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::Failure;
use super::args::{ServerArgs, TrustArg};
use super::client::{Server, escape};
use super::setup::Setup;
use crate::model::{NewProject, ProjectChange, ProjectPage, ProjectView};
use crate::ui::{Output, Tone};

/// Register and change projects.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory projects add debian https://git.example/team/debian.git\n  image-factory projects list"
)]
pub(super) struct Projects {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register a Git repository.
    #[command(
        after_help = "Examples:\n  image-factory projects add debian https://git.example/team/debian.git\n  image-factory projects add local file:///srv/git/debian.git --trust host \\\n    --webhook-secret-file secret"
    )]
    Add {
        /// Its name: lower-case letters, digits and dashes
        name: String,
        /// URL of the repository
        url: String,
        /// Let its workflows run on the host
        #[arg(long, value_enum)]
        trust: Option<TrustArg>,
        /// File with the webhook's secret [default: one is made and shown once]
        #[arg(long, value_name = "FILE")]
        webhook_secret_file: Option<std::path::PathBuf>,
        /// Name of the secret that opens the repository
        #[arg(long, value_name = "NAME")]
        credentials_secret: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List projects.
    #[command(after_help = "Example:\n  image-factory projects list --output json")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one project.
    #[command(after_help = "Example:\n  image-factory projects show debian")]
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a project; its runs stay.
    #[command(after_help = "Example:\n  image-factory projects remove debian")]
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Change a project.
    #[command(
        after_help = "Examples:\n  image-factory projects update debian --url https://git.example/new.git\n  image-factory projects update debian --renew-webhook-secret\n  image-factory projects update debian --distrust"
    )]
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Update {
        /// Its name
        name: String,
        /// A new URL
        #[arg(long, group = "change")]
        url: Option<String>,
        /// Let its workflows run on the host
        #[arg(long, value_enum, group = "change", conflicts_with = "distrust")]
        trust: Option<TrustArg>,
        /// No longer let its workflows run on the host
        #[arg(long, group = "change")]
        distrust: bool,
        /// Make a new secret for the webhook and show it
        #[arg(long, group = "change")]
        renew_webhook_secret: bool,
        /// Name of the secret that opens the repository from now on
        #[arg(long, value_name = "NAME", group = "change", conflicts_with = "no_credentials")]
        credentials_secret: Option<String>,
        /// Open the repository without a secret from now on
        #[arg(long, group = "change")]
        no_credentials: bool,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// For people or for scripts
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn projects(command: Projects, setup: &Setup) -> Result<(), Failure> {
    match command.command {
        Command::Add { name, url, trust, webhook_secret_file, credentials_secret, common } => {
            let secret = webhook_secret_file.map(|path| read_secret(&path)).transpose()?;
            let trust_host = trust.is_some();
            let body = NewProject { name, url, webhook_secret: secret, trust_host, credentials_secret };
            let server = Server::find(&common.server, setup)?;
            let project = server.send(Method::POST, "/api/v1/projects", &body).await?;
            show(&project, &common, setup);
        }
        Command::List { common } => list(&common, setup).await?,
        Command::Show { name, common } => {
            let server = Server::find(&common.server, setup)?;
            show(&server.get(&format!("/api/v1/projects/{}", escape(&name))).await?, &common, setup);
        }
        Command::Remove { name, common } => {
            Server::find(&common.server, setup)?
                .delete(&format!("/api/v1/projects/{}", escape(&name)))
                .await?;
            if common.output == Output::Json {
                setup.ui.json(&json!({ "removed": name }));
            } else {
                setup.ui.note(format!("removed {name}"));
            }
        }
        Command::Update {
            name,
            url,
            trust,
            distrust,
            renew_webhook_secret,
            credentials_secret,
            no_credentials,
            common,
        } => {
            let trust_host = if distrust { Some(false) } else { trust.map(|_| true) };
            let webhook_secret = None;
            let body = ProjectChange {
                url,
                webhook_secret,
                renew_webhook_secret,
                trust_host,
                credentials_secret,
                no_credentials,
            };
            let server = Server::find(&common.server, setup)?;
            let path = format!("/api/v1/projects/{}", escape(&name));
            show(&server.send(Method::PATCH, &path, &body).await?, &common, setup);
        }
    }
    Ok(())
}

async fn list(common: &Common, setup: &Setup) -> Result<(), Failure> {
    let server = Server::find(&common.server, setup)?;
    let mut projects = Vec::new();
    let mut after = String::new();
    loop {
        let page: ProjectPage = server.get(&format!("/api/v1/projects?limit=100{after}")).await?;
        projects.extend(page.projects);
        match page.next {
            Some(next) => after = format!("&after={}", escape(&next)),
            None => break,
        }
    }
    if common.output == Output::Json {
        setup.ui.json(&projects);
        return Ok(());
    }
    let mut rows = vec![["NAME", "TRUST", "URL"].map(str::to_owned).to_vec()];
    rows.extend(projects.into_iter().map(|project| {
        vec![project.name, if project.trust_host { "host" } else { "-" }.to_owned(), project.url]
    }));
    setup.ui.table(&rows);
    Ok(())
}

fn show(project: &ProjectView, common: &Common, setup: &Setup) {
    let ui = setup.ui;
    if common.output == Output::Json {
        ui.json(project);
        return;
    }
    ui.line(ui.paint(Tone::Strong, &project.name));
    ui.line(format!("  repository  {}", project.url));
    ui.line(format!("  trust       {}", if project.trust_host { "host" } else { "none" }));
    if let Some(name) = &project.credentials_secret {
        ui.line(format!("  opened by   secret {name}"));
    }
    ui.line(format!("  webhook     {}", project.webhook_url));
    if let Some(secret) = &project.webhook_secret {
        ui.line(format!("  secret      {secret}"));
        ui.note("Give the secret to the Git host (content type application/json, pushes only); it is not shown again.");
    }
}

fn read_secret(path: &std::path::Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::unreadable(path, &error))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
