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

use super::{address::Address, lock::Lock};

/// A Unix socket that listens; its file goes with it.
#[derive(Debug)]
pub(super) struct Listening {
    // Before the listener: while that listens, nobody takes the file for a dead one's and puts another there.
    file: File,
    listener: UnixListener,
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
        // Until it listens: before, it looks like one that nobody listens on.
        let _lock = Lock::take(path)?;
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let made = fs::symlink_metadata(path)?;
        let file = File { path: path.to_owned(), mode, device: made.dev(), inode: made.ino() };
        // Nobody connects before it listens, so nobody connects who may not.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(backlog)?;
        Ok(Self { file, listener: UnixListener::from_std(socket.into())? })
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

    /// Threads stand for processes: flock(2) knows no difference.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_several_that_start_at_once_one_has_the_socket_and_nobody_removes_it() {
        const RACERS: usize = 4;
        let folder = Folder::new("race");
        let path = folder.0.join("a.sock");
        let runtime = tokio::runtime::Handle::current();
        for _ in 0..200 {
            let _ = fs::remove_file(&path);
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let start = std::sync::Barrier::new(RACERS);
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let race = || {
                    let _runtime = runtime.enter();
                    start.wait();
                    Listening::bind(&path, 0o660, 8)
                };
                let racers: Vec<_> = (0..RACERS).map(|_| scope.spawn(race)).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            let (bound, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
            assert_eq!(bound.len(), 1);
            for refused in refused {
                assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AddrInUse);
            }
            std::os::unix::net::UnixStream::connect(&path).unwrap();
            drop(bound);
            assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0, "nothing is left behind");
        }
    }

    #[tokio::test]
    async fn while_another_takes_the_path_it_is_in_use_and_a_dead_ones_lock_is_none() {
        let folder = Folder::new("lock");
        let path = folder.0.join("a.sock");
        let lock = Lock::take(&path).unwrap();
        let error = Listening::bind(&path, 0o660, 8).unwrap_err();
        assert_eq!((error.kind(), path.exists()), (io::ErrorKind::AddrInUse, false));
        drop(lock);
        fs::write(folder.0.join("a.sock.bind-lock"), "").unwrap();
        drop(Listening::bind(&path, 0o660, 8).unwrap());
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
        // A link is not followed to somebody else's file.
        std::os::unix::fs::symlink(folder.0.join("precious"), folder.0.join("a.sock.bind-lock")).unwrap();
        assert!(Listening::bind(&path, 0o660, 8).is_err());
        assert!(!folder.0.join("precious").exists());
    }

    #[tokio::test]
    async fn what_stands_where_its_lock_would_and_is_none_is_left_alone_and_named() {
        let folder = Folder::new("no-lock");
        let path = folder.0.join("a.sock");
        let lock = folder.0.join("a.sock.bind-lock");
        // Other programs keep such files, too, beside sockets of their own.
        fs::write(&lock, "4711\n").unwrap();
        let other = || std::os::unix::net::UnixListener::bind(&path).unwrap();
        for is_bound in [false, true] {
            let _other = is_bound.then(other);
            let error = Listening::bind(&path, 0o660, 8).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert!(error.to_string().contains("a.sock.bind-lock"), "{error}");
            assert_eq!(fs::read_to_string(&lock).unwrap(), "4711\n");
        }
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        let error = Listening::bind(&path, 0o660, 8).unwrap_err();
        assert!(error.to_string().contains("a.sock.bind-lock"), "{error}");
        assert!(lock.is_dir());
    }

    #[test]
    fn a_lock_that_another_has_taken_the_name_of_goes_without_that() {
        let folder = Folder::new("other-lock");
        let path = folder.0.join("a.sock.bind-lock");
        let lock = Lock::take(&folder.0.join("a.sock")).unwrap();
        fs::rename(&path, folder.0.join("elsewhere")).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(lock);
        assert!(path.exists());
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
