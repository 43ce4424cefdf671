//! Many connections on one machine: addresses to come from, and files to hold them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};

/// Addresses that clients come from: a server gives each so many new rooms, and the system each so many ports (28 000).
const ADDRESSES: usize = 16;

/// Files that a process has open besides its connections.
const OTHER_FILES: u64 = 200;

/// Connects from one of the addresses, which are counted round and round.
pub(crate) async fn connect(to: SocketAddr, from: usize) -> io::Result<TcpStream> {
    let last = u8::try_from(1 + from % ADDRESSES).unwrap_or(1);
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 1, last), 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Lets this process, and the servers that it starts, have so many connections.
///
/// # Errors
/// Where the system does not let it.
pub(crate) fn allow_files(connections: usize) -> Result<()> {
    let wanted = connections as u64 + OTHER_FILES;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(());
    }
    // Beyond the hard limit only root may go.
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).with_context(|| {
        format!("{connections} connections need {wanted} open files, and this system allows {hard}: raise `ulimit -Hn`")
    })
}
