//! Where artifacts and channels are. The console reads them through this, wherever the project keeps them, and does not
//! know whether that is a directory or a bucket.

use std::time::Duration;

use weir_store::channel::Backend;
use weir_store::{Artifact, Store, StoreError};

/// A store to look at.
pub trait Stock: Send + Sync + 'static {
    /// Heads, journals, and what there is.
    fn backend(&self) -> &dyn Backend;

    /// The artifact with this digest, or with the only digest that begins so. One that is elsewhere is copied to this
    /// machine first, and proved on the way.
    fn get(&self, reference: &str) -> Result<Artifact, StoreError>;

    /// A head that was read is as good as new for so long. Zero where reading one costs nothing.
    fn patience(&self) -> Duration;
}

impl Stock for Store {
    fn backend(&self) -> &dyn Backend {
        self
    }

    fn get(&self, reference: &str) -> Result<Artifact, StoreError> {
        Store::get(self, reference)
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }
}
