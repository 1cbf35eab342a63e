//! A Unix socket that listens: its file, who may connect, and what a dead process left there.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    task::{Context, Poll, ready},
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};

use super::address::Address;

/// A Unix socket that listens; its file goes with it.
#[derive(Debug)]
pub(super) struct Listening {
    listener: UnixListener,
    file: File,
}

/// The socket's file as it was made: who stands there by the same name later is not removed.
#[derive(Debug)]
struct File {
    path: PathBuf,
    mode: u32,
    device: u64,
    inode: u64,
}

impl Listening {
    pub(super) fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let made = fs::symlink_metadata(path)?;
        let file = File { path: path.to_owned(), mode, device: made.dev(), inode: made.ino() };
        // Nobody connects before it listens, so nobody connects who may not.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(backlog)?;
        Ok(Self { listener: UnixListener::from_std(socket.into())?, file })
    }

    pub(super) fn address(&self) -> Address {
        Address::Unix { path: self.file.path.clone(), mode: self.file.mode }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let (stream, _) = ready!(self.listener.poll_accept(cx))?;
        Poll::Ready(Ok(stream))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let Ok(found) = fs::symlink_metadata(&self.path) else { return };
        if (found.dev(), found.ino()) == (self.device, self.inode) {
            // It is only a name, and who binds it next removes it as well.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that nobody listens on. Anything else there is left, and is an error.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("expected a socket or nothing at {}, got another file", path.display()),
        ));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener whose backlog is full is one, too.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // It is gone by itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Somebody listens, or may: what cannot be told apart is left.
        Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, process};

    /// A folder of the test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("tidewire-{name}-{}", process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn the_file_has_its_permissions_and_goes_with_the_listener() {
        let folder = Folder::new("mode");
        let path = folder.0.join("a.sock");
        for mode in [0o600, 0o666] {
            let listening = Listening::bind(&path, mode, 8).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
            assert_eq!(listening.address(), Address::Unix { path: path.clone(), mode });
            drop(listening);
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn what_a_dead_process_left_is_replaced_and_what_lives_is_not() {
        let folder = Folder::new("stale");
        let path = folder.0.join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let first = Listening::bind(&path, 0o660, 8).unwrap();
        assert_eq!(Listening::bind(&path, 0o660, 8).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        // Another took the name: it is not ours to remove.
        fs::remove_file(&path).unwrap();
        let second = Listening::bind(&path, 0o660, 8).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = Folder::new("file");
        let path = folder.0.join("precious");
        fs::write(&path, "data").unwrap();
        let error = Listening::bind(&path, 0o660, 8).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("precious"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"data");
        let missing = folder.0.join("no/such/folder");
        assert_eq!(Listening::bind(&missing, 0o660, 8).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
