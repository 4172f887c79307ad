//! The registry as a whole: content, catalog and uploads over one folder and one database.

use std::time::Duration;

use migrations::Database;
use vocab::Timestamp;

use crate::Error;
use crate::catalog::Catalog;
use crate::content::{Content, Settings, Swept};
use crate::uploads::Uploads;

/// The registry. Clones share it.
#[derive(Clone)]
pub struct Registry {
    content: Content,
    catalog: Catalog,
    uploads: Uploads,
}

impl Registry {
    /// Opens the registry over a folder and a database with the registry's schema. The caller holds the lock on
    /// the data folder. At most `uploads` uploads are open at once: `Limits::uploads`.
    pub async fn open(settings: Settings, database: Database, uploads: u64) -> Result<Self, Error> {
        let catalog = Catalog::new(database.clone(), settings.clock.clone(), settings.lease);
        let content = Content::open(settings, database).await?;
        Ok(Self { uploads: Uploads::new(content.clone(), uploads), content, catalog })
    }

    /// The bytes, by digest.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The names.
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) const fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// Removes what nothing refers to, and uploads that nobody has continued, since `grace` before `now`.
    pub async fn sweep(&self, now: Timestamp, grace: Duration) -> Result<Swept, Error> {
        self.uploads.expire(now.minus(grace));
        self.content.sweep(now, grace).await
    }
}
