//! Where this runtime's objects are pinned: one directory on a BPF file system, and a fixed name for each.
//!
//! Only these names are ever removed; whatever else lies in the directory is somebody else's.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use weir_abi::maps;

use super::{Error, sys};

/// `BPF_FS_MAGIC`
const BPF_FS: i64 = 0xcafe_4a11;

/// Programs at tc and at XDP.
pub const PROGRAMS: [&str; 6] = [
    maps::PROGRAM_DOWNLOAD,
    maps::PROGRAM_UPLOAD,
    maps::PROGRAM_STICK,
    maps::PROGRAM_STEER_DOWNLOAD,
    maps::PROGRAM_STEER_UPLOAD,
    maps::PROGRAM_STEER_STICK,
];

/// All maps of the object.
pub const MAPS: [&str; 10] = [
    maps::TABLES,
    maps::COUNTS,
    maps::ACTIVE,
    maps::META,
    maps::SETTINGS,
    maps::TOTALS,
    maps::UNKNOWN,
    maps::FLOWS,
    maps::CPUS,
    maps::QUEUE_CPUS,
];

/// The directory of one runtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pins {
    directory: PathBuf,
}

impl Pins {
    /// `directory`, which need not exist yet, must be on a BPF file system.
    pub fn at(directory: &Path) -> Result<Self, Error> {
        let pins = Self {
            directory: directory.to_owned(),
        };
        let mut existing = directory;
        loop {
            match rustix::fs::statfs(existing) {
                Ok(stat) if stat.f_type as u32 == BPF_FS as u32 => return Ok(pins),
                Ok(_) => return Err(Error::NotBpffs(directory.to_owned())),
                Err(rustix::io::Errno::NOENT) => {
                    existing = match existing.parent() {
                        Some(parent) if parent != Path::new("") => parent,
                        _ => return Err(Error::NotBpffs(directory.to_owned())),
                    };
                }
                Err(error) => {
                    return Err(Error::Os {
                        doing: format!("look at {}", existing.display()),
                        source: error.into(),
                    });
                }
            }
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the directory where it is not there.
    pub fn make(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.directory).map_err(|source| Error::Directory {
            path: self.directory.clone(),
            source,
        })
    }

    /// A map or a program of the object.
    pub fn named(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The link of the program at egress of an interface. By its number, because names change.
    pub fn link(&self, index: u32) -> PathBuf {
        self.directory.join(format!("link-{index}"))
    }

    /// The link of the steering program of an interface.
    pub fn steering(&self, index: u32) -> PathBuf {
        self.directory.join(format!("steer-{index}"))
    }

    /// The address table in a slot. The slot itself tells only a number, which takes CAP_SYS_ADMIN to follow.
    pub fn table(&self, slot: u32) -> PathBuf {
        self.directory.join(format!("table-{slot}"))
    }

    /// The counters in a slot.
    pub fn counts(&self, slot: u32) -> PathBuf {
        self.directory.join(format!("counts-{slot}"))
    }

    /// Whether a file name is one of ours.
    fn is_ours(name: &OsStr) -> bool {
        let Some(name) = name.to_str() else {
            return false;
        };
        let number = |prefix: &str| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        };
        let name = name.strip_suffix(NEW).unwrap_or(name);
        MAPS.contains(&name)
            || PROGRAMS.contains(&name)
            || ["link-", "steer-", "table-", "counts-"]
                .into_iter()
                .any(number)
    }

    /// Numbers of the interfaces that have a link pinned, sorted.
    pub fn links(&self) -> Result<Vec<u32>, Error> {
        self.numbers("link-")
    }

    /// The same of steering programs.
    pub fn steered(&self) -> Result<Vec<u32>, Error> {
        self.numbers("steer-")
    }

    fn numbers(&self, prefix: &str) -> Result<Vec<u32>, Error> {
        let mut indices: Vec<u32> = self
            .names()?
            .iter()
            .filter_map(|name| name.to_str()?.strip_prefix(prefix)?.parse().ok())
            .collect();
        indices.sort_unstable();
        Ok(indices)
    }

    fn names(&self) -> Result<Vec<std::ffi::OsString>, Error> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(Error::Os {
                    doing: format!("read {}", self.directory.display()),
                    source,
                });
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::os(format!("read {}", self.directory.display())))?;
            names.push(entry.file_name());
        }
        names.sort();
        Ok(names)
    }

    /// Removes every pin of ours, and the directory when nothing else is in it. What a pin held lives on for as
    /// long as something else holds it; a link that only its pin held is detached.
    pub fn remove_all(&self) -> Result<(), Error> {
        let names = self.names()?;
        // Programs let go of traffic before their maps go.
        let (links, others): (Vec<_>, Vec<_>) = names
            .into_iter()
            .filter(|n| Self::is_ours(n))
            .partition(|n| {
                n.to_str()
                    .is_some_and(|n| n.starts_with("link-") || n.starts_with("steer-"))
            });
        for name in links.into_iter().chain(others) {
            remove(&self.directory.join(name))?;
        }
        match fs::remove_dir(&self.directory) {
            Ok(()) => Ok(()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                Ok(())
            }
            Err(source) => Err(Error::Os {
                doing: format!("remove {}", self.directory.display()),
                source,
            }),
        }
    }
}

/// End of the name of a pin that is about to take another's place. A BPF file system takes no dots in names.
const NEW: &str = "-new";

/// What is pinned at a path; `None` when nothing is.
pub fn get(path: &Path) -> Result<Option<OwnedFd>, Error> {
    sys::get(path).map_err(|source| match source.raw_os_error() {
        // A file that is no pin.
        Some(libc::EACCES | libc::EINVAL) if path.exists() => Error::Foreign {
            path: path.to_owned(),
            detail: source.to_string(),
        },
        _ => Error::Os {
            doing: format!("open {}", path.display()),
            source,
        },
    })
}

/// Pins an object, in place of what is pinned there.
pub fn put(object: &impl AsFd, path: &Path) -> Result<(), Error> {
    let mut new = path.as_os_str().to_owned();
    new.push(NEW);
    let new = PathBuf::from(new);
    remove(&new)?;
    sys::pin(object.as_fd(), &new).map_err(Error::os(format!("pin {}", new.display())))?;
    fs::rename(&new, path).map_err(Error::os(format!("rename {}", new.display())))
}

/// Removes a pin; that there is none is no error.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Os {
            doing: format!("remove {}", path.display()),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_ours() {
        for (name, ours) in [
            ("weir_active", true),
            ("weir_download", true),
            ("weir_download-new", true),
            ("link-3", true),
            ("table-0", true),
            ("counts-3", true),
            ("steer-12", true),
            ("link-", false),
            ("link-eth0", false),
            ("weir_other", false),
            ("map_traffic", false),
        ] {
            assert_eq!(Pins::is_ours(OsStr::new(name)), ours, "{name}");
        }
    }

    #[test]
    fn an_ordinary_directory_is_refused() {
        let error = Pins::at(Path::new("/tmp/not-there/weir")).expect_err("no BPF file system");
        assert!(error.to_string().contains("mount -t bpf"), "{error}");
        assert!(Pins::at(Path::new("weir")).is_err());
    }
}
