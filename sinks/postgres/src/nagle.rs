//! sqlx 0.9 leaves Nagle's algorithm on, and shows nobody its socket. A COPY ends
//! with two short messages in a row, and the second one then waits 40 ms for the
//! server's delayed acknowledgement (measured: 45 ms for a COPY of 1,000 rows, 2
//! ms without). So the sockets are looked up among the process's own files.

/// Turns it off on all connections to this port. Which of them sqlx has just
/// opened cannot be told, and need not be: the option harms none of them.
#[cfg(target_os = "linux")]
pub(crate) fn turn_off(port: u16) {
    use std::mem::ManuallyDrop;
    use std::net::TcpStream;
    use std::os::fd::{FromRawFd, RawFd};

    let Ok(files) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    for file in files.flatten() {
        let socket = std::fs::read_link(file.path())
            .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
        let number = file
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<RawFd>().ok());
        let (true, Some(number)) = (socket, number) else {
            continue;
        };
        // SAFETY: the file is neither closed nor kept, for it is never dropped;
        // it is only asked for its peer and given an option. If another thread
        // closes it meanwhile, these calls fail, or reach a newer socket, whose
        // peer is looked at first.
        let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(number) });
        if stream.peer_addr().is_ok_and(|peer| peer.port() == port) {
            // Without it, commits of a middling size are slow: no reason to fail.
            let _ = stream.set_nodelay(true);
        }
    }
}

/// Elsewhere commits of a middling size are slower.
#[cfg(not(target_os = "linux"))]
pub(crate) fn turn_off(_: u16) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_to_the_port_and_no_others_are_changed() {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = |to: &TcpListener| TcpStream::connect(to.local_addr().unwrap()).unwrap();
        let (server, other) = (listen(), listen());
        let (ours, theirs) = (connect(&server), connect(&other));
        assert!(!ours.nodelay().unwrap());
        super::turn_off(server.local_addr().unwrap().port());
        assert!(ours.nodelay().unwrap());
        assert!(!theirs.nodelay().unwrap());
    }
}
