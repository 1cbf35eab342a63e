//! Whose turn it is to take a path: two processes that find a dead one's socket there must not both replace it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};

/// How often a lock is looked for whose file has gone meanwhile. Each time somebody else has had it.
const MAX_TRIES: u32 = 8;

/// The right to make and to replace the file at a path, among all who ask for it so. It is a file beside it that is locked
/// (flock(2)), so that it ends with its process however that ends; one that a dead process left is taken as it is.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes it. Does not wait.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse): somebody has it. Else its file cannot be made, or there is one that is no lock.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        // Others lock `.lock`: to be the only one of a program, say, that binds it then.
        name.push(".bind-lock");
        let path = PathBuf::from(name);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        match locked(&path).map_err(named)? {
            Some(file) => Ok(Self { path, file }),
            None => Err(io::ErrorKind::AddrInUse.into()),
        }
    }
}

/// The file at this path, which is made, and which we alone have; `None` when somebody else has it.
fn locked(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..MAX_TRIES {
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Nobody else can lock it and keep us away, unless the folder lets them make the socket itself.
        let file = File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?);
        let found = file.metadata()?;
        if !found.is_file() || found.len() > 0 {
            // Other programs have locks of this name, with their number in them, beside sockets of their own.
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "expected an empty file or nothing, got another",
            ));
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        if is_at(&file, path)? {
            return Ok(Some(file));
        }
        // Who had it has removed the file between our opening it and our locking it: it locks nothing.
    }
    Ok(None)
}

/// Whether the path leads to this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before it is unlocked, so that it is ours that is removed.
        if let Ok(true) = is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
